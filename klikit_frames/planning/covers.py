"""Groups of rows to the fewest requests: all parts quickly first, then the open ones with the time left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from klikit_frames.planning.efforts import Effort
from klikit_frames.planning.orders import Request
from klikit_frames.planning.parts import FullPart, Part
from klikit_frames.planning.pieces import Rectangle
from klikit_frames.planning.reductions import merge_twins, split_parts

if TYPE_CHECKING:
    from klikit_frames.planning.groups import Group
    from klikit_frames.planning.limits import Limits
    from klikit_frames.planning.reductions import Table
    from klikit_frames.progress import Progress

_WAYS = ("per_row", "per_store", "per_entity", "equal_sets")


@dataclass(frozen=True)
class Cover:
    """Requests that hold exactly the cells of all groups, and what is known about fewer.

    Attributes
    ----------
    requests : list of Request
        Each within the caps; in no order.
    lower_bound : int
        No plan has fewer.
    baselines : dict
        How many requests the usual ways take.
    """

    requests: list[Request]
    lower_bound: int
    baselines: dict[str, int]


def cover_groups(
    groups: list[Group],
    *,
    limits: Limits,
    combine: bool,
    time_budget_s: float,
    started: float,
    progress: Progress,
) -> Cover:
    """Return a cover of all groups.

    Parameters
    ----------
    groups : list of Group
        What is asked for.
    limits : Limits
        The caps.
    combine : bool
        False gives every cell a request of its own.
    time_budget_s : float
        Seconds that the plan may take.
    started : float
        When it was begun, by the monotonic clock.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show a long search.
    """
    tables = [merge_twins(group) for group in groups]
    baselines = [
        _count_baselines(group, table, limits=limits) for group, table in zip(groups, tables, strict=True)
    ]
    parts = [
        (group, part)
        for group, table in zip(groups, tables, strict=True)
        for part in _parts(table, limits=limits)
    ]
    effort = Effort(time_budget_s, progress=progress, spent_s=time.monotonic() - started)
    if combine:
        # The products are small and many: threads would cost more than they bring.
        with threadpool_limits(limits=1, user_api="blas"):
            _search([part for _, part in parts if isinstance(part, Part)], effort)
        found = [Request(group, each) for group, part in parts for each in part.finish()]
    else:
        found = [Request(group, each) for group in groups for each in _single_cells(group)]
    effort.close()
    totals = {way: sum(each[way] for each in baselines) for way in _WAYS}
    return Cover(found, sum(part.bound for _, part in parts), totals)


def _parts(table: Table, *, limits: Limits) -> list[Part | FullPart]:
    """Return the connected parts; a single block that is best cut by a grid needs no search."""
    parts: list[Part | FullPart] = []
    for positions in split_parts(table):
        full = FullPart(table, positions, limits=limits) if len(positions) == 1 else None
        parts.append(full if full is not None and full.is_settled else Part(table, positions, limits=limits))
    return parts


def _search(parts: list[Part], effort: Effort) -> None:
    """Search until all is proven or the effort is over; Ctrl-C ends it with what there is."""
    try:
        for part in parts:
            part.begin(effort)
        effort.saved = sum(part.n_trivial - part.n_requests for part in parts)
        open_parts = [part for part in parts if not part.is_settled]
        for number, part in enumerate(open_parts):
            part.deepen(effort.share(len(open_parts) - number))
    except KeyboardInterrupt:
        return


def _single_cells(group: Group) -> list[Rectangle]:
    cells = zip(group.entity_nos[:, None], group.store_nos[:, None], strict=True)
    return [Rectangle(entity, store) for entity, store in cells]


def _count_baselines(group: Group, table: Table, *, limits: Limits) -> dict[str, int]:
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
