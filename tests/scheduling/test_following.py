"""A process that ticks on its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import klikit_frames as kf
from klikit_frames.scheduling.following import follow_ticks, next_pause
from tests.scheduling.conftest import flags, later

Rows = Callable[..., pd.DataFrame]


class _Night:
    """A clock whose waits move the sandbox's, and that ends after some of them."""

    def __init__(self, sandbox: kf.sandbox.Sandbox, stop: threading.Event, *, seconds: float, n: int) -> None:
        self._sandbox, self._stop, self._seconds, self._left = sandbox, stop, seconds, n
        self.asked: list[float] = []

    def time(self) -> float:
        """Return nothing of use: only waiting is asked for."""
        return 0.0

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Let the sandbox's time pass."""
        self.asked.append(seconds)
        self._sandbox.move_clock(self._seconds)
        self._left -= 1
        if not self._left:
            self._stop.set()


def test_follow_ticks__keeps_promises_until_it_is_stopped(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """It starts and gives back, sleeps no longer than half a minute, and sleeps over an outage."""
    rows = dishes(1, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    stop = threading.Event()
    night = _Night(sandbox, stop, seconds=1801, n=4)
    told: list[str] = []
    sandbox.inject("error_503", match="/menus?", count=5)
    follow_ticks(
        hasty, journal=journal, report=lambda kept: told.extend(kept["status"]), clock=night, stop=stop
    )
    assert (told, flags(sandbox, rows)) == (["active", "done"], [True])
    assert max(night.asked) <= 30


def test_next_pause__is_the_time_to_what_is_due(client: kf.Client, journal: Path, dishes: Rows) -> None:
    """Nothing promised, or something much later, is looked at again after half a minute."""
    assert next_pause(client, journal=journal) == 30
    kf.schedule(dishes(1, starts_at=later(10 / 3600)), client, journal=journal)
    assert next_pause(client, journal=journal) < 12
