"""Workbooks, and the errors of formulas in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.excel_files import FormulaError, formula_errors, has_known_errors, validate_cells

HEAD = "XLSX files cannot hold {} of these texts; save them with to_csv instead."


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


_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
_NAMES = (
    f'xmlns:office="{_OFFICE}:office:1.0" xmlns:table="{_OFFICE}:table:1.0" xmlns:text="{_OFFICE}:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
_ERROR = (
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"{more}><text:p>{text}</text:p></table:table-cell>'
)


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
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", xml)
        archive.writestr("META-INF/manifest.xml", manifest)
    return file.getvalue()


def test_ods__errors_are_problems(tmp_path: Path) -> None:
    """A formula that failed is told with its row and its column, whether a flag or a scope was wanted."""
    path = tmp_path / "monday.ods"
    path.write_bytes(
        _ods(
            [_text(name) for name in ("entity_type", "entity_id", "scope", "is_enabled")],
            [_text("item"), _text(5297), _text("business"), _text("off")],
            [_text("item"), _error("#N/A"), _text("business"), _error("#DIV/0!")],
        )
    )
    problems = kf.check_toggles(path).problems
    assert problems[["row", "column", "value"]].values.tolist() == [
        [2, "entity_id", "#N/A"],
        [2, "is_enabled", "#DIV/0!"],
    ]


def test_ods__repeated_cells_and_rows() -> None:
    """Cells and rows that stand for several are counted as such."""
    gap = '<table:table-cell table:number-columns-repeated="3"/>'
    content = _ods([gap, _error("#REF!", ' table:number-columns-repeated="2"')], [_error("Err:502")])
    assert list(formula_errors(content, "Monday")) == [
        FormulaError(0, 3, "#REF!"),
        FormulaError(0, 4, "#REF!"),
        FormulaError(1, 0, "Err:502"),
    ]
    assert list(formula_errors(content, "Tuesday")) == []


def test_formula_errors__of_other_files() -> None:
    """What is no such spreadsheet has none, and its format is not one whose errors are known."""
    assert list(formula_errors(b"PK no archive", "Monday")) == []
    assert not has_known_errors(b"\xd0\xcf\x11\xe0 an old workbook")
    assert has_known_errors(_ods([_text("item")]))
