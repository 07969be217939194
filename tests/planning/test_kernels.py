"""Smaller tables with the same answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from klikit_frames.planning import kernels
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.candidates import close_columns
from klikit_frames.planning.kernel_search import KernelSearch
from klikit_frames.planning.kernels import find_kernel
from tests.planning.tables import planted

tables = st.tuples(st.integers(1, 10), st.integers(1, 10)).flatmap(lambda shape: arrays(bool, shape))


@settings(max_examples=60, deadline=None)
@given(tables)
def test_find_kernel__covers_all(cells: np.ndarray) -> None:
    """Maximal rectangles that cover the kernel's needed cells cover the whole table, and no more."""
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    if not cells.size:
        return
    budget = SearchBudget(5, progress=False)
    kernel = find_kernel(cells, budget)
    search = KernelSearch(kernel, budget)
    search.quick_cover(budget)
    columns = np.zeros((len(search.columns), cells.shape[1]), dtype=bool)
    columns[:, kernel.columns] = search.columns
    rows, held = close_columns(cells, columns)
    np.testing.assert_array_equal((rows[:, :, None] & held[:, None, :]).any(axis=0), cells)


def test_find_kernel__planted() -> None:
    """Of planted rectangles little more than one cell each is left."""
    kernel = find_kernel(planted(2000, 300, 12, share=0.1, seed=1), SearchBudget(5, progress=False))
    assert kernel.needed.sum() == 12


def test_find_kernel__large_as_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way for large tables leads to a kernel of the same size."""
    cells = planted(300, 200, 30, share=0.08, seed=1)
    slow = find_kernel(cells, SearchBudget(5, progress=False))
    monkeypatch.setattr(kernels, "_LARGE", 100)
    quick = find_kernel(cells, SearchBudget(5, progress=False))
    assert quick.cells.shape == slow.cells.shape


def test_find_kernel__no_time() -> None:
    """Without time for it there is no kernel."""
    assert find_kernel(planted(300, 200, 30, share=0.08, seed=1), SearchBudget(0, progress=False)) is None
