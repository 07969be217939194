"""Grids of text: a header row over data rows, as files and sheets have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding
from klikit_frames.frames.tables import Table


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells of text, the header in the first row, with the line that each row begins on.

    Attributes
    ----------
    cells : pandas.DataFrame
        All text, columns by position.
    lines : array of int
        Where each row begins in the person's file, from 1.
    findings : list of Finding
        What is wrong with whole rows; positions count the header.
    """

    cells: pd.DataFrame
    lines: npt.NDArray[np.int64]
    findings: list[Finding] = field(default_factory=list)


def grid_table(grid: Grid, *, notes: list[str]) -> Table:
    """Return the table in `grid`: columns named, blank rows and nameless blank columns left out and told."""
    body = grid.cells.iloc[1:]
    keep = ~_blank_rows(body)
    names, named, name_notes = _names(grid.cells.iloc[0].tolist(), body)
    frame = body.iloc[np.flatnonzero(keep), named] if not keep.all() else body.iloc[:, named]
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    return Table(
        frame=frame,
        rows=np.flatnonzero(keep) + 1,
        lines=grid.lines[1:][keep],
        notes=[*notes, *name_notes, *_blank_notes(keep)],
        findings=[_below_header(finding, keep) for finding in grid.findings if finding.positions.max() > 0],
    )


def above_note(line: int, above: Sequence[str]) -> list[str]:
    """Say what stood above a header on `line` and was skipped."""
    if line == 1:
        return []
    said = "; ".join(repr(text[:60]) for text in above[:3]) or "blank"
    return [f"The header is on line {line}; what stands above it was skipped: {said}."]


def _blank_rows(body: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Find the rows with nothing in any cell, looking only at those that are still blank so far."""
    blank = np.ones(len(body), dtype=bool)
    for place in range(body.shape[1]):
        if not blank.any():
            break
        cells = body.iloc[:, place][blank]
        blank[blank] = (cells.str.strip() == "").to_numpy(dtype=bool)
    return blank


def _blank_notes(keep: npt.NDArray[np.bool_]) -> list[str]:
    if keep.all():
        return []
    last = int(np.flatnonzero(keep).max(initial=-1)) + 1
    n_end, n_inside = len(keep) - last, int((~keep[:last]).sum())
    notes = [f"Blank rows at the end were skipped: {n_end:,}."] if n_end else []
    return notes + ([f"Blank rows between others were skipped: {n_inside:,}."] if n_inside else [])


def _below_header(finding: Finding, keep: npt.NDArray[np.bool_]) -> Finding:
    """Count positions among the rows that are left."""
    places = np.cumsum(keep) - 1
    return replace(finding, positions=places[finding.positions - 1])


def _names(header: list[str], body: pd.DataFrame) -> tuple[list[str], list[int], list[str]]:
    """Name every column: nameless blank ones go, nameless others and doubles among own columns get a number."""
    names: list[str] = []
    kept: list[int] = []
    notes: list[str] = []
    for place, name in enumerate(header):
        if not name.strip():
            if (body.iloc[:, place].str.strip() == "").all():
                continue
            name = f"column_{place + 1}"
            notes.append(f"Column {place + 1} has no name and came back as {name!r}.")
        names.append(name)
        kept.append(place)
    return names, kept, notes
