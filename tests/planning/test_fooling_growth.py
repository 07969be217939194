"""Rectangles grown from a fooling set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.bounds import FoolingSet
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.candidates import close_columns
from klikit_frames.planning.fooling_growth import grow_from_cells
from klikit_frames.planning.kernels import find_kernel, whole_kernel
from tests.planning.tables import planted_densely

tables = arrays(bool, (6, 7)).filter(lambda cells: bool(cells.any(axis=1).all() and cells.any(axis=0).all()))


@settings(max_examples=60, deadline=None)
@given(tables)
def test_grow_from_cells__rectangles(cells: np.ndarray) -> None:
    """Whatever the table, each set of columns is that of a rectangle inside it, or empty."""
    kernel = whole_kernel(cells)
    fooling = FoolingSet(kernel, draw=np.random.default_rng(1), budget=SearchBudget(20, progress=False))
    grown = grow_from_cells(kernel, fooling.places)
    rows, _ = close_columns(cells, grown)
    assert len(grown) == fooling.size
    assert rows[grown.any(axis=1)].any(axis=1).all()


@pytest.mark.parametrize(("count", "side"), [(120, 10), (60, 14)])
def test_grow_from_cells__dense(count: int, side: int) -> None:
    """Planted rectangles that overlap in most of their lines are found one and all."""
    cells = planted_densely(400, 400, count, side=side, seed=1)
    budget = SearchBudget(60, progress=False)
    kernel = find_kernel(cells, budget)
    fooling = FoolingSet(kernel, draw=np.random.default_rng(1), budget=budget)
    rows, columns = close_columns(kernel.cells, grow_from_cells(kernel, fooling.places))
    covered = rows.T.astype(np.float32) @ columns.astype(np.float32) > 0.5
    assert fooling.size == count
    assert (covered | ~kernel.needed).all()
