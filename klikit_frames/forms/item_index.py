"""The rows of a picker, made from frames, each with the text that a search looks into. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import ConfigError, check_type
from ..frames.cell_keys import live_flags
from ..frames.schemas import STATE_COLUMNS
from ..overview import Names, read_names
from ..wording import counted

Key = tuple[str | int, int]
Mask = npt.NDArray[np.bool_]
_ACCENTS = re.compile("[\u0300-\u036f]")
_NUMBERS = re.compile(r"([0-9]{1,18})")


def fold(text: str) -> str:
    """Return `text` as it is searched: without case and accents.

    Examples
    --------
    >>> from klikit_frames.forms.item_index import fold
    >>> fold("Crème BRÛLÉE")
    'creme brulee'
    """
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def sort_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key for `text`: without case and accents, numbers by their value.

    Examples
    --------
    >>> from klikit_frames.forms.item_index import sort_key
    >>> sorted(["Élan", "branch 10", "Zoo", "Branch 9"], key=sort_key)
    ['Branch 9', 'branch 10', 'Élan', 'Zoo']
    """
    parts = _NUMBERS.split(fold(text))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def token(key: Key) -> str:
    """Return `key` as text for the page, where an id above 2^53 would lose digits as a number.

    Examples
    --------
    >>> from klikit_frames.forms.item_index import token
    >>> token(("item", 289379))
    'item:289379'
    """
    return f"{key[0]}:{key[1]}"


@dataclass(frozen=True, eq=False)
class Column:
    """One shown column: its label, a text per row, and what to sort it by."""

    label: str
    texts: Sequence[str]
    ranks: Sequence[object] | None = None

    @cached_property
    def order(self) -> list[int]:
        """Row positions in this column's order; equal rows keep theirs."""
        ranks: Sequence[object] = self.ranks or [sort_key(text) for text in self.texts]
        rank: Callable[[int], object] = ranks.__getitem__
        return sorted(range(len(ranks)), key=rank)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Facet:
    """One filter: its label, and per row the choices that the row belongs to."""

    label: str
    members: Sequence[frozenset[str]]
    masks: dict[str, Mask] = field(default_factory=dict)

    @cached_property
    def choices(self) -> list[str]:
        """Every choice, in reading order."""
        return sorted(set().union(*self.members), key=sort_key)

    def mask(self, choice: str) -> Mask:
        """Return which rows belong to `choice`."""
        if choice not in self.masks:
            is_member = (choice in member for member in self.members)
            self.masks[choice] = np.fromiter(is_member, dtype=bool, count=len(self.members))
        return self.masks[choice]


@dataclass(frozen=True, eq=False)
class ItemIndex:
    """The rows of one picker.

    Parameters
    ----------
    noun : str
        What the rows are, in the plural.
    keys : sequence of tuple
        Identity of each row; unique.
    columns : mapping of str to Column
    facets : mapping of str to Facet
    words : sequence of str
        Folded text per row that a search looks into.
    """

    noun: str
    keys: Sequence[Key]
    columns: Mapping[str, Column]
    facets: Mapping[str, Facet]
    words: Sequence[str]

    @cached_property
    def positions(self) -> dict[Key, int]:
        """The position of each key."""
        return {key: position for position, key in enumerate(self.keys)}

    @cached_property
    def by_token(self) -> dict[str, Key]:
        """The key of each of the page's tokens."""
        return {token(key): key for key in self.keys}

    def with_flags(self, state: pd.DataFrame) -> ItemIndex:
        """Return the same rows with the live flags of `state`; what has no row in it is not sold there."""
        groups = dict.fromkeys(self.keys, _NO_ROWS) | _groups(_entity_keys(state))
        column, facet = _flag_column(state, {key: groups[key] for key in self.keys})
        columns = {**self.columns, "flag": column}
        return replace(self, columns=columns, facets={**self.facets, "flag": facet})

    def with_brands(self, brands: Mapping[Key, frozenset[str]]) -> ItemIndex:
        """Return the same rows with a filter by the brands that sell them."""
        members = [brands.get(key, frozenset[str]()) for key in self.keys]
        return replace(self, facets={**self.facets, "brand": Facet("Brand", members)})

    def search(self, text: str) -> Mask:
        """Return which rows hold every word of `text`."""
        wanted = fold(text).split()
        matches = (all(word in line for word in wanted) for line in self.words)
        return np.fromiter(matches, dtype=bool, count=len(self.words))


