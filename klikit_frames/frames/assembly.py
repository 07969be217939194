"""Toggles put together: the input's own columns, with the known ones in place and in the package's own types."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pandas as pd

from klikit_frames.frames.headers import Header, is_known
from klikit_frames.frames.schemas import RESULT_COLUMNS, TOGGLE_COLUMNS
from klikit_frames.frames.tables import Table


def own_table(table: Table) -> Table:
    """Return `table` with names for a person's own columns that clash with nothing.

    A name of a result column becomes ``input_<name>``; a name that is there twice gets a number.
    """
    names = table.names
    taken = set(names)
    notes = []
    for place, name in enumerate(names):
        free = _free_name(name, names[:place], taken)
        if free != name:
            notes.append(f"Your own column {name!r} came back as {free!r}.")
            names[place] = free
            taken.add(free)
    if not notes:
        return table
    return replace(table, frame=table.frame.set_axis(names, axis=1), notes=[*table.notes, *notes])


def assemble_toggles(table: Table, header: Header, values: dict[str, Any]) -> pd.DataFrame:
    """Return all rows as toggles, in the input's own column order; missing known columns come last."""
    meanings = {place: name for name, place in header.places.items() if name in values}
    columns: dict[Hashable, Any] = {}
    for place, name in enumerate(table.names):
        known = meanings.get(place)
        if known is not None:
            columns[known] = values[known]
        elif name not in TOGGLE_COLUMNS:
            columns[name] = table.frame.iloc[:, place].array
    columns |= {name: values[name] for name in TOGGLE_COLUMNS if name not in columns}
    frame = pd.DataFrame(
        {name: pd.Series(column, index=table.frame.index, copy=False) for name, column in columns.items()},
        index=table.frame.index,
        copy=False,
    )
    return frame


def _free_name(name: Hashable, before: list[Hashable], taken: set[Hashable]) -> Hashable:
    if name in RESULT_COLUMNS:
        free = f"input_{name}"
        while free in taken:
            free = f"input_{free}"
        return free
    if name not in before or is_known(name):
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
