"""What becomes of each row: skipped by what the state says, or carried by the requests that are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.row_assignment import ROW_COLUMNS, count_menus
from tests.planning.tables import toggles_of

STORES = [(1, 11), (1, 12)]


@pytest.fixture
def state() -> pd.DataFrame:
    """Items 1 to 3 of a business with two stores; item 1 is off in the first, item 2 is off everywhere."""
    frame = pd.DataFrame(
        {
            "entity_type": "item",
            "entity_id": [1, 2, 3, 1, 1, 2],
            "scope": ["business"] * 3 + ["store"] * 3,
            "brand_id": pd.array([None] * 3 + [1, 1, 1], dtype="Int64"),
            "branch_id": pd.array([None] * 3 + [11, 12, 11], dtype="Int64"),
            "is_enabled": pd.array([True, False, True, False, True, None], dtype="boolean"),
            "title": "Nasi",
        }
    )
    frame.attrs |= {"stores": tuple(STORES), "n_business_rows": 3, "modifier_option_ids": (8,)}
    return frame


def planned(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return what becomes of each row, and its flag before."""
    plan = kf.plan(toggles, state=state, unchanged="skip")
    return plan.rows[["entity_id", "skipped_as"]].assign(before=plan.before)


def expected(ids: list[int], reasons: list[str | None], before: list[bool | None]) -> pd.DataFrame:
    """Return the same by hand."""
    return pd.DataFrame(
        {
            "entity_id": ids,
            "skipped_as": pd.Series(reasons, dtype="str"),
            "before": pd.array(before, dtype="boolean"),
        }
    )


def test_skips__unchanged(state: pd.DataFrame) -> None:
    """A store row is held against store rows: it is skipped where it holds, and sent where nobody knows."""
    toggles = kf.cross_toggles("item", [1, 2], STORES, is_enabled=False)
    wanted = expected([1, 1, 2, 2], ["unchanged", None, None, None], [False, True, None, None])
    pd.testing.assert_frame_equal(planned(toggles, state), wanted)


def test_skips__business(state: pd.DataFrame) -> None:
    """A business-wide row is held against business rows."""
    toggles = kf.business_toggles("item", [1, 2], is_enabled=False)
    wanted = expected([1, 2], [None, "unchanged"], [True, False])
    pd.testing.assert_frame_equal(planned(toggles, state), wanted)


def test_skips__carried_along(state: pd.DataFrame) -> None:
    """A store row that holds is sent all the same when the plan changes its entity business-wide."""
    rows = kf.cross_toggles("item", [1], STORES[:1], is_enabled=False)
    toggles = pd.concat([rows, kf.business_toggles("item", [1], is_enabled=False)], ignore_index=True)
    wanted = expected([1, 1], [None, None], [False, True])
    pd.testing.assert_frame_equal(planned(toggles, state), wanted)


def test_skips__cascade(state: pd.DataFrame) -> None:
    """A row that cascades is sent although its flag holds, since the state does not tell modifier links."""
    toggles = kf.cross_toggles("item", [1], STORES[:1], is_enabled=False, cascade_to_modifier_groups=True)
    pd.testing.assert_frame_equal(planned(toggles, state), expected([1], [None], [False]))


def test_skips__rejected(state: pd.DataFrame) -> None:
    """Ids and stores that are not of this business are rejected, and nothing is sent for them."""
    rows = kf.cross_toggles("item", [1, 9], [(1, 12), (2, 12)], is_enabled=False)
    toggles = pd.concat([rows, kf.business_toggles("item", [9], is_enabled=False)], ignore_index=True)
    reasons = [None, "rejected", "rejected", "rejected", "rejected"]
    wanted = expected([1, 1, 9, 9, 9], reasons, [True, None, None, None, None])
    pd.testing.assert_frame_equal(planned(toggles, state), wanted)


def test_skips__modifier_options(state: pd.DataFrame) -> None:
    """A modifier option is an item of the business though no row of the state: it is sent."""
    toggles = pd.concat(
        [
            kf.business_toggles("item", [8], is_enabled=False),
            kf.cross_toggles("item", [8], STORES[:1], is_enabled=False),
        ],
        ignore_index=True,
    )
    pd.testing.assert_frame_equal(planned(toggles, state), expected([8, 8], [None, None], [None, None]))


