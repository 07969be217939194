"""A cover within the caps is made smaller by taking out a few blocks and covering their cells again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.groups import Rectangle
from klikit_frames.planning.neighbourhood_search import NeighbourhoodSearch


def search_from_cells(
    cells: np.ndarray, asked: np.ndarray, sizes: tuple[np.ndarray, np.ndarray], limits: kf.Limits
) -> NeighbourhoodSearch:
    """Return the search that begins with a block for each cell that must be covered."""
    blocks = [Rectangle(np.array([row]), np.array([column])) for row, column in np.argwhere(asked)]
    shape = limits.grid(*(int(side.sum()) for side in sizes))
    worths = np.where(asked, 1 / asked.sum(), 0)
    draw = np.random.default_rng(1)
    return NeighbourhoodSearch(cells, asked, sizes, worths, blocks, limits=limits, shapes=[shape], draw=draw)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9_999), st.integers(2, 6), st.integers(2, 6), st.none() | st.integers(4, 12))
def test_improve__within_caps(seed: int, max_ids: int, max_stores: int, max_cells: int | None) -> None:
    """The blocks stay inside the table and the caps, and cover all that they covered."""
    draw, limits = np.random.default_rng(seed), kf.Limits(max_ids, max_stores, max_cells)
    cells = draw.random((6, 7)) < 0.6
    asked = cells & (draw.random(cells.shape) < 0.8)
    cells[0, 0] = asked[0, 0] = True
    sizes = draw.integers(1, 3, 6), draw.integers(1, 3, 7)
    search = search_from_cells(cells, asked, sizes, limits)
    search.improve(target=1, budget=SearchBudget(20, progress=False))
    times = np.zeros(cells.shape, dtype=int)
    for block in search.blocks:
        assert cells[block.inside].all()
        assert limits.cost(int(sizes[0][block.rows].sum()), int(sizes[1][block.columns].sum())) == 1
        times[block.inside] += 1
    assert times[asked].all()
    assert len(search.blocks) <= asked.sum()
    assert search.is_done


@pytest.mark.parametrize("seconds", [0, 20])
def test_improve__grid(seconds: float) -> None:
    """A full table comes to as many blocks as its area asks for; without a budget it stays as it was."""
    cells, ones = np.ones((4, 6), dtype=bool), (np.ones(4, dtype=np.int64), np.ones(6, dtype=np.int64))
    search = search_from_cells(cells, cells, ones, kf.Limits(2, 3))
    search.improve(target=4, budget=SearchBudget(seconds, progress=False))
    assert (len(search.blocks), search.is_done) == ((4, True) if seconds else (24, False))
