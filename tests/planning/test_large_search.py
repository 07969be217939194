"""Covers of tables that are too large to compare all lines with each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.large_search import MOST_PAIRS, LargeSearch
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.certificates import is_fooling_set
from tests.planning.tables import planted, planted_densely, toggles_of

levels = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(0, 2)).filter(lambda table: (table == 2).any())
)


def searched(
    cells: np.ndarray,
    asked: np.ndarray | None = None,
    *,
    time_budget_s: float = 5,
    most_pairs: float = MOST_PAIRS,
) -> LargeSearch:
    """Return the search, done."""
    search = LargeSearch(cells, cells if asked is None else asked, most_pairs=most_pairs)
    search.search(SearchBudget(time_budget_s, progress=False), most=10**6)
    return search


@settings(max_examples=25, deadline=None)
@given(levels, st.sampled_from([0.0, 5.0]))
def test_large_search__any_table(places: np.ndarray, time_budget_s: float) -> None:
    """Its blocks lie inside the table and hold all that is asked for, and its cells are apart."""
    cells, asked = places > 0, places == 2
    search = searched(cells, asked, time_budget_s=time_budget_s)
    covered = np.zeros_like(cells)
    for block in search.blocks:
        covered[block.inside] = True
    assert not (covered & ~cells).any()
    assert not (asked & ~covered).any()
    assert search.bound <= len(search.blocks)
    pairs = list(zip(*map(np.ndarray.tolist, search.apart), strict=True))
    assert is_fooling_set({(row, column) for row, column in np.argwhere(cells).tolist()}, pairs)
    assert asked[search.apart].all()


def test_large_search__dense_overlap() -> None:
    """As many rectangles as were planted, though every line is in several of them, and proven."""
    search = searched(planted_densely(600, 700, 250, side=10, seed=1))
    assert (len(search.blocks), search.bound) == (250, 250)


def test_large_search__some_lines() -> None:
    """Where counting along all lines would take too long, the lightest lines tell as much."""
    search = searched(planted(300, 400, 12, share=0.2, seed=1), most_pairs=200_000)
    assert (len(search.blocks), search.bound) == (12, 12)


def test_plan__large() -> None:
    """A plan of a large table has the planted number of requests with the default budget, and says so."""
    plan = kf.plan(toggles_of(planted_densely(1000, 910, 250, side=16, seed=1)), limits=kf.Limits(None, None))
    check_plan(plan)
    assert (plan.n_requests, plan.is_optimal, plan.is_searched) == (250, True, True)
