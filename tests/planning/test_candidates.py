"""Rectangles worth choosing from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from klikit_frames.planning.bounds import FoolingSet
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.candidates import (
    close_columns,
    greedy_cover,
    grow,
    grow_from_cells,
    join_pools,
    pair_intersections,
    row_and_column_closures,
)
from klikit_frames.planning.exact_covers import all_rectangles, cover_by_antichains, suits_antichains
from klikit_frames.planning.reductions import find_kernel, whole_kernel
from tests.fixtures import not_none
from tests.planning.tables import planted_densely

tables = arrays(bool, (6, 7)).filter(lambda cells: bool(cells.any(axis=1).all() and cells.any(axis=0).all()))


@settings(max_examples=40, deadline=None)
@given(tables)
def test_pools__maximal(cells: np.ndarray) -> None:
    """Rectangles of a pool lie inside the table, and neither a row nor a column can be added."""
    kernel = whole_kernel(cells)
    pool = join_pools(cells, [*row_and_column_closures(kernel), *pair_intersections(kernel, most=100)])
    for rows, columns in zip(pool.rows, pool.columns, strict=True):
        assert cells[np.ix_(rows, columns)].all()
        assert not cells[np.ix_(~rows, columns)].all(axis=1).any()
        assert not cells[np.ix_(rows, ~columns)].all(axis=0).any()


@settings(max_examples=40, deadline=None)
@given(tables)
def test_all_rectangles__complete(cells: np.ndarray) -> None:
    """The list of all maximal rectangles holds the closure of every set of rows."""
    everything = {line.tobytes() for line in not_none(all_rectangles(whole_kernel(cells), most=200)).columns}
    for chosen in range(1, 1 << 6):
        shared = cells[[no for no in range(6) if chosen >> no & 1]].all(axis=0)
        assert not shared.any() or shared.tobytes() in everything


def test_all_rectangles__too_many() -> None:
    """A table with more than the allowed number has no list."""
    assert all_rectangles(whole_kernel(~np.eye(12, dtype=bool)), most=100) is None


@settings(max_examples=40, deadline=None)
@given(tables)
def test_greedy_cover__covers(cells: np.ndarray) -> None:
    """Taking the heaviest rectangle again and again covers the table."""
    kernel, budget = whole_kernel(cells), SearchBudget(20, progress=False)
    weights = cells.astype(np.float32)
    draw = np.random.default_rng(1)
    chosen, _ = greedy_cover(kernel, weights, n_seeds=4, draw=draw, is_shaken=True, most=99, budget=budget)
    rows, columns = close_columns(cells, np.array(chosen))
    np.testing.assert_array_equal((rows[:, :, None] & columns[:, None, :]).any(axis=0), cells)


def test_grow__heaviest() -> None:
    """From a row of a planted block the whole block is grown."""
    cells = np.zeros((9, 9), dtype=bool)
    cells[:5, :5] = cells[4, :] = True
    columns, values = grow(whole_kernel(cells), cells.astype(np.float32), rows=np.array([0, 4]))
    assert values.tolist() == [25, 25]
    assert columns.sum(axis=1).tolist() == [5, 5]


@pytest.mark.parametrize(("size", "fewest"), [(6, 4), (10, 5), (20, 6)])
def test_cover_by_antichains__crown(size: int, fewest: int) -> None:
    """A full square without its diagonal is covered by as few rectangles as Sperner's theorem allows."""
    kernel = whole_kernel(~np.eye(size, dtype=bool))
    assert suits_antichains(kernel)
    budget, draw = SearchBudget(20, progress=False), np.random.default_rng(1)
    cover = not_none(cover_by_antichains(kernel, least=fewest, best=size, draw=draw, budget=budget))
    assert len(cover) == fewest
    rows, columns = close_columns(kernel.cells, cover)
    np.testing.assert_array_equal((rows[:, :, None] & columns[:, None, :]).any(axis=0), kernel.cells)


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
    kernel = not_none(find_kernel(cells, budget))
    fooling = FoolingSet(kernel, draw=np.random.default_rng(1), budget=budget)
    rows, columns = close_columns(kernel.cells, grow_from_cells(kernel, fooling.places))
    covered = rows.T.astype(np.float32) @ columns.astype(np.float32) > 0.5
    assert fooling.size == count
    assert (covered | ~kernel.needed).all()
