"""Toggles put together: the input's own columns, with the known ones in place and in our own types."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from itertools import count
from typing import Any

import pandas as pd

from klikit_frames.frames.headers import Header
from klikit_frames.frames.schemas import RESULT_COLUMNS, TOGGLE_COLUMNS
from klikit_frames.frames.tables import Table

_PROBLEM = "problem"


def own_table(table: Table, header: Header) -> Table:
    """Return `table` with the package's own names for known columns, and no clash among the others.

    An own column with the name of a result column becomes ``input_<name>``; one with the name of a known
    column that is another's, or that is there twice, gets a number.
    """
    known = {place: name for name, place in header.places.items() if name != "store"}
    seen: set[Hashable] = set(known.values())
    everything = {*table.names, *TOGGLE_COLUMNS}
    names: list[Hashable] = []
    for place, name in enumerate(table.names):
        names.append(known.get(place) or _free_name(name, seen, everything))
        seen.add(names[-1])
    notes = [
        f"Your own column {came!r} came back as {name!r}."
        for place, (came, name) in enumerate(zip(table.names, names, strict=True))
        if came != name and place not in known
    ]
    return replace(table, frame=table.frame.set_axis(names, axis=1), notes=[*table.notes, *notes])


def assemble_toggles(table: Table, header: Header, values: dict[str, Any]) -> pd.DataFrame:
    """Return all rows as toggles, in the input's own column order; known columns that it lacks come last."""
    columns: dict[Hashable, Any] = {}
    known = {place: name for name, place in header.places.items() if name in values}
    for place, name in enumerate(table.names):
        columns[name] = values[known[place]] if place in known else table.frame.iloc[:, place]
    columns |= {name: values[name] for name in TOGGLE_COLUMNS if name not in columns}
    index = table.frame.index
    return pd.DataFrame({name: _column(cells, index) for name, cells in columns.items()}, index=index)


def annotate(table: Table, problems: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it came, with what is wrong in each row as a last column."""
    said = problems["column"] + ": " + problems["message"] + " " + problems["hint"]
    said = said.str.removeprefix(": ").groupby(problems["row"]).agg(" ".join)
    texts = pd.Series(table.rows).map(said).astype(object).fillna("")
    frame = table.frame.drop(columns=[_PROBLEM], errors="ignore")
    n_levels = frame.columns.nlevels
    name = _PROBLEM if n_levels == 1 else (_PROBLEM, *[""] * (n_levels - 1))
    frame[name] = texts.to_numpy(dtype=object)
    return frame


def _column(cells: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    if isinstance(cells, pd.Series):
        return cells.set_axis(index)
    return pd.Series(cells, index=index, copy=False)


def _free_name(name: Hashable, seen: set[Hashable], everything: set[Hashable]) -> Hashable:
    if name not in seen and name not in RESULT_COLUMNS:
        return name
    candidates = (
        (f"input_{'input_' * n}{name}" if name in RESULT_COLUMNS else f"{name}_{n + 2}") for n in count()
    )
    return next(free for free in candidates if free not in seen | everything)
