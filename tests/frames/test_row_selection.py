"""Rows of totals, left out."""

from __future__ import annotations

import pytest

import klikit_frames as kf
from tests.frames.cases import GOOD, HEAD, OTHER, lines


@pytest.mark.parametrize(
    "last",
    ["Total,,,,", ",,,,TOTAL: 2", "Summe,,,,2", "Jumlah,,,,", "Total general,,,,3"],
)
def test_totals__at_the_end(last: str) -> None:
    """A row of totals at the end is left out, and the notes say which it was."""
    checked = kf.check_toggles(lines(HEAD, GOOD, OTHER, "", last, ",,,,"))
    assert checked.is_valid, checked.problems
    assert len(checked.toggles) == 2
    assert any(note.startswith("A row of totals at the end was left out: row 4 (") for note in checked.notes)


@pytest.mark.parametrize("row", ["Total,,,,off", "Gesamt:,12,,,", "total juice,,,,", "Totally new,,,,1"])
def test_totals__that_are_none(row: str) -> None:
    """A row that may be meant as a toggle is a problem, and never left out."""
    assert not kf.check_toggles(lines(HEAD, GOOD, row)).is_valid


def test_totals__between_rows() -> None:
    """Totals between other rows are problems: what comes below may belong to another table."""
    checked = kf.check_toggles(lines(HEAD, GOOD, "Total,,,,1", OTHER))
    assert checked.problems["row"].unique().tolist() == [2]


def test_totals__of_a_pivot() -> None:
    """Below a pivot the totals of each store are left out, though 1 and 0 are flags as well."""
    checked = kf.check_toggles(lines("item_id,663/1,663/2", "5,on,", "6,,off", "Total,1,1"))
    assert checked.is_valid, checked.problems
    assert len(checked.toggles) == 2
