"""Which rectangle has which cell, and the fewest of a pool that cover what is needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.exact_covers import prove_smallest
from klikit_frames.planning.set_cover import (
    LocalSearch,
    choose_greedily,
    drop_redundant,
    incidence_of,
    incidence_of_lists,
    price_cells,
)

tables = st.tuples(st.integers(1, 6), st.integers(1, 7)).flatmap(lambda shape: arrays(bool, shape))
pools = arrays(bool, (12, 9)).map(lambda covers: covers | np.eye(12, 9, dtype=bool))


@settings(max_examples=40, deadline=None)
@given(tables, st.integers(0, 99))
def test_incidence__table_and_lists(covers: np.ndarray, seed: int) -> None:
    """Cells, holders and sums are those of the table, in either form."""
    lists = incidence_of_lists([np.flatnonzero(line) for line in covers], n_cells=covers.shape[1])
    draw = np.random.default_rng(seed)
    prices, chosen = draw.integers(9, size=covers.shape[1]).astype(float), draw.random(len(covers)) < 0.5
    some = np.flatnonzero(draw.random(covers.shape[1]) < 0.5)
    for incidence in (lists, incidence_of(covers)):
        assert (incidence.n_rectangles, incidence.n_cells) == covers.shape
        for number, line in enumerate(covers):
            np.testing.assert_array_equal(incidence.cells_of(number), np.flatnonzero(line))
        for cell, line in enumerate(covers.T):
            np.testing.assert_array_equal(incidence.holders_of(cell), np.flatnonzero(line))
        np.testing.assert_array_equal(incidence.sum_cells(prices), covers @ prices)
        np.testing.assert_array_equal(incidence.sum_some(some, prices[some]), covers[:, some] @ prices[some])
        np.testing.assert_array_equal(incidence.count_rectangles(chosen), covers[chosen].sum(axis=0))


def budget() -> SearchBudget:
    """Return time enough."""
    return SearchBudget(20, progress=False)


@settings(max_examples=40, deadline=None)
@given(pools)
def test_choices__covers(covers: np.ndarray) -> None:
    """Every way gives a cover without an idle rectangle; swaps are not worse, and branching is the best."""
    greedy = choose_greedily(incidence_of(covers))
    swapped = LocalSearch(incidence_of(covers), draw=np.random.default_rng(1)).improve(
        greedy, n_steps=50, target=1, budget=budget()
    )
    best, is_proven = prove_smallest(covers, greedy, n_nodes=10_000, budget=budget())
    for chosen in (greedy, swapped, best):
        assert covers[chosen].any(axis=0).all()
        assert sorted(drop_redundant(incidence_of(covers), chosen)) == sorted(chosen)
    assert is_proven
    assert len(best) <= len(swapped) <= len(greedy)


@settings(max_examples=40, deadline=None)
@given(pools)
def test_price_cells__below_smallest(covers: np.ndarray) -> None:
    """Prices scaled so that no rectangle is worth more than 1 add up to no more than the smallest cover."""
    greedy = choose_greedily(incidence_of(covers))
    prices = price_cells(
        incidence_of(covers), best=len(greedy), prices=None, budget=SearchBudget(9, progress=False)
    )
    best, _ = prove_smallest(covers, greedy, n_nodes=10_000, budget=budget())
    assert (prices >= 0).all()
    assert prices.sum() / max(1, (covers @ prices).max()) <= len(best) + 1e-6


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_price_cells__near_smallest(share: float) -> None:
    """Prices find rectangles of a partition worth about 1 each, in sparse and in dense pools."""
    covers = np.random.default_rng(1).random((300, 60)) < share
    covers[:10] = np.kron(np.eye(10, dtype=bool), np.ones(6, dtype=bool))
    covers[10:, ::6] = False
    prices = price_cells(
        incidence_of(covers), best=10, prices=None, n_steps=300, budget=SearchBudget(9, progress=False)
    )
    assert prices.sum() == pytest.approx(10, abs=0.5)


def test_swapper__beats_greedy() -> None:
    """The textbook trap of greedy, one large set across two that suffice, is left by swaps."""
    covers = np.zeros((3, 14), dtype=bool)
    covers[0, :7] = covers[1, 7:] = True
    covers[2, 1:7] = covers[2, 7:13] = True
    greedy = choose_greedily(incidence_of(covers))
    local_search = LocalSearch(incidence_of(covers), draw=np.random.default_rng(1))
    assert sorted(local_search.improve([2, 0, 1], n_steps=50, target=2, budget=budget())) == [0, 1]
    assert len(greedy) >= 2


def test_prove_smallest__gives_up() -> None:
    """Too many branches end it unproven, with the cover that it was given or a better one."""
    covers = np.random.default_rng(1).random((80, 80)) < 0.1
    covers |= np.eye(80, dtype=bool)
    best, is_proven = prove_smallest(covers, list(range(80)), n_nodes=100, budget=budget())
    assert not is_proven
    assert covers[best].any(axis=0).all()
