"""Unsafe text: formulas that a spreadsheet would run, and halves of characters cut in two."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.frames.unsafe_text import (
    neutralise_formulas,
    replace_in_frame,
    replace_surrogates,
    restore_formulas,
)
from tests.fixtures import column
from tests.frames.cases import frame

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


HALF = "\ud83d"


def objects(*cells: object) -> pd.Series:
    """Return a column of objects; newer text dtypes refuse halves of characters."""
    return pd.Series(list(cells), dtype=object)


def test_check__problem_says_it_all() -> None:
    """A text with half a character is a problem with its place, what is left of it, and the cure."""
    problems = kf.check_toggles(frame(note=objects(f"cut {HALF}", "whole"))).problems
    expected = pd.DataFrame(
        {
            "row": pd.array([1], dtype="Int64"),
            "line": pd.array([None], dtype="Int64"),
            "column": ["note"],
            "value": ["cut \ufffd"],
            "code": ["character_cut"],
            "message": [
                "The text holds half of a character, as of an emoji cut in two, which nothing can store."
            ],
            "hint": ["U+FFFD was put in its place; type the end of the text again."],
            "severity": ["warning"],
        }
    )
    pd.testing.assert_frame_equal(problems, expected)


def test_check__input_stays() -> None:
    """The frame that is checked is not changed; the annotated copy of it can be written to a file."""
    source = frame(note=objects(HALF, "whole"))
    before = source.copy(deep=True)
    checked = kf.check_toggles(source)
    assert source["note"].tolist() == before["note"].tolist()
    assert checked.annotated["note"].tolist() == ["\ufffd", "whole"]
    assert checked.annotated.to_csv().encode()


def test_mend__every_kind_of_column() -> None:
    """Objects, lists, dicts, categories and names are repaired, and all else stays the very same."""
    kinds = pd.Index([HALF, "b"], dtype=object)
    source = pd.DataFrame(
        {
            "text": objects("b", HALF),
            "list": objects([HALF], ("b",)),
            "dict": objects({HALF: {"b": HALF}}, {HALF}),
            "mixed": objects(1, None),
            "kind": pd.Categorical.from_codes([0, 1], kinds),
        }
    ).set_axis([7, 7])
    repaired, problems = replace_in_frame(source)
    assert repaired["text"].tolist() == ["b", "\ufffd"]
    assert repaired["list"].tolist() == [["\ufffd"], ("b",)]
    assert repaired["dict"].tolist() == [{"\ufffd": {"b": "\ufffd"}}, {"\ufffd"}]
    pd.testing.assert_series_equal(repaired["mixed"], source["mixed"])
    assert repaired["kind"].tolist() == ["\ufffd", "b"]
    positions = {problem.column: problem.positions.tolist() for problem in problems}
    assert positions == {"text": [1], "list": [0], "dict": [0, 1], "kind": [0]}


def test_mend__names() -> None:
    """A column name with half a character is repaired, and the frame it came from is not changed."""
    source = pd.DataFrame([[1]], columns=pd.Index([f"cut {HALF}"], dtype=object))
    repaired, problems = replace_in_frame(source)
    pd.testing.assert_frame_equal(repaired, pd.DataFrame({"cut \ufffd": [1]}), check_column_type=False)
    assert problems == []
    assert source.columns.tolist() == [f"cut {HALF}"]


def test_mend__nothing_to_mend() -> None:
    """A frame without halves is handed back itself."""
    source = frame(note=objects("\U0001f600", ("a",)))
    assert replace_in_frame(source)[0] is source


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet=st.characters()) | st.text(alphabet="\ud83d\ude00a"))
def test_mend_text__can_be_written(text: str) -> None:
    """What was repaired can be written as UTF-8, with as many characters, and whole texts stay."""
    repaired = replace_surrogates(text)
    assert len(repaired.encode().decode()) == len(text)
    assert repaired == text or any("\ud800" <= sign <= "\udfff" for sign in text)
