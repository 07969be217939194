"""From a table of toggles to a plan: the fewest requests that carry it, before anything is sent.

The rows are split into groups that may share requests. The cells of each group are covered with the fewest
requests: each component quickly first, then the open ones. Each row gets the request that owns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .. import edge
from ..errors import PlanError, check_choice, check_yes_or_no
from ..frames.row_checks import count_off_menu
from ..frames.schemas import TIME_COLUMNS
from ..frames.toggles import read_toggles
from ..menus.effects import foretell
from ..overview import read_names
from ..wording import counted
from .budget import OPERATIONS_PER_S, SearchBudget
from .components import Component, FullComponent
from .groups import Rectangle, split_groups
from .limits import Limits, checked_limits
from .plan import Plan
from .plan_files import digest_plan
from .reductions import merge_twins, split_components, sum_crossing
from .row_assignment import GroupRectangle, assign_rows, find_skips, sort_requests, table_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ..progress import Progress
    from .groups import Group
    from .reductions import MergedCells
    from .row_assignment import Skips

_DEFAULT_LIMITS = Limits()


def plan(
    toggles: Any,
    *,
    state: pd.DataFrame | None = None,
    unchanged: str = "optional",
    limits: Limits = _DEFAULT_LIMITS,
    combine: bool = True,
    time_budget_s: float = 5.0,
    progress: Progress = None,
    on_interrupt: str = "raise",
    columns: Mapping[str, str] | None = None,
    names: bool = False,
    stores: pd.DataFrame | None = None,
) -> Plan:
    """Return the fewest requests found that carry the toggles and touch nothing else.

    Touches neither network nor disk, unless `toggles` is a path.

    Parameters
    ----------
    toggles : path, buffer or DataFrame
        Anything that `read_toggles` takes.
    state : DataFrame, optional
        Live flags from `read_state`. Rows that hold already need not be sent, and rows of ids or stores that
        are not of this business are rejected. Rows whose entity is not on the menu of their own store are
        sent, and counted in `Plan.not_on_menu`. A state that was filtered rejects no id. A flag in its column
        ``pending`` counts as the live one.
    unchanged : "optional", "skip" or "send"
        What becomes of rows that hold already: ``"optional"``: a request may carry them where that saves a
        request, and the others are not sent; ``"skip"``: none is sent; ``"send"``: all are. Rows that
        cascade, store rows whose entity the same table changes business-wide, and rows whose flag the state
        does not tell are always sent.
    limits : Limits
        Caps that every request keeps.
    combine : bool
        False sends one request per row, for those who want no shared fate.
    time_budget_s : float
        Seconds of the processor that planning may take, 5 by default; the best plan so far is then taken.
        On a busy machine the clock may show up to three times as many. Up to the default a search also ends
        after 2 s, or 0.2 s for each request that it saved, if that is more: what a request takes at 300 a
        minute. A larger budget is used as long as fewer requests may be possible. Reading and grouping many
        millions of rows may alone take longer; the search then has four tenths of the budget.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show a long search; None is automatic.
    on_interrupt : "raise" or "best"
        What Ctrl-C does: raise ``KeyboardInterrupt``, so that nothing after it is sent; or end the search
        and return the best plan so far.
    columns, names, stores
        As for `check_toggles`: columns of other names, and names in place of ids.

    Returns
    -------
    Plan
        A frozen value.

    Raises
    ------
    InvalidToggles
        If a row is wrong; ``.problems`` lists all of them.
    PlanError
        If a setting is out of range, or a row has a time in ``starts_at`` or ``ends_at``: such rows are for
        `schedule`.
    StateError
        If `state` has a cell twice, with two flags.

    Examples
    --------
    >>> stores = [(663, 1062), (663, 1063), (664, 1062)]
    >>> kf.plan(kf.cross_toggles("item", range(1, 101), stores, is_enabled=False))
    <Plan ...: 300 rows → 1 request (the fewest possible; one per store would be 3); about 1 s at 300...>
    """
    started = edge.process_time()
    check_choice("on_interrupt", on_interrupt, among=("raise", "best"), error=PlanError)
    check_choice("unchanged", unchanged, among=("optional", "skip", "send"), error=PlanError)
    check_yes_or_no("combine", combine, error=PlanError)
    check_yes_or_no("names", names, error=PlanError)
    checked = read_toggles(
        toggles, columns=columns, names=names, state=state if names else None, stores=stores
    )
    refuse_times(checked)
    return plan_rows(
        checked,
        find_skips(checked, state, unchanged=unchanged),
        state=state,
        limits=limits,
        combine=combine,
        time_budget_s=time_budget_s,
        started=started,
        progress=progress,
        on_interrupt=on_interrupt,
    )


def plan_rows(
    toggles: pd.DataFrame,
    skips: Skips,
    *,
    state: pd.DataFrame | None,
    limits: Limits = _DEFAULT_LIMITS,
    combine: bool = True,
    time_budget_s: float = 5.0,
    started: float | None = None,
    progress: Progress = None,
    on_interrupt: str = "raise",
    operations_per_s: float = OPERATIONS_PER_S,
) -> Plan:
    """Return the fewest requests found for checked toggles of which it is known which need be sent.

    Pure. The options are those of `plan`.

    Parameters
    ----------
    toggles : DataFrame
        From `read_toggles`.
    skips : Skips
        What is not sent, and what need not be.
    state : DataFrame or None
        For names, and for what is on no menu.
    started : float, optional
        When the time that planning may take began, by ``time.process_time``; else now.
    operations_per_s : float
        How much counted work is a second of that time.
    """
    groups = split_groups(toggles, skips.may_be_sent, optional=skips.optional)
    is_all_asked = not skips.optional.any()
    cover = cover_groups(
        groups,
        limits=checked_limits(limits),
        combine=combine,
        time_budget_s=time_budget_s,
        started=edge.process_time() if started is None else started,
        progress=progress,
        on_interrupt=on_interrupt,
        operations_per_s=operations_per_s,
    )
    ordered = sort_requests(cover.requests)
    carriers = assign_rows(ordered, groups=groups, n_rows=len(toggles))
    skips = skips.without_idle(carriers.owners > 0)
    rows, targets = table_rows(toggles, carriers, skips), tuple(request.target for request in ordered)
    sent = toggles if state is None else toggles[skips.may_be_sent]
    return Plan(
        plan_id=edge.draw_uuid().hex,
        digest=digest_plan(rows, targets, groups=groups if is_all_asked else None),
        limits=limits,
        lower_bound=cover.lower_bound,
        baselines=cover.baselines,
        is_searched=cover.is_searched,
        search_s=cover.search_s,
        targets=targets,
        _rows=rows,
        _before=skips.before,
        _off_menu=None if state is None else count_off_menu(sent, state),
        _names=read_names(state).restricted_to(toggles),
        effect=foretell(sent, state),
    )


def refuse_times(toggles: pd.DataFrame) -> None:
    """Refuse rows that are to go on or off at a time: a plan is sent as a whole, and now.

    Raises
    ------
    PlanError
        The message names the first such row.
    """
    for name in TIME_COLUMNS:
        if name not in toggles.columns:
            continue
        times = toggles[name].dropna().astype(str)
        timed = times[times.str.strip() != ""]
        if len(timed):
            row = int(toggles.index.get_indexer_for(timed.index[:1])[0]) + 1
            raise PlanError(
                f"Row {row} has {timed.iloc[0]!r} in {name} ({counted(len(timed), 'row')} with a time); "
                "a plan is sent at once. Use `schedule` for this table, or drop the column."
            )


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


# OpenBLAS calls some products of finite numbers invalid, at random: numpy would warn of them.
@np.errstate(invalid="ignore")
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
    covers = [GroupCover(group, limits=limits) for group in groups if group.asked.any()]
    began = edge.process_time()
    budget = SearchBudget(
        time_budget_s, progress=progress, spent_s=began - started, operations_per_s=operations_per_s
    )
    if combine:
        # The products are small and many: threads would cost more than they bring.
        with threadpool_limits(limits=1, user_api="blas"):
            search_groups(covers, budget, on_interrupt=on_interrupt)
    search_s = round(edge.process_time() - began)
    requests = [
        GroupRectangle(cover.group, rectangle)
        for cover in covers
        for rectangle in (cover.rectangles() if combine else _single_cells(cover.group))
    ]
    budget.close()
    totals = {way: sum(cover.baselines[way] for cover in covers) for way in _WAYS}
    is_searched = not combine or all(cover.is_searched for cover in covers)
    return Cover(requests, sum(cover.bound for cover in covers), totals, is_searched, search_s)


class GroupCover:
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
            counts["equal_sets"] for counts in (self.baselines, _count_baselines(sent, limits=limits))
        )
        self.baselines["per_row"] = int(group.n_rows_of_cell.sum(where=group.asked))

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
        return [component for way in self._others for component in way if isinstance(component, Component)]

    def rectangles(self) -> list[Rectangle]:
        """Return the best cover."""
        ways = [self.components, *self._others]
        return min(
            ([rectangle for component in way for rectangle in component.rectangles()] for way in ways),
            key=len,
        )


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


def search_groups(covers: list[GroupCover], budget: SearchBudget, *, on_interrupt: str) -> None:
    """Search until all is proven or the budget is over."""
    has_optional = any(not cover.group.asked.all() for cover in covers)
    try:
        components = [
            component
            for cover in covers
            for component in cover.components
            if isinstance(component, Component)
        ]
        _improve(components, budget.split(2) if has_optional else budget)
        _improve([component for cover in covers for component in cover.open_others()], budget)
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
    sides = table.entities.sizes, table.stores.sizes
    of_entities = sum_crossing(table.rows, table.columns, sides[1], n_lines=len(sides[0]))
    of_stores = sum_crossing(table.columns, table.rows, sides[0], n_lines=len(sides[1]))
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
