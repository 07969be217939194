"""Rows that hold already: a request may carry them where that saves a request."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.planning.components import Component
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.brute_force import NO_CAPS, fewest_requests, plan_chain, plan_places, state_of
from tests.planning.tables import chain, planted, toggles_of
from tests.planning.test_planner import caps, touched

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


@pytest.mark.parametrize("limits", [NO_CAPS, kf.Limits(8, 6), kf.Limits(None, None, 20)])
def test_plan__search_cut(limits: kf.Limits) -> None:
    """A plan whose search was cut says so, with caps and without; one whose search ended does not."""
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


class _Ticking(edge.World):
    """A machine whose clock goes on by the same step each time that it is asked."""

    def __init__(self, tick_s: float) -> None:
        self._ticks, self._tick_s = itertools.count(), tick_s

    def monotonic(self) -> float:
        return next(self._ticks) * self._tick_s

    def process_time(self) -> float:
        return 0.0


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
    found = {
        subprocess.run(
            [sys.executable, "-c", _CUT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().split()) == 2
