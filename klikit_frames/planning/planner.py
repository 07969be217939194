"""From a table of toggles to a plan: the fewest requests that carry it, before anything is sent."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from ..frames.toggles import read_toggles
from .covers import cover_groups
from .groups import split_groups
from .limits import Limits, checked_limits
from .plan import Plan, table_requests, table_rows
from .row_assignment import assign_rows
from .sending_order import sort_requests
from .skips import find_skips

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from ..progress import Progress
    from .groups import Group
    from .sending_order import GroupRectangle

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


def digest_plan(requests: list[GroupRectangle], *, groups: dict[str, list[Group]]) -> str:
    """Return the SHA-256 over the requests in order, and over the rows by what becomes of them.

    Parameters
    ----------
    requests : list of GroupRectangle
        In sending order.
    groups : dict of list of Group
        The rows, by ``sent`` or the reason why not.
    """
    parts = hashlib.sha256()
    for part in _parts(requests, groups):
        # The length keeps two neighbours from being read as one.
        parts.update(len(part).to_bytes(8, "little") + part)
    return parts.hexdigest()


def _parts(requests: list[GroupRectangle], groups: dict[str, list[Group]]) -> Iterable[bytes]:
    for reason, found in sorted(groups.items()):
        for group in found:
            yield f"{reason} {tuple(group.key)!r}".encode()
            yield from _arrays(group.ids, group.stores, group.cells, group.n_rows_of_cell)
    for request in requests:
        yield repr(tuple(request.group.key)).encode()
        yield from _arrays(request.ids, request.group.stores[request.rectangle.columns])


def _arrays(*arrays: object) -> Iterator[bytes]:
    for array in arrays:
        yield array.astype("<i8").tobytes()  # type: ignore[attr-defined]
