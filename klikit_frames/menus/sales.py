"""What each dish sells, from a column of the table or of the state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import InvalidToggles
from .matching import CELL_COLUMNS, Codes, match_rows

SALES = "sales"


def find_sales(changes: pd.DataFrame, state: pd.DataFrame, rows: Codes) -> dict[str, pd.Series]:
    """Return the column ``sales`` for these rows of the state: the table's own numbers, then the state's.

    Raises
    ------
    InvalidToggles
        A value is no number; ``.problems`` has the first ten of them.
    """
    sources = [frame for frame in (changes, state) if SALES in frame.columns]
    if not sources:
        return {}
    cells = state[list(CELL_COLUMNS)].iloc[rows]
    told = pd.Series(pd.NA, index=range(len(rows)), dtype="Float64")
    for frame in sources:
        items = frame[(frame["entity_type"] == "item").to_numpy(dtype=bool)]
        known = read_sales(items).array
        told = told.fillna(pd.Series(known.take(match_rows(cells, within=items), allow_fill=True)))
    return {SALES: told}


def read_sales(rows: pd.DataFrame) -> pd.Series:
    """Return the column ``sales`` as numbers; a blank is missing, and what is no number is refused."""
    texts = rows[SALES].astype("string").str.strip()
    texts = texts.mask(texts == "")
    numbers: pd.Series = pd.to_numeric(texts, errors="coerce").astype("Float64")
    is_bad = texts.notna() & ~np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan))
    if is_bad.any():
        raise _no_numbers(texts[is_bad])
    return numbers


def _no_numbers(texts: pd.Series) -> InvalidToggles:
    problems = pd.DataFrame(
        {
            "row": [int(label) + 1 if isinstance(label, int) else pd.NA for label in texts.index],
            "line": pd.array([pd.NA] * len(texts), dtype="Int64"),
            "column": SALES,
            "value": texts.tolist(),
            "code": "sales_no_number",
            "message": "The sales are no number.",
            "hint": "Write 1234.5, or leave it blank.",
            "severity": "error",
        }
    )
    first = ", ".join(f"{value!r} in row {row}" for row, value in zip(problems["row"], texts, strict=True))
    first = first if len(texts) <= 10 else f"{', '.join(first.split(', ')[:10])} and {len(texts) - 10:,} more"
    return InvalidToggles(
        f"The column sales has no number: {first}. Write 1234.5, or leave it blank.", problems
    )
