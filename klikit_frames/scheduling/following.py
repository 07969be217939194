"""A process that keeps promises on its own: it ticks, and sleeps until the next one is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from ..edge import Clock, SystemClock
from ..errors import AuthError, RequestError
from ..running.evidence import server_time
from ..running.journal import JournalPath, read_journal
from .ticks import tick

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.notifications import OnFinish

_LOG = logging.getLogger("klikit_frames")
# Another process may promise something meanwhile.
_LONGEST_S = 30.0
_SHORTEST_S = 1.0


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
