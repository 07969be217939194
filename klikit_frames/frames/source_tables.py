"""Tables as read from a source: cells, the numbers of rows and lines, and notes on how they were read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from .problems import Problem
from .schemas import guess_meaning


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a person says about a source that it does not say itself.

    Attributes
    ----------
    encoding : str or None
        Of a text file.
    sheet : str, int or None
        Name or place of a sheet, from 0.
    columns : dict
        The column of this package for a column of the source: ``{"Artikel-Nr.": "entity_id"}``.
    has_names : bool
        Whether titles of brands and branches may stand above the columns, one line each.
    """

    encoding: str | None = None
    sheet: str | int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    has_names: bool = False


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
    problems : list of Problem
        What was wrong with the file as such, and with whole rows.
    has_floats : bool
        Whether numbers come from a program that keeps about 15 digits, as spreadsheets do.
    columns : dict
        See `Reading`.
    """

    frame: pd.DataFrame
    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    has_floats: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[Hashable]:
        """The column names, as they came."""
        return list(self.frame.columns)


def failed_table(problem: Problem, *, notes: list[str] | None = None) -> Table:
    """Return an empty table for a source that cannot be read, with the reason in `problem`."""
    rows = np.empty(0, dtype=np.int64)
    return Table(frame=pd.DataFrame(), rows=rows, notes=list(notes or []), problems=[problem])


def take_rows(table: Table, keep: npt.NDArray[np.bool_]) -> Table:
    """Return `table` with the rows in `keep` only; they keep their numbers, lines and index."""
    places = np.cumsum(keep) - 1
    problems = [problem if problem.is_of_table else problem.without(~keep) for problem in table.problems]
    return replace(
        table,
        frame=table.frame[keep],
        rows=table.rows[keep],
        lines=None if table.lines is None else table.lines[keep],
        problems=[problem.moved(places) for problem in problems],
    )


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells of text, the header in the first row, with the line that each row begins on.

    Attributes
    ----------
    cells : pandas.DataFrame
        All text, columns by position.
    lines : array of int
        Where each row begins in the person's file, from 1.
    problems : list of Problem
        What is wrong with whole rows; positions count the header.
    has_floats : bool
        See `Table`.
    """

    cells: pd.DataFrame
    lines: npt.NDArray[np.int64]
    problems: list[Problem] = field(default_factory=list)
    has_floats: bool = False


def grid_table(grid: Grid, *, notes: list[str], above: Sequence[str] = (), has_names: bool = False) -> Table:
    """Return the table in `grid`: columns named; blank rows and nameless blank columns are left out.

    Parameters
    ----------
    grid : Grid
        The header and the rows.
    notes : list of str
        What the reader chose.
    above : sequence of str
        The line above the header, which may have the brands of stores.
    has_names : bool
        See `Reading`.
    """
    body = grid.cells.iloc[1:]
    problems = [problem.below(1) for problem in grid.problems]
    keep = ~_blank_rows(body)
    for problem in problems:
        keep[problem.positions] = True
    names, places, name_notes = _names(
        _join_header(above, grid.cells.iloc[0].tolist(), has_names=has_names), body
    )
    frame = body if len(places) == body.shape[1] else body.iloc[:, places]
    frame.columns, frame.index = pd.Index(names), pd.RangeIndex(len(body))
    table = Table(
        frame=frame,
        rows=np.arange(1, len(body) + 1),
        lines=grid.lines[1:],
        notes=[*notes, *name_notes, *_blank_notes(keep)],
        problems=[problem for problem in problems if len(problem.positions)],
        has_floats=grid.has_floats,
    )
    return table if keep.all() else _renumbered(take_rows(table, keep))


def _renumbered(table: Table) -> Table:
    return replace(table, frame=table.frame.reset_index(drop=True))


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


def _join_header(above: Sequence[str], header: list[str], *, has_names: bool) -> list[str]:
    """Return the header with brand and branch joined, where brands stand on the line above the branches.

    A brand counts for the blank cells on its right, as merged cells come out of a spreadsheet.
    """
    if len({text.strip() for text in above if text.strip()} | {""}) < 2:
        return header
    joined, brand = [], ""
    for place, branch in enumerate(header):
        brand = (above[place] if place < len(above) else "").strip() or brand
        is_pair = _are_ids(brand, branch) or (has_names and brand and guess_meaning(branch) is None)
        joined.append(f"{brand} / {branch.strip()}" if is_pair and branch.strip() else branch)
    return joined


def _are_ids(*texts: str) -> bool:
    return all(text.strip().isascii() and text.strip().isdigit() for text in texts)


def _names(header: list[str], body: pd.DataFrame) -> tuple[list[str], list[int], list[str]]:
    """Name every column; nameless blank ones go, nameless others are called by their place."""
    is_kept = [
        bool(name.strip()) or any(cell and not cell.isspace() for cell in cells.to_numpy())
        for name, (_, cells) in zip(header, body.items(), strict=True)
    ]
    places = [place for place, kept in enumerate(is_kept) if kept]
    names = [header[place] if header[place].strip() else f"column_{place + 1}" for place in places]
    notes = [
        f"Column {place + 1} has no name and came back as 'column_{place + 1}'."
        for place in places
        if not header[place].strip()
    ]
    return names, places, notes
