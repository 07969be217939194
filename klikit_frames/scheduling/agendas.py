"""The agenda: what is promised, what is overdue, and promises cancelled or extended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from .. import edge
from ..errors import ConfigError, InvalidToggles, PlanError
from ..frames.problems import problems_frame
from ..menus.state_arrays import TEXT
from ..running import locks
from ..running.journal import Journal, JournalPath, open_journal, read_journal
from ..running.journal_notes import Promise
from ..running.lifecycle import PromiseStatus
from .tick_decisions import close
from .timed_rows import check_moment, find_overlaps

_COLUMNS = {
    "promise_id": TEXT,
    "entity_type": TEXT,
    "entity_id": "int64",
    "scope": TEXT,
    "brand_id": "Int64",
    "branch_id": "Int64",
    "is_enabled": "bool",
    "starts_at": "datetime64[us, UTC]",
    "ends_at": "datetime64[us, UTC]",
    "status": TEXT,
    "is_overdue": "bool",
    "next_at": "datetime64[us, UTC]",
    "host": TEXT,
    "note": TEXT,
    "title": TEXT,
}
_SHORTEST_ID = 4
_LOCK_TIMEOUT_S = 10.0
# Schedulers tick every minute.
_NEXT_TICK = timedelta(minutes=1)


def agenda(*, journal: JournalPath = None, now: datetime | None = None) -> pd.DataFrame:
    """Return what is promised: one row per promise, overdue ones first, then by what is due next.

    Reads the journal, nothing else; promises of all hosts and keys that it knows.

    Parameters
    ----------
    journal : path, optional
        The journal's file, as given to `klikit_frames.schedule`.
    now : datetime, optional
        An aware datetime that stands for the present; default: this machine's clock.

    Returns
    -------
    DataFrame
        ``promise_id, entity_type, entity_id, scope, brand_id, branch_id, is_enabled, starts_at, ends_at``
        (UTC; a missing end is for good), ``status``: ``waiting``, ``active`` (it has gone on or off and has
        not come back), ``done``, ``kept`` (at its end the menu was seen to be changed, and was left alone),
        ``failed`` or ``cancelled``; ``is_overdue``, whether what is due next should have been done;
        ``next_at``, missing where nothing is left to be done; ``host``, ``note``, ``title``.

    Raises
    ------
    ConfigError
        `now` has no time zone.
    JournalError
        The journal cannot be read.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     dish = kf.cross_toggles("item", [289379], [(5297, 1293)], is_enabled=False)
    ...     promised = kf.schedule(dish.assign(ends_at=client.now() + pd.Timedelta("1h")), client)
    >>> kf.agenda()[["entity_id", "is_enabled", "status"]].values.tolist()
    [[289379, False, 'waiting']]
    """
    moment = edge.now() if now is None else check_moment(now, name="now")
    with read_journal(journal) as opened:
        return agenda_frame(opened.promises(), now=moment)


def cancel_promises(ids: str | Iterable[str], *, journal: JournalPath = None) -> pd.DataFrame:
    """Cancel promises and return them as the agenda lists them.

    Writes the journal, nothing else. Who cancels a promise that is active leaves the cell as it is: nothing
    gives its flag back, and the note says so. One that has come to its end stays as it is.

    Parameters
    ----------
    ids : str, or several
        As in ``promise_id``; the first digits do, at least 4.
    journal : path, optional
        The journal's file, as given to `klikit_frames.schedule`.

    Raises
    ------
    ConfigError
        There is no such promise, or more than one; none was cancelled.
    PlanError
        A tick is at one of them.
    JournalError
        The journal cannot be read or written.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     dish = kf.cross_toggles("item", [289379], [(5297, 1293)], is_enabled=False)
    ...     promised = kf.schedule(dish.assign(ends_at=client.now() + pd.Timedelta("1h")), client)
    >>> kf.cancel_promises(promised["promise_id"])["status"].tolist()
    ['cancelled']
    """
    now = edge.now()
    return _change(ids, lambda promise, _: _cancelled(promise, now=now), journal=journal, now=now)


def extend_promises(
    ids: str | Iterable[str], *, ends_at: datetime | str, journal: JournalPath = None
) -> pd.DataFrame:
    """Give promises another end, later or sooner, and return them as the agenda lists them.

    Writes the journal, nothing else.

    Parameters
    ----------
    ids : str, or several
        As in ``promise_id``; the first digits do, at least 4.
    ends_at : datetime or text
        An aware datetime, or ISO 8601 with an offset from UTC.
    journal : path, optional
        The journal's file, as given to `klikit_frames.schedule`.

    Raises
    ------
    ConfigError
        There is no such promise or more than one, it has come to its end, or `ends_at` is no moment, is past
        or is not after its start; none was changed.
    InvalidToggles
        An opposite promise stands in the way; ``.problems`` names it. ``row`` is the place in `ids`.
    PlanError
        A tick is at one of them.
    JournalError
        The journal cannot be read or written.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     dish = kf.cross_toggles("item", [289379], [(5297, 1293)], is_enabled=False)
    ...     promised = kf.schedule(dish.assign(ends_at=client.now() + pd.Timedelta("1h")), client)
    >>> later = promised["ends_at"].iloc[0] + pd.Timedelta("1h")
    >>> kf.extend_promises(promised["promise_id"], ends_at=later)["ends_at"].iloc[0] == later
    True
    """
    now, end = edge.now(), check_moment(ends_at, name="ends_at")
    if end <= now:
        raise ConfigError(f"ends_at={end.isoformat()} is past, so nothing was changed.")

    def extend(promise: Promise, _: Journal) -> Promise:
        if not promise.status.is_open:
            raise ConfigError(
                f"Promise {promise.promise_id[:8]} is {promise.status}, so it has no end to change."
            )
        if end <= promise.starts_at:
            raise ConfigError(f"Promise {promise.promise_id[:8]} starts at {promise.starts_at.isoformat()}.")
        is_active = promise.status is PromiseStatus.ACTIVE
        return replace(promise, ends_at=end, next_at=end if is_active else promise.next_at)

    return _change(ids, extend, journal=journal, now=now, check=_check_free)


def agenda_frame(promises: Iterable[Promise], *, now: datetime) -> pd.DataFrame:
    """Return promises as the agenda lists them, overdue ones first, then by what is due next."""
    far = datetime.max.replace(tzinfo=UTC)
    ordered = sorted(promises, key=lambda promise: promise.next_at or far)
    return promises_frame(ordered, now=now)


def promises_frame(promises: Sequence[Promise], *, now: datetime) -> pd.DataFrame:
    """Return promises with the columns of the agenda, in the order given."""
    rows = [_row(promise, now=now) for promise in promises]
    cells = zip(*rows, strict=True) if rows else [()] * len(_COLUMNS)
    columns = zip(_COLUMNS.items(), cells, strict=True)
    return pd.DataFrame({name: pd.Series(list(values), dtype=dtype) for (name, dtype), values in columns})


@contextmanager
def hold_agenda(journal: JournalPath, *, timeout_s: float = _LOCK_TIMEOUT_S) -> Iterator[Journal]:
    """Open a journal and keep others from changing its promises meanwhile: never across a request."""
    with open_journal(journal) as opened:
        what = "The agenda of this journal"
        with locks.hold(opened.agenda_lock_path(), what=what, timeout_s=timeout_s):
            yield opened


def _row(promise: Promise, *, now: datetime) -> tuple[Any, ...]:
    scope = "business" if promise.cell.store is None else "store"
    cell = (
        promise.cell.entity_type,
        promise.cell.entity_id,
        scope,
        promise.cell.brand_id,
        promise.cell.branch_id,
    )
    times = (
        promise.starts_at,
        promise.ends_at,
        promise.status.value,
        _is_overdue(promise, now=now),
        promise.next_at,
    )
    return (promise.promise_id, *cell, promise.is_enabled, *times, promise.host, promise.note, promise.title)


def _is_overdue(promise: Promise, *, now: datetime) -> bool:
    """Tell whether a promise should have been kept; what is to begin at once waits for the next tick."""
    is_new = promise.starts_at_once and promise.status is PromiseStatus.WAITING
    return promise.next_at is not None and promise.next_at + (_NEXT_TICK if is_new else timedelta(0)) < now


def _cancelled(promise: Promise, *, now: datetime) -> Promise:
    if not promise.status.is_open:
        return promise
    flag = "on" if promise.is_enabled else "off"
    note = None
    if promise.status is PromiseStatus.ACTIVE:
        note = f"cancelled while active: the cell stays as it is ({flag}); nothing gives it back"
    elif promise.plan_id is not None:
        note = f"cancelled when a tick had begun it: the cell may be {flag}; nothing gives it back"
    return close(promise, PromiseStatus.CANCELLED, note=note, now=now)


def _change(
    ids: str | Iterable[str],
    change: Callable[[Promise, Journal], Promise],
    *,
    journal: JournalPath,
    now: datetime,
    check: Callable[[list[Promise], Journal], None] | None = None,
) -> pd.DataFrame:
    """Change promises, all or none, and return them in the order given."""
    with hold_agenda(journal) as opened:
        promises = _find(ids, opened.promises())
        _refuse_busy(promises, opened)
        changed = [change(promise, opened) for promise in promises]
        if check is not None:
            check(changed, opened)
        opened.update_promises(changed)
    return promises_frame(changed, now=now)


def _find(ids: str | Iterable[str], promises: list[Promise]) -> list[Promise]:
    if not isinstance(ids, Iterable):
        raise ConfigError(f"ids is {ids!r:.60}; give one promise_id or several, as kf.agenda() lists them.")
    given = [ids] if isinstance(ids, str) else list(ids)
    return list(
        {promise.promise_id: promise for promise in (_find_one(text, promises) for text in given)}.values()
    )


def _find_one(text: object, promises: list[Promise]) -> Promise:
    wanted = str(text).strip().lower()
    matches = [promise for promise in promises if promise.promise_id.startswith(wanted)]
    if len(wanted) < _SHORTEST_ID or len(matches) != 1:
        n_found = "several promises" if len(matches) > 1 else "no promise"
        raise ConfigError(
            f"{text!r:.80} names {n_found}, so nothing was changed; kf.agenda() lists them. At least "
            f"{_SHORTEST_ID} digits name one."
        )
    return matches[0]


def _refuse_busy(promises: Iterable[Promise], journal: Journal) -> None:
    for promise in promises:
        if promise.plan_id is not None and locks.is_locked(journal.lock_path(promise.account)):
            raise PlanError(
                f"A tick is at promise {promise.promise_id[:8]} just now, so nothing was changed. "
                "Wait for it."
            )


def _check_free(changed: list[Promise], journal: Journal) -> None:
    changed_ids = {promise.promise_id for promise in changed}
    for account in {promise.account for promise in changed}:
        standing = [
            promise for promise in journal.open_promises(account) if promise.promise_id not in changed_ids
        ]
        labels = [promise.promise_id[:8] for promise in changed]
        problems = find_overlaps(
            [promise for promise in changed if promise.account == account], standing, labels
        )
        if problems:
            frame = problems_frame(problems, rows=pd.RangeIndex(1, len(changed) + 1).to_numpy(), lines=None)
            said = " ".join(frame["message"].drop_duplicates().head(3))
            raise InvalidToggles(f"The end cannot be moved, so nothing was changed. {said}", frame)
