"""How few requests are possible at least."""

from __future__ import annotations

import numpy as np
import pytest

import klikit_frames as kf
from klikit_frames.planning.bounds import FoolingSet, bound_by_antichains, bound_by_caps
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.reductions import whole_kernel
from tests.planning.tables import chain, toggles_of


def test_fooling_set__apart() -> None:
    """No two of its cells fit into one rectangle, before and after it is improved."""
    cells = chain(40, 60, edits=0.01, seed=1, n_cities=4)
    budget = SearchBudget(5, progress=False)
    fooling_set = FoolingSet(whole_kernel(cells), draw=np.random.default_rng(1), budget=budget)
    before = fooling_set.size
    fooling_set.improve(n_steps=500, target=60, budget=budget)
    rows, columns = fooling_set.places
    corners = cells[np.ix_(rows, columns)]
    assert np.diag(corners).all()
    assert not (corners & corners.T & ~np.eye(len(rows), dtype=bool)).any()
    assert before <= fooling_set.size == len(rows)


@pytest.mark.parametrize(("size", "fewest"), [(2, 2), (3, 3), (6, 4), (7, 5), (35, 7), (36, 8)])
def test_bound_by_antichains__crown(size: int, fewest: int) -> None:
    """A full square without its diagonal takes k rectangles as long as C(k, k/2) is at least its size."""
    crown = ~np.eye(size, dtype=bool)
    assert bound_by_antichains(crown, crown) == fewest


@pytest.mark.parametrize(
    ("sides", "limits", "fewest"),
    [
        ((10, 10), kf.Limits(5, 5), 4),
        ((10, 10), kf.Limits(None, None, 30), 4),
        ((3, 3), kf.Limits(2, 2), 3),
        ((1000, 1), kf.Limits(), 2),
        ((4, 4), kf.Limits(None, None), 1),
    ],
)
def test_bound_by_caps__full(sides: tuple[int, int], limits: kf.Limits, fewest: int) -> None:
    """The caps alone ask for so many requests to a full rectangle."""
    assert bound_by_caps(*sides, limits) == fewest


def test_bound__with_caps() -> None:
    """Planted blocks that share nothing are cut and proven one by one."""
    cells = np.kron(np.eye(3, dtype=bool), np.ones((10, 8), dtype=bool))
    plan = kf.plan(toggles_of(cells), limits=kf.Limits(5, 4))
    assert (plan.n_requests, plan.lower_bound) == (12, 12)
