"""From a table of toggles to a plan: the fewest requests that carry it, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import edge
from ..errors import PlanError, check_choice, check_yes_or_no
from ..frames.row_checks import count_off_menu
from ..frames.schemas import TIME_COLUMNS
from ..frames.toggles import read_toggles
from ..menus.effects import foretell
from ..overview import read_names
from ..wording import counted
from .budget import OPERATIONS_PER_S
from .covers import cover_groups
from .groups import split_groups
from .limits import Limits, checked_limits
from .plan import Plan
from .plan_files import digest_plan
from .row_assignment import assign_rows, sort_requests, table_rows
from .skips import find_skips

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ..progress import Progress
    from .skips import Skips

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
        _off_menu=None if state is None else count_off_menu(toggles[skips.may_be_sent], state),
        _names=read_names(state).restricted_to(toggles),
        effect=foretell(toggles[skips.may_be_sent], state),
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
