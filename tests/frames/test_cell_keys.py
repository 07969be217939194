"""The cells of frames as numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.frames.cell_keys import distinct, rank_values


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3, 30) | st.integers(-(2**60), 2**60)))
def test_ranks__any_values(values: list[int]) -> None:
    """Close together or far apart, values get the ranks that sorting gives them."""
    given_values = np.array(values, dtype=np.int64)
    uniques, ranks = rank_values(given_values)
    expected = np.unique(given_values, return_inverse=True)
    np.testing.assert_array_equal(uniques, expected[0])
    np.testing.assert_array_equal(ranks, expected[1])
    np.testing.assert_array_equal(distinct(given_values), expected[0])
