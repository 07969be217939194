"""From a table of toggles to a plan: the fewest requests that carry it, before anything is sent."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from klikit_frames.frames.toggles import read_toggles
from klikit_frames.planning.carriers import assign_rows
from klikit_frames.planning.covers import cover_groups
from klikit_frames.planning.digests import digest_plan
from klikit_frames.planning.groups import split_groups
from klikit_frames.planning.limits import Limits, checked_limits
from klikit_frames.planning.orders import sort_requests
from klikit_frames.planning.skips import find_skips
from klikit_frames.planning.tables import table_requests, table_rows
from klikit_frames.planning.values import Plan, load_plan, parse_plan

if TYPE_CHECKING:
    import pandas as pd

    from klikit_frames.progress import Progress

__all__ = ["Limits", "Plan", "load_plan", "parse_plan", "plan"]

_DEFAULT_LIMITS = Limits()


def plan(
    toggles: Any,
    *,
    state: pd.DataFrame | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    combine: bool = True,
    time_budget_s: float = 5.0,
    progress: Progress = None,
) -> Plan:
    """Return the fewest requests found that carry the toggles and touch nothing else.

    Touches neither network nor disk, unless `toggles` is a path. Ctrl-C while it searches returns the best
    plan so far.

    Parameters
    ----------
    toggles : path, buffer or DataFrame
        Anything that `read_toggles` takes.
    state : DataFrame, optional
        Live flags from `read_state`. Rows that hold already are not sent, and rows of ids or stores that are
        not of this business are rejected. A state that was filtered rejects no id.
    limits : Limits
        Caps that every request keeps.
    combine : bool
        False sends one request per row, for those who want no shared fate.
    time_budget_s : float
        Seconds that planning may take; the best plan so far is then taken. Reading and grouping many
        millions of rows may alone take longer; the search then has four tenths of it.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show a long search; None is automatic.

    Returns
    -------
    Plan
        A frozen value.

    Raises
    ------
    InvalidToggles
        If a row is wrong; ``.problems`` lists all of them.
    PlanError
        If a setting is out of range.
    StateError
        If `state` has a cell twice, with two flags.

    Examples
    --------
    >>> stores = [(663, 1062), (663, 1063), (664, 1062)]
    >>> kf.plan(kf.cross_toggles("item", range(1, 101), stores, is_enabled=False))
    <Plan ...: 300 rows → 1 request (the fewest possible; one per store would be 3); about 1 s at 60 a minute>
    """
    started = time.monotonic()
    checked = read_toggles(toggles)
    skips = find_skips(checked, state)
    groups = split_groups(checked, skips.reasons.isna().to_numpy())
    cover = cover_groups(
        groups,
        limits=checked_limits(limits),
        combine=combine,
        time_budget_s=time_budget_s,
        started=started,
        progress=progress,
    )
    requests = sort_requests(cover.requests)
    carriers = assign_rows(requests, groups=groups, n_rows=len(checked))
    skipped = {
        reason: split_groups(checked, (skips.reasons == reason).to_numpy(dtype=bool, na_value=False))
        for reason in ("unchanged", "rejected")
    }
    return Plan(
        plan_id=uuid.uuid4().hex,
        digest=digest_plan(requests, groups={"sent": groups, **skipped}),
        limits=limits,
        lower_bound=cover.lower_bound,
        baselines=cover.baselines,
        _rows=table_rows(checked, carriers, skips),
        _requests=table_requests(requests, carriers.owners),
        _before=skips.before,
    )
