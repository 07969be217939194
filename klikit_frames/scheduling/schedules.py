"""Scheduling: timed rows noted as promises; nothing is sent."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import edge
from ..api.client_arguments import takes_client
from ..errors import ConfigError, PlanError, check_yes_or_no
from ..frames.checked import CheckedToggles, raise_for_errors
from ..frames.schemas import TIME_COLUMNS
from ..frames.toggles import check_toggles
from ..running.journal import JournalPath
from ..running.journal_files import MEMORY
from ..running.request_trees import ask_server_time
from ..wording import counted
from .agendas import hold_agenda, promises_frame
from .timed_rows import find_overlaps, find_timezone, make_promises, match_standing, read_times

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal_notes import Promise

_LOG = logging.getLogger("klikit_frames")
CRON_LINE = "* * * * * klikit-frames tick"
NEEDS_A_CLOCK = (
    "Nothing goes on or off, and nothing comes back, unless a process ticks: run `klikit-frames tick` every "
    "minute from cron or another scheduler, or keep `klikit-frames tick --follow` running."
)
_MOST_APART = timedelta(minutes=1)
_SAME_CLOCK = timedelta(seconds=5)
_DATE_STEP = timedelta(seconds=1)
_STANDING = ["promise_id", "status", "is_overdue", "next_at", "host", "note"]


@takes_client
def schedule(
    toggles: Any,
    client: Client,
    *,
    journal: JournalPath = None,
    timezone: str | None = None,
    publish: bool = False,
    confirm: str | None = None,
    columns: Mapping[str, str] | None = None,
    names: bool = False,
    state: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Note timed rows as promises, and return them; nothing is sent.

    Each row goes on or off at ``starts_at`` and comes back to the flag that it had at ``ends_at``, when a
    process calls `klikit_frames.tick`: without one nothing happens. Uses the network for the server's time
    alone, and the disk for the journal. A row that stands already stays one promise.

    Parameters
    ----------
    toggles : path, buffer or DataFrame
        Anything that `read_toggles` takes, with ``starts_at``, ``ends_at`` or both. A blank start is now, a
        blank end is for good; each row has at least one. Times are ISO 8601 with an offset from UTC, or
        without one and with `timezone`; dates of a spreadsheet and pandas timestamps are read exactly.
    client : Client
        Whose menus: ticks of the same host and partner key keep these promises.
    journal : path, optional
        The journal's file; None is the one in the person's own state folder.
    timezone : str, optional
        IANA name of the clock that times without an offset are by, such as ``"Asia/Jakarta"``.
    publish : bool
        Publish the stores after each start and each end. Without it guests see both at the next publish.
    confirm : str, optional
        The code that the refusal names, needed wherever the client reaches a real business; it covers the
        ticks.
    columns, names, state, stores
        As for `check_toggles`.

    Returns
    -------
    DataFrame
        One row per row of the table, in its order and with its index: its columns, ``starts_at`` and
        ``ends_at`` in UTC, then ``promise_id, status, is_overdue, next_at, host, note``. ``attrs["notes"]``
        has what else there is to know, ``attrs["warnings"]`` the warnings about clocks.

    Raises
    ------
    InvalidToggles
        A row is wrong, a time cannot be read, is past, is skipped by the clock or shown twice, or two rows,
        or a row and a promise that stands, want opposite flags at one time; ``.problems`` lists all.
    PlanError
        `confirm` is missing, or is of another table or host.
    ConfigError
        `timezone` is none, or the journal is in memory.
    JournalError
        The journal cannot be used.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     dish = kf.cross_toggles("item", [289379], [(5297, 1293)], is_enabled=False)
    ...     lunch = dish.assign(starts_at="2026-03-09 11:00", ends_at="2026-03-09 14:00")
    ...     kf.schedule(lunch, client, timezone="Asia/Jakarta")
    Traceback (most recent call last):
    klikit_frames.errors.InvalidToggles: 1 error in 1 row...
    """
    zone = find_timezone(timezone)
    if isinstance(journal, str) and journal == MEMORY:
        raise ConfigError("A promise in memory is forgotten with this process: name a file with journal=.")
    check_yes_or_no("publish", publish)
    checked = check_toggles(toggles, columns=columns, names=names, state=state, stores=stores)
    now, warnings = read_present(client)
    times = read_times(checked.toggles, zone=zone, now=now)
    _raise_for(checked, times.problems)
    drafts = make_promises(
        checked.toggles, times, account=client.account, host=client.host, now=now, publish=publish
    )
    _check_confirmed(drafts, client, confirm=confirm)
    with hold_agenda(journal) as opened:
        standing = opened.open_promises(client.account)
        matched = match_standing(drafts, standing)
        _raise_for(checked, find_overlaps(matched, standing, checked.row_labels()))
        standing_by_id = {promise.promise_id: promise for promise in standing}
        opened.add_promises(
            {
                promise.promise_id: promise for promise in matched if promise.promise_id not in standing_by_id
            }.values()
        )
        opened.update_promises(
            promise for promise in matched if standing_by_id.get(promise.promise_id, promise) != promise
        )
    frame = _told(checked.toggles, matched, now=now)
    frame.attrs |= {"notes": [*_notes(matched), NEEDS_A_CLOCK], "warnings": warnings}
    return frame


