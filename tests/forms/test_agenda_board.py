"""Promises as a form shows them: those of one change together, overdue ones first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klikit_frames.forms.agenda_board import group_promises
from klikit_frames.model import Cell
from klikit_frames.overview import Names
from klikit_frames.running.journal_notes import Promise
from klikit_frames.running.lifecycle import PromiseStatus
from klikit_frames.scheduling.agendas import agenda_frame

JAKARTA = ZoneInfo("Asia/Jakarta")
NOON = datetime(2026, 3, 9, 12, tzinfo=JAKARTA)


def promise(n: int, **changes: Any) -> Promise:
    """Return a promise of one dish in one store: off since noon, until 17:00."""
    end = NOON + timedelta(hours=5)
    made = Promise(
        promise_id=f"{n:032x}",
        account="a",
        host="h",
        cell=Cell("item", n % 10, 1, n // 10),
        is_enabled=False,
        starts_at=NOON,
        ends_at=end,
        noted_at=NOON,
        next_at=end,
        status=PromiseStatus.ACTIVE,
    )
    return replace(made, **changes)


def shown(promises: list[Promise], *, now: datetime = NOON) -> list[tuple[str, str, str, bool]]:
    """Return what a form shows of promises."""
    names = Names({("item", 1): "Rice", ("item", 2): "Soup"})
    groups = group_promises(agenda_frame(promises, now=now), names=names, now=now, zone=JAKARTA)
    return [(group.text, group.names, group.times, group.is_overdue) for group in groups]


def test_group_promises__one_change_is_one_line() -> None:
    """Two dishes in two stores until one moment are one line, by name."""
    promises = [promise(n) for n in (11, 12, 21, 22)] + [promise(33, title="Tea", ends_at=None, next_at=None)]
    assert shown(promises) == [
        ("2 dishes off in 2 stores", "Rice, Soup", "until 17:00", False),
        ("1 dish off in 1 store", "Tea", "for good", False),
    ]


def test_group_promises__overdue_first() -> None:
    """What should have come back is listed first, then what comes next; what is closed is left out."""
    late = NOON.astimezone(UTC) - timedelta(hours=1)
    promises = [
        promise(11),
        promise(12, ends_at=late, next_at=late),
        promise(13, status=PromiseStatus.WAITING, starts_at=NOON + timedelta(hours=1), next_at=NOON),
        promise(14, status=PromiseStatus.DONE, next_at=None),
    ]
    assert [times for _, _, times, _ in shown(promises, now=NOON)] == [
        "overdue: was to come back at 11:00",
        "from 13:00 until 17:00, not begun",
        "until 17:00",
    ]


def test_group_promises__not_begun_in_time() -> None:
    """A start that no process has kept is overdue too."""
    waiting = promise(11, status=PromiseStatus.WAITING, next_at=NOON - timedelta(minutes=5))
    assert shown([waiting]) == [("1 dish off in 1 store", "Rice", "overdue: was to begin at 11:55", True)]


def test_group_promises__nothing_promised() -> None:
    """An empty agenda is an empty list."""
    assert shown([]) == []
