"""Headers: which column means what, how sure that is, and which line of a file is the header."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from ..errors import ConfigError
from .cell_values import FLAG_WORDS
from .problems import Problem, table_problem
from .schemas import (
    ALIASES,
    ENTITY_TYPES,
    GUESSED,
    GUESSED_TYPED_IDS,
    NAME_WORDS,
    TIME_COLUMNS,
    TITLE_LEVELS,
    TOGGLE_COLUMNS,
    TYPED_IDS,
    guess_meaning,
    plain_name,
    word_key,
)

if TYPE_CHECKING:
    from .source_tables import Table

ColumnNames = Mapping[str, str]

NAME_COLUMNS = ("title", "sku", "brand_title", "branch_title")
_EXACT = {name.replace("_", ""): name for name in (*TOGGLE_COLUMNS, *TIME_COLUMNS)}
_REQUIRED = ("entity_type", "entity_id", "is_enabled")
_STORE = ("brand_id", "branch_id")
_ID_COLUMNS = ("entity_type", "entity_id")
_STORE_NAME = re.compile(r"[0-9]+\s*/\s*[0-9]+")
_OPTIONAL = ("scope", "cascade_to_modifier_groups", "cascade_brand_ids")
_LISTED_COLUMNS = 20
_MOST_COMPARED = 1_000
_ASSIGNABLE = (*TOGGLE_COLUMNS, *TIME_COLUMNS, "store", *NAME_COLUMNS)
# What may be assigned by a shorter name as well.
_ASSIGNED_ALIASES = {"name": "title", "brand": "brand_title", "branch": "branch_title"}


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the columns of a table mean.

    Attributes
    ----------
    places : dict
        Position of each known column; ``store`` stands for a column of brand/branch pairs.
    entity_type : str or None
        The level that the name of the id column implies.
    notes : list of str
        Which names were read as which columns.
    problems : list of Problem
        Columns with the same meaning, and assigned columns that are not there.
    """

    places: dict[str, int]
    entity_type: str | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_header(names: Sequence[Hashable], columns: ColumnNames | None = None) -> Header:
    """Return what the columns called `names` mean.

    A column that `columns` assigns counts first, then the package's own names, then ``item_id`` and its like,
    which imply the level, then short names such as ``id``, then names in English, Indonesian, German and
    Spanish. Case, spaces and signs do not matter.

    Examples
    --------
    >>> from klikit_frames.frames.headers import read_header
    >>> header = read_header(["Item ID", "brandID", "branchID", "isEnabled", "note"])
    >>> header.places
    {'brand_id': 1, 'branch_id': 2, 'is_enabled': 3, 'entity_id': 0}
    >>> header.entity_type
    'item'
    >>> read_header(["Gericht", "Artikel-Nr.", "Aktiv"], {"Aktiv": "is_enabled"}).places
    {'is_enabled': 2, 'entity_id': 1}
    """
    reader = _HeaderReader(names)
    reader.assign(columns or {})
    reader.match_exact()
    reader.match_typed_ids(TYPED_IDS, key=plain_name)
    reader.match_aliases(ALIASES, key=plain_name)
    n_sure = len(reader.places)
    reader.match_typed_ids(GUESSED_TYPED_IDS, key=word_key)
    reader.match_aliases(GUESSED, key=word_key)
    guessed = set(list(reader.places)[n_sure:])
    return Header(
        places={name: place for name, place in reader.places.items() if name not in NAME_COLUMNS},
        entity_type=reader.entity_type,
        notes=_alias_notes(names, reader, guessed=guessed),
        problems=reader.problems,
    )


def name_places(names: Sequence[Hashable], columns: ColumnNames | None = None) -> dict[str, int]:
    """Return the position of each column of names: ``title, sku, brand_title, branch_title``.

    Examples
    --------
    >>> from klikit_frames.frames.headers import name_places
    >>> name_places(["Gericht", "Marke", "Filiale", "Aktiv"])
    {'title': 0, 'brand_title': 1, 'branch_title': 2}
    """
    assigned = dict(_assigned_places(names, columns or {}))
    taken = set(assigned.values())
    places = {name: place for name, place in assigned.items() if name in NAME_COLUMNS}
    # In the order of the words, not of the columns: `title` is a title before `section` is.
    keys = [word_key(name) for name in names]
    for word, meaning in NAME_WORDS.items():
        if meaning not in places and word in keys and keys.index(word) not in taken:
            places[meaning] = keys.index(word)
    return dict(sorted(places.items(), key=lambda item: NAME_COLUMNS.index(item[0])))


