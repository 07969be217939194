"""Tables as they came: cells, the person's own count of rows and lines, and what was seen on the way in."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding
from klikit_frames.frames.halves import mend_halves, mend_name


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a reader hands on.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows; all text if it came from a file that allows it.
    rows : array of int
        The number of each row: 1 is the first data row, blank lines inside count.
    lines : array of int, or None
        Where each row begins in the person's file; None for a frame.
    notes : list of str
        What the reader chose, in words.
    findings : list of Finding
        What was wrong with the file as such, and with whole rows.
    has_floats : bool
        Whether numbers come from a program that keeps about 15 digits, as spreadsheets do.
    """

    frame: pd.DataFrame
    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None = None
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    has_floats: bool = False

    @property
    def names(self) -> list[Hashable]:
        """The column names, as they came."""
        return list(self.frame.columns)


def frame_table(frame: pd.DataFrame, *, notes: list[str] | None = None) -> Table:
    """Return a table of a frame that a person has in memory; it is not changed."""
    mended, findings = mend_halves(frame)
    rows = np.arange(1, len(frame) + 1)
    return Table(frame=mended, rows=rows, notes=list(notes or []), findings=findings)


def records_table(records: Any, *, index: Any = None) -> Table:
    """Return a table of plain Python values, in which a whole number beside a blank stays a whole number."""
    try:
        frame = pd.DataFrame(records, dtype=object, index=index)
    except UnicodeEncodeError:
        frame = pd.DataFrame(_mend_names(records), dtype=object, index=index)
    table = frame_table(frame)
    return replace(table, frame=_infer_types(table.frame))


def _mend_names(records: Any) -> Any:
    if isinstance(records, Mapping):
        return {mend_name(name): cells for name, cells in records.items()}
    return [_mend_names(record) if isinstance(record, Mapping) else record for record in records]


def _infer_types(frame: pd.DataFrame) -> pd.DataFrame:
    inferred = frame.infer_objects()
    for name in inferred.columns[inferred.dtypes == "float64"]:
        if pd.api.types.infer_dtype(frame[name], skipna=True) != "floating":
            inferred[name] = frame[name]
    return inferred


def failed_table(finding: Finding, *, notes: list[str] | None = None) -> Table:
    """Return the table of a source of which nothing can be read, for the reason in `finding`."""
    rows = np.empty(0, dtype=np.int64)
    return Table(frame=pd.DataFrame(), rows=rows, notes=list(notes or []), findings=[finding])


def take_rows(table: Table, keep: npt.NDArray[np.bool_]) -> Table:
    """Return `table` with the rows in `keep` only; they keep their numbers, lines and index."""
    places = np.cumsum(keep) - 1
    findings = [finding if finding.is_of_table else finding.without(~keep) for finding in table.findings]
    return replace(
        table,
        frame=table.frame[keep],
        rows=table.rows[keep],
        lines=None if table.lines is None else table.lines[keep],
        findings=[finding.moved(places) for finding in findings],
    )
