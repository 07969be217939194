"""Excel and OpenDocument workbooks: read as texts, the errors of formulas reported, template sheets written.

Calamine reads the errors of formulas, such as #DIV/0!, as blank cells; they are looked up in the file itself.
"""

from __future__ import annotations

import datetime as dt
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from .. import edge
from ..errors import ConfigError
from .headers import ColumnNames, count_known, find_header
from .problems import table_problem
from .schemas import ENTITY_TYPES, SCOPES
from .source_tables import Grid, Reading, Table, above_note, failed_table, grid_table

_ERROR_CELL = re.compile(
    rb'<c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>(?:<f\b[^>]*?(?:/>|>[^<]*</f>))?<v>([^<]*)</v>'
)

_OFFICE, _CALC = (
    "urn:oasis:names:tc:opendocument:xmlns:",
    "urn:org:documentfoundation:names:experimental:calc:",
)
_TABLE, _TEXT = f"{{{_OFFICE}table:1.0}}", f"{{{_OFFICE}text:1.0}}"
_MOST_COLUMNS, _MOST_ROWS = 16_384, 1_048_576
_VALUE_TYPE = f"{{{_CALC}xmlns:calcext:1.0}}value-type"

# Binary workbooks keep an error as one byte; these are Microsoft's own (MS-XLS 2.5.10, MS-XLSB 2.5.97.2).
_ERROR_NAMES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
# The records of an XLSB file that matter here (MS-XLSB 2.4): a row, cells with an error, a sheet's name.
_ROW, _ERROR, _FORMULA_ERROR, _SHEET = 0, 3, 11, 156
# A generator turns StopIteration into RuntimeError, and zipfile says of passwords with one.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
)


class FormulaError(NamedTuple):
    """An error and its cell, counted from 0."""

    row: int
    column: int
    text: str


def find_formula_errors(content: bytes, sheet: str) -> list[FormulaError] | None:
    """Return the errors of formulas in one sheet of an XLSX, XLSB, XLS or ODS file, by rows.

    Touches neither network nor disk. None means that they cannot be read from this file.

    Parameters
    ----------
    content : bytes
        The whole file.
    sheet : str
        The name of the sheet.

    Examples
    --------
    >>> from klikit_frames.frames.excel_files import find_formula_errors
    >>> find_formula_errors(b"no workbook", "Monday") is None
    True
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return _xls_errors(content, sheet)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member, find in _FINDERS.items():
                if member in archive.namelist():
                    return list(find(archive, sheet))
    except _UNREADABLE:
        pass
    return None


def _xlsx_errors(archive: zipfile.ZipFile, sheet: str) -> Iterator[FormulaError]:
    book = archive.read("xl/workbook.xml").decode()
    tag = next(tag for tag in _tags(book, "sheet") if _attribute(tag, "name") == sheet)
    xml = _read_part(archive, "xl/_rels/workbook.xml.rels", _attribute(tag, r"\w+:id"))
    if b't="e"' in xml:
        for column, line, error in _ERROR_CELL.findall(xml):
            text = html.unescape(error.decode(errors="replace"))
            yield FormulaError(int(line) - 1, _column_number(column), text)


def _read_part(archive: zipfile.ZipFile, links: str, link_id: str) -> bytes:
    """Return the part of a workbook that one of its links names."""
    tags = _tags(archive.read(links).decode(), "Relationship")
    target = _attribute(next(tag for tag in tags if _attribute(tag, "Id") == link_id), "Target")
    return archive.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")


def _tags(xml: str, name: str) -> list[str]:
    return re.findall(rf"<{name}\b[^>]*>", xml)


def _attribute(tag: str, name: str) -> str:
    value = re.search(rf'\s{name}="([^"]*)"', tag)
    return html.unescape(value[1]) if value else ""


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _xlsb_errors(archive: zipfile.ZipFile, sheet: str) -> Iterator[FormulaError]:
    link_id = next(
        link_id
        for kind, body in _records(archive.read("xl/workbook.bin"))
        if kind == _SHEET
        for link_id, name in [_wide_texts(body[8:])]
        if name == sheet
    )
    row = 0
    for kind, body in _records(_read_part(archive, "xl/_rels/workbook.bin.rels", link_id)):
        if kind == _ROW:
            row = _number(body)
        elif kind in {_ERROR, _FORMULA_ERROR}:
            # A cell begins with its column and its style, four bytes each.
            yield FormulaError(row, _number(body), _error_name(body[8]))


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each record of a part of an XLSB file (MS-XLSB 2.1.4)."""
    place = 0
    while place < len(content):
        kind, place = content[place], place + 1
        if kind & 0x80:
            kind, place = kind & 0x7F | content[place] << 7, place + 1
        size = 0
        for n in range(4):
            byte, place = content[place], place + 1
            size |= (byte & 0x7F) << 7 * n
            if not byte & 0x80:
                break
        yield kind, content[place : place + size]
        place += size