def title_level(name: Hashable) -> str:
    """Return the level that the name of a title column implies, or nothing."""
    return TITLE_LEVELS.get(word_key(name), "")


def check_assignments(columns: ColumnNames | None) -> ColumnNames:
    """Return `columns` with full column names.

    Raises
    ------
    ConfigError
        If a value is no column of this package, or a column is assigned twice.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise ConfigError(f"columns is {columns!r:.60}; give a dict such as {{'Artikel-Nr.': 'item_id'}}.")
    full = {name: _full_name(meaning) for name, meaning in columns.items()}
    kept = [column.partition(":")[0] for column in full.values()]
    double = next((column for column in kept if kept.count(column) > 1), None)
    if double:
        raise ConfigError(f"columns gives two columns for {double!r}; give one.")
    return full


def find_header(rows: Sequence[Sequence[object]], columns: ColumnNames | None = None) -> int:
    """Return the position of the row that is most probably the header.

    The row with the most known names counts; among equals, the first that is at least two thirds as wide as
    the widest, so that a title above the table is not taken for its header.

    Examples
    --------
    >>> from klikit_frames.frames.headers import find_header
    >>> find_header([["Menu, March"], ["a", "b", "c"], ["1", "2", "3"]])
    1
    """
    widths = [sum(1 for cell in row if str(cell).strip()) for row in rows]
    widest = max(widths, default=0)

    def fit(place: int) -> tuple[int, bool, int]:
        n_known, is_wide = count_known(rows[place], columns), 3 * widths[place] >= 2 * widest
        # A single known word above the table, such as "Menu", is a title.
        return n_known if is_wide or n_known > 1 else 0, is_wide, -place

    return max(range(len(rows)), key=fit, default=0)


def count_known(names: Sequence[object], columns: ColumnNames | None = None) -> int:
    """Return how many of `names` mean something here.

    Stores across, as in a matrix, count one by one. Words that are cells as often as headers do not count.
    """
    assigned = {plain_name(name) for name in columns or {}}
    texts = [name for name in names if isinstance(name, str)]
    stores = {name for name in texts if is_store(name)}
    meanings = {_meaning(name, assigned) for name in texts} - {None}
    # A single store beside nothing known is a cell of a column of stores.
    return len(meanings) + (len(stores) if meanings or len(stores) > 1 else 0)


def is_store(name: str) -> bool:
    """Tell whether a column is called like a store, ``5297/1293``.

    Examples
    --------
    >>> from klikit_frames.frames.headers import is_store
    >>> is_store("5297/1293"), is_store("on/off")
    (True, False)
    """
    return _STORE_NAME.fullmatch(name.strip()) is not None


def missing_columns(header: Header, table: Table, *, needs_stores: bool) -> list[Problem]:
    """Return a problem for each column that is needed and not there, with the columns found and the cure."""
    if isinstance(table.frame.columns, pd.MultiIndex):
        return [
            table_problem("columns_nested", hint="Flatten them: frame.columns = frame.columns.map('_'.join).")
        ]
    if not table.names and table.problems:
        return []  # nothing could be read, and the rows say why
    needed = [*_REQUIRED, *(_STORE if needs_stores else ())]
    present = {*header.places, *(["entity_type"] if header.entity_type else [])}
    present |= set(_STORE) if "store" in present else set()
    return [_missing(column, header, table) for column in needed if column not in present]


def lookalike_columns(header: Header, table: Table) -> list[Problem]:
    """Return a problem for each own column that is named almost like an optional one.

    A misspelt cascade column would be ignored without a word. A needed column that is misspelt is missing,
    and `missing_columns` finds it.
    """
    problems = []
    for column in _OPTIONAL:
        nearest = _nearest(column, header, table.names)
        if nearest is not None:
            message = f"Column {nearest!r} is named almost like {column!r}, and would be ignored."
            problem = table_problem("column_lookalike", column=column, message=message)
            # Next to the real one, or where a harmless word is as near ("score"), it may well be meant.
            is_sure = column not in header.places and column != "scope"
            problems.append(problem if is_sure else replace(problem, severity="warning"))
    return problems


class _HeaderReader:
    """Finds the places of known columns, the surest names first.

    Attributes
    ----------
    places : dict
        Position of each column found so far.
    entity_type : str or None
        The level that the id column implies.
    problems : list of Problem
        Two columns with one meaning, at the same level of certainty.
    """

    def __init__(self, names: Sequence[Hashable]) -> None:
        self.places: dict[str, int] = {}
        self.entity_type: str | None = None
        self.problems: list[Problem] = []
        self._names = names

    def assign(self, columns: ColumnNames) -> None:
        """Take the columns that a person assigned."""
        positions = dict(_assigned_places(self._names, columns))
        for name, meaning in columns.items():
            column, _, level = meaning.partition(":")
            if column in positions:
                self.places[column] = positions[column]
                self.entity_type = self.entity_type or level or None
            else:
                self.problems.append(_not_assignable(name, column, self._names))

    def match_exact(self) -> None:
        """Take the columns that have the package's own names."""
        assigned = set(self.places)
        for place, column in self._free(lambda name: _EXACT.get(plain_name(name))):
            if column not in assigned:
                self._take(column, place)

    def match_typed_ids(self, table: Mapping[str, str], *, key: Callable[[Hashable], str]) -> None:
        """Take ``item_id`` and its like as the id column, if there is none yet."""
        if "entity_id" in self.places:
            return
        for place, level in self._free(lambda name: table.get(key(name))):
            self.entity_type = self.entity_type or level
            self._take("entity_id", place)

    def match_aliases(self, table: Mapping[str, str], *, key: Callable[[Hashable], str]) -> None:
        """Take columns by other names, where no surer name was found."""
        sure = set(self.places)
        for place, column in self._free(lambda name: table.get(key(name))):
            if column in sure or (column in _STORE and "store" in sure):
                continue
            if column == "entity_type" and self.entity_type and table is GUESSED:
                continue  # the id column says the level, and "Art" or "Jenis" means many things
            half = [name for name in _STORE if column == "store" and name in sure]
            if len(half) == 1:
                self.problems.append(_double(half[0], self._names[self.places[half[0]]], self._names[place]))
            elif not half:
                self._take(column, place)

    def _free(self, meaning_of: Callable[[Hashable], str | None]) -> Iterator[tuple[int, str]]:
        taken = set(self.places.values())
        for place, name in enumerate(self._names):
            meaning = meaning_of(name) if place not in taken else None
            if meaning is not None:
                yield place, meaning

    def _take(self, column: str, place: int) -> None:
        if column in self.places:
            self.problems.append(_double(column, self._names[self.places[column]], self._names[place]))
        else:
            self.places[column] = place


