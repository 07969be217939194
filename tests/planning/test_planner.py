"""What holds for any plan."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
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
from klikit_frames import edge
from klikit_frames.planning import planner
from klikit_frames.planning.components import Component
from klikit_frames.planning.plan_checks import check_plan
from tests.fixtures import column
from tests.planning.brute_force import NO_CAPS, fewest_requests, plan_chain, plan_places, state_of
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
            request.entity_type,
            entity_id,
            request.scope,
            store,
            request.is_enabled,
            request.cascade_to_modifier_groups,
            request.cascade_brand_ids,
        )
        for request in cast("Iterable[Any]", requests.itertuples())
        for entity_id, store in product(request.ids, request.stores or (None,))
    ]


def asked(toggles: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Write out what the rows ask for."""
    return {
        (
            row.entity_type,
            row.entity_id,
            row.scope,
            None if row.scope == "business" else (row.brand_id, row.branch_id),
            row.is_enabled,
            row.cascade_to_modifier_groups,
            row.cascade_brand_ids,
        )
        for row in toggles.itertuples()
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
    """The order of the input rows changes neither requests nor digest; the plan's id is drawn again."""
    toggles = toggles_of(cells)
    order = list(range(len(toggles)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    straight, mixed_up = (kf.plan(rows, limits=limits) for rows in (toggles, toggles.iloc[order]))
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
    cut = sum(kf.Limits(25, 25).cost(len(target.ids), len(target.stores)) for target in whole.targets)
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


# For each place: not asked for, holds already, to be changed.
levels = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(0, 2))
)


@settings(max_examples=15, deadline=None)
@given(levels, caps)
def test_plan__rows_that_hold(places: np.ndarray, limits: kf.Limits) -> None:
    """Requests stay inside what was asked and hold all that differs; no other way takes fewer of them."""
    plan = plan_places(places, limits=limits)
    sent = {(entity, store) for _, entity, _, store, *_ in touched(plan.requests)}
    asked, differing = (
        {(101 + row, (column // 10 + 1, column + 11)) for row, column in np.argwhere(places > least).tolist()}
        for least in (0, 1)
    )
    assert differing <= sent <= asked
    assert plan.lower_bound <= plan.n_requests <= min(plan.baselines.values())
    for unchanged in ("skip", "send"):
        assert plan.n_requests <= plan_places(places, limits=limits, unchanged=unchanged).n_requests
    assert plan.n_riding_along == len(sent) - len(differing)


@settings(max_examples=20, deadline=None)
@given(arrays(np.int8, (4, 4), elements=st.integers(0, 2)))
def test_plan__rows_that_hold_smallest(places: np.ndarray) -> None:
    """Small tables get the fewest requests that there can be, and the plan says so."""
    plan = plan_places(places)
    assert plan.n_requests == fewest_requests(places)
    assert plan.is_optimal


@settings(max_examples=25, deadline=None)
@given(arrays(np.int8, (3, 4), elements=st.integers(0, 2)), caps)
def test_plan__fewest_under_caps(places: np.ndarray, limits: kf.Limits) -> None:
    """Small tables get the fewest requests that there can be under any caps, rows that hold riding along."""
    plan = plan_places(places, limits=limits)
    assert plan.lower_bound <= plan.n_requests == fewest_requests(places, limits)


def test_plan__rows_that_hold_left_out_of_the_kernel() -> None:
    """A rectangle never grows along a row that holds already, and so loses a column that it must have."""
    places = np.array([[1, 2, 0, 2], [0, 1, 0, 2], [2, 0, 1, 0], [2, 2, 2, 1]], dtype=np.int8)
    assert plan_places(places).n_requests == fewest_requests(places) == 2


def test_plan__drifted_block() -> None:
    """Of a block of which one cell in a hundred drifted one request is left, not one per store."""
    draw = np.random.default_rng(1)
    places = 1 + (draw.random((400, 60)) < 0.01).astype(np.int8)
    plan = plan_places(places)
    assert (plan.n_requests, plan.lower_bound) == (1, 1)
    assert plan_places(places, unchanged="skip").n_requests > 50


@pytest.mark.parametrize(("count", "share"), [(12, 0.1), (30, 0.08)])
def test_plan__drifted_planted(count: int, share: float) -> None:
    """Planted rectangles of which a few cells drifted take as many requests as there are rectangles."""
    cells = planted(400, 1000, count, share=share, seed=1)
    drifted = np.random.default_rng(1).random(cells.shape) < 0.02
    plan = plan_places(cells + (cells & drifted).astype(np.int8), limits=NO_CAPS)
    assert plan.n_requests <= count
    assert plan.is_optimal


def test_plan__nothing_rides_for_nothing() -> None:
    """A row that saves no request stays out: it is unchanged, and the sentence counts both kinds."""
    plan = plan_places(np.array([[2, 1, 2], [2, 2, 1], [1, 1, 1]], dtype=np.int8))
    assert plan.counts == {"sent": 6, "unchanged": 3, "rejected": 0}
    assert (plan.n_requests, plan.n_riding_along) == (1, 2)
    assert "not sent: 3 unchanged; sent along although they hold: 2" in repr(plan)


def test_plan__all_holds() -> None:
    """Where everything holds nothing is sent, unless all shall be."""
    places = np.ones((3, 3), dtype=np.int8)
    assert plan_places(places).counts == {"sent": 0, "unchanged": 9, "rejected": 0}
    assert plan_places(places, unchanged="send").counts == {"sent": 9, "unchanged": 0, "rejected": 0}


def test_plan__no_row_twice_for_rows_that_hold() -> None:
    """With combine=False a row that holds is not sent: a request of its own cannot save one."""
    plan = plan_places(np.array([[1, 2], [2, 1]], dtype=np.int8), combine=False)
    assert (plan.n_requests, plan.counts["unchanged"]) == (2, 2)


def test_plan__changed_business_wide() -> None:
    """A store row whose entity the same plan changes business-wide is no choice: it is sent."""
    store = toggles_of(np.ones((1, 2), dtype=bool))
    toggles = kf.read_toggles(pd.concat([store, kf.business_toggles("item", [101], is_enabled=False)]))
    plan = kf.plan(toggles, state=state_of(toggles, np.array([False, False, True])))
    assert plan.counts == {"sent": 3, "unchanged": 0, "rejected": 0}
    assert plan.n_riding_along == 0


def test_plan__bad_unchanged() -> None:
    """Another word for what becomes of rows that hold is refused, with the words there are."""
    with pytest.raises(kf.PlanError, match="unchanged='never' is none of 'optional', 'skip', 'send'"):
        plan_places(np.ones((1, 1), dtype=np.int8), unchanged="never")


def test_plan__too_large_to_search() -> None:
    """A plan whose search had no time says so, and is no worse than the usual ways."""
    plan = kf.plan(toggles_of(planted(300, 200, 30, share=0.08, seed=1)), time_budget_s=0)
    assert not plan.is_searched
    assert "a part was too large for a search in the time allowed" in repr(plan)
    assert plan.n_requests <= min(plan.baselines.values())


class _Ticking(edge.World):
    """A machine whose clock goes on by the same step each time that it is asked."""

    def __init__(self, tick_s: float) -> None:
        self._ticks, self._tick_s = itertools.count(), tick_s

    def monotonic(self) -> float:
        return next(self._ticks) * self._tick_s

    def process_time(self) -> float:
        return 0.0


@pytest.mark.parametrize("limits", [NO_CAPS, kf.Limits(8, 6), kf.Limits(None, None, 20)])
def test_plan__search_cut(limits: kf.Limits) -> None:
    """A plan whose search was cut says so, with caps and without; one whose search ended does not."""
    # No clock goes on, so that counted work alone ends a search, however busy the machine is.
    with edge.use(_Ticking(0.0)):
        assert plan_chain(limits, operations_per_s=4e9).is_searched
        assert not plan_chain(limits, operations_per_s=1e5).is_searched


def test_plan__interrupted_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that Ctrl-C ended has not searched the parts that it did not come to."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Component, "quick_cover", interrupt)
    plan = kf.plan(toggles_of(chain(60, 80, edits=0.01, seed=1)), on_interrupt="best")
    check_plan(plan)
    assert not plan.is_searched


@pytest.mark.parametrize("limits", [NO_CAPS, kf.Limits(8, 6)])
def test_plan__cut_by_counted_work(limits: kf.Limits) -> None:
    """Where counted work ends the search, equal input gives an equal digest, however fast the machine is."""
    digests = set()
    for tick_s in (0.0, 1e-6):
        with edge.use(_Ticking(tick_s)):
            digests.add(plan_chain(limits, operations_per_s=2e7).digest)
    assert len(digests) == 1


_CUT = """
from klikit_frames import Limits
from tests.planning.brute_force import plan_chain
for limits in (Limits(None, None, None), Limits(8, 6)):
    print(plan_chain(limits, operations_per_s=2e7, time_budget_s=60).digest)
"""


def test_plan__cut_in_two_processes() -> None:
    """Where counted work ends the search, another process with other hashes comes to the same digests."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", _CUT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().split()) == 2


def test_plan__does_not_hear_what_the_blas_says_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of finite numbers that is called invalid costs no plan, and shows nobody a warning."""
    search = planner.search_groups

    def noisy_search(*args: Any, **options: Any) -> None:
        np.sqrt(np.full(2, -1.0))
        search(*args, **options)

    monkeypatch.setattr(planner, "search_groups", noisy_search)
    assert kf.plan(toggles_of(with_holes(6, 6, 3, seed=1))).n_requests > 1