def check_page_size(size: int) -> int:
    """Return `size` if a page can have so many rows, else raise `ConfigError`."""
    if type(size) is not int or size < 1:
        raise ConfigError(f"A page has 1 row or more, not {size!r}.")
    return size


def search_words(columns: Iterable[Sequence[str]]) -> list[str]:
    """Return the searchable text of each row: all `columns`, folded, in one line."""
    return [fold(" ".join(texts)) for texts in zip(*columns, strict=True)]


STORE_COLUMNS = ("brand_id", "branch_id")
_FLAGS = {(True,): "on", (False,): "off", (False, True): "mixed"}
NOT_PUBLISHED = "not published"
NOT_SOLD = "not sold there"
_MOST_NAMED = 2


def entity_index(state: pd.DataFrame) -> ItemIndex:
    """Return one row per entity of `state`, however many stores it has rows for.

    Parameters
    ----------
    state : pandas.DataFrame
        The columns of ``kf.read_state``; ``sku``, ``path`` and ``brand_title`` are used if they are there.

    Raises
    ------
    ConfigError
        A column is missing; the message names it.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.item_index import entity_index
    >>> state = pd.DataFrame({"entity_type": ["item"], "entity_id": [7], "scope": ["business"],
    ...     "brand_id": [pd.NA], "branch_id": [pd.NA], "is_enabled": [True], "title": ["Rice"]})
    >>> entity_index(state).keys
    [('item', 7)]
    """
    require_columns(state, STATE_COLUMNS, source="kf.read_state(client)")
    groups = _groups(_entity_keys(state))
    flag, by_flag = _flag_column(state, groups)
    columns = _entity_columns(state, groups, flag=flag)
    facets = _entity_facets(state, groups, columns, by_flag=by_flag)
    return ItemIndex("entities", list(groups), columns, facets, _words(columns))


def store_index(stores: pd.DataFrame) -> ItemIndex:
    """Return one row per store, with its brand, branch and city as filters.

    Parameters
    ----------
    stores : pandas.DataFrame
        The columns of ``kf.stores``; only ``brand_id`` and ``branch_id`` must be there.

    Raises
    ------
    ConfigError
        A column is missing; the message names it.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.item_index import store_index
    >>> store_index(pd.DataFrame({"brand_id": [5297], "branch_id": [1293]})).keys
    [(5297, 1293)]
    """
    require_columns(stores, STORE_COLUMNS, source="kf.stores(client)")
    keys = zip(stores["brand_id"].tolist(), stores["branch_id"].tolist(), strict=True)
    groups = _groups([(int(brand), int(branch)) for brand, branch in keys])
    titles: dict[str, list[str]] = {
        "brand": _first(_names(stores, "brand"), groups),
        "branch": _first(_names(stores, "branch"), groups),
        "city": _first(_city_names(stores), groups),
    }
    columns = {name: Column(name.capitalize(), texts) for name, texts in titles.items() if any(texts)}
    columns["store"] = Column("Store", [f"{brand}/{branch}" for brand, branch in groups], list(groups))
    facets: dict[str, Facet] = {name: _facet(columns[name]) for name in titles if name in columns}
    return ItemIndex("stores", list(groups), columns, facets, _words(columns))


def require_columns(frame: pd.DataFrame, names: Iterable[str], *, source: str) -> None:
    """Raise `ConfigError` unless `frame` has all the columns of `names`."""
    check_type("frame", frame, pd.DataFrame, made_by=source)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ConfigError(f"The frame has no column {', '.join(missing)}. Hand over what {source} returns.")


def known_flags(state: pd.DataFrame) -> list[bool | None]:
    """Return the live flag of each row of `state`, as in `live_flags`; None where it is not known."""
    flags = live_flags(state)
    return flags.astype(object).where(flags.notna(), None).tolist()