def _meaning(name: str, assigned: set[str]) -> str | None:
    key = plain_name(name)
    if key in assigned:
        return f"assigned {key}"
    if key in ENTITY_TYPES or name.strip().casefold() in FLAG_WORDS:
        return None  # as often a cell as a header
    return _EXACT.get(key) or guess_meaning(name)


def _full_name(meaning: str) -> str:
    """Return the column that is meant; ``item_id`` and its like as ``entity_id:item``."""
    if not isinstance(meaning, str):
        raise ConfigError(f"columns gives a {type(meaning).__name__} for a column; give its name.")
    key = plain_name(meaning)
    if key in TYPED_IDS and meaning not in TOGGLE_COLUMNS:
        return f"entity_id:{TYPED_IDS[key]}"
    column = _ASSIGNED_ALIASES.get(meaning, meaning)
    if column not in _ASSIGNABLE:
        near = process.extractOne(str(meaning), _ASSIGNABLE, scorer=fuzz.ratio, score_cutoff=70)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"columns gives {meaning!r}, which is no column.{hint} The columns are {', '.join(_ASSIGNABLE)}, "
            "and item_id, category_id, section_id."
        )
    return column


def _assigned_places(names: Sequence[Hashable], columns: ColumnNames) -> Iterator[tuple[str, int]]:
    """Yield each assigned column with its position: the name as written, else without case and signs."""
    for name, meaning in columns.items():
        exact = [place for place, other in enumerate(names) if other == name]
        alike = [place for place, other in enumerate(names) if plain_name(other) == plain_name(name) != ""]
        for place in [*exact, *alike][:1]:
            yield meaning.partition(":")[0], place


