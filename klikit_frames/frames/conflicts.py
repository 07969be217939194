"""Rows against each other: repeats, contradictions, and what looks like one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding
from klikit_frames.frames.sections import find_section_conflicts
from klikit_frames.frames.wishes import Wishes

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]


def find_conflicts(wishes: Wishes, *, state: pd.DataFrame | None = None) -> list[Finding]:
    """Return what is wrong or odd between rows; `state` tells which items a section has."""
    entities = _groups(wishes.toggles[["entity_type", "entity_id"]])
    places = _pair(entities, _groups(wishes.toggles[["scope", "brand_id", "branch_id"]]))
    findings = _mixed_scopes(wishes, entities)
    if state is not None:
        findings += find_section_conflicts(wishes, state)
    if int(places.max(initial=-1)) + 1 == len(places):
        return findings
    targets = _groups(wishes.toggles[["is_enabled", "cascade_to_modifier_groups", "cascade_brand_ids"]])
    return findings + _contradictions(wishes, places, targets) + _duplicates(wishes, _pair(places, targets))


def _groups(columns: pd.DataFrame) -> Ints:
    """Give the different rows of some columns a number each."""
    number = np.zeros(len(columns), dtype=np.int64)
    for name in columns:
        number = _pair(number, pd.factorize(columns[name])[0].astype(np.int64))
    return number


def _pair(first: Ints, second: Ints) -> Ints:
    """Give the different pairs a number each, below the count of rows, so that products never overflow."""
    width = int(second.max(initial=0)) + 2
    return pd.factorize(first * width + second + 1)[0].astype(np.int64)


def _first_places(groups: Ints) -> Places:
    """Return where each group has its first row."""
    first = np.empty(int(groups.max(initial=-1)) + 1, dtype=np.intp)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    return first


def _duplicates(wishes: Wishes, same: Ints) -> list[Finding]:
    first = _first_places(same)[same]
    repeats = np.flatnonzero(first != np.arange(len(same)))
    messages = "The row repeats row " + wishes.say_rows(first[repeats]) + "."
    return wishes.find("duplicate", repeats, messages=messages)


def _contradictions(wishes: Wishes, places: Ints, targets: Ints) -> list[Finding]:
    partner = _partners(places, targets)
    flags = wishes.toggles["is_enabled"].to_numpy(dtype=bool)
    found = np.flatnonzero(partner >= 0)
    is_opposite = flags[found] != flags[partner[found]]
    opposite, other = found[is_opposite], found[~is_opposite]
    off_or_on = np.where(flags[partner[opposite]], "on.", "off.").astype(object)
    said = "Row " + wishes.say_rows(partner[opposite]) + " wants the same entity and place "
    flag_words = np.where(flags[opposite], "true", "false").astype(object)
    cascades = "Row " + wishes.say_rows(partner[other]) + " wants other cascade options for the same entity."
    return [
        *wishes.find(
            "contradiction", opposite, column="is_enabled", values=flag_words, messages=said + off_or_on
        ),
        *wishes.find("contradiction_cascade", other, column="cascade_to_modifier_groups", messages=cascades),
    ]


def _partners(places: Ints, targets: Ints) -> Places:
    """Return for each row the first row for the same place that wants something else, or -1."""
    first = _first_places(places)
    is_other = targets != targets[first[places]]
    other = np.full(len(first), -1, dtype=np.intp)
    others = np.flatnonzero(is_other)[::-1]
    other[places[others]] = others
    return np.where(is_other, first[places], other[places])


def _mixed_scopes(wishes: Wishes, entities: Ints) -> list[Finding]:
    is_store = (wishes.toggles["scope"] == "store").to_numpy(dtype=bool)
    first_store = np.full(int(entities.max(initial=-1)) + 1, -1, dtype=np.intp)
    stores = np.flatnonzero(is_store)[::-1]
    first_store[entities[stores]] = stores
    partner = first_store[entities]
    rows = np.flatnonzero(~is_store & (partner >= 0))
    messages = "The entity also has store rows, such as row " + wishes.say_rows(partner[rows]) + "."
    return wishes.find("business_and_store", rows, column="scope", values="business", messages=messages)
