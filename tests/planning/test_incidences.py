"""A table of rectangles and cells, and lists of the same, answer alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.incidences import incidence_of, incidence_of_lists

tables = st.tuples(st.integers(1, 6), st.integers(1, 7)).flatmap(lambda shape: arrays(bool, shape))


@settings(max_examples=40, deadline=None)
@given(tables, st.integers(0, 99))
def test_incidence__table_and_lists(covers: np.ndarray, seed: int) -> None:
    """Cells, holders and sums are those of the table, in either form."""
    lists = incidence_of_lists([np.flatnonzero(line) for line in covers], n_cells=covers.shape[1])
    draw = np.random.default_rng(seed)
    prices, chosen = draw.integers(9, size=covers.shape[1]).astype(float), draw.random(len(covers)) < 0.5
    some = np.flatnonzero(draw.random(covers.shape[1]) < 0.5)
    for each in (lists, incidence_of(covers)):
        assert (each.n_rectangles, each.n_cells) == covers.shape
        for number, line in enumerate(covers):
            np.testing.assert_array_equal(each.cells_of(number), np.flatnonzero(line))
        for cell, line in enumerate(covers.T):
            np.testing.assert_array_equal(each.holders_of(cell), np.flatnonzero(line))
        np.testing.assert_array_equal(each.sum_cells(prices), covers @ prices)
        np.testing.assert_array_equal(each.sum_some(some, prices[some]), covers[:, some] @ prices[some])
        np.testing.assert_array_equal(each.count_rectangles(chosen), covers[chosen].sum(axis=0))
