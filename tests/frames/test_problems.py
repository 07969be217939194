"""Problems in words: grouped by cause, capped, and with the count of the rest."""

from __future__ import annotations

import pytest

import klikit_frames as kf
from tests.frames.cases import GOOD, HEAD, lines

MANY = lines(HEAD, *(f"item,{place},663,1062,maybe" for place in range(1, 26)))


def test_text__rows_capped() -> None:
    """A cause names ten rows and lines, and counts the others."""
    assert repr(kf.check_toggles(MANY)) == (
        "0 of 25 rows can be planned.\n"
        "25 errors in 25 rows.\n"
        "- flag_unknown in is_enabled, rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 15 more "
        "(lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 15 more): 'maybe' is not known. Write one of: false, true."
    )


def test_text__nothing_wrong() -> None:
    """A good table says so."""
    assert repr(kf.check_toggles(lines(HEAD, GOOD))) == "1 of 1 row can be planned.\nNo problems."


def test_text__one_case_of_several() -> None:
    """A cause with different cells says which row its words are about."""
    content = lines(HEAD, *(GOOD.replace("off", flag) for flag in ("mabye", "x", "x")))
    assert repr(kf.check_toggles(content)).splitlines()[2:] == [
        "- flag_unknown in is_enabled, rows 1, 2, 3 (lines 2, 3, 4): "
        "Row 1: 'mabye' is not known. Write one of: false, true."
    ]


def test_exception__says_the_same() -> None:
    """The exception of `read_toggles` has the same words, and all problems as a frame."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.read_toggles(MANY)
    assert str(refusal.value).startswith("25 errors in 25 rows.\n- flag_unknown in is_enabled, rows 1, 2, 3")
    assert str(refusal.value).endswith("Nothing was sent.")
    assert len(refusal.value.problems) == 25


def test_html__escaped_and_capped() -> None:
    """Cells are escaped in HTML, causes are grouped, and what the reader chose is named."""
    content = lines(HEAD, "item,<b>5</b>,663,1062,off", GOOD)
    html = kf.check_toggles(content)._repr_html_()
    assert "&lt;b&gt;5" in html
    assert "<b>5" not in html
    assert "1 of 2 rows can be planned." in html
    assert "Cells are separated by commas." in html


def test_html__nothing_wrong() -> None:
    """A good table has no table of problems."""
    html = kf.check_toggles(lines(HEAD, GOOD))._repr_html_()
    assert "No problems." in html
    assert "<table" not in html


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("flase", "Did you mean 'false'?"),
        ("1.0", "It came as a float, as pandas makes of 1 and 0 with blanks: read the table with dtype=str."),
        ("perhaps", "Write one of: false, true."),
    ],
)
def test_hint__of_a_flag(cell: str, hint: str) -> None:
    """The hint of an odd flag is the likely meaning."""
    problems = kf.check_toggles(lines(HEAD, f"item,5,663,1062,{cell}")).problems
    assert problems["hint"].tolist() == [hint]


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("5297.0", "Write 5297 if that is the id."),
        ("5297.5", "Write the id as plain digits."),
        ("007", "Write 7 if that is the id."),
        ("5.297", "Write 5297 if that is the id."),
        ("+5", "Write 5 if that is the id."),
        ("٥٢", "Write 52 if that is the id."),
        ("-5", "Look the id up again."),
    ],
)
def test_hint__of_an_id(cell: str, hint: str) -> None:
    """The hint of an odd id is the likely meaning, which is never taken for granted."""
    problems = kf.check_toggles(lines(HEAD, f"item,{cell},663,1062,on")).problems
    assert problems["hint"].tolist() == [hint]


def test_hint__of_names_for_ids() -> None:
    """For a table of titles the hint says what turns them into ids."""
    problems = kf.check_toggles(lines("title,store,is_enabled", "Soto,663/1062,off")).problems
    assert problems["column"].tolist() == ["entity_type", "entity_id"]
    said = "Add a column 'entity_id', or turn titles and SKUs into ids with kf.resolve(table, state)."
    assert problems["hint"][1] == said


def test_value__as_it_stands() -> None:
    """The value of a problem is what stands in the table."""
    content = lines(f"{HEAD},cascade_brand_ids", f"{GOOD},664|663", "item, x ,663,1062,on,")
    assert kf.check_toggles(content).problems["value"].tolist() == ["663|664", " x "]
