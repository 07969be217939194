"""Wishes: the sound rows of a table, to be held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What each sound row wants, and for what.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The columns of toggles.
    positions : array of int
        The place of each among the rows of the table.
    rows, lines : array of int
        How the person counts them; `lines` is None for a frame.
    """

    toggles: pd.DataFrame
    positions: npt.NDArray[np.intp]
    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None

    def say_rows(self, places: npt.NDArray[np.intp]) -> Any:
        """Say rows as the person counts them, with the line of a file; texts can be added on both sides."""
        rows = self.rows[places].tolist()
        if self.lines is None:
            return np.array([str(row) for row in rows], dtype=object)
        lines = self.lines[places].tolist()
        return np.array([f"{row} (line {line})" for row, line in zip(rows, lines, strict=True)], dtype=object)

    def find(self, code: str, places: npt.NDArray[np.intp], **said: Any) -> list[Finding]:
        """Return a finding about some of these rows, if there are any."""
        if not len(places):
            return []
        return [Finding(code=code, positions=self.positions[places], **said)]
