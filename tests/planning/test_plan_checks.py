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
            value if request_no == no else old
            for request_no, old in zip(requests["request_no"], requests[name], strict=True)
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
    first = request(plan, "store")
    with pytest.raises(kf.PlanError, match=f"request {first.request_no} touches what no row asks for"):
        check_plan(broken(plan, first.request_no, ids=(*first.ids, 999)))


def test_check_plan__added_store(plan: kf.Plan) -> None:
    """A store that no row has is found."""
    first = request(plan, "store")
    with pytest.raises(kf.PlanError, match="touches what no row asks for"):
        check_plan(broken(plan, first.request_no, stores=(*first.stores, (99, 99))))


def test_check_plan__missing_cell(plan: kf.Plan) -> None:
    """A row that no request carries is found."""
    first = request(plan, "business")
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, first.request_no, ids=first.ids[:1]))


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
    first = request(plan, "store")
    with pytest.raises(kf.PlanError, match=f"request {first.request_no} has a store list that does not fit"):
        check_plan(broken(plan, first.request_no, stores=()))


def test_check_plan__no_ids(plan: kf.Plan) -> None:
    """A request without ids is refused."""
    with pytest.raises(kf.PlanError, match=r"broken: request 1 carries no id\."):
        check_plan(broken(plan, 1, ids=()))


def block(plan_of: pd.DataFrame, **caps: int) -> Frames:
    """Return the plan of a table that is one request, under other caps."""
    plan = kf.plan(plan_of)
    assert plan.n_requests == 1
    return Frames.of(plan)._replace(limits=kf.Limits(**caps))


SIX = kf.cross_toggles("item", [1, 2, 3], [(5, 8), (5, 9)], is_enabled=False)
WIDE = kf.business_toggles("item", [1, 2, 3], is_enabled=False)


@pytest.mark.parametrize(
    ("table", "caps"),
    [
        (SIX, {"max_ids": 3, "max_stores": 2, "max_cells": 6}),
        (WIDE, {"max_ids": 3, "max_stores": 1, "max_cells": 3}),
    ],
)
def test_check_plan__at_its_caps(table: pd.DataFrame, caps: dict[str, int]) -> None:
    """A request that is exactly as large as allowed passes."""
    check_plan(block(table, **caps))


@pytest.mark.parametrize(
    ("table", "caps"),
    [
        (SIX, {"max_ids": 2}),
        (SIX, {"max_stores": 1}),
        (SIX, {"max_cells": 5}),
        (WIDE, {"max_ids": 2}),
        (WIDE, {"max_cells": 2}),
    ],
)
def test_check_plan__above_one_cap(table: pd.DataFrame, caps: dict[str, int]) -> None:
    """A request above any one of the caps is refused."""
    with pytest.raises(kf.PlanError, match=r"broken: request 1 is above a cap\."):
        check_plan(block(table, **caps))


@pytest.mark.parametrize(
    ("n_rows", "said"),
    [
        (11, "2, 3, 4, 5, 6, 7, 8, 9, 10, 11"),
        (15, "2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 4 more"),
    ],
)
def test_check_plan__many_cases(n_rows: int, said: str) -> None:
    """Ten cases are named, by the numbers of their rows, and the others are counted."""
    plan = kf.plan(toggles_of(np.eye(n_rows, dtype=bool)))
    requests = plan.requests.head(1)
    with pytest.raises(kf.PlanError, match=f"row {said} of those to be sent is in no request"):
        check_plan(Frames.of(plan)._replace(requests=requests))


def test_check_plan__ids_next_to_each_other() -> None:
    """Ids are compared as whole numbers: as floats these two would be one."""
    plan = kf.plan(kf.business_toggles("item", [2**53], is_enabled=False))
    check_plan(plan)
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, 1, ids=(2**53 + 1,)))


