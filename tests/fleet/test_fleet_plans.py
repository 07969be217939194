"""A table of many businesses is split by its column, and checked business by business."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf


def _rows(*rows: tuple[object, int, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["business", "entity_id", "is_enabled"])
    return frame.assign(entity_type="item", brand_id=1, branch_id=2)


def test_plan__one_for_each_business() -> None:
    """Each business has its own plan; the rows keep the table's index and their other columns."""
    table = _rows(("depok", 7, False), ("bali", 7, True), ("depok", 8, False)).assign(note=["a", "b", "c"])
    plans = kf.fleet.plan(table, progress=False)
    notes = {name: plan.toggles["note"].to_dict() for name, plan in plans.items()}
    assert notes == {"depok": {0: "a", 2: "c"}, "bali": {1: "b"}}
    assert all("business" not in plan.toggles for plan in plans.values())


def test_plan__opposite_flags_in_two_businesses_are_no_contradiction() -> None:
    """The same id in two businesses is two things; within one it is a contradiction."""
    kf.fleet.plan(_rows(("depok", 7, False), ("bali", 7, True)), progress=False)
    with pytest.raises(kf.InvalidToggles) as raised:
        kf.fleet.plan(_rows(("depok", 7, False), ("depok", 7, True)), progress=False)
    assert set(raised.value.problems["code"]) == {"contradiction"}


def test_plan__all_problems_at_once() -> None:
    """Bad names of businesses and bad rows of several are listed together, by the rows of the one table."""
    source = (
        b"business,item_id,store,is_enabled\n"
        b"depok,7,1/2,off\nDepok,7,1/2,off\n,7,1/2,off\nbali,x,1/2,off\nmedan,7,1/2,maybe\n"
    )
    with pytest.raises(kf.InvalidToggles) as raised:
        kf.fleet.plan(source, progress=False)
    problems = raised.value.problems
    assert problems[["row", "line", "column", "code"]].astype(object).to_numpy().tolist() == [
        [2, 3, "business", "business_unreadable"],
        [3, 4, "business", "business_unreadable"],
        [4, 5, "entity_id", "id_not_number"],
        [5, 6, "is_enabled", "flag_unknown"],
    ]


def test_plan__without_the_column() -> None:
    """For a table of one business the error says what it lacks."""
    with pytest.raises(kf.InvalidToggles, match="business"):
        kf.fleet.plan(_rows(("depok", 7, False)).drop(columns="business"), progress=False)


def test_plan__states_and_options_reach_each_business() -> None:
    """A state of a business that the table does not name is an error; options are those of plan."""
    with pytest.raises(kf.ConfigError, match="medan"):
        kf.fleet.plan(_rows(("depok", 7, False)), states={"medan": pd.DataFrame()}, progress=False)
    plans = kf.fleet.plan(_rows(("depok", 7, False), ("depok", 8, False)), combine=False, progress=False)
    assert plans["depok"].n_requests == 2
