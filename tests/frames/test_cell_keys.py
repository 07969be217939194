"""The cells of frames as numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.frames.cell_keys import distinct, find_repeated, rank_values


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


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9)), st.sampled_from([1, 2**59]))
def test_repeated__any_values(values: list[int], factor: int) -> None:
    """Close together or far apart, the places of all values that are there twice are found, and no others."""
    expected = [place for place, value in enumerate(values) if values.count(value) > 1]
    assert find_repeated(factor * np.array(values, dtype=np.int64)).tolist() == expected
