"""Ticks: everything that is due, sent as an ordinary run, once; and a process that ticks on its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from ..api.client_arguments import takes_client
from ..edge import Clock, SystemClock
from ..errors import AuthError, JournalError, RequestError
from ..menus.state_arrays import TEXT
from ..model import Outcome
from ..progress import Progress, check_progress
from ..running import locks
from ..running.evidence import server_time
from ..running.guards import check_client
from ..running.journal import JournalPath, read_journal
from ..running.runs import run
from .agendas import promises_frame
from .schedules import read_present
from .tick_decisions import RowEnd
from .tick_runs import ELSEWHERE, TOGGLE, KeptPromises, Send, TickRun
from .timed_rows import check_moment

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.notifications import OnFinish

_LOG = logging.getLogger("klikit_frames")
_TOLD = ["starts_at", "ends_at", "note", "title"]
# A process that ticks on its own looks again after this: another may promise something meanwhile.
_LONGEST_S = 30.0
_SHORTEST_S = 1.0


@takes_client
def tick(
    client: Client,
    *,
    journal: JournalPath = None,
    now: datetime | None = None,
    confirm: str | None = None,
    progress: Progress = None,
    on_finish: OnFinish = None,
) -> pd.DataFrame:
    """Keep the promises that are due: send their starts and ends, in the fewest requests, once.

    Uses the network and the journal. What is due is noted before anything is sent, and goes out as an
    ordinary run, with flags from before. A tick that was killed is gone on with by the next one; of two at
    once the second finds nothing to do. At its end a cell gets the flag that it had, unless its menu shows
    that it was changed since (``kept``), or another promise still holds it.

    Parameters
    ----------
    client : Client
        Only promises of its host and partner key are kept.
    journal : path, optional
        The journal's file, as given to `klikit_frames.schedule`.
    now : datetime, optional
        An aware datetime that stands for the present; default: the server's clock, else this machine's.
    confirm : str, optional
        Not needed: the code of `klikit_frames.schedule` covers the ticks.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show progress, in requests.
    on_finish : callable, optional
        As in `klikit_frames.run`: gets the summary of each run of the tick.

    Returns
    -------
    DataFrame
        One row per promise that was due: ``promise_id, action`` (``start`` or ``end``), ``outcome, code,
        request_id, status``, then ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled`` (the
        promised flag), the two cascade columns, ``starts_at, ends_at, note, title``. ``attrs["run_ids"]``
        are the runs, ``attrs["notes"]`` what else there is to know, ``attrs["warnings"]`` the warnings about
        clocks, which are in the log too.

    Raises
    ------
    RequestError
        No menu could be read; nothing was sent.
    JournalError
        The journal cannot be used.
    ConfigError
        `now` has no time zone, or the client is read-only or closed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     dish = kf.cross_toggles("item", [289379], [(5297, 1293)], is_enabled=False)
    ...     promised = kf.schedule(dish.assign(ends_at=client.now() + pd.Timedelta("1h")), client)
    ...     started = kf.tick(client)
    ...     sandbox.move_clock(3600)
    ...     ended = kf.tick(client)
    >>> pd.concat([started, ended])[["action", "outcome", "status"]].values.tolist()
    [['start', 'applied', 'active'], ['end', 'applied', 'done']]
    """
    del confirm
    return keep_promises(client, journal=journal, now=now, progress=progress, on_finish=on_finish)


def keep_promises(
    client: Client,
    *,
    journal: JournalPath = None,
    now: datetime | None = None,
    progress: Progress = None,
    on_finish: OnFinish = None,
    send: Send | None = None,
) -> pd.DataFrame:
    """Do what `tick` does, with another way to send its plans.

    Parameters
    ----------
    client, journal, now, progress, on_finish
        As in `tick`, and so are what is returned and raised.
    send : callable, optional
        Takes what `run` takes, and returns what that does; default: `run`.
    """
    check_progress(progress)
    check_client(client)
    moment = None if now is None else check_moment(now, name="now")
    kept = KeptPromises()
    with read_journal(journal) as opened:
        has_work = opened.has_open_promises(client.account)
        lock_path = opened.lock_path(client.account)
    if not has_work:
        return _frame(kept, now=moment or client.now())
    moment, kept.warnings = read_present(client, now=moment)
    with ExitStack() as locked:
        try:
            locked.enter_context(locks.hold(lock_path, what="A tick of this business"))
        except JournalError:
            if not locks.is_locked(lock_path):
                raise
            kept.notes.append(ELSEWHERE)
        else:
            TickRun(client, journal, moment, progress, on_finish, send or run, kept).keep()
    return _frame(kept, now=moment)


def _frame(kept: KeptPromises, *, now: datetime) -> pd.DataFrame:
    """Return the tick's frame: one row per promise that was due."""
    steps = list(kept.steps.values())
    promises = [step.promise for step in steps]
    ends = [step.end or RowEnd(Outcome.NOT_SENT) for step in steps]
    texts = {
        "promise_id": [promise.promise_id for promise in promises],
        "action": [step.action for step in steps],
        "outcome": [end.outcome.value for end in ends],
        "code": [end.code for end in ends],
        "request_id": [end.request_id for end in ends],
        "status": [promise.status.value for promise in promises],
    }
    listed = promises_frame(promises, now=now)
    columns = {name: pd.Series(values, dtype=TEXT) for name, values in texts.items()}
    columns |= {name: listed[name] for name in TOGGLE}
    columns["cascade_to_modifier_groups"] = pd.Series(
        [promise.cascade_to_modifier_groups for promise in promises], dtype=bool
    )
    columns["cascade_brand_ids"] = pd.Series(
        [promise.cascade_brand_ids for promise in promises], dtype=object
    )
    frame = pd.DataFrame(columns | {name: listed[name] for name in _TOLD})
    frame.attrs = {name: getattr(kept, name) for name in ("run_ids", "notes", "warnings", "is_interrupted")}
    return frame


def follow_ticks(
    client: Client,
    *,
    journal: JournalPath = None,
    report: Callable[[pd.DataFrame], None],
    on_finish: OnFinish = None,
    clock: Clock | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Tick until `stop` is set, or Ctrl-C, which is raised; asleep between two due times.

    A host that does not answer is tried again; a refused credential ends it.

    Parameters
    ----------
    client, journal, on_finish
        As in `klikit_frames.tick`.
    report : callable
        Gets the frame of each tick that had something to do.
    clock : Clock, optional
        Waits; default: the machine's.
    stop : threading.Event, optional
        Ends it.

    Raises
    ------
    AuthError
        The credential is refused.
    """
    waiter, halt = clock or SystemClock(), stop or threading.Event()
    while not halt.is_set():
        try:
            kept = tick(client, journal=journal, progress=False, on_finish=on_finish)
        except AuthError:
            raise
        except RequestError as error:
            _LOG.warning("%s It is tried again.", error)
        else:
            if len(kept):
                report(kept)
            if kept.attrs["is_interrupted"]:
                raise KeyboardInterrupt
        waiter.sleep(next_pause(client, journal=journal), stop=halt)


def next_pause(client: Client, *, journal: JournalPath = None) -> float:
    """Return the seconds until the next promise of a client is due, within bounds.

    Reads the journal, nothing else.
    """
    with read_journal(journal) as opened:
        due = [
            promise.next_at for promise in opened.open_promises(client.account) if promise.next_at is not None
        ]
    now = server_time(client)
    left = (min(due) - now).total_seconds() if due else _LONGEST_S
    return min(max(left, _SHORTEST_S), _LONGEST_S)
