"""The errors of formulas in workbooks, such as #DIV/0!, which calamine reads as blank cells."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

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
    >>> from klikit_frames.frames.formula_errors import find_formula_errors
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
    table = next(one for one in tables if one.get(f"{_TABLE}name") == sheet)
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
