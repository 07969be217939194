"""Classes of equal lines cut into pieces."""

from __future__ import annotations

import numpy as np

from klikit_frames.planning.pieces import Pieces


def test_pieces__cut_at_cap() -> None:
    """No piece is above the cap, and together the pieces of a class have its members once."""
    pieces = Pieces(np.array([5, 1, 4]), 2)
    assert pieces.class_of.tolist() == [0, 0, 0, 1, 2, 2]
    assert pieces.sizes.tolist() == [2, 2, 1, 1, 2, 2]
    assert [each.tolist() for each in pieces.counted(np.array([0, 2, 5]))] == [[0, 2], [3, 2]]


def test_pieces__cut_further() -> None:
    """Who had a piece before it was cut has both parts; who came later has what it named."""
    pieces = Pieces(np.array([6, 2]), 6)
    before = np.array([[True, False], [False, True]])
    pieces.cut(0, 4)
    held = pieces.inherited(np.vstack([before, [True, False]]), np.array([2, 2, 3]))
    assert held.tolist() == [[True, False, True], [False, True, False], [True, False, False]]
    members = [np.arange(10, 16), np.arange(20, 22)]
    assert pieces.members(np.array([1, 2]), members).tolist() == [14, 15, 20, 21]
    assert pieces.members(np.array([0]), members).tolist() == [10, 11, 12, 13]


def test_pieces__fitting() -> None:
    """Pieces fit as long as no class has more members than asked for."""
    pieces = Pieces(np.array([6, 2]), 6)
    pieces.cut(0, 4)
    assert pieces.fitting(np.array([0, 1]), np.array([5, 2])).tolist() == [0, 1]
    assert pieces.fitting(np.array([0]), np.array([2])).tolist() == [2]
