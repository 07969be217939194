"""Blocks within the caps, and classes of lines cut into pieces."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.capped_blocks import CappedBlocks, Pieces, common_lines


@settings(max_examples=25, deadline=None)
@given(arrays(bool, (5, 6)).filter(np.any), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_capped_blocks__worth_adding(cells: np.ndarray, max_ids: int, max_stores: int, seed: int) -> None:
    """Each block lies inside the table and the caps and is worth more than a request, and none is missed."""
    limits = kf.Limits(max_ids, max_stores)
    ones = np.ones(5, dtype=np.int64), np.ones(6, dtype=np.int64)
    blocks = CappedBlocks(
        cells,
        ones,
        cells[cells.any(axis=1)],
        limits=limits,
        piece=limits.grid(5, 6),
        budget=SearchBudget(20, progress=False),
    )
    worth = np.where(cells, np.random.default_rng(seed).random(cells.shape), 0).astype(np.float32)
    worthwhile = blocks.worth_adding(worth, SearchBudget(20, progress=False))
    for block in worthwhile:
        assert cells[block.inside].all()
        assert limits.cost(len(block.rows), len(block.columns)) == 1
        assert worth[block.inside].sum() > 1
    best = [blocks.best_inside(number, worth)[1] for number in range(len(blocks.wholes))]
    assert len(worthwhile) == sum(value > 1.001 for value in best)


def test_common_lines__shared_by_pairs() -> None:
    """Of two dishes that many stores share there is a set, though no row and no column alone has it."""
    cells = np.ones((3, 30), dtype=bool)
    cells[0, :8] = cells[1, 8:16] = cells[2, 16:24] = False
    ones = np.ones(30, dtype=np.int64)
    lines = common_lines(cells, ones, least=10, most=100)
    assert (cells[0] & cells[1]).tolist() in lines.tolist()
    assert len(common_lines(cells, ones, least=40, most=100)) == 0


def test_pieces__cut_at_cap() -> None:
    """No piece is above the cap, and together the pieces of a class have its members once."""
    pieces = Pieces(np.array([5, 1, 4]), 2)
    assert pieces.class_of.tolist() == [0, 0, 0, 1, 2, 2]
    assert pieces.sizes.tolist() == [2, 2, 1, 1, 2, 2]
    assert [counts.tolist() for counts in pieces.counted(np.array([0, 2, 5]))] == [[0, 2], [3, 2]]


def test_pieces__cut_further() -> None:
    """Who had a piece before it was cut has both parts; who came later has what it named."""
    pieces = Pieces(np.array([6, 2]), 6)
    before = np.array([[True, False], [False, True]])
    pieces.cut(0, 4)
    inherited = pieces.inherited(np.vstack([before, [True, False]]), np.array([2, 2, 3]))
    assert inherited.tolist() == [[True, False, True], [False, True, False], [True, False, False]]
    members = [np.arange(10, 16), np.arange(20, 22)]
    assert pieces.members(np.array([1, 2]), members).tolist() == [14, 15, 20, 21]
    assert pieces.members(np.array([0]), members).tolist() == [10, 11, 12, 13]


def test_pieces__fitting() -> None:
    """Pieces fit as long as no class has more members than asked for."""
    pieces = Pieces(np.array([6, 2]), 6)
    pieces.cut(0, 4)
    assert pieces.fitting(np.array([0, 1]), np.array([5, 2])).tolist() == [0, 1]
    assert pieces.fitting(np.array([0]), np.array([2])).tolist() == [2]
