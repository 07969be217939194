"""Smaller tables have the same answer: twins, components, and the kernel of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.candidates import close_columns
from klikit_frames.planning.groups import Group, split_groups
from klikit_frames.planning.kernel_search import KernelSearch
from klikit_frames.planning.reductions import find_kernel, merge_twins, split_components
from tests.fixtures import not_none
from tests.planning.tables import planted, toggles_of

tables = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(lambda shape: arrays(bool, shape))
cell_tables = st.tuples(st.integers(1, 10), st.integers(1, 10)).flatmap(lambda shape: arrays(bool, shape))


def group_of(cells: np.ndarray) -> Group:
    """Return the one group that a table of cells makes."""
    toggles = kf.read_toggles(toggles_of(cells))
    return split_groups(toggles, np.ones(len(toggles), dtype=bool))[0]


@settings(max_examples=50, deadline=None)
@given(tables.filter(np.any))
def test_merge_twins__exact(cells: np.ndarray) -> None:
    """The merged cells, written out again, are the group's cells; no two classes are equal."""
    group = group_of(cells)
    table = merge_twins(group)
    written = [
        entity * len(group.stores) + store
        for row, column in zip(table.rows, table.columns, strict=True)
        for entity in table.entities.expand(np.array([row]))
        for store in table.stores.expand(np.array([column]))
    ]
    assert sorted(written) == group.cells.tolist()
    merged = np.zeros((len(table.entities.sizes), len(table.stores.sizes)), dtype=bool)
    merged[table.rows, table.columns] = True
    assert len(np.unique(merged, axis=0)) == len(merged)
    assert len(np.unique(merged.T, axis=0)) == len(merged.T)


def test_merge_twins__collision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks that collide, however unlikely, are found out: no cell is ever added."""

    class Constant:
        def __init__(self, _: int) -> None:
            pass

        def integers(self, _: int, *, size: int, dtype: type) -> np.ndarray:
            return np.ones(size, dtype=dtype)

    group = group_of(np.eye(3, dtype=bool))
    monkeypatch.setattr(np.random, "default_rng", Constant)
    with pytest.raises(kf.PlanError, match="their sets collide"):
        merge_twins(group)


def test_split_parts__chain_of_cells() -> None:
    """A long chain is one part, a cell of its own another; parts come in the order of their rows."""
    cells = np.eye(40, 41, dtype=bool) | np.eye(40, 41, k=1, dtype=bool)
    both = np.zeros((41, 42), dtype=bool)
    both[1:, 1:], both[0, 0] = cells, True
    table = merge_twins(group_of(both))
    assert [len(part) for part in split_components(table)] == [1, 80]


@settings(max_examples=60, deadline=None)
@given(cell_tables)
def test_find_kernel__covers_all(cells: np.ndarray) -> None:
    """Maximal rectangles that cover the kernel's needed cells cover the whole table, and no more."""
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    if not cells.size:
        return
    budget = SearchBudget(5, progress=False)
    kernel = not_none(find_kernel(cells, budget))
    search = KernelSearch(kernel, budget)
    search.quick_cover(budget)
    columns = np.zeros((len(search.columns), cells.shape[1]), dtype=bool)
    columns[:, kernel.columns] = search.columns
    rows, closed = close_columns(cells, columns)
    np.testing.assert_array_equal((rows[:, :, None] & closed[:, None, :]).any(axis=0), cells)


def test_find_kernel__planted() -> None:
    """Of planted rectangles little more than one cell each is left."""
    kernel = find_kernel(planted(2000, 300, 12, share=0.1, seed=1), SearchBudget(5, progress=False))
    assert kernel is not None
    assert kernel.needed.sum() == 12


def test_find_kernel__large_as_small() -> None:
    """The quick way for large cell_tables leads to a kernel of the same size."""
    cells = planted(300, 200, 30, share=0.08, seed=1)
    slow = not_none(find_kernel(cells, SearchBudget(5, progress=False)))
    quick = not_none(find_kernel(cells, SearchBudget(5, progress=False), large=100))
    assert quick.cells.shape == slow.cells.shape


def test_find_kernel__no_time() -> None:
    """Without time for it there is no kernel."""
    assert find_kernel(planted(300, 200, 30, share=0.08, seed=1), SearchBudget(0, progress=False)) is None
