"""Headers: which column means what, and what was taken for granted on the way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd
from rapidfuzz.distance import OSA

from .problems import Problem, table_problem
from .schemas import ENTITY_TYPES, TOGGLE_COLUMNS

if TYPE_CHECKING:
    from klikit_frames.frames.source_tables import Table


# Spellings that stand in for a column if no better one is there; keys have neither case, spaces nor signs.
_ALIASES = {
    "id": "entity_id",
    "type": "entity_type",
    "level": "entity_type",
    "enabled": "is_enabled",
    "flag": "is_enabled",
    "iscascadetomodifiergroups": "cascade_to_modifier_groups",
    "brandidstocascade": "cascade_brand_ids",
    "store": "store",
    "stores": "store",
}
_TYPED_IDS = {f"{entity_type}id": entity_type for entity_type in ENTITY_TYPES}
_EXACT = {name.replace("_", ""): name for name in TOGGLE_COLUMNS}
_REQUIRED = ("entity_type", "entity_id", "is_enabled")
_STORE = ("brand_id", "branch_id")
_ID_COLUMNS = ("entity_type", "entity_id")
_STORE_NAME = re.compile(r"[0-9]+\s*/\s*[0-9]+")
_OPTIONAL = ("scope", "cascade_to_modifier_groups", "cascade_brand_ids")


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
        What was understood that was not said in the package's own spelling.
    problems : list of Problem
        Doubles and look-alikes.
    """

    places: dict[str, int]
    entity_type: str | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_header(names: Sequence[Hashable]) -> Header:
    """Return what the columns called `names` mean.

    Case, spaces and signs do not matter, the API's own spellings are known, and ``item_id`` and its like
    imply the level. A weak name such as ``id`` counts only where no better one is there.

    Examples
    --------
    >>> from klikit_frames.frames.headers import read_header
    >>> header = read_header(["Item ID", "brandID", "branchID", "isEnabled", "note"])
    >>> header.places
    {'brand_id': 1, 'branch_id': 2, 'is_enabled': 3, 'entity_id': 0}
    >>> header.entity_type
    'item'
    """
    keys = [plain_name(name) for name in names]
    places, problems = _exact_places(keys, names)
    entity_type, more = _typed_id(keys, names, places)
    problems += more + _weak_places(keys, names, places)
    notes = _alias_notes(names, places, entity_type)
    return Header(places=places, entity_type=entity_type, notes=notes, problems=problems)


@lru_cache(maxsize=1 << 16)
def plain_name(name: Hashable) -> str:
    """Return a column name without case, spaces, signs and characters that cannot be seen.

    Examples
    --------
    >>> from klikit_frames.frames.headers import plain_name
    >>> plain_name(" Entity ID ")
    'entityid'
    """
    text = unicodedata.normalize("NFKC", str(name)) if isinstance(name, str) else ""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def count_known(names: Sequence[Hashable]) -> int:
    """Return how many of `names` mean something here; the line with the most is the header.

    Stores across, as in a matrix, count one by one.
    """
    stores = {name for name in names if isinstance(name, str) and is_store(name)}
    return len({_meaning(name) for name in names} - {None}) + len(stores)


def is_store(name: str) -> bool:
    """Tell whether a column is called like a store, ``5297/1293``.

    Examples
    --------
    >>> from klikit_frames.frames.headers import is_store
    >>> is_store("5297/1293"), is_store("on/off")
    (True, False)
    """
    return _STORE_NAME.fullmatch(name.strip()) is not None


def _meaning(name: Hashable) -> str | None:
    key = plain_name(name)
    return "entity_id" if key in _TYPED_IDS else _EXACT.get(key) or _ALIASES.get(key)


def missing_columns(header: Header, table: Table, *, needs_stores: bool) -> list[Problem]:
    """Return a problem for each column that is needed and not there, with the nearest name as a hint."""
    if isinstance(table.frame.columns, pd.MultiIndex):
        return [
            table_problem("columns_nested", hint="Flatten them: frame.columns = frame.columns.map('_'.join).")
        ]
    if not table.names and table.problems:
        return []  # nothing could be read, and the rows say why
    needed = [*_REQUIRED, *(_STORE if needs_stores else ())]
    known = {*header.places, *(["entity_type"] if header.entity_type else [])}
    known |= set(_STORE) if "store" in known else set()
    return [_missing(column, header, table) for column in needed if column not in known]


