"""The order of requests, which of them carries which row, and both as frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.row_assignment import ROW_COLUMNS, count_menus
from tests.planning.tables import toggles_of

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


@pytest.mark.parametrize("own", OWN, ids=str)
def test_names__come_back(own: list[str], tmp_path: Path) -> None:
    """A plan's toggles are the checked input, whatever its own columns are called, also from its file."""
    toggles = toggles_of(np.ones((1, 2), dtype=bool)).assign(**{name: [name, "b"] for name in own})
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
    told = pd.Series(pd.array(flags, dtype="boolean"))  # type: ignore[call-overload]
    told.attrs["read_at"] = None if age is None else (NOW - age).isoformat()
    return told


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
