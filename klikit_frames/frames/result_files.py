"""Results of ours that come back as input: recognised, and stripped of what we added."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Literal

from ..errors import ConfigError
from .csv_injection import restore_formulas
from .schemas import RESULT_COLUMNS
from .source_tables import Table, take_rows

Rows = Literal["all", "failed"]
_TRUE_ALREADY = ("applied", "unchanged")


def is_result(names: Sequence[Hashable]) -> bool:
    """Tell whether these are the columns of a result of ours.

    Examples
    --------
    >>> from klikit_frames.frames.result_files import is_result
    >>> is_result(["entity_id", "code", "message"])
    False
    """
    return set(RESULT_COLUMNS) <= set(names)


def input_of_result(table: Table, *, rows: Rows) -> Table:
    """Return the input that a result of ours was made from; any other table as it is.

    Parameters
    ----------
    table : Table
        A result as a frame, or a file written by ``result.to_csv`` or ``result.to_excel``, of which the
        apostrophes before formulas are taken off again.
    rows : "all" or "failed"
        All rows, or those that did not end as ``applied`` or ``unchanged``.
    """
    if rows not in {"all", "failed"}:
        raise ConfigError(f"rows is {rows!r}; it can be 'all' or 'failed'.")
    if not is_result(table.names):
        return _no_result(table, rows)
    taken = _failed(table) if rows == "failed" else table
    frame = taken.frame.drop(columns=list(RESULT_COLUMNS))
    said = f"This is a result of a run; {rows} rows were taken: {len(frame):,} of {len(table.frame):,}."
    is_file = table.lines is not None
    return replace(taken, frame=restore_formulas(frame) if is_file else frame, notes=[*table.notes, said])


def _no_result(table: Table, rows: Rows) -> Table:
    # A source in which nothing can be read says so itself.
    if rows == "all" or not len(table.names):
        return table
    raise ConfigError("rows='failed' is for a result of a run; this table has no outcome of ours.")


def _failed(table: Table) -> Table:
    outcomes = table.frame["outcome"]
    return take_rows(table, ~outcomes.isin(_TRUE_ALREADY).to_numpy(dtype=bool))