def _wide_texts(content: bytes) -> tuple[str, str]:
    """Return two texts that stand one behind the other, each after its length."""
    end = 4 + 2 * _number(content)
    rest = content[end:]
    return content[4:end].decode("utf-16-le"), rest[4 : 4 + 2 * _number(rest)].decode("utf-16-le")


def _number(content: bytes) -> int:
    return int.from_bytes(content[:4], "little")


def _error_name(code: int) -> str:
    return _ERROR_NAMES.get(code, "#ERROR!")


def _xls_errors(content: bytes, sheet: str) -> list[FormulaError] | None:
    try:
        import xlrd
    except ImportError:
        return None
    try:
        # It tells what it finds odd on the standard output unless it is given another place.
        with xlrd.open_workbook(file_contents=content, on_demand=True, logfile=io.StringIO()) as book:
            page = book.sheet_by_name(sheet)
            return [
                FormulaError(row, column, _error_name(page.cell_value(row, column)))
                for row in range(page.nrows)
                for column, kind in enumerate(page.row_types(row))
                if kind == xlrd.XL_CELL_ERROR
            ]
    except Exception:  # noqa: BLE001 - whatever it cannot read, calamine may have read
        return None


def _ods_errors(archive: zipfile.ZipFile, sheet: str) -> Iterator[FormulaError]:
    xml = archive.read("content.xml")
    # Only a document type can declare entities, which could blow up or reach out; no spreadsheet has one.
    if b"<!DOCTYPE" in xml:
        raise ElementTree.ParseError
    tables = ElementTree.fromstring(xml).iter(f"{_TABLE}table")  # noqa: S314
    table = next(table for table in tables if table.get(f"{_TABLE}name") == sheet)
    n_row = 0
    for row in table.iter(f"{_TABLE}table-row"):
        n_rows = int(row.get(f"{_TABLE}number-rows-repeated", "1"))
        errors = [*_row_errors(row)]
        for place in range(n_row, min(n_row + n_rows, _MOST_ROWS)) if errors else ():
            yield from (FormulaError(place, column, text) for column, text in errors)
        n_row += n_rows


def _row_errors(row: ElementTree.Element) -> Iterator[tuple[int, str]]:
    """Yield the columns of a row that hold an error, and the error."""
    column = 0
    for cell in row:
        n_columns = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        if cell.get(_VALUE_TYPE) == "error":
            text = cell.find(f"{_TEXT}p")
            shown = "#ERROR!" if text is None else "".join(text.itertext())
            yield from ((column + n, shown) for n in range(min(n_columns, _MOST_COLUMNS)))
        column += n_columns


# Which part a workbook has says its format.
_FINDERS = {"xl/workbook.xml": _xlsx_errors, "xl/workbook.bin": _xlsb_errors, "content.xml": _ods_errors}


_HEAD_ROWS = 30
# A spreadsheet keeps 15 digits of a number; what was typed beyond them is lost before anyone reads the file.
_LARGEST_NUMBER = 1e15

