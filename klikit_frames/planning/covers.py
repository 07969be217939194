"""A group's cells to the fewest rectangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from klikit_frames.planning.orders import Request
from klikit_frames.planning.pieces import Rectangle, cut_rectangles
from klikit_frames.planning.reductions import merge_twins

if TYPE_CHECKING:
    from klikit_frames.planning.groups import Group
    from klikit_frames.planning.limits import Limits
    from klikit_frames.planning.reductions import Table
    from klikit_frames.progress import Progress


@dataclass(frozen=True)
class Cover:
    """Rectangles that hold exactly a group's cells, and what is known about fewer.

    Attributes
    ----------
    rectangles : list of Rectangle
        Each within the caps.
    lower_bound : int
        No cover has fewer.
    baselines : dict
        How many requests the usual ways take.
    """

    rectangles: list[Rectangle]
    lower_bound: int
    baselines: dict[str, int]


def cover_group(group: Group, *, limits: Limits) -> Cover:
    """Return a cover of the group's cells."""
    table = merge_twins(group)
    ways = [cut_rectangles(_equal_sets(table, by=side), limits=limits) for side in ("entities", "stores")]
    best = min(ways, key=len)
    return Cover(best, 1, count_baselines(group, table, limits=limits))


def count_baselines(group: Group, table: Table, *, limits: Limits) -> dict[str, int]:
    """Return how many requests one per row, per store, per entity, and per equal sets would be."""
    of_entities = np.bincount(table.rows, weights=table.stores.sizes[table.columns]).astype(np.int64)
    of_stores = np.bincount(table.columns, weights=table.entities.sizes[table.rows]).astype(np.int64)
    entities = list(zip(table.entities.sizes.tolist(), of_entities.tolist(), strict=True))
    stores = list(zip(table.stores.sizes.tolist(), of_stores.tolist(), strict=True))
    return {
        "per_row": len(group.rows),
        "per_store": sum(size * limits.cost(degree, 1) for size, degree in stores),
        "per_entity": sum(size * limits.cost(1, degree) for size, degree in entities),
        "equal_sets": min(
            sum(limits.cost(size, degree) for size, degree in entities),
            sum(limits.cost(degree, size) for size, degree in stores),
        ),
    }


def _equal_sets(table: Table, *, by: str) -> list[Rectangle]:
    """Return one rectangle per class of entities, or of stores."""
    own, other = (table.rows, table.columns) if by == "entities" else (table.columns, table.rows)
    sides = (table.entities, table.stores) if by == "entities" else (table.stores, table.entities)
    order = np.argsort(own, kind="stable")
    starts = np.flatnonzero(np.diff(own[order], prepend=-1))
    found = [
        (sides[0].expand(np.array([number])), sides[1].expand(others))
        for number, others in enumerate(np.split(other[order], starts[1:]))
    ]
    return [Rectangle(*(pair if by == "entities" else pair[::-1])) for pair in found]


@dataclass(frozen=True)
class GroupCovers:
    """The covers of all groups.

    Attributes
    ----------
    requests : list of Request
        Group by group.
    lower_bound : int
        No plan has fewer.
    baselines : dict
        How many requests the usual ways take.
    """

    requests: list[Request]
    lower_bound: int
    baselines: dict[str, int]


def cover_groups(
    groups: list[Group], *, limits: Limits, combine: bool, time_budget_s: float, progress: Progress
) -> GroupCovers:
    """Return covers of all groups."""
    if combine:
        covers = [cover_group(group, limits=limits) for group in groups]
    else:
        covers = [single_cells(group, limits=limits) for group in groups]
    requests = [
        Request(group, each) for group, cover in zip(groups, covers, strict=True) for each in cover.rectangles
    ]
    ways = ("per_row", "per_store", "per_entity", "equal_sets")
    return GroupCovers(
        requests,
        sum(cover.lower_bound for cover in covers),
        {way: sum(cover.baselines[way] for cover in covers) for way in ways},
    )


def single_cells(group: Group, *, limits: Limits) -> Cover:
    """Return the cover by one rectangle per cell."""
    cells = zip(group.entity_nos[:, None], group.store_nos[:, None], strict=True)
    rectangles = [Rectangle(entity, store) for entity, store in cells]
    return Cover(rectangles, 1, count_baselines(group, merge_twins(group), limits=limits))
