"""A change that comes back by itself: noted as promises, begun by a tick, and told as one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ..errors import KlikitFramesError
from ..model import Cell
from ..running.journal import JournalPath, read_journal
from ..running.results import recorded_result
from ..scheduling.agendas import agenda
from ..scheduling.schedules import schedule, schedule_code
from ..scheduling.ticks import Send, keep_promises
from ..wording import counted

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.results import Result

_DONE = ("applied", "unchanged")
_PROMISED = [*Cell._fields, "is_enabled"]


class TickEnd(NamedTuple):
    """What a tick has come to: its run, missing where nothing was sent, and what is said of it."""

    result: Result | None
    said: str


@dataclass(frozen=True)
class TimedChange:
    """Toggles with times, as they are promised.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles with ``starts_at`` and ``ends_at``.
    words : str
        Until when they hold, as said behind what goes off and on.
    publish : bool
        Whether their stores are published at the start and at the end.
    """

    toggles: pd.DataFrame
    words: str
    publish: bool = False

    def code(self, client: Client) -> str:
        """Return what confirms it where the client reaches a real business; it covers the ticks."""
        return schedule_code(self.toggles, client, publish=self.publish)

    def begin(self, client: Client, *, journal: JournalPath = None, send: Send | None = None) -> TickEnd:
        """Note the promises, and start them.

        Raises
        ------
        InvalidToggles
            A promise that stands is in the way, or an end is past by now; nothing was noted.
        JournalError
            The journal cannot be used; nothing was noted.
        """
        code = self.code(client)
        promised = schedule(self.toggles, client, journal=journal, publish=self.publish, confirm=code)
        try:
            return keep_due(client, journal=journal, own=promised["promise_id"], send=send)
        except KlikitFramesError as error:
            noted = counted(len(promised), "promise")
            return TickEnd(None, f"{noted} noted, not begun: the next tick does that. {error}")


def keep_due(
    client: Client, *, journal: JournalPath = None, own: Iterable[str] = (), send: Send | None = None
) -> TickEnd:
    """Do what is due now, and return the run that carried `own`, else the last one.

    `send` is as in `keep_promises`.

    Raises
    ------
    RequestError
        No menu could be read; nothing was sent.
    JournalError
        The journal cannot be used.
    """
    kept = keep_promises(client, journal=journal, progress=False, send=send)
    mine = kept[kept["promise_id"].isin(list(own))] if len(kept) else kept
    run_ids = kept.attrs["run_ids"]
    with read_journal(journal) as opened:
        results = [recorded_result(opened, run_id) for run_id in run_ids]
    request_ids = set(mine["request_id"].dropna())
    carried = [one for one in results if request_ids & set(one.frame["request_id"].dropna())]
    result = next(iter([*carried, *reversed(results)]), None)
    return TickEnd(result, " ".join([tick_words(kept), *kept.attrs["notes"], *kept.attrs["warnings"]]))


def awaits_tick(result: Result, *, journal: JournalPath, now: datetime | None) -> bool:
    """Tell whether a run left a row undone that is promised and has not begun: a tick does that one.

    Sent as a plain run it would never come back. Reads the journal.
    """
    undone = result.frame.loc[result.frame["outcome"].isin(["failed", "not_sent"]), _PROMISED]
    if undone.empty:
        return False
    listed = agenda(journal=journal, now=now)
    is_due = listed["next_at"] <= (now or datetime.now(UTC))
    waiting = listed.loc[(listed["status"] == "waiting") & is_due, _PROMISED]
    return len(undone.merge(waiting, on=_PROMISED)) > 0


def tick_words(kept: pd.DataFrame) -> str:
    """Say how many promises began and came back, and what became of the others.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.timed_changes import tick_words
    >>> ends = [("start", "applied", "active"), ("end", "unchanged", "kept"), ("end", "failed", "active")]
    >>> tick_words(pd.DataFrame(ends, columns=["action", "outcome", "status"]))
    'Promises: 1 begun, 1 left as others changed it, 1 to be tried again.'
    """
    if kept.empty:
        return "No promise was due."
    rows = kept[["action", "outcome", "status"]].itertuples(index=False, name=None)
    counts = Counter(_words(*row) for row in rows)
    return f"Promises: {', '.join(f'{n:,} {words}' for words, n in counts.items())}."


def _words(action: str, outcome: str, status: str) -> str:
    if status == "kept":
        return "left as others changed it"
    if status == "failed":
        return "failed"
    if outcome not in _DONE:
        return "to be tried again"
    return "begun" if action == "start" else "back as before"
