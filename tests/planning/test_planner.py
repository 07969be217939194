"""What holds for any plan."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.plan_checks import check_plan
from tests.fixtures import column
from tests.planning.brute_force import NO_CAPS, fewest_requests
from tests.planning.tables import chain, planted, roles, stock_outs, toggles_of, with_holes

tables = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))
caps = st.builds(
    kf.Limits,
    st.none() | st.integers(1, 6),
    st.none() | st.integers(1, 6),
    st.none() | st.integers(1, 12),
)
places = st.sampled_from([(1, 1), (1, 2), (2, 1), None])
keys = st.tuples(st.sampled_from(["section", "item"]), st.integers(1, 4), places)
mixed = st.dictionaries(
    keys, st.tuples(st.booleans(), st.booleans(), st.sampled_from([(), (1,), (1, 2)])), max_size=30
)


def frame_of(wanted: dict[Any, Any]) -> pd.DataFrame:
    """Return toggles of every kind, from a mapping of place to flag and cascade."""
    rows = [
        {
            "entity_type": entity_type,
            "entity_id": entity_id,
            "scope": "business" if place is None else "store",
            "brand_id": None if place is None else place[0],
            "branch_id": None if place is None else place[1],
            "is_enabled": is_enabled,
            "cascade_to_modifier_groups": cascade,
            "cascade_brand_ids": brands if cascade else (),
        }
        for (entity_type, entity_id, place), (is_enabled, cascade, brands) in wanted.items()
    ]
    columns = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
    columns += ["cascade_to_modifier_groups", "cascade_brand_ids"]
    return pd.DataFrame(rows, columns=columns).astype({"brand_id": "Int64", "branch_id": "Int64"})


def touched(requests: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Write out, one by one, what each request does and to what."""
    return [
        (
            each.entity_type,
            one,
            each.scope,
            store,
            each.is_enabled,
            each.cascade_to_modifier_groups,
            each.cascade_brand_ids,
        )
        for each in cast("Iterable[Any]", requests.itertuples())
        for one, store in product(each.ids, each.stores or (None,))
    ]


