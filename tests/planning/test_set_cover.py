"""Choosing from a pool: greedily, by swaps, by branching, and by prices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.branch_and_bound import prove_smallest
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.dual_prices import price_cells
from klikit_frames.planning.incidences import incidence_of
from klikit_frames.planning.set_cover import LocalSearch, choose_greedily, drop_redundant

pools = arrays(bool, (12, 9)).map(lambda covers: covers | np.eye(12, 9, dtype=bool))


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
    prices = price_cells(incidence_of(covers), best=len(greedy), prices=None)
    best, _ = prove_smallest(covers, greedy, n_nodes=10_000, budget=budget())
    assert (prices >= 0).all()
    assert prices.sum() / max(1, (covers @ prices).max()) <= len(best) + 1e-6


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_price_cells__near_smallest(share: float) -> None:
    """Prices find rectangles of a partition worth about 1 each, in sparse and in dense pools."""
    covers = np.random.default_rng(1).random((300, 60)) < share
    covers[:10] = np.kron(np.eye(10, dtype=bool), np.ones(6, dtype=bool))
    covers[10:, ::6] = False
    prices = price_cells(incidence_of(covers), best=10, prices=None, n_steps=300)
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