# The drop-downs of a template, for its rows and for those that a person adds.
_CHOICES = {
    "entity_type": list(ENTITY_TYPES),
    "scope": list(SCOPES),
    "is_enabled": ["on", "off"],
}
_MOST_TYPED = 1_000
_LOST_ERRORS = (
    "In this file the errors of formulas are read as blank cells; save it as .xlsx to have them told."
)
_COLUMN_WIDTH = 18

Cells = list[list[Any]]
Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class _Sheet:
    """One sheet: its cells from A1 on, and the ranges of its merged cells."""

    name: str
    rows: Cells
    merged: Sequence[Range]


def workbook_table(content: bytes, reading: Reading) -> Table:
    """Return the table in an XLSX, XLS, XLSB or ODS file; touches neither network nor disk.

    The errors of formulas, such as ``#DIV/0!``, are read too; where they cannot be, a note says so.

    Parameters
    ----------
    content : bytes
        The whole file.
    reading : Reading
        What the person says about it; without a sheet the one whose header makes the most sense is read.

    Raises
    ------
    ConfigError
        If the reader of spreadsheets is not installed, or there is no such sheet.
    """
    calamine = _import_calamine()
    try:
        with calamine.load_workbook(io.BytesIO(content)) as workbook:
            sheets = [_read_sheet(workbook, name) for name in _chosen(workbook.sheet_names, reading.sheet)]
    except (calamine.CalamineError, calamine.PasswordError, calamine.ZipError, calamine.XmlError) as error:
        message = f"The spreadsheet cannot be read: {error}."
        return failed_table(table_problem("file_unreadable", message=message))
    best = max(sheets, key=lambda sheet: _score(sheet.rows, reading.columns))
    notes = [f"Sheet {best.name!r} was read.", *_fill_errors(best, content)]
    if not any(map(any, best.rows)):
        return failed_table(table_problem("file_empty"), notes=notes)
    return _sheet_table(best, reading, notes)


def _read_sheet(workbook: Any, name: str) -> _Sheet:
    sheet = workbook.get_sheet_by_name(name)
    return _Sheet(name, sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or ())


def _fill_errors(sheet: _Sheet, content: bytes) -> list[str]:
    """Put the errors of formulas where calamine left blank cells; return the notes on it."""
    errors = find_formula_errors(content, sheet.name)
    if errors is None:
        return [_LOST_ERRORS]
    for row, place, error in errors:
        if row < len(sheet.rows) and place < len(sheet.rows[row]):
            sheet.rows[row][place] = error
    return []


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


def _score(rows: Cells, columns: ColumnNames) -> int:
    return max((count_known(row, columns) for row in rows[:_HEAD_ROWS]), default=-1)


def _sheet_table(sheet: _Sheet, reading: Reading, notes: list[str]) -> Table:
    rows = sheet.rows
    filled = [place for place, row in enumerate(rows[:_HEAD_ROWS]) if any(str(cell).strip() for cell in row)]
    header = filled[find_header([rows[place] for place in filled], reading.columns)] if filled else 0
    above = [" ".join(str(cell) for cell in rows[place] if cell != "") for place in filled if place < header]
    n_merged = _fill_merged(sheet, header=header)
    merged_notes = [f"Merged cells were read as their value in every row: {n_merged:,}."] if n_merged else []
    body = rows[header:]
    columns = {
        place: [_cell_text(cell) for cell in column] for place, column in enumerate(zip(*body, strict=True))
    }
    grid = Grid(
        cells=pd.DataFrame(columns, dtype=str),
        lines=np.arange(header + 1, len(rows) + 1, dtype=np.int64),
        has_floats=True,
    )
    line_above = [_cell_text(cell) for cell in rows[header - 1]] if header else []
    return grid_table(
        grid,
        notes=[*notes, *above_note(header + 1, above), *merged_notes],
        above=line_above,
        has_names=reading.has_names,
    )


