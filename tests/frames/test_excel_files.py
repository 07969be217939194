"""Excel files: cells as they stand, errors of formulas named, templates written."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter

import klikit_frames as kf
from klikit_frames.frames.excel_files import FormulaError, find_formula_errors, validate_cells

HEAD = "XLSX files cannot hold {} of these texts; save them with to_csv instead."
HEADER = ("entity_type", "entity_id", "scope", "is_enabled")
# What binary formats keep of #DIV/0! and #N/A.
DIV_0, N_A = 0x07, 0x2A
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
_NAMES = (
    f'xmlns:office="{_OFFICE}:office:1.0" xmlns:table="{_OFFICE}:table:1.0" xmlns:text="{_OFFICE}:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
_ERROR = (
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"{more}><text:p>{text}</text:p></table:table-cell>'
)


@pytest.mark.parametrize("text", ["x" * 32_767, "\U0001f600" * 16_383, "\x01", "\ud7ff\ue000", "_xFFFE_"])
def test_confirm__what_fits(text: str) -> None:
    """Whatever fits is handed back as it came, other kinds of cells included."""
    frame = pd.DataFrame({"note": pd.Series([text, None, 1], dtype=object), 5: [1.5, 2.5, None]})
    assert validate_cells(frame) is frame


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x" * 32_768, "32,768 characters, of which Excel keeps 32,767"),
        ("\U0001f600" * 16_384, "32,768 characters, of which Excel keeps 32,767"),
        ("a\ufffe", "the sign U+FFFE, which XML does not have"),
        ("\uffff", "the sign U+FFFF, which XML does not have"),
    ],
)
def test_confirm__what_does_not(text: str, fault: str) -> None:
    """A text that would be cut or altered is refused with its column and row."""
    with pytest.raises(kf.ConfigError) as refusal:
        validate_cells(pd.DataFrame({"note": ["fine", text]}, index=[9, 9]))
    assert str(refusal.value) == f"{HEAD.format(1)}\n- column 'note', row 2: {fault}"


def test_confirm__names_and_many() -> None:
    """Names of columns count too; of many cases ten are shown, and the count of the others."""
    frame = pd.DataFrame({"\ufffe": ["\ufffe"] * 11})
    with pytest.raises(kf.ConfigError) as refusal:
        validate_cells(frame)
    said = str(refusal.value).splitlines()
    assert said[0] == HEAD.format(12)
    assert said[1] == "- the name of column 1: the sign U+FFFE, which XML does not have"
    assert (len(said), said[-1]) == (12, "- and 2 more")


def _text(text: object) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def _error(text: str, more: str = "") -> str:
    return _ERROR.format(text=text, more=more)


def _ods(*rows: list[str]) -> bytes:
    """Return an ODS file of one sheet, written as LibreOffice does."""
    body = "".join(f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in rows)
    xml = (
        f'<office:document-content {_NAMES} office:version="1.3"><office:body><office:spreadsheet>'
        f'<table:table table:name="Monday">{body}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return _zip({"mimetype": kind, "content.xml": xml, "META-INF/manifest.xml": manifest})


def _zip(members: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _monday_ods() -> bytes:
    return _ods(
        [_text(name) for name in HEADER],
        [_text("item"), _text(5297), _text("business"), _text("off")],
        [_text("item"), _error("#N/A"), _text("business"), _error("#DIV/0!")],
    )


def _monday_xlsx() -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        page = book.add_worksheet("Monday")
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, ["item", 5297, "business", "off"])
        page.write_row(2, 0, ["item", "", "business"])
        page.write_formula(2, 1, "=NA()", None, "#N/A")
        page.write_formula(2, 3, "=1/0", None, "#DIV/0!")
    return file.getvalue()


def _bin(kind: int, body: bytes = b"") -> bytes:
    """Return one record of an XLSB file."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return head + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb_row(row: int, *cells: str | float | bytes) -> bytes:
    """Return a row of texts, numbers and errors; a number is kept as such, an error as its byte."""
    records = [_bin(0, struct.pack("<I13x", row))]
    for column, cell in enumerate(cells):
        place = struct.pack("<II", column, 0)
        if isinstance(cell, str):
            records.append(_bin(6, place + _wide(cell)))
        elif isinstance(cell, bytes):
            # An error that a formula gave is followed by the formula.
            records.append(_bin(3 if column == 1 else 11, place + cell + (b"" if column == 1 else bytes(10))))
        else:
            records.append(_bin(5, place + struct.pack("<d", cell)))
    return b"".join(records)


def _monday_xlsb() -> bytes:
    """Return an XLSB file with the records that a reader needs (MS-XLSB 2.1.7)."""
    sheets = _bin(156, struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Monday"))
    page = (
        _bin(129)
        + _bin(148, struct.pack("<IIII", 0, 2, 0, 3))
        + _bin(145)
        + _xlsb_row(0, *HEADER)
        + _xlsb_row(1, "item", 5297, "business", "off")
        + _xlsb_row(2, "item", bytes([N_A]), "business", bytes([DIV_0]))
        + _bin(146)
        + _bin(130)
    )
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
        'Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        'Target="worksheets/sheet1.bin"/></Relationships>'
    )
    return _zip(
        {
            "xl/workbook.bin": _bin(131) + _bin(143) + sheets + _bin(144) + _bin(132),
            "xl/_rels/workbook.bin.rels": links,
            "xl/worksheets/sheet1.bin": page,
        }
    )


def _record(kind: int, body: bytes = b"") -> bytes:
    """Return one record of an XLS file."""
    return struct.pack("<HH", kind, len(body)) + body


