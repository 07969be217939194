"""Tables as they came: cells, the person's own count of rows and lines, and what was seen on the way in."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding, table_finding


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
        What was wrong with the file as such.
    """

    frame: pd.DataFrame
    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None = None
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def names(self) -> list[Hashable]:
        """The column names, as they came."""
        return list(self.frame.columns)


def frame_table(frame: pd.DataFrame, *, notes: list[str] | None = None) -> Table:
    """Return a table of a frame that a person has in memory; it is not changed."""
    return Table(frame=frame, rows=np.arange(1, len(frame) + 1), notes=list(notes or []))


def empty_table(notes: list[str]) -> Table:
    """Return the table of a file in which there is nothing, not even a header."""
    return Table(
        frame=pd.DataFrame(),
        rows=np.empty(0, dtype=np.int64),
        notes=notes,
        findings=[table_finding("file_empty")],
    )
