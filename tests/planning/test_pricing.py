"""Prices under which no request within the caps is worth more than 1, and the bound that they prove."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.pricing import CountedBlock, DualPrices, Pricing, best_counts, best_sums
from tests.planning.brute_force import fewest_requests
from tests.planning.certificates import are_sound_prices

seeds = st.integers(0, 10_000)
caps = st.none() | st.integers(1, 5)


def draw_table(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return a small table of classes, which of its cells must be covered, and sizes of the classes."""
    draw = np.random.default_rng(seed)
    cells = draw.random(draw.integers(1, 4, 2)) < draw.choice([0.5, 0.8, 1])
    cells[0, 0] = True
    asked = cells & (draw.random(cells.shape) < draw.choice([0.6, 1]))
    asked[0, 0] = True
    heights, widths = (draw.integers(1, 3, length) for length in cells.shape)
    return cells, asked, (heights, widths)


def spread(table: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return a table of classes as one of their members."""
    return table.repeat(weights[0], axis=0).repeat(weights[1], axis=1)


def is_sound(cells: np.ndarray, prices: np.ndarray, limits: kf.Limits) -> bool:
    """Hold prices of single cells against all requests."""
    of_cells = {(row, column): float(prices[row, column]) for row, column in np.argwhere(cells).tolist()}
    return are_sound_prices(set(of_cells), of_cells, (limits.ids, limits.stores, limits.cells))


@settings(max_examples=20, deadline=None)
@given(seeds, caps, caps, st.none() | st.integers(1, 9))
def test_pricing__sound(seed: int, max_ids: int, max_stores: int, max_cells: int) -> None:
    """Whatever the prices were: after it no request is worth more than 1, and none became dearer."""
    cells, _, weights = draw_table(seed)
    limits = kf.Limits(max_ids, max_stores, max_cells)
    prices = np.where(cells, np.random.default_rng(seed).random(cells.shape), 0)
    lowered = Pricing(cells, weights, limits).lower(prices, SearchBudget(20, progress=False))
    assert (lowered <= prices).all()
    assert is_sound(spread(cells, weights), spread(lowered, weights), limits)


def test_pricing__out_of_time() -> None:
    """Rows that no time is left for get no price."""
    prices = Pricing(np.ones((2, 2), dtype=bool), (np.ones(2, dtype=int),) * 2, kf.Limits(1, 1)).lower(
        np.full((2, 2), 0.5), SearchBudget(0, progress=False)
    )
    assert not prices.any()


@settings(max_examples=15, deadline=None)
@given(seeds, caps, caps, st.none() | st.integers(1, 9))
def test_dual_prices__bound(seed: int, max_ids: int, max_stores: int, max_cells: int) -> None:
    """The bound is never above the fewest requests, and its prices are a certificate of it."""
    cells, asked, weights = draw_table(seed)
    limits, single = kf.Limits(max_ids, max_stores, max_cells), np.array([1])
    blocks = [
        CountedBlock(np.array([row]), single, np.array([column]), single)
        for row, column in np.argwhere(asked)
    ]
    prices = DualPrices(cells, asked, weights, limits)
    prices.improve(blocks, SearchBudget(20, progress=False), enough=99, suggest=lambda *_: [])
    places = spread(cells, weights).astype(int) + spread(asked, weights)
    assert prices.bound <= fewest_requests(places, limits)
    proven = spread(prices.proven, weights)
    assert is_sound(places > 0, proven, limits)
    assert prices.bound - 1 < proven[places == 2].sum() <= prices.bound + 1e-4


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5))
def test_best_sums__all_choices(seed: int, cap: int) -> None:
    """It is the most over all ways to take some of each weight."""
    draw = np.random.default_rng(seed)
    worths, weights = draw.random((2, 3)), draw.integers(1, 3, 3)
    ways = [way for way in product(*(range(weight + 1) for weight in weights)) if sum(way) <= cap]
    np.testing.assert_allclose(best_sums(worths, weights, cap), (worths @ np.array(ways).T).max(axis=1))


def test_best_counts__within_caps() -> None:
    """It takes as much as the caps allow, part of a class where that is what fits."""
    heights, widths, worth = best_counts(np.ones((2, 2)), (np.array([3, 3]), np.array([1, 4])), 4, 2)
    assert (heights.sum(), widths.sum(), worth) == (4, 2, 8)
