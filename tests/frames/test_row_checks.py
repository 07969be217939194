"""Rows against each other where times tell them apart."""

from __future__ import annotations

import pytest

import klikit_frames as kf
from tests.frames.cases import lines

HEAD = "item_id,store,is_enabled,Starts At,ends_at"


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("2026-03-01T08:00,2026-03-01T10:00", "2026-03-01T10:00,2026-03-01T12:00", set()),
        ("2026-03-01T10:00,", ",2026-03-01T10:00", set()),
        ("2026-03-01T10:00+07:00,2026-03-01T11:00+07:00", "2026-03-01T04:00Z,2026-03-01T05:00Z", set()),
        ("2026-03-01T08:00,2026-03-01T10:00", "2026-03-01T09:59,2026-03-01T12:00", {"contradiction"}),
        ("2026-03-01T08:00,", "2026-03-02T08:00,", {"contradiction"}),
        (",", "2026-03-02T08:00,", {"contradiction"}),
        (",", ",", {"contradiction"}),
        ("soon,later", "soon,later", {"contradiction"}),
    ],
)
def test_times__opposite_flags(first: str, second: str, codes: set[str]) -> None:
    """Opposite flags contradict each other only where their times overlap."""
    checked = kf.check_toggles(lines(HEAD, f"5,663/1,off,{first}", f"5,663/1,on,{second}"))
    assert set(checked.problems["code"]) == codes


def test_times__are_kept() -> None:
    """The columns come back under their own names, as they were written."""
    toggles = kf.read_toggles(lines(HEAD, "5,663/1,off,2026-03-01T08:00,", "5,663/1,on,,2026-03-01T08:00"))
    assert toggles["starts_at"].tolist() == ["2026-03-01T08:00", ""]
    assert toggles["ends_at"].tolist() == ["", "2026-03-01T08:00"]


def test_times__duplicates() -> None:
    """The same flag at two times is no duplicate; at the same time it is."""
    rows = ["5,663/1,off,2026-03-01,2026-03-02", "5,663/1,off,2026-03-03,2026-03-04"]
    assert kf.check_toggles(lines(HEAD, *rows)).problems.empty
    assert kf.check_toggles(lines(HEAD, rows[0], *rows)).problems["code"].tolist() == ["duplicate"]
