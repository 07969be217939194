"""What the corpus of nasty files and frames is made of.

A toggle is said as ``item 5 663/1062 off``, a problem as ``row:line column code``, warnings with a ``?``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xlsxwriter

from klikit_frames.frames.schemas import RESULT_COLUMNS

HEAD = "entity_type,entity_id,brand_id,branch_id,is_enabled"
SCOPED = f"{HEAD},scope"
CASCADED = f"{HEAD},cascade_to_modifier_groups,cascade_brand_ids"
GOOD = "item,5,663,1062,off"
TOGGLE = "item 5 663/1062 off"
OTHER = "item,6,663,1062,on"
OTHER_TOGGLE = "item 6 663/1062 on"


@dataclass(frozen=True)
class Case:
    """One source with what is to come of it."""

    name: str
    source: Any
    toggles: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        return self.name


def lines(*rows: str, end: str = "\n") -> bytes:
    """Return a CSV file."""
    return "".join(row + end for row in rows).encode()


def sheet(*rows: Sequence[object], name: str = "Sheet1", before: int = 0) -> bytes:
    """Return an XLSX file, with some empty sheets before the one that counts."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for place in range(before):
            book.add_worksheet(f"Empty{place}")
        page = book.add_worksheet(name)
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)
    return buffer.getvalue()


def frame(**columns: object) -> pd.DataFrame:
    """Return two good rows, with some columns replaced or, if None, left out."""
    base: dict[str, object] = {
        "entity_type": ["item", "item"],
        "entity_id": [5, 6],
        "brand_id": [663, 663],
        "branch_id": [1062, 1062],
        "is_enabled": [False, True],
    }
    return pd.DataFrame({name: cells for name, cells in (base | columns).items() if cells is not None})


def indexed(index: Any) -> pd.DataFrame:
    """Return two good rows under another index."""
    return frame().set_axis(index, axis=0)


def parquet(table: pd.DataFrame) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def result_csv(*outcomes: str) -> bytes:
    """Return a result file with one row per outcome."""
    added = ",".join(RESULT_COLUMNS)
    rest = "," * (len(RESULT_COLUMNS) - 1)
    rows = [f"item,{5 + place},663,1062,off,'=1+1,{outcome}{rest}" for place, outcome in enumerate(outcomes)]
    return lines(f"{HEAD},note,{added}", *rows)


BOTH = [TOGGLE, OTHER_TOGGLE]
TYPED = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]
