"""The checkers of certificates tell right from wrong."""

from __future__ import annotations

from tests.planning.certificates import is_cover, is_fooling_set

CELLS = {(0, 0), (0, 1), (1, 1)}


def test_is_cover__exact() -> None:
    """A cover holds every cell and no other."""
    assert is_cover(CELLS, [([0], [0, 1]), ([0, 1], [1])])
    assert not is_cover(CELLS, [([0], [0, 1])])
    assert not is_cover(CELLS, [([0, 1], [0, 1])])


def test_is_fooling_set__apart() -> None:
    """Cells that fit into one rectangle, or are none of the table, prove nothing."""
    assert is_fooling_set(CELLS, [(0, 0), (1, 1)])
    assert not is_fooling_set(CELLS, [(0, 0), (0, 1)])
    assert not is_fooling_set(CELLS, [(1, 0)])
