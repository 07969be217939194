"""Rows against each other: repeats, contradictions, and what looks like one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The sound rows of a table: what each wants, and for what.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The columns of toggles.
    positions : array of int
        The place of each among the rows of the table.
    rows, lines : array of int
        How the person counts them; `lines` is None for a frame.
    """

    toggles: pd.DataFrame
    positions: npt.NDArray[np.intp]
    rows: Ints
    lines: Ints | None


def find_conflicts(wishes: Wishes) -> list[Finding]:
    """Return what is wrong or odd between the rows of one table."""
    entities = _groups(wishes.toggles[["entity_type", "entity_id"]])
    places = _pair(entities, _groups(wishes.toggles[["scope", "brand_id", "branch_id"]]))
    findings = _mixed_scopes(wishes, entities)
    if len(np.unique(places)) == len(places):
        return findings
    targets = _groups(wishes.toggles[["is_enabled", "cascade_to_modifier_groups", "cascade_brand_ids"]])
    return findings + _contradictions(wishes, places, targets) + _duplicates(wishes, _pair(places, targets))


def _groups(columns: pd.DataFrame) -> Ints:
    """Number the different rows of some columns."""
    number = np.zeros(len(columns), dtype=np.int64)
    for name in columns:
        number = _pair(number, pd.factorize(columns[name])[0].astype(np.int64))
    return number


def _pair(first: Ints, second: Ints) -> Ints:
    """Number the different pairs; numbers stay below the count of rows, so that products never overflow."""
    width = int(second.max(initial=0)) + 2
    return pd.factorize(first * width + second + 1)[0].astype(np.int64)


def _duplicates(wishes: Wishes, same: Ints) -> list[Finding]:
    first = _first_places(same)
    repeats = np.flatnonzero(first[same] != np.arange(len(same)))
    if not len(repeats):
        return []
    messages = "The row repeats row " + _count(wishes, first[same][repeats]) + "."
    return [_finding(wishes, "duplicate", "", repeats, messages)]


def _first_places(groups: Ints) -> npt.NDArray[np.intp]:
    """Return where each group has its first row."""
    first = np.empty(int(groups.max(initial=-1)) + 1, dtype=np.intp)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    return first


def _contradictions(wishes: Wishes, places: Ints, targets: Ints) -> list[Finding]:
    partner = _partners(places, targets)
    flags = wishes.toggles["is_enabled"].to_numpy(dtype=bool)
    found = np.flatnonzero(partner >= 0)
    differs = flags[found] != flags[partner[found]]
    findings = []
    for code, rows in (("contradiction", found[differs]), ("contradiction_cascade", found[~differs])):
        if len(rows):
            findings.append(_contradiction(wishes, code, rows, partner[rows]))
    return findings


def _partners(places: Ints, targets: Ints) -> npt.NDArray[np.intp]:
    """Return for each row the first row for the same place that wants something else, or -1."""
    first = _first_places(places)
    is_other = targets != targets[first[places]]
    other = np.full(len(first), -1, dtype=np.intp)
    others = np.flatnonzero(is_other)[::-1]
    other[places[others]] = others
    return np.where(is_other, first[places], other[places])


def _contradiction(
    wishes: Wishes, code: str, rows: npt.NDArray[np.intp], partner: npt.NDArray[np.intp]
) -> Finding:
    flags = wishes.toggles["is_enabled"].to_numpy(dtype=bool)
    if code == "contradiction":
        said = np.where(flags[partner], "on", "off").astype(object)
        messages = "Row " + _count(wishes, partner) + " wants the same entity and place " + said + "."
        return _finding(
            wishes, code, "is_enabled", rows, messages, np.where(flags[rows], "true", "false").astype(object)
        )
    messages = (
        "Row " + _count(wishes, partner) + " wants other cascade options for the same entity and place."
    )
    return _finding(wishes, code, "cascade_to_modifier_groups", rows, messages)


def _mixed_scopes(wishes: Wishes, entities: Ints) -> list[Finding]:
    is_business = (wishes.toggles["scope"] == "business").to_numpy(dtype=bool)
    if is_business.all() or not is_business.any():
        return []
    with_store = np.zeros(int(entities.max(initial=-1)) + 1, dtype=bool)
    with_store[entities[~is_business]] = True
    rows = np.flatnonzero(is_business & with_store[entities])
    if not len(rows):
        return []
    first_store = np.zeros(len(with_store), dtype=np.intp)
    stores = np.flatnonzero(~is_business)[::-1]
    first_store[entities[stores]] = stores
    messages = (
        "The entity also has store rows, such as row " + _count(wishes, first_store[entities[rows]]) + "."
    )
    return [_finding(wishes, "business_and_store", "scope", rows, messages, "business")]


def _count(wishes: Wishes, rows: npt.NDArray[np.intp]) -> Any:
    """Say rows as the person counts them, with the line of a file."""
    said = wishes.rows[rows].astype(str).astype(object)
    if wishes.lines is None:
        return said
    return said + " (line " + wishes.lines[rows].astype(str).astype(object) + ")"


def _finding(
    wishes: Wishes, code: str, column: str, rows: npt.NDArray[np.intp], messages: Any, values: Any = ""
) -> Finding:
    return Finding(
        code=code, positions=wishes.positions[rows], column=column, values=values, messages=messages
    )
