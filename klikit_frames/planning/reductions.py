"""Smaller tables with the same answer: twins merged, unconnected components split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PlanError
from .groups import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .groups import Group, Indexes


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
        return np.concatenate([self.members[self.starts[each] : self.starts[each + 1]] for each in classes])


@dataclass(frozen=True)
class Table:
    """A group's cells after merging twins: classes of entities x classes of stores.

    Attributes
    ----------
    entities, stores : Side
        The classes.
    rows, columns : array of int64
        The class of entities, and of stores, of each merged cell; sorted.
    """

    entities: Side
    stores: Side
    rows: Indexes
    columns: Indexes


def merge_twins(group: Group) -> Table:
    """Merge entities with equal store sets, and stores with equal entity sets.

    Sets are compared by sums of random 64-bit numbers; the merged table is then proven to hold exactly
    the group's cells by counting, so that no coincidence can add or lose one.
    """
    for seed in range(3):
        entities, stores = _twin_sides(group, seed=seed)
        merged = distinct(
            entities.class_of[group.entity_nos] * len(stores.sizes) + stores.class_of[group.store_nos]
        )
        rows, columns = np.divmod(merged, len(stores.sizes))
        if (entities.sizes[rows] * stores.sizes[columns]).sum() == len(group.cells):
            return Table(entities, stores, rows, columns)
    raise PlanError("The rows could not be grouped: their sets collide. Plan with combine=False.")


def _twin_sides(group: Group, *, seed: int) -> tuple[Side, Side]:
    draw = np.random.default_rng(seed)
    store_marks = draw.integers(2**64, size=len(group.stores), dtype=np.uint64)
    entity_marks = draw.integers(2**64, size=len(group.ids), dtype=np.uint64)
    starts = np.searchsorted(group.entity_nos, np.arange(len(group.ids)))
    of_stores = np.zeros(len(group.stores), dtype=np.uint64)
    np.add.at(of_stores, group.store_nos, entity_marks[group.entity_nos])
    return _side(np.add.reduceat(store_marks[group.store_nos], starts)), _side(of_stores)


def _side(signatures: NDArray[np.uint64]) -> Side:
    """Put equal signatures in one class; classes are numbered by their first member."""
    _, first, codes, sizes = np.unique(signatures, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), dtype=np.int64)
    order = np.argsort(first)
    rank[order] = np.arange(len(first))
    class_of = rank[codes]
    starts = np.concatenate([[0], np.cumsum(sizes[order])])
    return Side(np.argsort(class_of, kind="stable"), starts, class_of)


def split_components(table: Table) -> list[Indexes]:
    """Return the positions of the merged cells of each connected component, in order of first rows."""
    labels = _labels(table.rows, table.columns + len(table.entities.sizes))
    own = labels[table.rows]
    order = np.argsort(own, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(own[order])) + 1)


def _labels(left: Indexes, right: Indexes) -> Indexes:
    """Label the nodes of a graph by the smallest node that they are connected with."""
    labels = np.arange(max(left.max(), right.max()) + 1)
    while True:
        low = np.minimum(labels[left], labels[right])
        found = labels.copy()
        for side in (labels[left], labels[right], left, right):
            np.minimum.at(found, side, low)
        found = found[found]
        if np.array_equal(found, labels):
            return labels
        labels = found