@pytest.mark.parametrize("far", [2**20, 2**31, 2**53, 2**63 - 1])
def test_check_plan__ids_far_from_each_other(far: int) -> None:
    """Ids that are too far apart to be packed as they are stay apart all the same."""
    near = [1, far // 2, far]
    made = kf.plan(kf.cross_toggles("item", near, [(number, number) for number in near], is_enabled=False))
    check_plan(made)
    (no,) = made.requests["request_no"]
    pairs = tuple((number, number) for number in near)
    missing: list[dict[str, Any]] = [{"ids": (1, far // 2, far - 1)}, {"stores": (*pairs[:2], (far, 1))}]
    for changes in missing:
        with pytest.raises(kf.PlanError, match="is in no request"):
            check_plan(broken(made, no, **changes))
    added: list[dict[str, Any]] = [{"ids": (*near, far - 1)}, {"stores": (*pairs, (far, 1))}]
    for changes in added:
        with pytest.raises(kf.PlanError, match="request 1 touches what no row asks for"):
            check_plan(broken(made, no, **changes))


@pytest.mark.parametrize(
    ("stores", "others"),
    [
        ([(1, 11), (2, 12)], ((1, 12), (2, 11))),
        ([(1, 1), (1, 2**62), (2**62, 2**62)], ((1, 1), (2**62, 1), (2**62, 2**62))),
    ],
)
def test_check_plan__brands_and_branches_mixed_up(
    stores: list[tuple[int, int]], others: tuple[tuple[int, int], ...]
) -> None:
    """Stores of the right brands and branches, in other pairs, are others: near ids and far ones."""
    plan = kf.plan(kf.cross_toggles("item", [1], stores, is_enabled=False))
    check_plan(plan)
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, 1, stores=others))


def test_check_plan__the_largest_branch_beside_the_whole_business() -> None:
    """No store and the store with the largest id are as far from each other as can be, and both are seen."""
    wide = kf.business_toggles("item", [1], is_enabled=False)
    plan = kf.plan(pd.concat([wide, kf.cross_toggles("item", [1], [(1, 2**63 - 1)], is_enabled=True)]))
    check_plan(plan)
    with pytest.raises(kf.PlanError, match="is in no request"):
        check_plan(broken(plan, request(plan, "store").request_no, stores=((1, 2**63 - 2),)))


def test_check_plan__cascades_to_different_brands() -> None:
    """Each request has the list of brands of its rows, in whatever order the lists come."""
    parts = [
        kf.business_toggles(
            "item", [no], is_enabled=False, cascade_to_modifier_groups=True, cascade_brand_ids=brands
        )
        for no, brands in ((1, [663]), (2, [1616]), (3, [663]), (4, [1100, 663]))
    ]
    plan = kf.plan(pd.concat(parts))
    check_plan(plan)
    for no, brands in ((1, (1616,)), (2, (663,)), (3, (663,))):
        with pytest.raises(kf.PlanError, match="is in no request"):
            check_plan(broken(plan, no, cascade_brand_ids=brands))


def test_check_plan__nothing_to_send() -> None:
    """A plan without rows passes."""
    check_plan(kf.plan(SIX.head(0)))


def left_out(skipped_as: str, *, before: bool | None, cascades: bool = False) -> Frames:
    """Return a plan of two rows that asks for off: the first is sent, the second left out for its flag."""
    toggles = kf.business_toggles(
        "item", [1, 2], is_enabled=False, cascade_to_modifier_groups=cascades, cascade_brand_ids=()
    )
    plan = kf.plan(toggles)
    rows = plan.rows.assign(
        request_no=pd.array([1, None], dtype="Int64"), skipped_as=pd.Series([None, skipped_as], dtype="str")
    )
    made = broken(plan, 1, ids=(1,))
    return made._replace(rows=rows, before=pd.Series([None, before], dtype="boolean"))


@pytest.mark.parametrize("skipped_as", ["unchanged", "holds"])
def test_check_plan__left_out(skipped_as: str) -> None:
    """A row may be left out only where its flag is known to hold; of those that are sent nothing is asked."""
    check_plan(left_out(skipped_as, before=False))
    for before in (True, None):
        with pytest.raises(kf.PlanError, match="broken: row 2 is left out although it does not hold"):
            check_plan(left_out(skipped_as, before=before))


def test_check_plan__left_out_though_it_cascades() -> None:
    """What a cascade does is not seen in a flag: such a row is left out only where its flag is all it is."""
    check_plan(left_out("holds", before=False, cascades=True))
    with pytest.raises(kf.PlanError, match="row 2 is left out although it does not hold"):
        check_plan(left_out("unchanged", before=False, cascades=True))