def _xls_row(row: int, *cells: str | float | bytes) -> bytes:
    """Return a row of texts, numbers and errors."""
    records = []
    for column, cell in enumerate(cells):
        place = struct.pack("<HHH", row, column, 0)
        if isinstance(cell, str):
            records.append(_record(0x204, place + struct.pack("<HB", len(cell), 0) + cell.encode()))
        elif isinstance(cell, bytes) and column == 1:
            records.append(_record(0x205, place + cell + b"\1"))
        elif isinstance(cell, bytes):
            # A formula keeps its value in eight bytes; 1/0 as it is compiled follows.
            result = b"\2\0" + cell + b"\0\0\0\xff\xff"
            formula = b"\x1e\1\0\x1e\0\0\6"
            records.append(_record(0x6, place + result + struct.pack("<HIH", 0, 0, 7) + formula))
        else:
            records.append(_record(0x203, place + struct.pack("<d", cell)))
    return b"".join(records)


def _monday_xls() -> bytes:
    """Return an XLS file with the records that a reader needs, in its container (MS-XLS 2.1, MS-CFB)."""
    begin = struct.pack("<HHHHII", 0x600, 0x10, 0x0DBB, 0x07CC, 0, 6)
    globals_begin = begin[:2] + struct.pack("<H", 5) + begin[4:]
    name = struct.pack("<BB", 6, 0) + b"Monday"
    n_before = len(_record(0x809, globals_begin)) + 4 + 6 + len(name) + 4
    book = (
        _record(0x809, globals_begin)
        + _record(0x85, struct.pack("<IBB", n_before, 0, 0) + name)
        + _record(0xA)
        + _record(0x809, begin)
        + _xls_row(0, *HEADER)
        + _xls_row(1, "item", 5297, "business", "off")
        + _xls_row(2, "item", bytes([N_A]), "business", bytes([DIV_0]))
        + _record(0xA)
    )
    return _compound_file("Workbook", book.ljust(4_096, b"\0"))


def _compound_file(name: str, stream: bytes) -> bytes:
    """Return a file of sectors of 512 bytes with one stream in it: a table, a folder, then the stream."""
    end, none, n_sectors = 0xFFFFFFFE, 0xFFFFFFFF, len(stream) // 512
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, 1, 0, 4_096, end, 0, end, 0, 0),
    )
    chain = [0xFFFFFFFD, end, *range(3, n_sectors + 2), end]
    table = struct.pack("<128I", *chain, *[none] * (128 - len(chain)))
    folder = _entry("Root Entry", 5, child=1, start=end) + _entry(name, 2, start=2, size=len(stream))
    return header.ljust(512, b"\xff") + table + folder.ljust(512, b"\0") + stream


def _entry(name: str, kind: int, *, child: int = 0xFFFFFFFF, start: int, size: int = 0) -> bytes:
    text, none = name.encode("utf-16-le"), 0xFFFFFFFF
    return struct.pack("<64sHBBIII36xIQ", text, len(text) + 2, kind, 1, none, none, child, start, size)


WORKBOOKS = {"xlsx": _monday_xlsx, "xlsb": _monday_xlsb, "xls": _monday_xls, "ods": _monday_ods}


@pytest.mark.parametrize("suffix", WORKBOOKS)
def test_check_toggles__errors_of_formulas(suffix: str, tmp_path: Path) -> None:
    """A formula that failed is listed with row, line, column, value and cure, whatever was wanted there."""
    path = tmp_path / f"monday.{suffix}"
    path.write_bytes(WORKBOOKS[suffix]())
    checked = kf.check_toggles(path)
    assert checked.problems[["row", "line", "column", "value", "code"]].values.tolist() == [
        [2, 3, "entity_id", "#N/A", "formula_error"],
        [2, 3, "is_enabled", "#DIV/0!", "formula_error"],
    ]
    assert checked.problems["hint"].str.startswith("Correct the formula in the spreadsheet").all()
    assert checked.notes == ["Sheet 'Monday' was read."]
    assert checked.toggles["entity_id"].tolist() == [5297]


@pytest.mark.parametrize("suffix", WORKBOOKS)
def test_find_formula_errors__of_damaged_files(suffix: str) -> None:
    """A file that is cut or damaged anywhere gives errors that it has, or says that they cannot be read."""
    content = WORKBOOKS[suffix]()
    true = {FormulaError(2, 1, "#N/A"), FormulaError(2, 3, "#DIV/0!")}
    assert set(find_formula_errors(content, "Monday") or ()) == true
    assert find_formula_errors(content, "Tuesday") is None
    for end in range(0, len(content), max(1, len(content) // 50)):
        find_formula_errors(content[:end], "Monday")
        damaged = bytearray(content)
        damaged[end] ^= 0x55
        find_formula_errors(bytes(damaged), "Monday")


def test_find_formula_errors__repeated_cells_and_rows() -> None:
    """Cells and rows that stand for several are counted as such."""
    gap = '<table:table-cell table:number-columns-repeated="3"/>'
    content = _ods([gap, _error("#REF!", ' table:number-columns-repeated="2"')], [_error("Err:502")])
    assert find_formula_errors(content, "Monday") == [
        FormulaError(0, 3, "#REF!"),
        FormulaError(0, 4, "#REF!"),
        FormulaError(1, 0, "Err:502"),
    ]


def test_find_formula_errors__of_other_files() -> None:
    """Of what is no workbook nothing is said, not even that there are none."""
    assert find_formula_errors(b"PK no archive", "Monday") is None
    assert find_formula_errors(_zip({"mimetype": "text/plain"}), "Monday") is None