def _not_assignable(name: str, column: str, names: Sequence[Hashable]) -> Problem:
    near = process.extractOne(name, [str(other) for other in names], scorer=fuzz.ratio, score_cutoff=60)
    return table_problem(
        "column_missing",
        column=column,
        message=f"There is no column {name!r}, which was to be read as {column!r}. {_listed(names)}",
        hint=f"Did you mean {near[0]!r}?" if near else "",
    )


def _alias_notes(names: Sequence[Hashable], reader: _HeaderReader, *, guessed: set[str]) -> list[str]:
    notes = []
    for column, place in reader.places.items():
        name = names[place]
        meaning = "brand_id/branch_id" if column == "store" else column
        if column in guessed:
            cure = f"give columns={{{name!r}: ...}} if it means something else"
            notes.append(f"Column {name!r} was read as {meaning!r}, by its meaning; {cure}.")
        elif column == "store":
            notes.append(f"Column {name!r} was read as {meaning}.")
        elif column != name:
            notes.append(f"Column {name!r} was read as {meaning!r}.")
    if reader.entity_type and "entity_type" not in reader.places and "entity_id" in reader.places:
        name = names[reader.places["entity_id"]]
        notes.append(f"Column {name!r} says that every row is about one {reader.entity_type}.")
    return notes


def _double(column: str, first: Hashable, second: Hashable) -> Problem:
    names = (
        f"{first!r} and {second!r} both mean {column!r}." if first != second else f"{first!r} is there twice."
    )
    return table_problem("column_double", column=column, message=f"Columns: {names}")


def _missing(column: str, header: Header, table: Table) -> Problem:
    message = f"There is no column {column!r}. {_listed(table.names)}"
    return table_problem("column_missing", column=column, message=message, hint=_cure(column, header, table))


def _cure(column: str, header: Header, table: Table) -> str:
    if column in table.frame.index.names:
        return "It is in the frame's index: call reset_index() first."
    nearest = _nearest(column, header, table.names)
    if nearest is not None:
        return f"Rename column {nearest!r} to {column!r}."
    likely = _likely(column, header, table.names)
    if likely is not None:
        return f"If {likely!r} is meant, give columns={{{likely!r}: {column!r}}}, or rename it."
    if column in _STORE:
        return f"Add a column {column!r}, or a column 'scope' that says business on every row."
    if column == "entity_id":
        return "Add a column 'entity_id', or turn titles and SKUs into ids with kf.resolve(table, state)."
    return f"Add a column {column!r}; the known columns are {', '.join(TOGGLE_COLUMNS)}."


def _listed(names: Sequence[Hashable]) -> str:
    """Name the columns that a table has, for a person who looks for one."""
    if not names:
        return "The table has no columns."
    rest = f" and {len(names) - _LISTED_COLUMNS:,} more" if len(names) > _LISTED_COLUMNS else ""
    return f"The columns are {', '.join(f'{name!r:.60}' for name in names[:_LISTED_COLUMNS])}{rest}."


def _own_names(header: Header, names: Sequence[Hashable]) -> list[Hashable]:
    taken = set(header.places.values())
    return [name for place, name in enumerate(names) if place not in taken]


def _nearest(column: str, header: Header, names: Sequence[Hashable]) -> Hashable | None:
    """Return the unknown column name that is one or two slips away from `column`."""
    key = column.replace("_", "")
    slips = {name: OSA.distance(plain_name(name), key) for name in _own_names(header, names)}
    nearest = min(slips, key=slips.__getitem__, default=None)
    return nearest if nearest is not None and slips[nearest] <= min(2, len(key) // 4) else None


def _likely(column: str, header: Header, names: Sequence[Hashable]) -> Hashable | None:
    """Return the unknown column name that is most like any word for `column`."""
    words = [word for word, meaning in _words() if meaning == column]
    best = [
        (match[1], name)
        for name in _own_names(header, names)[:_MOST_COMPARED]
        if word_key(name)
        for match in [process.extractOne(word_key(name), words, scorer=fuzz.ratio, score_cutoff=75)]
        if match
    ]
    return max(best, key=lambda pair: pair[0])[1] if best else None


def _words() -> Iterable[tuple[str, str]]:
    yield from _EXACT.items()
    yield from ALIASES.items()
    yield from GUESSED.items()
    yield from ((word, "entity_id") for word in (*TYPED_IDS, *GUESSED_TYPED_IDS))
