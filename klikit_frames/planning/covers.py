"""Groups of rows to the fewest requests: each component quickly first, then the open ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .. import edge
from .budget import OPERATIONS_PER_S, SearchBudget
from .components import Component, FullComponent
from .rectangles import Rectangle
from .reductions import merge_twins, split_components
from .row_assignment import GroupRectangle

if TYPE_CHECKING:
    from ..progress import Progress
    from .groups import Group
    from .limits import Limits
    from .reductions import MergedCells

_WAYS = ("per_row", "per_store", "per_entity", "equal_sets")


@dataclass(frozen=True)
class Cover:
    """Requests that hold all cells asked for, and none outside the groups, and what is known about fewer.

    Attributes
    ----------
    requests : list of GroupRectangle
        Each within the caps; in no order.
    lower_bound : int
        No plan has fewer.
    baselines : dict
        How many requests the usual ways take.
    is_searched : bool
        Whether no component was too large to be searched.
    search_s : int
        Whole seconds of the processor that the search took.
    """

    requests: list[GroupRectangle]
    lower_bound: int
    baselines: dict[str, int]
    is_searched: bool
    search_s: int


def cover_groups(
    groups: list[Group],
    *,
    limits: Limits,
    combine: bool,
    time_budget_s: float,
    started: float,
    progress: Progress,
    on_interrupt: str,
    operations_per_s: float = OPERATIONS_PER_S,
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
        When it was begun, in seconds that the processor has worked.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show a long search.
    on_interrupt : "raise" or "best"
        Whether Ctrl-C raises, or ends the search with what there is.
    operations_per_s : float
        How much counted work is a second of the budget.
    """
    covers = [_GroupCover(group, limits=limits) for group in groups if group.asked.any()]
    began = edge.process_time()
    budget = SearchBudget(
        time_budget_s, progress=progress, spent_s=began - started, operations_per_s=operations_per_s
    )
    if combine:
        # The products are small and many: threads would cost more than they bring.
        with threadpool_limits(limits=1, user_api="blas"):
            _search(covers, budget, on_interrupt=on_interrupt)
    search_s = round(edge.process_time() - began)
    found = [
        GroupRectangle(cover.group, each)
        for cover in covers
        for each in (cover.rectangles() if combine else _single_cells(cover.group))
    ]
    budget.close()
    totals = {way: sum(cover.baselines[way] for cover in covers) for way in _WAYS}
    is_searched = not combine or all(cover.is_searched for cover in covers)
    return Cover(found, sum(cover.bound for cover in covers), totals, is_searched, search_s)


class _GroupCover:
    """The search for the cover of one group: component by component.

    Where some of its cells hold already, the same is also tried with none, and with all of them, so that the
    cover is never larger than these would be.
    """

    def __init__(self, group: Group, *, limits: Limits) -> None:
        self.group, self._limits = group, limits
        whole = _without_idle(group)
        table = merge_twins(whole)
        self.components = _components(table, limits=limits)
        self._others: list[list[Component | FullComponent]] = []
        skipped, sent = table, table
        if not whole.asked.all():
            skipped = merge_twins(whole.narrowed(whole.asked, asked=whole.asked))
            sent = merge_twins(whole.narrowed(np.ones_like(whole.asked), asked=np.ones_like(whole.asked)))
        self._tables = (skipped, sent)
        self.baselines = _count_baselines(skipped, limits=limits)
        self.baselines["equal_sets"] = min(
            each["equal_sets"] for each in (self.baselines, _count_baselines(sent, limits=limits))
        )
        self.baselines["per_row"] = int(group.n_rows_of_cell[group.asked].sum())

    @property
    def bound(self) -> int:
        """No cover of the group has fewer rectangles."""
        return sum(component.bound for component in self.components)

    @property
    def is_searched(self) -> bool:
        """Whether none of its components was too large to be searched."""
        return all(component.is_searched for component in self.components)

    def open_others(self) -> list[Component]:
        """Return the components of the other ways, where these may need fewer requests."""
        skipped, sent = self._tables
        if skipped is sent or len(self.rectangles()) <= self.bound:
            return []
        self._others = [_components(table, limits=self._limits) for table in self._tables]
        return [each for way in self._others for each in way if isinstance(each, Component)]

    def rectangles(self) -> list[Rectangle]:
        """Return the best cover."""
        ways = [self.components, *self._others]
        return min(([each for one in way for each in one.rectangles()] for way in ways), key=len)


def _without_idle(group: Group) -> Group:
    """Return the group without the entities and stores none of whose cells must be covered."""
    if group.asked.all():
        return group
    of_entity = np.bincount(group.entity_nos, weights=group.asked, minlength=len(group.ids)) > 0
    of_store = np.bincount(group.store_nos, weights=group.asked, minlength=len(group.stores)) > 0
    chosen = of_entity[group.entity_nos] & of_store[group.store_nos]
    return group.narrowed(chosen, asked=group.asked)


def _components(table: MergedCells, *, limits: Limits) -> list[Component | FullComponent]:
    """Return the connected components; a single block that is best cut by a grid needs no search."""
    components: list[Component | FullComponent] = []
    for positions in split_components(table):
        full = FullComponent(table, positions, limits=limits) if len(positions) == 1 else None
        is_done = full is not None and full.is_settled
        components.append(full if full and is_done else Component(table, positions, limits=limits))
    return components


def _search(covers: list[_GroupCover], budget: SearchBudget, *, on_interrupt: str) -> None:
    """Search until all is proven or the budget is over."""
    has_optional = any(not cover.group.asked.all() for cover in covers)
    try:
        components = [each for cover in covers for each in cover.components if isinstance(each, Component)]
        _improve(components, budget.split(2) if has_optional else budget)
        _improve([each for cover in covers for each in cover.open_others()], budget)
    except KeyboardInterrupt:
        budget.close()
        if on_interrupt == "raise":
            raise


def _improve(components: list[Component], budget: SearchBudget) -> None:
    for component in components:
        component.quick_cover(budget)
        budget.saved += component.n_trivial - component.n_requests
    open_components = [component for component in components if not component.is_settled]
    for number, component in enumerate(open_components):
        component.improve(budget.split(len(open_components) - number))


def _single_cells(group: Group) -> list[Rectangle]:
    cells = zip(group.entity_nos[group.asked, None], group.store_nos[group.asked, None], strict=True)
    return [Rectangle(entity, store) for entity, store in cells]


def _count_baselines(table: MergedCells, *, limits: Limits) -> dict[str, int]:
    """Return how many requests one per store, per entity, and per equal sets would be."""
    of_entities = np.bincount(table.rows, weights=table.stores.sizes[table.columns]).astype(np.int64)
    of_stores = np.bincount(table.columns, weights=table.entities.sizes[table.rows]).astype(np.int64)
    entities, stores = (
        [
            (size, degree)
            for size, degree in zip(side.sizes.tolist(), degrees.tolist(), strict=False)
            if degree
        ]
        for side, degrees in ((table.entities, of_entities), (table.stores, of_stores))
    )
    return {
        "per_store": sum(size * limits.cost(degree, 1) for size, degree in stores),
        "per_entity": sum(size * limits.cost(1, degree) for size, degree in entities),
        "equal_sets": min(
            sum(limits.cost(size, degree) for size, degree in entities),
            sum(limits.cost(degree, size) for size, degree in stores),
        ),
    }
