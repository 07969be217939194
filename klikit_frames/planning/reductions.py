"""Smaller tables with the same answer: twins merged, unconnected components split, and the kernel of each.

In a kernel, a cell is dominated when every maximal rectangle through some other cell holds it too. Cells that
are not are essential: maximal rectangles that cover the essential cells cover the table. Rows and columns
without an essential cell can then be left out of the search, and what remains is often a small fraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PlanError
from ..frames.cell_keys import distinct, index_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Group, Indexes

    Bits = NDArray[np.bool_]

# Of tables above this size not all lines are compared with each other.
LARGE_CELLS = 250_000
_BATCH = 256
# Cells that are counted together, so that what comes in between stays small.
_PART = 1 << 20
# Of so many cells one is looked at first: that joins most of what is connected.
_SAMPLE = 64


@dataclass(frozen=True)
class Side:
    """Rows, or columns, of a table after merging those with equal sets.

    Attributes
    ----------
    members : array of int64
        All original numbers, those of one class side by side.
    starts : array of int64
        Where each class begins in `members`; one more at the end.
    class_of : array of int64
        The class of each original number.
    """

    members: Indexes
    starts: Indexes
    class_of: Indexes

    @property
    def sizes(self) -> Indexes:
        """How many members each class has."""
        return np.diff(self.starts)

    def expand(self, classes: Indexes) -> Indexes:
        """Return the original numbers in the given classes, class after class."""
        if not len(classes):
            return np.empty(0, dtype=np.int64)
        return np.concatenate(
            [self.members[self.starts[number] : self.starts[number + 1]] for number in classes]
        )


@dataclass(frozen=True)
class MergedCells:
    """A group's cells after merging twins: classes of entities x classes of stores.

    Attributes
    ----------
    entities, stores : Side
        The classes.
    rows, columns : array of int
        The class of entities, and of stores, of each merged cell; sorted. Of int32 where that is enough.
    asked : array of bool
        For each merged cell whether it must be covered.
    """

    entities: Side
    stores: Side
    rows: Indexes
    columns: Indexes
    asked: NDArray[np.bool_]


def merge_twins(group: Group) -> MergedCells:
    """Merge entities with equal store sets, and stores with equal entity sets; of cells asked for as well.

    Sets are compared by sums of random 64-bit numbers; the merged table is then proven to hold exactly
    the group's cells by counting, so that no coincidence can add or lose one.
    """
    for seed in range(3):
        entities, stores = _twin_sides(group, seed=seed)
        dtype = index_dtype(len(entities.sizes) * len(stores.sizes))
        codes = entities.class_of.astype(dtype)[group.entity_nos] * len(stores.sizes)
        codes += stores.class_of.astype(dtype)[group.store_nos]
        merged = distinct(codes).astype(dtype, copy=False)
        rows, columns = np.divmod(merged, len(stores.sizes))
        asked = np.ones(len(merged), dtype=bool)
        if not group.asked.all():
            asked = np.isin(merged, distinct(codes[group.asked]), assume_unique=True)
        table = MergedCells(entities, stores, rows, columns, asked)
        if _size(table) == len(group.cells) and _size(table, asked) == group.asked.sum():
            return table
    raise PlanError("The rows could not be grouped: their sets collide. Plan with combine=False.")


def _size(table: MergedCells, chosen: NDArray[np.bool_] | None = None) -> int:
    """Return how many cells the merged cells, or the chosen ones of them, stand for."""
    rows, columns = table.rows, table.columns
    if chosen is not None and not chosen.all():
        rows, columns = rows[chosen], columns[chosen]
    of_rows = sum_crossing(rows, columns, table.stores.sizes, n_lines=len(table.entities.sizes))
    return int(of_rows @ table.entities.sizes)


def sum_crossing(lines: Indexes, crossing: Indexes, weights: Indexes, *, n_lines: int) -> Indexes:
    """Return for each line of a table the weights of the lines that cross it in a cell, added up.

    Parameters
    ----------
    lines, crossing : array of int
        The line of each cell, and the one that crosses it there.
    weights : array of int64
        For each crossing line.
    n_lines : int
        How many lines there are.
    """
    sums = np.zeros(n_lines)
    for start in range(0, len(lines), _PART):
        part = slice(start, start + _PART)
        sums += np.bincount(lines[part], weights=weights[crossing[part]], minlength=n_lines)
    return sums.astype(np.int64)


def _twin_sides(group: Group, *, seed: int) -> tuple[Side, Side]:
    draw = np.random.default_rng(seed)
    store_marks = draw.integers(2**64, size=len(group.stores), dtype=np.uint64)
    entity_marks = draw.integers(2**64, size=len(group.ids), dtype=np.uint64)
    of_entities, of_stores = (
        np.zeros(len(numbers), dtype=np.uint64) for numbers in (group.ids, group.stores)
    )
    parts: list[Any] = [slice(None)] if group.asked.all() else [slice(None), group.asked]
    for part in parts:
        entities, stores = group.entity_nos[part], group.store_nos[part]
        starts = np.flatnonzero(np.diff(entities, prepend=-1))
        of_entities[entities[starts]] += np.add.reduceat(store_marks[stores], starts)
        np.add.at(of_stores, stores, entity_marks[entities])
        # Cells asked for count once more, with other marks.
        store_marks, entity_marks = store_marks[::-1].copy(), entity_marks * np.uint64(0x9E3779B97F4A7C15)
        store_marks *= np.uint64(0xC2B2AE3D27D4EB4F)
    return _side(of_entities), _side(of_stores)


def _side(signatures: NDArray[np.uint64]) -> Side:
    """Put equal signatures in one class; classes are numbered by their first member."""
    _, first, codes, sizes = np.unique(signatures, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), dtype=np.int64)
    order = np.argsort(first, kind="stable")
    rank[order] = np.arange(len(first))
    class_of = rank[codes]
    starts = np.concatenate([[0], np.cumsum(sizes[order])])
    return Side(np.argsort(class_of, kind="stable"), starts, class_of)


def split_components(table: MergedCells) -> list[Indexes]:
    """Return the positions of the merged cells of each connected component, in order of first rows."""
    labels = label_connected(table.rows, table.columns + len(table.entities.sizes))
    if len(labels) and (labels == labels[0]).all():
        return [np.arange(len(table.rows), dtype=index_dtype(len(table.rows)))]
    label_of_cell = labels[table.rows]
    order = np.argsort(label_of_cell, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label_of_cell[order])) + 1)


def label_connected(left: Indexes, right: Indexes) -> Indexes:
    """Label the nodes of a graph by the smallest node that they are connected with."""
    n_nodes = max(int(left.max()), int(right.max())) + 1
    labels = np.arange(n_nodes, dtype=index_dtype(n_nodes))
    for step in (_SAMPLE, 1):
        _join(labels, labels[left[::step]], labels[right[::step]])
    return labels


def _join(labels: Indexes, left: Indexes, right: Indexes) -> None:
    """Join the components that edges connect, in place; what is joined is one node then."""
    while True:
        is_open = left != right
        left, right = left[is_open], right[is_open]
        if not len(left):
            break
        low, high = np.minimum(left, right), np.maximum(left, right)
        np.minimum.at(labels, high, low)
        while not np.array_equal(labels, labels[labels]):
            labels[:] = labels[labels]
        left, right = labels[low], labels[high]


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


def find_kernel(
    cells: Bits, budget: SearchBudget, *, asked: Bits | None = None, large: int = LARGE_CELLS
) -> Kernel | None:
    """Return the smallest kernel that merging and dropping lead to, or None if that would take too long.

    Tables of more cells than `large` are first compared with their minimal lines alone.
    """
    kernel = whole_kernel(cells, asked)
    parents = [kernel]
    while True:
        smaller = _merged_rows(_merged_rows(kernel).transposed).transposed
        if smaller.cells.size > large:
            parents.append(_without_spanned_rows(smaller, budget))
            parents.append(_without_spanned_rows(parents[-1].transposed, budget).transposed)
            smaller = parents[-1]
        if not budget.can_afford(matching_work(smaller.cells.shape)):
            return None
        if smaller.cells.size <= large or smaller.cells.shape == kernel.cells.shape:
            smaller = _without_dominated(smaller)
        if smaller.cells.shape == kernel.cells.shape:
            return smaller if parents[0].is_plain else replace(smaller, parents=tuple(parents))
        kernel = smaller
        parents.append(kernel)


def first_of_equal(table: Bits) -> tuple[Indexes, Indexes]:
    """Return the first of each set of equal rows, in order, and for each row which of these it equals."""
    packed = np.packbits(table, axis=1)
    _, first, codes = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
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
        _joined_rows(table, class_of, n_rows=len(first)) for table in (kernel.needed, kernel.asked)
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
