"""Delimited text to a grid of cells: quickly if every row is sound, row by row if one is not."""

from __future__ import annotations

import csv
import io

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.findings import Finding
from klikit_frames.frames.grids import Grid

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
    if cells is None:
        return _read_unsound(text.decode(), separator=separator, first_line=first_line)
    return Grid(cells=cells, lines=first_line + _lines_before(cells, text))


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


def _read_unsound(text: str, *, separator: str, first_line: int) -> Grid:
    """Read row by row what the quick way gave up on."""
    rows, starts, is_unclosed = _split(text, separator)
    width = len(rows[0])
    cells = pd.DataFrame([row[:width] + [""] * (width - len(row)) for row in rows], dtype=str)
    findings = [*_long_rows(rows, width, is_unclosed), *(_nul_findings(cells) if "\0" in text else [])]
    if is_unclosed:
        findings.append(_unclosed(rows))
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
    return rows, starts[:-1], _is_open(text, rows, starts, separator)


def _is_open(text: str, rows: list[list[str]], starts: list[int], separator: str) -> bool:
    """Tell whether the last record ends inside a quote."""
    tail = list(io.StringIO(text, newline=""))[starts[-2] - 1 :]
    try:
        list(csv.reader(tail, delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _long_rows(rows: list[list[str]], width: int, is_unclosed: bool) -> list[Finding]:  # noqa: FBT001
    sizes = np.fromiter(map(len, rows), dtype=np.intp, count=len(rows))
    positions = np.flatnonzero(sizes > width)
    if is_unclosed:
        positions = positions[positions < len(rows) - 1]
    if not len(positions):
        return []
    surplus = ["|".join(rows[place][width:]) for place in positions]
    messages = [f"The row has {sizes[place]} cells, the header {width}." for place in positions]
    return [
        Finding(
            code="row_too_long",
            positions=positions,
            values=np.array(surplus, dtype=object),
            messages=np.array(messages, dtype=object),
        )
    ]


def _unclosed(rows: list[list[str]]) -> Finding:
    return Finding(
        code="quote_unclosed",
        positions=np.array([len(rows) - 1]),
        values=rows[-1][-1][:80] if rows[-1] else "",
    )
