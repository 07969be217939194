"""The errors of formulas in a spreadsheet, which its reader takes for blank cells."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

# The value of a cell that holds an error; calamine reads such a cell as blank.
_ERROR_CELL = re.compile(
    rb'<c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>(?:<f\b[^>]*?(?:/>|>[^<]*</f>))?<v>([^<]*)</v>'
)

_OFFICE, _CALC = (
    "urn:oasis:names:tc:opendocument:xmlns:",
    "urn:org:documentfoundation:names:experimental:calc:",
)
_TABLE, _TEXT = f"{{{_OFFICE}table:1.0}}", f"{{{_OFFICE}text:1.0}}"
_MOST_COLUMNS = 16_384
_VALUE_TYPE = f"{{{_CALC}xmlns:calcext:1.0}}value-type"


class FormulaError(NamedTuple):
    """An error and its cell, counted from 0."""

    row: int
    column: int
    text: str


def has_known_errors(content: bytes) -> bool:
    """Tell whether the format of a spreadsheet is one whose errors can be read: XLSX or ODS."""
    return any(_has_member(content, name) for name in ("xl/workbook.xml", "content.xml"))


def formula_errors(content: bytes, sheet: str) -> Iterator[FormulaError]:
    """Yield the errors of formulas in one sheet of an XLSX or ODS file, by rows; of other formats none.

    Touches neither network nor disk.

    Parameters
    ----------
    content : bytes
        The whole file.
    sheet : str
        The name of the sheet.
    """
    if _has_member(content, "content.xml"):
        yield from _ods_errors(content, sheet)
    else:
        yield from _xlsx_errors(content, sheet)


def _has_member(content: bytes, name: str) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return name in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _xlsx_errors(content: bytes, sheet: str) -> Iterator[FormulaError]:
    xml = _sheet_xml(content, sheet)
    if b't="e"' in xml:
        for column, line, error in _ERROR_CELL.findall(xml):
            text = html.unescape(error.decode(errors="replace"))
            yield FormulaError(int(line) - 1, _column_number(column), text)


def _sheet_xml(content: bytes, name: str) -> bytes:
    """Return the XML of the sheet called `name`; nothing if this is no XLSX file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            book = archive.read("xl/workbook.xml").decode()
            links = archive.read("xl/_rels/workbook.xml.rels").decode()
            sheet = next(tag for tag in _tags(book, "sheet") if _attribute(tag, "name") == name)
            link_id = _attribute(sheet, r"\w+:id")
            link = next(tag for tag in _tags(links, "Relationship") if _attribute(tag, "Id") == link_id)
            target = _attribute(link, "Target")
            return archive.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    except (zipfile.BadZipFile, KeyError, StopIteration, UnicodeDecodeError, zlib.error):
        return b""


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


def _ods_errors(content: bytes, sheet: str) -> Iterator[FormulaError]:
    root = _ods_content(content)
    tables = () if root is None else root.iter(f"{_TABLE}table")
    table = next((one for one in tables if one.get(f"{_TABLE}name") == sheet), None)
    n_row = 0
    for row in () if table is None else table.iter(f"{_TABLE}table-row"):
        n_rows = int(row.get(f"{_TABLE}number-rows-repeated", "1"))
        errors = [*_row_errors(row)]
        for place in range(n_row, n_row + n_rows) if errors else ():
            yield from (FormulaError(place, column, text) for column, text in errors)
        n_row += n_rows


def _ods_content(content: bytes) -> ElementTree.Element | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            xml = archive.read("content.xml")
        # Only a document type can declare entities, which could blow up or reach out; no spreadsheet has one.
        return None if b"<!DOCTYPE" in xml else ElementTree.fromstring(xml)  # noqa: S314
    except (zipfile.BadZipFile, KeyError, zlib.error, ElementTree.ParseError):
        return None


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
