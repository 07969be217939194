"""The agenda of a form: its groups, overdue first; promises cancelled, extended, and kept by a thread."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd

from .. import edge
from ..errors import KlikitFramesError
from ..overview import NO_NAMES, Names, headline
from ..progress import page_thread
from ..running.evidence import server_time
from ..scheduling.agendas import agenda, cancel_promises, extend_promises
from ..scheduling.schedules import CRON_LINE
from ..scheduling.ticks import follow_ticks
from ..wording import counted
from .button_words import to_buttons
from .timed_changes import FOR_GOOD, Until, end_of, show_moment, tick_words, until_choices, zone_words

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath
    from .base_widget import Command

_MOST_GROUPS = 8

OPEN = ("waiting", "active")
_TOGETHER = ["is_overdue", "status", "is_enabled", "starts_at", "ends_at"]
_MOST_NAMED = 3


class AgendaBoard:
    """The open promises on a client's host, and what a person does with them.

    Reads and writes the journal; a keeper that is switched on uses the network.

    Parameters
    ----------
    client : Client
        Whose promises.
    journal : path, optional
        As for ``kf.run``.
    zone : ZoneInfo
        The time zone in which times are shown and entered; can be set.
    """

    def __init__(self, client: Client, *, journal: JournalPath, zone: ZoneInfo) -> None:
        self.zone = zone
        self.names: Names = NO_NAMES
        self.note = ""
        self.on_change: Callable[[], None] = lambda: None
        self._client = client
        self._journal = journal
        self._groups: list[PromiseGroup] = []
        self.keeper = PromiseKeeper(client, journal=journal, report=self._report, on_end=self._say)

    @property
    def now(self) -> datetime:
        """The present by the server's clock, which promises are kept by; else by this machine's."""
        return server_time(self._client)

    @property
    def n_overdue(self) -> int:
        """How many changes are overdue: their start or their end should have happened."""
        return sum(group.is_overdue for group in self._groups)

    def refresh(self) -> None:
        """Read the agenda again; if it cannot be read, say so."""
        try:
            listed = agenda(journal=self._journal, now=self.now)
        except KlikitFramesError as error:
            self._groups, self.note = [], to_buttons(f"The agenda could not be read. {error}")
            return
        here = listed[listed["host"] == self._client.host]
        self._groups = group_promises(here, names=self.names, now=self.now, zone=self.zone)

    def cancel(self, first_id: str) -> None:
        """Cancel the promises of one change. What has begun stays as it is, and the form says so."""
        group = self._find(first_id)
        if group is not None:
            self._change(lambda: _cancelled(cancel_promises(group.promise_ids, journal=self._journal), group))

    def extend(self, first_id: str, until: Until) -> None:
        """Give the promises of one change another end."""
        group = self._find(first_id)
        if group is not None:
            self._change(lambda: self._extended(group, until))

    def keep(self, *, is_on: bool) -> None:
        """Start or stop keeping promises while the notebook is open."""
        if is_on:
            self.note = "Promises are kept for as long as this notebook is open."
            self.keeper.start()
        else:
            self.keeper.stop()
            self.note = "Promises are no longer kept from here."

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        match command:
            case {"type": "cancel", "id": str(first_id)}:
                self.cancel(first_id)
            case {"type": "extend", "id": str(first_id), "kind": str(kind)}:
                self.extend(first_id, Until(kind, str(command.get("at", ""))))
            case {"type": "keep", "on": bool(is_on)}:
                self.keep(is_on=is_on)
            case {"type": "look"}:
                self.note = ""
                self.refresh()
            case _:
                pass

    def view(self) -> dict[str, object]:
        """Return what the page draws."""
        shown = self._groups[:_MOST_GROUPS]
        n_more = len(self._groups) - len(shown)
        return {
            "groups": [
                {"id": group.promise_ids[0], **{k: v for k, v in asdict(group).items() if k != "promise_ids"}}
                for group in shown
            ],
            "more": f"And {counted(n_more, 'change')} more: klikit-frames agenda lists all."
            if n_more
            else "",
            "choices": [
                list(choice) for choice in until_choices(self.now, self.zone) if choice[0] != FOR_GOOD
            ],
            "n_overdue": self.n_overdue,
            "clock": zone_words(self.zone, now=self.now),
            "note": self.note,
            "is_keeping": self.keeper.is_on,
            "cron": cron_line(self._journal),
        }

    def _extended(self, group: PromiseGroup, until: Until) -> str:
        end = end_of(until, now=self.now, zone=self.zone)
        if end is None:
            return "A promise is extended to a time; cancel it to leave it for good."
        extend_promises(group.promise_ids, ends_at=end, journal=self._journal)
        return f"{group.text}: now until {show_moment(end, now=self.now, zone=self.zone)}."

    def _change(self, change: Callable[[], str]) -> None:
        try:
            self.note = change()
        except KlikitFramesError as error:
            self.note = to_buttons(str(error))
        self.refresh()

    def _find(self, first_id: str) -> PromiseGroup | None:
        return next((group for group in self._groups if group.promise_ids[0] == first_id), None)

    def _report(self, kept: pd.DataFrame) -> None:
        self._say(tick_words(kept))

    def _say(self, text: str) -> None:
        self.note = to_buttons(text)
        self.refresh()
        self.on_change()


def cron_line(journal: JournalPath) -> str:
    """Return the line that keeps the promises of a journal every minute.

    Examples
    --------
    >>> from klikit_frames.forms.agenda_board import cron_line
    >>> cron_line("my runs.sqlite3")
    "* * * * * klikit-frames tick --journal 'my runs.sqlite3'"
    """
    return CRON_LINE if journal is None else f"{CRON_LINE} --journal {shlex.quote(str(journal))}"


def _cancelled(promises: pd.DataFrame, group: PromiseGroup) -> str:
    stays = promises["note"].str.contains("while active", na=False).any()
    rest = " What has begun stays as it is: nothing gives its flag back." if stays else ""
    return f"{group.text}: cancelled.{rest}"


@dataclass(frozen=True)
class PromiseGroup:
    """The promises of one change: the same flag, from and until the same moment.

    Attributes
    ----------
    promise_ids : tuple of str
        The first one names the group.
    text : str
        What goes off or on in how many stores.
    names : str
        The titles of the first few entities.
    times : str
        From when, until when, and whether that is overdue.
    is_overdue : bool
        Whether the next start or end should have happened by now.
    """

    promise_ids: tuple[str, ...]
    text: str
    names: str
    times: str
    is_overdue: bool


def group_promises(
    agenda: pd.DataFrame, *, names: Names, now: datetime, zone: ZoneInfo
) -> list[PromiseGroup]:
    """Group the open promises of an agenda by change, in the agenda's order.

    Parameters
    ----------
    agenda : DataFrame
        As `klikit_frames.agenda` returns it, overdue ones first.
    names : Names
        Titles, for promises that bring none.
    now : datetime
        The present.
    zone : ZoneInfo
        The time zone of the times shown.
    """
    shown = agenda[agenda["status"].isin(OPEN)]
    overdue_first = shown.sort_values("is_overdue", ascending=False, kind="stable")
    groups = overdue_first.groupby(_TOGETHER, sort=False, dropna=False)
    return [_group(rows, names=names, now=now, zone=zone) for _, rows in groups]


def _group(rows: pd.DataFrame, *, names: Names, now: datetime, zone: ZoneInfo) -> PromiseGroup:
    first = next(iter(rows.to_dict("records")))
    return PromiseGroup(
        promise_ids=tuple(rows["promise_id"]),
        text=headline(rows),
        names=_titles(rows, names),
        times=_times(first, now=now, zone=zone),
        is_overdue=bool(first["is_overdue"]),
    )


def _titles(rows: pd.DataFrame, names: Names) -> str:
    entities = rows.drop_duplicates(["entity_type", "entity_id"])
    cells = entities[["entity_type", "entity_id", "title"]].itertuples(index=False, name=None)
    titles = [
        title if isinstance(title, str) and title else names.entity(kind, entity_id)
        for kind, entity_id, title in cells
    ]
    more = f" and {len(titles) - _MOST_NAMED:,} more" if len(titles) > _MOST_NAMED else ""
    return ", ".join(titles[:_MOST_NAMED]) + more


def _times(promise: dict[Hashable, Any], *, now: datetime, zone: ZoneInfo) -> str:
    def show(moment: datetime) -> str:
        return show_moment(moment, now=now, zone=zone)

    until = "for good" if pd.isna(promise["ends_at"]) else f"until {show(promise['ends_at'])}"
    if promise["is_overdue"]:
        what = "begin" if promise["status"] == "waiting" else "come back"
        return f"overdue: was to {what} at {show(promise['next_at'])}"
    if promise["status"] == "waiting":
        return f"from {show(promise['starts_at'])} {until}, not begun"
    return until


class PromiseKeeper:
    """Ticks in the background until it is stopped, or the kernel ends.

    Uses the network and the journal, as ``klikit-frames tick --follow`` does. A second keeper beside it does
    no harm: two ticks at once send what is due once.

    Parameters
    ----------
    client : Client
        Whose promises.
    journal : path, optional
        As for ``kf.run``.
    report : callable
        Gets the frame of each tick that had something to do.
    on_end : callable
        Called with what is wrong when it ends by itself.
    """

    def __init__(
        self,
        client: Client,
        *,
        journal: JournalPath,
        report: Callable[[pd.DataFrame], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._client = client
        self._journal = journal
        self._report = report
        self._on_end = on_end
        self._stop: threading.Event | None = None
        self._thread: edge.Thread | None = None

    @property
    def is_on(self) -> bool:
        """Whether promises are kept just now."""
        return self._stop is not None

    def start(self) -> None:
        """Keep promises from now on."""
        if self._stop is None:
            self._stop = threading.Event()
            self._thread = page_thread()(target=self._follow, args=(self._stop,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop; a tick that is under way finishes first."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when its last thread has ended, or after `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _follow(self, stop: threading.Event) -> None:
        trouble = "It was interrupted."
        try:
            follow_ticks(self._client, journal=self._journal, report=self._report, stop=stop)
        except KlikitFramesError as error:
            trouble = str(error)
        except Exception as error:
            trouble = f"Something went wrong inside klikit_frames: {error!r}."
            raise
        finally:
            if self._stop is stop:
                self._stop = None
                self._on_end(f"Promises are no longer kept from here. {trouble}")
