"""The checker finds every way in which a plan could be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.tables import planted, toggles_of


@pytest.fixture
def plan() -> kf.Plan:
    """A plan with store requests and one for the whole business."""
    toggles = toggles_of(planted(12, 9, 3, share=0.4, seed=1))
    return kf.plan(pd.concat([toggles, kf.business_toggles("section", [7, 8], is_enabled=True)]))


class Frames(NamedTuple):
    """The frames of a plan, each of which can be replaced by a wrong one."""

    rows: pd.DataFrame
    requests: pd.DataFrame
    before: pd.Series
    limits: kf.Limits

    @classmethod
    def of(cls, plan: kf.Plan) -> Self:
        """Return those of a plan as it was made."""
        return cls(plan.rows, plan.requests, plan.before, plan.limits)


def broken(plan: kf.Plan, no: int, **changes: Any) -> Frames:
    """Return the plan with other values in one request."""
    requests = plan.requests
    for name, value in changes.items():
        requests[name] = [
            value if each == no else old
            for each, old in zip(requests["request_no"], requests[name], strict=True)
        ]
    return Frames.of(plan)._replace(requests=requests)


def request(plan: kf.Plan, scope: str) -> Any:
    """Return the first request of a scope."""
    requests = plan.requests
    return next(requests[requests["scope"] == scope].itertuples())


def test_check_plan__good(plan: kf.Plan, tmp_path: Path) -> None:
    """A plan as it was made passes, also after a trip through its file."""
    check_plan(plan)
    check_plan(kf.load_plan(plan.save(tmp_path / "plan.json")))


def test_check_plan__added_cell(plan: kf.Plan) -> None:
    """A cell that no row asks for is found, and the request is named."""
    each = request(plan, "store")
    with pytest.raises(kf.PlanError, match=f"request {each.request_no} touches what no row asks for"):
        check_plan(broken(plan, each.request_no, ids=(*each.ids, 999)))


def test_check_plan__added_store(plan: kf.Plan) -> None:
    """A store that no row has is found."""
    each = request(plan, "store")
    with pytest.raises(kf.PlanError, match="touches what no row asks for"):
        check_plan(broken(plan, each.request_no, stores=(*each.stores, (99, 99))))


def test_check_plan__missing_cell(plan: kf.Plan) -> None:
    """A row that no request carries is found."""
    each = request(plan, "business")
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, each.request_no, ids=each.ids[:1]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entity_type", "category"),
        ("is_enabled", True),
        ("cascade_to_modifier_groups", True),
        ("cascade_brand_ids", (1,)),
    ],
)
def test_check_plan__other_kind(plan: kf.Plan, name: str, value: object) -> None:
    """A request of another type, flag or cascade than its rows is found."""
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, request(plan, "store").request_no, **{name: value}))


def test_check_plan__no_stores(plan: kf.Plan) -> None:
    """A store request without stores, which the API may read as everywhere, is refused."""
    each = request(plan, "store")
    with pytest.raises(kf.PlanError, match=f"request {each.request_no} has a store list that does not fit"):
        check_plan(broken(plan, each.request_no, stores=()))


def test_check_plan__no_ids(plan: kf.Plan) -> None:
    """A request without ids is refused."""
    with pytest.raises(kf.PlanError, match="carries no id"):
        check_plan(broken(plan, 1, ids=()))


def test_check_plan__above_cap(plan: kf.Plan) -> None:
    """A request above a cap is refused."""
    with pytest.raises(kf.PlanError, match="is above a cap"):
        check_plan(Frames.of(plan)._replace(limits=kf.Limits(max_cells=2)))


def test_check_plan__many_cases() -> None:
    """Ten cases are named, and the others are counted."""
    plan = kf.plan(toggles_of(np.eye(15, dtype=bool)))
    requests = plan.requests.iloc[:1]
    with pytest.raises(kf.PlanError, match=r"and 4 more of those to be sent is in no request"):
        check_plan(Frames.of(plan)._replace(requests=requests))


def test_check_plan__left_out() -> None:
    """A row that is called unchanged although its flag differs is found."""
    toggles = toggles_of(np.ones((2, 2), dtype=bool))
    state = toggles.assign(is_enabled=pd.array([False, False, False, True], dtype="boolean"), title="Nasi")
    plan = kf.plan(toggles, state=state, unchanged="skip")
    rows = plan.rows.assign(
        request_no=pd.array([None] * 4, dtype="Int64"), skipped_as=pd.Series(["unchanged"] * 4, dtype="str")
    )
    with pytest.raises(kf.PlanError, match="row 4 is left out although it does not hold"):
        check_plan(Frames.of(plan)._replace(rows=rows, requests=plan.requests.head(0)))