def _entity_keys(state: pd.DataFrame) -> list[Key]:
    return list(zip(state["entity_type"].astype(str).tolist(), state["entity_id"].tolist(), strict=True))


def _groups(keys: Sequence[Key]) -> dict[Key, list[int]]:
    """Gather the rows of each key, wherever they stand."""
    groups: dict[Key, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    return groups


def _entity_columns(state: pd.DataFrame, groups: dict[Key, list[int]], *, flag: Column) -> dict[str, Column]:
    columns = {
        "title": Column("Title", _first(_texts(state, "title"), groups)),
        "type": Column("Type", [str(key[0]) for key in groups]),
        "id": Column("Id", [str(key[1]) for key in groups], [key[1] for key in groups]),
        "sku": Column("SKU", _first(_texts(state, "sku"), groups)),
        "flag": flag,
        "path": Column("Where", _first(_texts(state, "path"), groups)),
    }
    return {
        name: column for name, column in columns.items() if name not in ("sku", "path") or any(column.texts)
    }


def _entity_facets(
    state: pd.DataFrame, groups: dict[Key, list[int]], columns: dict[str, Column], *, by_flag: Facet
) -> dict[str, Facet]:
    facets = {"type": _facet(columns["type"]), "flag": by_flag}
    if state["brand_id"].notna().any():
        brands = _names(state, "brand")
        members = [frozenset(brands[p] for p in positions if brands[p]) for positions in groups.values()]
        facets["brand"] = Facet("Brand", members)
    if "path" in columns:
        facets["section"] = Facet("Section", _sections(columns))
    return {name: facet for name, facet in facets.items() if facet.choices}


def _sections(columns: dict[str, Column]) -> list[frozenset[str]]:
    """Return the sections of each entity, over all its places; a section is its own."""
    places = zip(columns["type"].texts, columns["title"].texts, columns["path"].texts, strict=True)
    return [_place_sections(title if kind == "section" else path) for kind, title, path in places]


@lru_cache(maxsize=10_000)
def _place_sections(path: str) -> frozenset[str]:
    return frozenset(place.split(" › ")[0] for place in path.split(" | ") if place)


def _facet(column: Column) -> Facet:
    # One set per text and not per row: fifty thousand sets would be slow.
    members = {text: frozenset({text} if text else ()) for text in set(column.texts)}
    return Facet(column.label, [members[text] for text in column.texts])


def _words(columns: dict[str, Column]) -> list[str]:
    return search_words(column.texts for name, column in columns.items() if name != "flag")


def _first(texts: Sequence[str], groups: dict[Key, list[int]]) -> list[str]:
    return [next((texts[p] for p in positions if texts[p]), "") for positions in groups.values()]


_NO_ROWS: list[int] = []


def _flag_column(state: pd.DataFrame, groups: dict[Key, list[int]]) -> tuple[Column, Facet]:
    """Return each entity's flags in words, and a filter by them."""
    flags = known_flags(state)
    waits = state["pending"].notna().tolist() if "pending" in state else [False] * len(flags)
    places = _StoreNames(state)
    texts, members = [], []
    for positions in groups.values():
        if len(positions) == 1:
            alone = _ALONE[flags[positions[0]], waits[positions[0]]]
            texts.append(alone[0])
            members.append(alone[1])
            continue
        seen = {flag for p in positions if (flag := flags[p]) is not None}
        word = _FLAGS.get(tuple(sorted(seen)), "unknown") if positions else NOT_SOLD
        is_waiting = any(waits[p] for p in positions)
        text = places.describe(positions, flags) if word == "mixed" else word
        texts.append(f"{text}, {NOT_PUBLISHED}" if is_waiting else text)
        members.append(_WORD_SETS[word, is_waiting])
    return Column("Now", texts), Facet("Now", members)


# One set per pair and not per row: fifty thousand sets would be slow.
_WORD_SETS = {
    (word, is_waiting): frozenset({word, NOT_PUBLISHED} if is_waiting else {word})
    for word in (*_FLAGS.values(), "unknown", NOT_SOLD)
    for is_waiting in (False, True)
}


_ALONE = {
    (flag, is_waiting): (f"{word}, {NOT_PUBLISHED}" if is_waiting else word, _WORD_SETS[word, is_waiting])
    for flag, word in ((True, "on"), (False, "off"), (None, "unknown"))
    for is_waiting in (False, True)
}


class _StoreNames:
    """Where the rows of a state are, by name."""

    def __init__(self, state: pd.DataFrame) -> None:
        self._state = state

    @cached_property
    def _names(self) -> Names:
        return read_names(self._state)

    @cached_property
    def _stores(self) -> list[tuple[int, int] | None]:
        """The store of each row; None at the business level."""
        cells = zip(*(self._state[name].tolist() for name in ("scope", *STORE_COLUMNS)), strict=True)
        return [(brand, branch) if scope == "store" else None for scope, brand, branch in cells]

    def describe(self, positions: list[int], flags: list[bool | None]) -> str:
        """Say where an entity is off and where on: the few by name, the many by number."""
        if any(self._stores[p] is None for p in positions):
            return "mixed"
        counts = Counter(flags[p] for p in positions)
        parts = []
        for flag, word in ((False, "off"), (True, "on"), (None, "unknown")):
            where = [self._name(p) for p in positions if flags[p] is flag]
            is_few = 0 < counts[flag] <= _MOST_NAMED
            if where:
                parts.append(f"{word} in {', '.join(where) if is_few else counted(len(where), 'store')}")
        return "; ".join(parts)

    def _name(self, position: int) -> str:
        brand_id, branch_id = self._stores[position] or (0, 0)
        return self._names.store(int(brand_id), int(branch_id))


def _city_names(stores: pd.DataFrame) -> list[str]:
    """Return the city of each store. The API tells a number only; people know a city by its branches."""
    cities, branches = _texts(stores, "city"), _texts(stores, "branch_title")
    inside: dict[str, list[str]] = {}
    where: dict[tuple[str, ...], set[str]] = {}
    for city, branch in dict.fromkeys(zip(cities, branches, strict=True)):
        inside.setdefault(city, []).append(branch)
        words = branch.split()
        for n in range(1, len(words) + 1):
            where.setdefault(tuple(words[:n]), set()).add(city)
    unambiguous = {begin for begin, cities_there in where.items() if len(cities_there) == 1}
    names = {
        city: _city_name(city, [branch for branch in inside[city] if branch], unambiguous=unambiguous)
        for city in inside
    }
    return [names[city] for city in cities]


def _city_name(city: str, branches: Sequence[str], *, unambiguous: Container[tuple[str, ...]]) -> str:
    """Return a city's name, or one made from its branches where only its number is known.

    It is made of the words that its branches begin with, if no other city's branches do; else of its first
    branches.

    Examples
    --------
    >>> from klikit_frames.forms.item_index import _city_name
    >>> _city_name("7", ["Ubud Raya", "Ubud Kaja"], unambiguous={("Ubud",)})
    'Ubud … (7)'
    >>> _city_name("Ubud", ["A"], unambiguous=())
    'Ubud'
    >>> _city_name("7", ["Ubud Raya", "Kuta", "Sanur"], unambiguous=())
    'Kuta, Sanur … (7)'
    """
    if not city.isdecimal() or not branches:
        return city
    places = zip(*(branch.split() for branch in branches), strict=False)
    begin = tuple(words[0] for words in takewhile(lambda words: len(set(words)) == 1, places))
    if len(branches) > 1 and begin in unambiguous:
        return f"{' '.join(begin)} … ({city})"
    ordered = sorted(branches, key=sort_key)
    few = ", ".join(ordered[:_MOST_NAMED]) + (" …" if len(ordered) > _MOST_NAMED else "")
    return f"{few} ({city})"


def _names(frame: pd.DataFrame, kind: str) -> list[str]:
    """Return the title of the brand or branch of each row; its id where there is none."""
    ids = _texts(frame, f"{kind}_id")
    titles = _texts(frame, f"{kind}_title")
    return [f"{title} ({number})" if title else number for title, number in zip(titles, ids, strict=True)]


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    if name not in frame.columns:
        return [""] * len(frame)
    cells = frame[name].astype(object).where(frame[name].notna(), "")
    return [cell if type(cell) is str else _text(cell) for cell in cells.tolist()]


def _text(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
