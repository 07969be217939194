"""Groups of rows to the fewest requests: each component quickly first, then the open ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .budget import SearchBudget
from .components import Component, FullComponent
from .rectangles import Rectangle
from .reductions import merge_twins, split_components
from .sending_order import GroupRectangle

if TYPE_CHECKING:
    from ..progress import Progress
    from .groups import Group
    from .limits import Limits
    from .reductions import Table

_WAYS = ("per_row", "per_store", "per_entity", "equal_sets")


@dataclass(frozen=True)
class Cover:
    """Requests that hold exactly the cells of all groups, and what is known about fewer.

    Attributes
    ----------
    requests : list of GroupRectangle
        Each within the caps; in no order.
    lower_bound : int
        No plan has fewer.
    baselines : dict
        How many requests the usual ways take.
    """

    requests: list[GroupRectangle]
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
    on_interrupt: str,
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
    on_interrupt : "raise" or "best"
        Whether Ctrl-C raises, or ends the search with what there is.
    """
    tables = [merge_twins(group) for group in groups]
    baselines = [
        _count_baselines(group, table, limits=limits) for group, table in zip(groups, tables, strict=True)
    ]
    components = [
        (group, component)
        for group, table in zip(groups, tables, strict=True)
        for component in _components(table, limits=limits)
    ]
    budget = SearchBudget(time_budget_s, progress=progress, spent_s=time.monotonic() - started)
    if combine:
        # The products are small and many: threads would cost more than they bring.
        with threadpool_limits(limits=1, user_api="blas"):
            _search(
                [component for _, component in components if isinstance(component, Component)],
                budget,
                on_interrupt=on_interrupt,
            )
        found = [
            GroupRectangle(group, each) for group, component in components for each in component.rectangles()
        ]
    else:
        found = [GroupRectangle(group, each) for group in groups for each in _single_cells(group)]
    budget.close()
    totals = {way: sum(each[way] for each in baselines) for way in _WAYS}
    return Cover(found, sum(component.bound for _, component in components), totals)


def _components(table: Table, *, limits: Limits) -> list[Component | FullComponent]:
    """Return the connected components; a single block that is best cut by a grid needs no search."""
    components: list[Component | FullComponent] = []
    for positions in split_components(table):
        full = FullComponent(table, positions, limits=limits) if len(positions) == 1 else None
        components.append(
            full if full is not None and full.is_settled else Component(table, positions, limits=limits)
        )
    return components


def _search(components: list[Component], budget: SearchBudget, *, on_interrupt: str) -> None:
    """Search until all is proven or the budget is over."""
    try:
        for component in components:
            component.quick_cover(budget)
        budget.saved = sum(component.n_trivial - component.n_requests for component in components)
        open_parts = [component for component in components if not component.is_settled]
        for number, component in enumerate(open_parts):
            component.improve(budget.split(len(open_parts) - number))
    except KeyboardInterrupt:
        budget.close()
        if on_interrupt == "raise":
            raise


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