def asked(toggles: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Write out what the rows ask for."""
    return {
        (
            each.entity_type,
            each.entity_id,
            each.scope,
            None if each.scope == "business" else (each.brand_id, each.branch_id),
            each.is_enabled,
            each.cascade_to_modifier_groups,
            each.cascade_brand_ids,
        )
        for each in toggles.itertuples()
    }


@settings(max_examples=40, deadline=None)
@given(mixed, caps, st.booleans())
def test_plan__any_rows(wanted: dict[Any, Any], limits: kf.Limits, combine: bool) -> None:
    """The cells of the requests are those asked for, caps hold, and kinds of rows never mix."""
    plan = kf.plan(frame_of(wanted), limits=limits, combine=combine)
    check_plan(plan)
    assert set(touched(plan.requests)) == asked(plan.toggles)
    assert plan.requests["n_rows"].sum() == plan.n_rows
    assert plan.lower_bound <= plan.n_requests
    for target in plan.targets:
        assert len(target.ids) <= min(limits.ids, limits.cells)
        assert target.n_cells <= limits.cells
        assert len(target.stores) <= limits.stores


@settings(max_examples=40, deadline=None)
@given(tables, caps)
def test_plan__never_worse_than_trivial(cells: np.ndarray, limits: kf.Limits) -> None:
    """No usual way needs fewer requests, whatever the caps, and no bound is above the plan."""
    plan = kf.plan(toggles_of(cells), limits=limits)
    check_plan(plan)
    assert plan.lower_bound <= plan.n_requests <= min(plan.baselines.values())


@settings(max_examples=40, deadline=None)
@given(arrays(bool, (4, 4)))
def test_plan__smallest(cells: np.ndarray) -> None:
    """Small tables get the fewest requests that there can be, and the plan says so."""
    plan = kf.plan(toggles_of(cells))
    assert plan.n_requests == fewest_requests(2 * cells)
    assert plan.is_optimal


@settings(max_examples=15, deadline=None)
@given(tables, st.randoms(use_true_random=False), caps)
def test_plan__order_of_rows(cells: np.ndarray, chance: object, limits: kf.Limits) -> None:
    """The order of the input rows changes neither requests nor digest; the plan's id is drawn anew."""
    toggles = toggles_of(cells)
    order = list(range(len(toggles)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    straight, mixed_up = (kf.plan(each, limits=limits) for each in (toggles, toggles.iloc[order]))
    pd.testing.assert_frame_equal(straight.requests, mixed_up.requests)
    assert straight.digest == mixed_up.digest
    assert straight.plan_id != mixed_up.plan_id


@pytest.mark.parametrize(
    ("cells", "fewest"),
    [
        (planted(400, 200, 30, share=0.08, seed=1), 30),
        (planted(500, 300, 60, share=0.03, seed=2), 60),
        (planted(2000, 400, 12, share=0.1, seed=3), 12),
        (roles(100, 184, 50, seed=4), 50),
        (roles(100, 184, 50, seed=5), 50),
        (stock_outs(300, 500, seed=6), None),
        (with_holes(100, 200, 30, seed=0), 7),
    ],
)
def test_plan__families(cells: np.ndarray, fewest: int | None) -> None:
    """Tables with a known structure get the smallest number, proven."""
    plan = kf.plan(toggles_of(cells), limits=NO_CAPS)
    check_plan(plan)
    assert plan.is_optimal
    assert fewest in (None, plan.n_requests)


def test_plan__chain() -> None:
    """Menus with local edits take half of what equal sets take, close to the bound."""
    cells = chain(150, 200, edits=0.001, seed=1, n_cities=6)
    plan = kf.plan(toggles_of(cells), limits=NO_CAPS, time_budget_s=60)
    check_plan(plan)
    assert plan.n_requests <= 1.15 * plan.lower_bound
    assert plan.n_requests < 0.8 * plan.baselines["equal_sets"]


def test_plan__duplicates() -> None:
    """Exact duplicates are sent once, and each of them has the request that carries it."""
    toggles = pd.concat([toggles_of(np.ones((2, 2), dtype=bool))] * 2, ignore_index=True)
    plan = kf.plan(toggles)
    assert touched(plan.requests) == [
        ("item", entity, "store", (1, branch), False, False, ())
        for entity in (101, 102)
        for branch in (11, 12)
    ]
    assert plan.rows["request_no"].tolist() == [1] * 8
    assert plan.requests["n_rows"].tolist() == [8]


def test_plan__overlap() -> None:
    """A row in two requests is owned by the first and lists the other."""
    cells = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
    plan = kf.plan(toggles_of(cells))
    carried = plan.rows.loc[
        plan.rows["other_request_nos"].map(bool), ["entity_id", "request_no", "other_request_nos"]
    ]
    expected = pd.DataFrame(
        {"entity_id": [102], "request_no": pd.array([1], dtype="Int64"), "other_request_nos": [(2,)]},
        index=[3],
    )
    assert plan.n_requests == 2
    pd.testing.assert_frame_equal(carried, expected)


def test_plan__least_overlap() -> None:
    """Of the covers with two requests the one is taken that touches the fewest cells twice."""
    cells = np.zeros((6, 6), dtype=bool)
    cells[:4] = True
    cells[3:, :2] = True
    plan = kf.plan(toggles_of(cells))
    assert plan.n_requests == 2
    assert (plan.requests["n_ids"] * plan.requests["n_stores"]).sum() == cells.sum()


def test_plan__separate() -> None:
    """With combine=False every row has a request of its own."""
    toggles = toggles_of(np.ones((3, 4), dtype=bool))
    plan = kf.plan(toggles, combine=False)
    check_plan(plan)
    assert plan.n_requests == 12
    assert plan.requests["n_rows"].tolist() == [1] * 12


def test_plan__one_by_one_caps() -> None:
    """A cap of one id and one store gives one request per row, which is then the fewest possible."""
    plan = kf.plan(toggles_of(np.ones((3, 4), dtype=bool)), limits=kf.Limits(1, 1))
    assert (plan.n_requests, plan.is_optimal) == (12, True)


def test_plan__caps_in_mind() -> None:
    """Rectangles that fit the caps are found where cutting maximal ones would take more."""
    cells = planted(120, 120, 8, share=0.15, seed=3)
    whole = kf.plan(toggles_of(cells), limits=NO_CAPS)
    capped = kf.plan(toggles_of(cells), limits=kf.Limits(25, 25))
    check_plan(capped)
    cut = sum(kf.Limits(25, 25).cost(len(each.ids), len(each.stores)) for each in whole.targets)
    assert capped.n_requests <= min(cut, *capped.baselines.values())


def test_plan__empty() -> None:
    """No rows make a plan of no requests."""
    plan = kf.plan(toggles_of(np.zeros((2, 2), dtype=bool)))
    check_plan(plan)
    assert (plan.n_rows, plan.n_requests, plan.lower_bound) == (0, 0, 0)


def test_plan__own_columns() -> None:
    """The input's own columns, index and order come back, also columns named like those of `rows`."""
    toggles = toggles_of(np.ones((1, 2), dtype=bool)).assign(skipped_as=["mine", "yours"])
    toggles.index = pd.Index(["b", "a"])
    plan = kf.plan(toggles)
    pd.testing.assert_frame_equal(plan.toggles, kf.read_toggles(toggles))
    assert plan.rows["input_skipped_as"].tolist() == ["mine", "yours"]


def test_plan__contradiction() -> None:
    """Rows that ask for both flags of one place are refused before anything is planned."""
    toggles = toggles_of(np.ones((1, 1), dtype=bool))
    with pytest.raises(kf.InvalidToggles):
        kf.plan(pd.concat([toggles, toggles.assign(is_enabled=True)]))


def test_plan__time_budget_zero() -> None:
    """Without time the plan is exact all the same, and no worse than the usual ways."""
    plan = kf.plan(toggles_of(chain(60, 80, edits=0.01, seed=1)), time_budget_s=0)
    check_plan(plan)
    assert plan.n_requests <= min(plan.baselines.values())


def test_plan__bad_budget() -> None:
    """A time budget below nothing is refused."""
    with pytest.raises(kf.PlanError, match="time_budget_s is -1"):
        kf.plan(toggles_of(np.ones((1, 1), dtype=bool)), time_budget_s=-1)


@pytest.mark.parametrize("name", ["starts_at", "ends_at"])
def test_plan__times(name: str) -> None:
    """A row with a time is refused with the word that is meant; a column of blanks is none."""
    toggles = toggles_of(np.ones((1, 2), dtype=bool))
    with pytest.raises(kf.PlanError, match=rf"Row 2 has '2026-12-24T18:00\+07:00' in {name}.*schedule"):
        kf.plan(toggles.assign(**{name: column(None, "2026-12-24T18:00+07:00")}))
    assert kf.plan(toggles.assign(**{name: column(None, "  ")})).n_requests == 1
