"""Rows of totals below a table: recognised, left out and noted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from .cell_values import FLAG_WORDS, parse_ids
from .factorized_text import text_column
from .headers import read_header
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
