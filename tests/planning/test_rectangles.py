"""Less overlap."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.rectangles import Rectangle, remove_overlap

blocks = st.lists(st.tuples(arrays(bool, 6), arrays(bool, 5)), min_size=1, max_size=6)


def times(found: list[Rectangle]) -> np.ndarray:
    """Count how many blocks have each cell."""
    counts = np.zeros((6, 5), dtype=int)
    for block in found:
        counts[block.inside] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(blocks, arrays(bool, (6, 5)))
def test_remove_overlap__same_cells(drawn: list[tuple[np.ndarray, np.ndarray]], spare: np.ndarray) -> None:
    """All cells that must be covered still are, no rectangle is added, and none gets larger."""
    found = [Rectangle(np.flatnonzero(rows), np.flatnonzero(columns)) for rows, columns in drawn]
    trimmed = remove_overlap(found, spare)
    np.testing.assert_array_equal((times(trimmed) > 0) | spare, (times(found) > 0) | spare)
    assert len(trimmed) <= len(found)
    assert times(trimmed).sum() <= times(found).sum()


def test_remove_overlap__cross() -> None:
    """Of two crossing bars one gives up the middle."""
    bars = [Rectangle(np.array([2]), np.arange(5)), Rectangle(np.arange(6), np.array([2]))]
    assert times(remove_overlap(bars, np.zeros((6, 5), dtype=bool))).max() == 1
    stacked = [Rectangle(np.arange(4), np.arange(5)), Rectangle(np.arange(2, 6), np.arange(5))]
    assert times(remove_overlap(stacked, np.zeros((6, 5), dtype=bool))).max() == 1
