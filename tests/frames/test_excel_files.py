"""What an XLSX file can hold."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.excel_files import validate_cells

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