def _fill_merged(sheet: _Sheet, *, header: int) -> int:
    """Repeat the value of cells that are merged downwards, below the header; return how many were filled.

    A row with nothing else in it stays blank.
    """
    rows, n_filled = sheet.rows, 0
    for (top, left), (bottom, _) in sheet.merged:
        for row in rows[max(top, header) + 1 : bottom + 1] if top > header else []:
            if row[left] == "" and any(cell != "" for cell in row):
                row[left] = rows[top][left]
                n_filled += 1
    return n_filled


def _cell_text(cell: object) -> str:
    """Return a cell as the sheet shows it; a whole number has no decimal point there."""
    if type(cell) is str:
        return cell
    if type(cell) is float and cell.is_integer() and abs(cell) < _LARGEST_NUMBER:
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)


# Microsoft's list of Excel's limits; a sign beyond U+FFFF counts as two.
_MOST_CHARACTERS = 32_767
_NO_XML = re.compile("[\ufffe\uffff]")
_MOST_SHOWN = 10


def validate_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if an XLSX file can hold all of its texts as they are.

    Touches neither network nor disk.

    Raises
    ------
    ConfigError
        If a text would be cut or altered; the message names column and row (1 is the first data row).

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.excel_files import validate_cells
    >>> validate_cells(pd.DataFrame({"note": ["fine", "x" * 40_000]}))
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: XLSX files cannot hold 1 of these texts; save them with to_csv instead.
    - column 'note', row 2: 40,000 characters, of which Excel keeps 32,767
    """
    faults = list(_faults(frame))
    if faults:
        rest = [f"- and {len(faults) - _MOST_SHOWN:,} more"] if len(faults) > _MOST_SHOWN else []
        head = f"XLSX files cannot hold {len(faults):,} of these texts; save them with to_csv instead."
        raise ConfigError("\n".join([head, *faults[:_MOST_SHOWN], *rest]))
    return frame


def _faults(frame: pd.DataFrame) -> Iterator[str]:
    for place, name in enumerate(frame.columns):
        fault = _fault(name) if isinstance(name, str) else ""
        if fault:
            yield f"- the name of column {place + 1}: {fault}"
        for row, cell in enumerate(frame.iloc[:, place].astype(object), 1):
            fault = _fault(cell) if isinstance(cell, str) else ""
            if fault:
                yield f"- column {str(name)[:60]!r}, row {row:,}: {fault}"


def _fault(text: str) -> str:
    size = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
    if size > _MOST_CHARACTERS:
        return f"{size:,} characters, of which Excel keeps {_MOST_CHARACTERS:,}"
    sign = _NO_XML.search(text)
    return f"the sign U+{ord(sign[0]):04X}, which XML does not have" if sign else ""


def write_template_sheet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table to fill in as XLSX: ids as text, so that no digit is lost, and words to choose from.

    Raises
    ------
    ConfigError
        If the writer of spreadsheets is not installed.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise ConfigError("Writing an .xlsx needs an extra: pip install 'klikit-frames[excel]'") from error
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    sheet = io.BytesIO()
    with xlsxwriter.Workbook(sheet, options) as book:
        page = book.add_worksheet("toggles")
        as_text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True})
        for place, name in enumerate(frame.columns):
            page.set_column(place, place, _COLUMN_WIDTH, as_text)
            page.write_string(0, place, str(name), bold)
            page.write_column(1, place, [_template_text(cell) for cell in frame.iloc[:, place]], as_text)
            if name in _CHOICES:
                choice = {"validate": "list", "source": _CHOICES[name], "ignore_blank": True}
                page.data_validation(1, place, max(len(frame), _MOST_TYPED), place, choice)
        page.freeze_panes(1, 0)
    edge.write_file(path, sheet.getvalue())


def _template_text(cell: Any) -> str:
    return "" if pd.isna(cell) else str(cell)
