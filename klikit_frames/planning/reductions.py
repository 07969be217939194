"""Smaller tables with the same answer: twins merged, unconnected components split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PlanError
from ..frames.cell_keys import distinct

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
class MergedCells:
    """A group's cells after merging twins: classes of entities x classes of stores.

    Attributes
    ----------
    entities, stores : Side
        The classes.
    rows, columns : array of int64
        The class of entities, and of stores, of each merged cell; sorted.
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
        codes = entities.class_of[group.entity_nos] * len(stores.sizes) + stores.class_of[group.store_nos]
        merged = distinct(codes)
        rows, columns = np.divmod(merged, len(stores.sizes))
        sizes, asked = entities.sizes[rows] * stores.sizes[columns], np.ones(len(merged), dtype=bool)
        if not group.asked.all():
            asked = np.isin(merged, distinct(codes[group.asked]), assume_unique=True)
        if sizes.sum() == len(group.cells) and sizes[asked].sum() == group.asked.sum():
            return MergedCells(entities, stores, rows, columns, asked)
    raise PlanError("The rows could not be grouped: their sets collide. Plan with combine=False.")


def _twin_sides(group: Group, *, seed: int) -> tuple[Side, Side]:
    draw = np.random.default_rng(seed)
    store_marks = draw.integers(2**64, size=len(group.stores), dtype=np.uint64)
    entity_marks = draw.integers(2**64, size=len(group.ids), dtype=np.uint64)
    of_entities, of_stores = (np.zeros(len(each), dtype=np.uint64) for each in (group.ids, group.stores))
    everything = np.ones(len(group.cells), dtype=bool)
    for part in [everything] if group.asked.all() else [everything, group.asked]:
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
    order = np.argsort(first)
    rank[order] = np.arange(len(first))
    class_of = rank[codes]
    starts = np.concatenate([[0], np.cumsum(sizes[order])])
    return Side(np.argsort(class_of, kind="stable"), starts, class_of)


def split_components(table: MergedCells) -> list[Indexes]:
    """Return the positions of the merged cells of each connected component, in order of first rows."""
    labels = _labels(table.rows, table.columns + len(table.entities.sizes))
    own = labels[table.rows]
    if len(own) and (own == own[0]).all():
        return [np.arange(len(own))]
    order = np.argsort(own, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(own[order])) + 1)


def _labels(left: Indexes, right: Indexes) -> Indexes:
    """Label the nodes of a graph by the smallest node that they are connected with."""
    labels = np.arange(max(left.max(), right.max()) + 1)
    while len(left):
        low, high = np.minimum(left, right), np.maximum(left, right)
        np.minimum.at(labels, high, low)
        while not np.array_equal(labels, labels[labels]):
            labels = labels[labels]
        # What is joined is one node now; few edges are left between different ones.
        left, right = labels[low], labels[high]
        is_open = left != right
        left, right = left[is_open], right[is_open]
    return labels
