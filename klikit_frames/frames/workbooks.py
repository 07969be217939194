"""Spreadsheets to a table: the one file that knows calamine."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from klikit_frames.errors import ConfigError
from klikit_frames.frames.findings import table_finding
from klikit_frames.frames.grids import Grid, above_note, grid_table
from klikit_frames.frames.headers import count_known
from klikit_frames.frames.tables import Table, failed_table

_HEAD_ROWS = 30
# A spreadsheet keeps 15 digits of a number; what was typed beyond them is lost before anyone reads the file.
_LARGEST_NUMBER = 1e15

Cells = list[list[Any]]


def workbook_table(content: bytes, *, sheet: str | int | None = None) -> Table:
    """Return the table in an XLSX, XLS, XLSB or ODS file; touches neither network nor disk.

    Parameters
    ----------
    content : bytes
        The whole file.
    sheet : str or int, optional
        Name or place of a sheet, from 0; without it the one whose header makes the most sense.

    Raises
    ------
    ConfigError
        If the reader of spreadsheets is not installed, or there is no such sheet.
    """
    calamine = _import_calamine()
    try:
        with calamine.load_workbook(io.BytesIO(content)) as workbook:
            names = _chosen(workbook.sheet_names, sheet)
            sheets = {
                name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names
            }
    except (calamine.CalamineError, calamine.PasswordError, calamine.ZipError, calamine.XmlError) as error:
        message = f"The spreadsheet cannot be read: {error}."
        return failed_table(table_finding("file_unreadable", message=message))
    name = max(sheets, key=lambda name: _score(sheets[name]))
    notes = [f"Sheet {name!r} was read."]
    if not any(map(any, sheets[name])):
        return failed_table(table_finding("file_empty"), notes=notes)
    return _sheet_table(sheets[name], notes)


def _import_calamine() -> Any:
    try:
        import python_calamine
    except ImportError as error:
        raise ConfigError(
            "Reading a spreadsheet needs an extra: pip install 'klikit-frames[excel]'"
        ) from error
    return python_calamine


def _chosen(names: Sequence[str], sheet: str | int | None) -> Sequence[str]:
    if sheet is None:
        return names
    if isinstance(sheet, int) and -len(names) <= sheet < len(names):
        return [names[sheet]]
    if sheet in names:
        return [str(sheet)]
    raise ConfigError(f"There is no sheet {sheet!r}; the file has {', '.join(map(repr, names))}.")


def _score(rows: Cells) -> int:
    return max((count_known(row) for row in rows[:_HEAD_ROWS]), default=-1)


def _sheet_table(rows: Cells, notes: list[str]) -> Table:
    filled = [place for place, row in enumerate(rows[:_HEAD_ROWS]) if any(str(cell).strip() for cell in row)]
    header = max(filled, key=lambda place: (count_known(rows[place]), -place), default=0)
    above = [" ".join(str(cell) for cell in rows[place] if cell != "") for place in filled if place < header]
    body = rows[header:]
    columns = {place: [_say(cell) for cell in column] for place, column in enumerate(zip(*body, strict=True))}
    grid = Grid(
        cells=pd.DataFrame(columns, dtype=str),
        lines=np.arange(header + 1, len(rows) + 1, dtype=np.int64),
        has_floats=True,
    )
    return grid_table(grid, notes=[*notes, *above_note(header + 1, above)])


def _say(cell: object) -> str:
    """Say a cell as the sheet shows it; a whole number has no decimal point there."""
    if type(cell) is str:
        return cell
    if type(cell) is float and cell.is_integer() and abs(cell) < _LARGEST_NUMBER:
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)
