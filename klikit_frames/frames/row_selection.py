"""The rows of a table that are toggles: without totals, and of a result only those asked for."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from ..errors import ConfigError
from .cell_values import FLAG_WORDS, parse_ids
from .csv_injection import restore_formulas
from .factorized_text import text_column
from .headers import read_header
from .schemas import RESULT_COLUMNS
from .source_tables import Table, take_rows

_TOTAL = re.compile(
    r"\W*(grand |sub-?)?(totals?|totales|total general|sum|summe|gesamt|gesamtsumme|jumlah|suma)[\W\d_]*",
    re.IGNORECASE,
)
_MOST_TOTALS = 5


def drop_totals(table: Table) -> Table:
    r"""Return `table` without the rows of totals at its end; the notes say which they were.

    Such a row has a cell that says Total or the like, no id of an entity, and no flag but numbers.

    Examples
    --------
    >>> checked = kf.check_toggles(b"item_id,store,is_enabled\n5,663/1,off\nTotal: 1,,\n")
    >>> checked.is_valid, [note for note in checked.notes if "totals" in note]
    (True, ["A row of totals at the end was left out: row 2 ('Total: 1')."])
    """
    totals: list[tuple[int, str]] = []
    n_rows = len(table.frame)
    for position in range(n_rows - 1, max(n_rows - 1 - _MOST_TOTALS, -1), -1):
        label = _total_label(table, position)
        if label is None:
            break
        totals.append((position, label))
    if not totals:
        return table
    keep = np.ones(n_rows, dtype=bool)
    keep[[position for position, _ in totals]] = False
    notes = [
        f"A row of totals at the end was left out: row {table.rows[position]} ({label!r:.60})."
        for position, label in reversed(totals)
    ]
    kept = take_rows(table, keep)
    return replace(kept, notes=[*kept.notes, *notes])


def _total_label(table: Table, position: int) -> str | None:
    """Return the cell that says that a row is one of totals, or None."""
    texts = text_column(pd.Series(table.frame.iloc[position].to_numpy(dtype=object), dtype=object))
    cells = [str(text) for text in texts.take(texts.uniques, blank="")]
    place = read_header(table.names, table.columns).places.get("entity_id")
    if place is not None and parse_ids(np.array([cells[place]], dtype=object))[0] > 0:
        return None
    if any(cell.strip().casefold() in FLAG_WORDS and not cell.strip().isdigit() for cell in cells):
        return None  # it may be a dish of that name
    return next((cell.strip() for cell in cells if _TOTAL.fullmatch(cell.strip())), None)


Rows = Literal["all", "failed"]
_TRUE_ALREADY = ("applied", "unchanged")


def is_result(names: Sequence[Hashable]) -> bool:
    """Return whether these are the columns of a result of this package.

    Examples
    --------
    >>> from klikit_frames.frames.row_selection import is_result
    >>> is_result(["entity_id", "code", "message"])
    False
    """
    return set(RESULT_COLUMNS) <= set(names)


def input_of_result(table: Table, *, rows: Rows) -> Table:
    """Return the input that a result was made from; any other table unchanged.

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
