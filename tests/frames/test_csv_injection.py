"""Formulas made harmless on the way out and put back on the way in."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.frames.csv_injection import neutralise_formulas, restore_formulas
from tests.fixtures import column

WIDE = "\uff1d\uff0b\uff0d\uff20"
UNSEEN = " \n\t\r\u00a0\u3000\ufeff\u200b\u2028\x01\x0b\x85"
TEXTS = st.text(alphabet=f"'=+-@a1{WIDE}{UNSEEN}", max_size=5) | st.text(max_size=5)
TRIGGERS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n1", "'=1", "''=1", "'\u3000=1"),
    *(f"{sign}1+1" for sign in WIDE),
    *(f"{unseen}=1+1" for unseen in UNSEEN),
    "\ufeff \u200b@x",
]


@pytest.mark.parametrize("text", TRIGGERS)
def test_neutralise__each_trigger(text: str) -> None:
    """Every text that a spreadsheet could run gets one apostrophe more."""
    assert neutralise_formulas(pd.DataFrame({"a": [text]}))["a"].tolist() == ["'" + text]


def test_neutralise__what_stays() -> None:
    """Numbers, dates, missing cells, harmless texts, dtypes and the frame itself stay as they are."""
    frame = pd.DataFrame(
        {
            "number": [-1, 2],
            "text": ["it's", None],
            "sums": ["1+1=2", " '=1"],
            "time": pd.to_datetime(column("2026-01-02", None)),
            "kind": pd.Series(["a", "b"], dtype="category"),
            "mixed": pd.Series([-1, (1,)], dtype=object),
        },
        index=[5, 5],
    )
    pd.testing.assert_frame_equal(neutralise_formulas(frame), frame)


def test_neutralise__names_and_kinds() -> None:
    """Column names, categories and texts among other objects are treated too."""
    frame = pd.DataFrame(
        {"=a": pd.Series(["=b", "c"], dtype="category"), "d": pd.Series(["=e", -1], dtype=object)}
    )
    safe = neutralise_formulas(frame)
    assert safe.columns.tolist() == ["'=a", "d"]
    assert safe["'=a"].tolist() == ["'=b", "c"]
    assert safe["d"].tolist() == ["'=e", -1]
    assert frame.columns.tolist() == ["=a", "d"]


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, max_size=5), TEXTS)
def test_restore__is_the_inverse(texts: list[str], name: str) -> None:
    """What went out comes back, whatever it was."""
    frame = pd.DataFrame({name: pd.Series(texts, dtype=object)})
    pd.testing.assert_frame_equal(restore_formulas(neutralise_formulas(frame)), frame)