def test_skips__part_of_a_state(state: pd.DataFrame) -> None:
    """A state that was filtered rejects no id: the rows that it lacks may be good."""
    toggles = kf.business_toggles("item", [2, 3, 9], is_enabled=False)
    wanted = expected([2, 3, 9], ["unchanged", None, None], [False, None, None])
    pd.testing.assert_frame_equal(planned(toggles, state[state["entity_id"] < 3]), wanted)


def test_skips__state_made_by_hand(state: pd.DataFrame) -> None:
    """A state that notes nothing of how it was read is taken at its word."""
    toggles = kf.business_toggles("item", [3, 9], is_enabled=False)
    bare = state.copy()
    bare.attrs = {}
    pd.testing.assert_frame_equal(planned(toggles, bare), expected([3, 9], [None, "rejected"], [True, None]))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_skips__state_from_a_file(state: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    """A whole state rejects foreign ids also when it was kept as a file."""
    kept = kf.load_state(kf.save_state(state, tmp_path / f"monday.{ending}"))
    toggles = kf.business_toggles("item", [3, 9], is_enabled=False)
    pd.testing.assert_frame_equal(planned(toggles, kept), expected([3, 9], [None, "rejected"], [True, None]))


def test_skips__a_cell_twice(state: pd.DataFrame) -> None:
    """A state that tells two flags of one cell is refused, as `diff` does, and the cell is named."""
    twice = pd.concat([state, state.head(1).assign(is_enabled=False)])
    toggles = kf.business_toggles("item", [1], is_enabled=False)
    for use in (lambda: kf.plan(toggles, state=twice), lambda: kf.diff(toggles, twice)):
        with pytest.raises(kf.StateError, match=r"The state has 1 cells twice, such as:\n.*\n0 +item +1"):
            use()


def test_skips__other_types(state: pd.DataFrame) -> None:
    """Of a type that the state does not have nothing is known, so nothing is rejected."""
    toggles = kf.business_toggles("section", [9], is_enabled=False)
    pd.testing.assert_frame_equal(planned(toggles, state), expected([9], [None], [None]))


def test_skips__without_lists(state: pd.DataFrame) -> None:
    """A state of some stores alone rejects nothing."""
    state.attrs = {}
    toggles = kf.cross_toggles("item", [9], [(7, 7)], is_enabled=False)
    part = state[state["scope"] == "store"]
    pd.testing.assert_frame_equal(planned(toggles, part), expected([9], [None], [None]))


def test_skips__counted(state: pd.DataFrame) -> None:
    """The plan counts skipped rows by reason, in figures and in words."""
    toggles = kf.cross_toggles("item", [1, 9], STORES, is_enabled=False)
    plan = kf.plan(toggles, state=state, unchanged="skip")
    assert plan.counts == {"sent": 1, "unchanged": 1, "rejected": 2}
    assert "not sent: 1 unchanged and 2 rejected" in repr(plan)


def test_skips__in_digest(state: pd.DataFrame) -> None:
    """A plan that skips a row is another plan than one that never had it."""
    toggles = kf.cross_toggles("item", [1], STORES, is_enabled=False)
    with_skip, without = (
        kf.plan(rows, state=state, unchanged="skip") for rows in (toggles, toggles.iloc[1:])
    )
    pd.testing.assert_frame_equal(with_skip.requests, without.requests)
    assert with_skip.digest != without.digest


def test_skips__no_state(state: pd.DataFrame) -> None:
    """A frame that is no state is refused, and the missing column is named."""
    toggles = kf.business_toggles("item", [1], is_enabled=False)
    with pytest.raises(kf.PlanError, match="The state has no column scope, is_enabled"):
        kf.plan(toggles, state=state.drop(columns=["scope", "is_enabled"]))


def test_skips__pending_counts_as_live(state: pd.DataFrame) -> None:
    """A flag that this machine wrote and no menu shows yet is the live one, where it is there."""
    pending = pd.array([None, True, None, True, None, None], dtype="boolean")
    toggles = kf.cross_toggles("item", [1], STORES, is_enabled=False)
    toggles = pd.concat([toggles, kf.business_toggles("item", [2], is_enabled=False)], ignore_index=True)
    wanted = expected([1, 1, 2], [None, None, None], [True, True, True])
    pd.testing.assert_frame_equal(planned(toggles, state.assign(pending=pending)), wanted)


OWN = [
    ["request_no"],
    ["request_no", "other_request_nos", "skipped_as"],
    ["skipped_as", "input_skipped_as", "input_input_skipped_as"],
    ["input_skipped_as", "input_request_no", "input_input_request_no"],
    ["input_request_no", "request_no"],
]


def test_order__most_rows_first() -> None:
    """The request that settles most rows is sent first."""
    cells = np.zeros((9, 9), dtype=bool)
    cells[0, 0] = cells[1:3, 1:3] = cells[3:9, 3:9] = True
    assert kf.plan(toggles_of(cells)).requests["n_rows"].tolist() == [36, 4, 1]


def test_order__business_first() -> None:
    """Business-wide writes come first, as a run sends them, however few rows they settle."""
    wide = kf.business_toggles("item", [102], is_enabled=True)
    more = kf.business_toggles("section", range(1, 4), is_enabled=True)
    stores = toggles_of(np.ones((3, 4), dtype=bool))
    requests = kf.plan(pd.concat([stores, wide, more])).requests
    expected = pd.DataFrame(
        {
            "request_no": [1, 2, 3],
            "entity_type": pd.Series(["section", "item", "item"], dtype="str"),
            "scope": pd.Series(["business", "business", "store"], dtype="str"),
            "n_rows": [3, 1, 12],
        }
    )
    pd.testing.assert_frame_equal(requests[list(expected)], expected)


@pytest.mark.parametrize("names", OWN, ids=str)
def test_names__come_back(names: list[str], tmp_path: Path) -> None:
    """A plan's toggles are the checked input, whatever its own columns are called, also from its file."""
    toggles = toggles_of(np.ones((1, 2), dtype=bool)).assign(**{name: [name, "b"] for name in names})
    plan = kf.plan(toggles)
    pd.testing.assert_frame_equal(plan.toggles, kf.read_toggles(toggles))
    pd.testing.assert_frame_equal(kf.load_plan(plan.save(tmp_path / "plan.json")).toggles, plan.toggles)
    assert plan.rows.columns.is_unique
    assert list(plan.rows.columns[-3:]) == list(ROW_COLUMNS)


def test_names__in_a_result(client: kf.Client, tmp_path: Path) -> None:
    """A column request_no of one's own comes back as input_request_no, beside the one of the result."""
    section_id = int(kf.read_state(client).query("entity_type == 'section'")["entity_id"].iloc[0])
    toggles = kf.business_toggles("section", [section_id], is_enabled=False).assign(request_no=[77])
    result = kf.run(kf.plan(toggles), client, journal=":memory:", progress=False)
    assert result.frame[["input_request_no", "request_no"]].to_numpy().tolist() == [[77, 1]]
    result.to_csv(tmp_path / "result.csv")
    assert kf.read_toggles(tmp_path / "result.csv")["input_request_no"].tolist() == ["77"]


NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
ROWS = pd.DataFrame(
    {
        "request_no": pd.array([1, 1, 2, pd.NA, 3], dtype="Int64"),
        "brand_id": pd.array([7, 7, 7, 8, pd.NA], dtype="Int64"),
        "branch_id": pd.array([1, 1, 2, 3, pd.NA], dtype="Int64"),
    }
)


def _before(flags: list[object], *, age: timedelta | None) -> pd.Series:
    series = pd.Series(pd.array(flags, dtype="boolean"))  # type: ignore[call-overload]
    series.attrs["read_at"] = None if age is None else (NOW - age).isoformat()
    return series


@pytest.mark.parametrize(
    ("flags", "age", "n_menus"),
    [
        ([True, True, False, pd.NA, True], timedelta(minutes=14), 0),
        ([True, pd.NA, False, True, True], timedelta(minutes=14), 3),
        ([True] * 5, timedelta(minutes=15), 3),
        ([True] * 5, timedelta(seconds=-1), 3),
        ([True] * 5, None, 3),
    ],
)
def test_count_menus__of_what_is_sent(flags: list[object], age: timedelta | None, n_menus: int) -> None:
    """Each store that is written and the business level count, unless the plan has fresh flags of all."""
    assert count_menus(ROWS, _before(flags, age=age), now=NOW) == n_menus
