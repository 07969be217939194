"""Groups of rows that may share a request, and rectangles with less overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.groups import Rectangle, remove_overlap, split_groups


def test_split_groups__by_all_that_requests_share() -> None:
    """Rows part by type, scope, flag and cascade, in a fixed order; rows that are not sent are in none."""
    store = [(1, 11)]
    toggles = pd.concat(
        [
            kf.cross_toggles("item", [2, 1], store, is_enabled=True),
            kf.cross_toggles("item", [3], store, is_enabled=False),
            kf.cross_toggles("item", [4], store, is_enabled=False, cascade_to_modifier_groups=True),
            kf.business_toggles("item", [5], is_enabled=True),
            kf.cross_toggles("section", [6], store, is_enabled=True),
        ],
        ignore_index=True,
    )
    groups = split_groups(toggles, (toggles["entity_id"] != 6).to_numpy())
    assert [(*group.key, group.ids.tolist()) for group in groups] == [
        ("item", "business", True, False, (), [5]),
        ("item", "store", False, False, (), [3]),
        ("item", "store", False, True, (), [4]),
        ("item", "store", True, False, (), [1, 2]),
    ]
    assert groups[3].rows.tolist() == [0, 1]
    assert groups[3].cell_of_row.tolist() == [1, 0]


blocks = st.lists(st.tuples(arrays(bool, 6), arrays(bool, 5)), min_size=1, max_size=6)


def times(rectangles: list[Rectangle]) -> np.ndarray:
    """Count how many blocks have each cell."""
    counts = np.zeros((6, 5), dtype=int)
    for block in rectangles:
        counts[block.inside] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(blocks, arrays(bool, (6, 5)))
def test_remove_overlap__same_cells(drawn: list[tuple[np.ndarray, np.ndarray]], spare: np.ndarray) -> None:
    """All cells that must be covered still are, no rectangle is added, and none gets larger."""
    rectangles = [Rectangle(np.flatnonzero(rows), np.flatnonzero(columns)) for rows, columns in drawn]
    trimmed = remove_overlap(rectangles, spare)
    np.testing.assert_array_equal((times(trimmed) > 0) | spare, (times(rectangles) > 0) | spare)
    assert len(trimmed) <= len(rectangles)
    assert times(trimmed).sum() <= times(rectangles).sum()


def test_remove_overlap__cross() -> None:
    """Of two crossing bars one gives up the middle."""
    bars = [Rectangle(np.array([2]), np.arange(5)), Rectangle(np.arange(6), np.array([2]))]
    assert times(remove_overlap(bars, np.zeros((6, 5), dtype=bool))).max() == 1
    stacked = [Rectangle(np.arange(4), np.arange(5)), Rectangle(np.arange(2, 6), np.arange(5))]
    assert times(remove_overlap(stacked, np.zeros((6, 5), dtype=bool))).max() == 1
