"""The part of a table that decides how many rectangles it takes.

A cell is dominated when every maximal rectangle through some other cell holds it too. Cells that are not are
essential: maximal rectangles that cover the essential cells cover the table. Rows and columns without an
essential cell can then be left out of the search, and what remains is often a small fraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes

    Bits = NDArray[np.bool_]

_LARGE = 250_000
_BATCH = 256


@dataclass(frozen=True)
class Kernel:
    """A table of cells, and those of them that must be covered.

    Attributes
    ----------
    cells : array of bool, shape (rows, columns)
        What rectangles may touch.
    needed : array of bool, same shape
        The essential cells.
    asked : array of bool, same shape
        The cells that the cover of the whole table must hold; those that are not need not be covered.
    rows, columns : array of int64
        Where its rows and columns stand in the table that it was taken from.
    parents : tuple of Kernel
        The tables that it was reduced from step by step, the largest first. A rectangle must be widened in
        each of them in turn, unless every cell must be covered: else it may grow along a line that a later
        step could leave out, and lose one that it must have.
    """

    cells: Bits
    needed: Bits
    asked: Bits
    rows: Indexes
    columns: Indexes
    parents: tuple[Kernel, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether every cell must be covered."""
        return bool((self.cells == self.asked).all())

    @property
    def transposed(self) -> Kernel:
        """The same with rows and columns exchanged."""
        return Kernel(self.cells.T, self.needed.T, self.asked.T, self.columns, self.rows)


def matching_work(shape: tuple[int, int]) -> float:
    """Return the operations of comparing all rows, and all columns, of a table with each other."""
    return 4.0 * shape[0] * shape[1] * (shape[0] + shape[1])


def whole_kernel(cells: Bits, asked: Bits | None = None) -> Kernel:
    """Return the kernel that leaves nothing out; of `cells` only `asked`, or all, must be covered."""
    n_rows, n_columns = cells.shape
    asked = cells if asked is None else asked
    return Kernel(cells, asked, asked, np.arange(n_rows), np.arange(n_columns))


def find_kernel(cells: Bits, budget: SearchBudget, *, asked: Bits | None = None) -> Kernel | None:
    """Return the smallest kernel that merging and dropping lead to, or None if that would take too long."""
    kernel = whole_kernel(cells, asked)
    parents = [kernel]
    while True:
        smaller = _merged_rows(_merged_rows(kernel).transposed).transposed
        if smaller.cells.size > _LARGE:
            parents.append(_without_spanned_rows(smaller, budget))
            parents.append(_without_spanned_rows(parents[-1].transposed, budget).transposed)
            smaller = parents[-1]
        if not budget.can_afford(matching_work(smaller.cells.shape)):
            return None
        if smaller.cells.size <= _LARGE or smaller.cells.shape == kernel.cells.shape:
            smaller = _without_dominated(smaller)
        if smaller.cells.shape == kernel.cells.shape:
            return smaller if parents[0].is_plain else replace(smaller, parents=tuple(parents))
        kernel = smaller
        parents.append(kernel)


def first_of_equal(table: Bits) -> tuple[Indexes, Indexes]:
    """Return the first of each set of equal rows, in order, and for each row which of these it equals."""
    packed = np.packbits(table, axis=1)
    _, first, codes = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[codes.reshape(-1)]


def subset_of_row(cells: Bits) -> Bits:
    """Return for each row (first axis) which rows (second axis) it contains, itself included."""
    table = cells.astype(np.float32)
    contains: Bits = table @ table.T > table.sum(axis=1) - 0.5
    return contains


def _merged_rows(kernel: Kernel) -> Kernel:
    """Merge equal rows; the merged row needs what any of them needs."""
    first, class_of = first_of_equal(kernel.cells)
    needed, asked = (
        _joined_rows(each, class_of, n_rows=len(first)) for each in (kernel.needed, kernel.asked)
    )
    return Kernel(kernel.cells[first], needed, asked, kernel.rows[first], kernel.columns)


def _joined_rows(table: Bits, class_of: Indexes, *, n_rows: int) -> Bits:
    joined = np.zeros((n_rows, table.shape[1]), dtype=bool)
    np.logical_or.at(joined, class_of, table)
    return joined


def _without_dominated(kernel: Kernel) -> Kernel:
    needed = kernel.needed.astype(np.float32)
    dominators = subset_of_row(kernel.cells).astype(np.float32) @ needed
    dominators = dominators @ subset_of_row(kernel.cells.T).T.astype(np.float32)
    # A needed cell is its own dominator; one more makes it dispensable.
    essential = kernel.needed & (dominators < 1.5)
    rows, columns = np.flatnonzero(essential.any(axis=1)), np.flatnonzero(essential.any(axis=0))
    inside = np.ix_(rows, columns)
    return Kernel(
        kernel.cells[inside],
        essential[inside],
        kernel.asked[inside],
        kernel.rows[rows],
        kernel.columns[columns],
    )


def _without_spanned_rows(kernel: Kernel, budget: SearchBudget) -> Kernel:
    """Drop what minimal rows dominate: cells of a row that lie in a minimal row which it contains.

    Far quicker than comparing all with all where few rows are minimal. Rows come by size, so that those that
    a row can contain come before it.
    """
    table = kernel.cells.astype(np.float32)
    order = np.argsort(kernel.cells.sum(axis=1), kind="stable")
    needed, minimal, asked = kernel.needed.copy(), table[:0], table[:0]
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        if not budget.can_afford(4.0 * table.size * len(minimal)):
            return kernel
        contains = table[batch] @ minimal.T > minimal.sum(axis=1) - 0.5
        is_free = ~contains.any(axis=1)
        free = batch[is_free]
        is_minimal = subset_of_row(kernel.cells[free]).sum(axis=1) == 1
        needed[batch] &= ~(contains.astype(np.float32) @ asked > 0.5)
        minimal = np.concatenate([minimal, table[free[is_minimal]]])
        asked = np.concatenate([asked, kernel.asked[free[is_minimal]].astype(np.float32)])
    rows = np.flatnonzero(needed.any(axis=1))
    return Kernel(kernel.cells[rows], needed[rows], kernel.asked[rows], kernel.rows[rows], kernel.columns)
