"""Delimited text to a grid of cells: quickly if every row is sound, row by row if one is not."""

from __future__ import annotations

import csv
import io

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding, Positions
from klikit_frames.frames.grids import Grid
from klikit_frames.frames.storage import text_series

# Surplus cells are shown to a person; beyond these nobody wants to see them.
_MOST_SURPLUS = 50
_NEWLINE = r"\r\n|\r|\n"


def read_records(text: bytes, *, separator: str, first_line: int) -> Grid:
    """Return the cells of `text`, whose first record is the header and gives the width.

    Parameters
    ----------
    text : bytes
        UTF-8, from the header on.
    separator : str
        What stands between cells.
    first_line : int
        The header's line in the whole file.
    """
    cells = None if b"\0" in text else _read_sound(text, separator)
    if cells is not None:
        return Grid(cells=cells, lines=first_line + _lines_before(cells, text))
    sizes = _count_cells(text, separator) if _is_simple(text) else None
    if sizes is not None and sizes.max() <= sizes[0] + _MOST_SURPLUS:
        cells = _read_simple(text, separator, int(sizes.max()))
        lines = first_line + np.arange(len(cells), dtype=np.int64)
        return Grid(cells=cells.iloc[:, : sizes[0]], lines=lines, findings=_long_rows(cells, sizes))
    return _read_unsound(text.decode(), separator=separator, first_line=first_line)


def _read_sound(text: bytes, separator: str) -> pd.DataFrame | None:
    """Read in one go; None if a row has surplus cells or a quote is never closed.

    Older parsers cut a cell at a NUL without a word, so text with one is not for them.
    """
    try:
        return pd.read_csv(
            io.BytesIO(text),
            sep=separator,
            header=None,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            encoding="utf-8",
        )
    except pd.errors.ParserError:
        return None


def _lines_before(cells: pd.DataFrame, text: bytes) -> npt.NDArray[np.int64]:
    """Count the lines before each record; a quoted cell may span several."""
    n_lines = (
        text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n") + (not text.endswith((b"\n", b"\r")))
    )
    if n_lines == len(cells):
        return np.arange(len(cells), dtype=np.int64)
    spans = np.ones(len(cells), dtype=np.int64)
    for name in cells.columns:
        spans += cells[name].str.count(_NEWLINE).to_numpy(dtype=np.int64)
    return np.cumsum(spans) - spans


def _nul_findings(cells: pd.DataFrame) -> list[Finding]:
    found = []
    for place, name in enumerate(cells.columns):
        positions = np.flatnonzero(cells[name].str.contains("\0", regex=False).to_numpy(dtype=bool))
        if len(positions):
            values = cells[name].to_numpy(dtype=object)[positions]
            column = str(cells.iat[0, place])
            found.append(Finding(code="nul_character", positions=positions, column=column, values=values))
    return found


def _is_simple(text: bytes) -> bool:
    """Tell whether every separator separates and every line is a row."""
    return not any(sign in text for sign in (b'"', b"\0")) and text.count(b"\r") == text.count(b"\r\n")


def _count_cells(text: bytes, separator: str) -> Positions:
    """Return how many cells each line of simple text has."""
    signs = np.frombuffer(text.removesuffix(b"\n") + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    return np.add.reduceat(signs == ord(separator), starts, dtype=np.intp) + 1


def _read_simple(text: bytes, separator: str, width: int) -> pd.DataFrame:
    """Read simple text of which some rows have up to `width` cells."""
    return pd.read_csv(
        io.BytesIO(text),
        sep=separator,
        header=None,
        names=range(width),
        index_col=False,
        dtype=str,
        na_filter=False,
        skip_blank_lines=False,
        quoting=csv.QUOTE_NONE,
        encoding="utf-8",
    )


def _long_rows(every: pd.DataFrame, sizes: Positions) -> list[Finding]:
    """Say which rows have more cells than the header, the first row; `sizes` are the cells of each."""
    width = int(sizes[0])
    positions = np.flatnonzero(sizes > width)
    if not len(positions):
        return []
    surplus = every.iloc[positions, width:]
    values = surplus.iloc[:, 0].str.cat(surplus.iloc[:, 1:], sep="|").str.rstrip("|")
    places, distinct = pd.factorize(sizes[positions])
    messages = [f"The row has {size} cells, the header {width}." for size in distinct]
    return [
        Finding(
            code="row_too_long",
            positions=positions,
            values=values.to_numpy(dtype=object),
            messages=np.array(messages, dtype=object)[places],
        )
    ]


def _read_unsound(text: str, *, separator: str, first_line: int) -> Grid:
    """Read row by row what the quick way gave up on."""
    rows, starts, is_unclosed = _split(text, separator)
    sizes = np.fromiter(map(len, rows), dtype=np.intp, count=len(rows))
    blanks = [""] * min(int(sizes.max()), int(sizes[0]) + _MOST_SURPLUS)
    columns = zip(*(row[: len(blanks)] + blanks[len(row) :] for row in rows), strict=True)
    every = pd.DataFrame({place: text_series(column) for place, column in enumerate(columns)})
    cells = every.iloc[:, : sizes[0]]
    findings = [_unclosed(rows)] if is_unclosed else []
    sizes[len(rows) - is_unclosed :] = 0  # an open quote swallows what comes after it
    findings += [*_long_rows(every, sizes), *(_nul_findings(cells) if "\0" in text else [])]
    return Grid(cells=cells, lines=first_line - 1 + np.array(starts, dtype=np.int64), findings=findings)


def _split(text: str, separator: str) -> tuple[list[list[str]], list[int], bool]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    starts = [1]
    try:
        for row in reader:
            rows.append(row)
            starts.append(reader.line_num + 1)
    except csv.Error:
        # An open quote swallows the rest of the file, until it outgrows the largest cell there may be.
        rows.append([""])
        return rows, starts, True
    return rows, starts[:-1], '"' in text and _is_open(text, starts, separator)


def _is_open(text: str, starts: list[int], separator: str) -> bool:
    """Tell whether the last record ends inside a quote."""
    tail = list(io.StringIO(text, newline=""))[starts[-2] - 1 :]
    try:
        list(csv.reader(tail, delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _unclosed(rows: list[list[str]]) -> Finding:
    return Finding(
        code="quote_unclosed",
        positions=np.array([len(rows) - 1]),
        values=rows[-1][-1][:80] if rows[-1] else "",
    )
