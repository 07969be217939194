"""Headers: which column means what, and what was taken for granted on the way."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from klikit_frames.frames.findings import Finding, table_finding
from klikit_frames.frames.schemas import ENTITY_TYPES, RESULT_COLUMNS, TOGGLE_COLUMNS

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
_CASCADES = ("cascade_to_modifier_groups", "cascade_brand_ids")


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
    findings : list of Finding
        Doubles and look-alikes.
    """

    places: dict[str, int]
    entity_type: str | None = None
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_header(names: Sequence[Hashable]) -> Header:
    """Return what the columns called `names` mean.

    Case, spaces and signs do not matter, the API's own spellings are known, and ``item_id`` and its like imply
    the level. A weak name such as ``id`` counts only where no better one is there.

    Examples
    --------
    >>> from klikit_frames.frames.headers import read_header
    >>> header = read_header(["Item ID", "brandID", "branchID", "isEnabled", "note"])
    >>> header.places
    {'entity_id': 0, 'brand_id': 1, 'branch_id': 2, 'is_enabled': 3}
    >>> header.entity_type
    'item'
    """
    keys = [plain_name(name) for name in names]
    places, findings = _exact_places(keys, names)
    entity_type, more = _typed_id(keys, names, places)
    findings += more + _weak_places(keys, names, places)
    notes = _alias_notes(names, places, entity_type)
    return Header(places=places, entity_type=entity_type, notes=notes, findings=findings)


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


def is_known(name: Hashable) -> bool:
    """Tell whether a column name means something here."""
    return _meaning(name) is not None


def count_known(names: Sequence[Hashable]) -> int:
    """Return how many of `names` mean something here; the line with the most is the header."""
    return len({_meaning(name) for name in names} - {None})


def _meaning(name: Hashable) -> str | None:
    key = plain_name(name)
    return "entity_id" if key in _TYPED_IDS else _EXACT.get(key) or _ALIASES.get(key)


def is_result(names: Sequence[Hashable]) -> bool:
    """Tell whether these are the columns of a result of ours."""
    return set(RESULT_COLUMNS) <= set(names)


def find_missing(header: Header, names: Sequence[Hashable], *, needs_stores: bool) -> list[Finding]:
    """Return a finding for each column that is needed and not there, with the nearest name as a hint."""
    needed = [*_REQUIRED, *(("brand_id", "branch_id") if needs_stores else ())]
    known = set(header.places) | ({"entity_type"} if header.entity_type else set())
    known |= {"brand_id", "branch_id"} if "store" in known else set()
    return [_missing(column, header, names) for column in needed if column not in known]


def find_lookalikes(header: Header, names: Sequence[Hashable]) -> list[Finding]:
    """Return a finding for each own column that is named almost like an optional one."""
    found = []
    for column in _CASCADES:
        nearest = _nearest(column, header, names)
        if nearest is None:
            continue
        message = f"Column {nearest!r} is named almost like {column!r} and would be ignored."
        severity = "warning" if column in header.places else "error"
        found.append(_lookalike(column, message, severity))
    return found


def _lookalike(column: str, message: str, severity: str) -> Finding:
    found = table_finding("column_lookalike", column=column, message=message)
    return Finding(**{**found.__dict__, "severity": severity})


def _exact_places(keys: list[str], names: Sequence[Hashable]) -> tuple[dict[str, int], list[Finding]]:
    places: dict[str, int] = {}
    findings = []
    for place, key in enumerate(keys):
        column = _EXACT.get(key)
        if column in places:
            findings.append(_double(column, names[places[column]], names[place]))
        elif column is not None:
            places[column] = place
    return places, findings


def _typed_id(
    keys: list[str], names: Sequence[Hashable], places: dict[str, int]
) -> tuple[str | None, list[Finding]]:
    """Let ``item_id`` and its like stand in for the id, and say the level."""
    found = [place for place, key in enumerate(keys) if key in _TYPED_IDS]
    if "entity_id" in places or not found:
        return None, []
    places["entity_id"] = found[0]
    doubles = [_double("entity_id", names[found[0]], names[place]) for place in found[1:]]
    return _TYPED_IDS[keys[found[0]]], doubles


def _weak_places(keys: list[str], names: Sequence[Hashable], places: dict[str, int]) -> list[Finding]:
    findings = []
    strong = set(places)
    for place, key in enumerate(keys):
        column = _ALIASES.get(key)
        if column is None or column in strong or (column == "store" and {"brand_id", "branch_id"} <= strong):
            continue
        if column in places:
            findings.append(_double(column, names[places[column]], names[place]))
        else:
            places[column] = place
    return findings


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


def _double(column: str, first: Hashable, second: Hashable) -> Finding:
    said = (
        f"{first!r} and {second!r} both mean {column!r}." if first != second else f"{first!r} is there twice."
    )
    return table_finding("column_double", column=column, message=f"Columns: {said}")


def _missing(column: str, header: Header, names: Sequence[Hashable]) -> Finding:
    nearest = _nearest(column, header, names)
    hint = f"Rename column {nearest!r} to {column!r}." if nearest is not None else _cure(column)
    return table_finding(
        "column_missing", column=column, message=f"There is no column {column!r}.", hint=hint
    )


def _cure(column: str) -> str:
    if column in {"brand_id", "branch_id"}:
        return f"Add a column {column!r}, or a column 'scope' that says business on every row."
    return f"Add a column {column!r}; the known columns are {', '.join(TOGGLE_COLUMNS)}."


def _nearest(column: str, header: Header, names: Sequence[Hashable]) -> Hashable | None:
    """Return the unknown column name that is one or two slips away from `column`."""
    taken = set(header.places.values())
    key = column.replace("_", "")
    slips = {
        name: OSA.distance(plain_name(name), key) for place, name in enumerate(names) if place not in taken
    }
    nearest = min(slips, key=slips.__getitem__, default=None)
    return nearest if nearest is not None and slips[nearest] <= min(2, len(key) // 4) else None