def lookalike_columns(header: Header, table: Table) -> list[Problem]:
    """Return a problem for each own column that is named almost like an optional one.

    A misspelt cascade column would be ignored without a word; a needed column that is misspelt is missing,
    and found there.
    """
    found = []
    for column in _OPTIONAL:
        nearest = _nearest(column, header, table.names)
        if nearest is not None:
            message = f"Column {nearest!r} is named almost like {column!r}, and would be ignored."
            problem = table_problem("column_lookalike", column=column, message=message)
            # Next to the real one, or where a harmless word is as near ("score"), it may well be meant.
            is_sure = column not in header.places and column != "scope"
            found.append(problem if is_sure else replace(problem, severity="warning"))
    return found


def _exact_places(keys: list[str], names: Sequence[Hashable]) -> tuple[dict[str, int], list[Problem]]:
    places: dict[str, int] = {}
    problems = []
    for place, key in enumerate(keys):
        column = _EXACT.get(key)
        if column in places:
            problems.append(_double(column, names[places[column]], names[place]))
        elif column is not None:
            places[column] = place
    return places, problems


def _typed_id(
    keys: list[str], names: Sequence[Hashable], places: dict[str, int]
) -> tuple[str | None, list[Problem]]:
    """Let ``item_id`` and its like stand in for the id, and say the level."""
    found = [place for place, key in enumerate(keys) if key in _TYPED_IDS]
    if "entity_id" in places or not found:
        return None, []
    places["entity_id"] = found[0]
    doubles = [_double("entity_id", names[found[0]], names[place]) for place in found[1:]]
    return _TYPED_IDS[keys[found[0]]], doubles


def _weak_places(keys: list[str], names: Sequence[Hashable], places: dict[str, int]) -> list[Problem]:
    problems = []
    strong = set(places)
    for place, key in enumerate(keys):
        column = _ALIASES.get(key)
        if column is None or column in strong or (column == "store" and strong.issuperset(_STORE)):
            continue
        half = [name for name in _STORE if column == "store" and name in strong]
        if half:
            problems.append(_double(half[0], names[places[half[0]]], names[place]))
        elif column in places:
            problems.append(_double(column, names[places[column]], names[place]))
        else:
            places[column] = place
    return problems


def _alias_notes(names: Sequence[Hashable], places: dict[str, int], entity_type: str | None) -> list[str]:
    notes = [
        f"Column {names[place]!r} was read as {column!r}."
        for column, place in places.items()
        if column not in {names[place], "store"}
    ]
    if "store" in places:
        notes.append(f"Column {names[places['store']]!r} was read as brand_id/branch_id.")
    if entity_type and "entity_type" not in places:
        notes.append(f"Column {names[places['entity_id']]!r} says that every row is about one {entity_type}.")
    return notes


def _double(column: str, first: Hashable, second: Hashable) -> Problem:
    said = (
        f"{first!r} and {second!r} both mean {column!r}." if first != second else f"{first!r} is there twice."
    )
    return table_problem("column_double", column=column, message=f"Columns: {said}")


def _missing(column: str, header: Header, table: Table) -> Problem:
    nearest = _nearest(column, header, table.names)
    hint = f"Rename column {nearest!r} to {column!r}." if nearest is not None else _cure(column)
    if column not in _ID_COLUMNS and any(isinstance(name, str) and is_store(name) for name in table.names):
        hint = "Its stores stand across: read this table with from_matrix."
    if column in table.frame.index.names:
        hint = "It is in the frame's index: call reset_index() first."
    message = f"There is no column {column!r}."
    return table_problem("column_missing", column=column, message=message, hint=hint)


def _cure(column: str) -> str:
    if column in _STORE:
        return f"Add a column {column!r}, or a column 'scope' that says business on every row."
    if column == "entity_id":
        return "Add a column 'entity_id', or turn titles and SKUs into ids with resolve."
    return f"Add a column {column!r}; the known columns are {', '.join(TOGGLE_COLUMNS)}."


def _nearest(column: str, header: Header, names: Sequence[Hashable]) -> Hashable | None:
    """Return the unknown column name that is one or two slips away from `column`."""
    taken = set(header.places.values())
    key = column.replace("_", "")
    own = [name for place, name in enumerate(names) if place not in taken]
    slips = {name: OSA.distance(plain_name(name), key) for name in own}
    nearest = min(slips, key=slips.__getitem__, default=None)
    return nearest if nearest is not None and slips[nearest] <= min(2, len(key) // 4) else None