def schedule_code(toggles: pd.DataFrame, client: Client, *, publish: bool = False) -> str:
    """Return the code that `schedule` asks for where `client` reaches a real business.

    Touches neither network nor disk. For tables that `schedule` would take as they are.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles with times that name their offset from UTC.
    client : Client
        Whose menus.
    publish : bool
        As for `schedule`.
    """
    now = edge.now()
    times = read_times(toggles, zone=None, now=now)
    drafts = make_promises(toggles, times, account=client.account, host=client.host, now=now, publish=publish)
    return confirm_code(drafts, host=client.host)


def read_present(client: Client, *, now: datetime | None = None) -> tuple[datetime, list[str]]:
    """Return the present by the server's clock, else by this machine's, and what was logged about the two.

    Asks the server once, unless `now` stands for the present.
    """
    if now is not None:
        return now, []
    here, there = edge.now(), None
    if ask_server_time(client) is not None:
        there = client.server_now()
    if there is None:
        return here, []
    # The Date header counts whole seconds: at the latest it is a second later.
    there += _DATE_STEP
    if abs(there - here) <= _SAME_CLOCK:
        return here, []
    if abs(there - here) <= _MOST_APART:
        return there, []
    note = clock_note(there - here)
    _LOG.warning("%s", note)
    return there, [note]


def clock_note(ahead: timedelta) -> str:
    """Return what is said of a server whose clock is not this machine's."""
    minutes = abs(ahead.total_seconds()) / 60
    behind = "behind" if ahead > timedelta(0) else "ahead of"
    return (
        f"This machine's clock is {minutes:,.0f} min {behind} the server's; promises are kept by the "
        "server's. Set this machine's, or the agenda shows them too early or too late."
    )


def _raise_for(checked: CheckedToggles, problems: list[Any]) -> None:
    raise_for_errors(checked.problems_with(problems))


def _check_confirmed(drafts: list[Promise], client: Client, *, confirm: str | None) -> None:
    code = confirm_code(drafts, host=client.host)
    if client.needs_confirmation and confirm != code:
        given = "" if confirm is None else f" confirm={confirm!r} is of another table or host."
        raise PlanError(
            f"{client.host} is a real business, so nothing was noted yet: {counted(len(drafts), 'promise')}."
            f"{given} If that is meant, pass confirm={code!r}; it covers the ticks."
        )


def confirm_code(drafts: list[Promise], *, host: str) -> str:
    """Return a short code that stands for a table of timed rows on a host."""
    rows = sorted(repr((promise.row_key, promise.publish)) for promise in drafts)
    return hashlib.sha256("\n".join([host, *rows]).encode()).hexdigest()[:8]


def _told(toggles: pd.DataFrame, promises: list[Promise], *, now: datetime) -> pd.DataFrame:
    standing = promises_frame(promises, now=now).set_axis(toggles.index, axis=0)
    kept_columns = toggles.drop(columns=[name for name in _STANDING if name in toggles])
    added = standing[[*TIME_COLUMNS, *_STANDING]]
    kept = kept_columns.drop(columns=[name for name in TIME_COLUMNS if name in kept_columns])
    return pd.concat([kept, added], axis=1)


def _notes(promises: list[Promise]) -> list[str]:
    n_cascades = sum(
        promise.cascade_to_modifier_groups and promise.ends_at is not None for promise in promises
    )
    said = (
        f"{counted(n_cascades, 'row')} cascade to modifiers: the API does not tell which were off before, so "
        "at the end these stay as they are."
    )
    return [said] if n_cascades else []
