"""How long the spread of the durations is remembered, and what it saves."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from klikit_frames.api.jitters import MAX_JITTER_S, MIN_JITTER_S, Jitter
from klikit_frames.api.pacing import Pacing
from klikit_frames.api.ratelimits import WINDOW_S, RateLimits
from klikit_frames.sandbox.limits import WINDOWS

from .scripts import FakeClock, connect, error, ok, write


def test_jitter__widens_the_window_within_bounds() -> None:
    """The window grows by how unequally the answers took, from a quarter of a second to three seconds."""
    jitter, found = Jitter(), []
    for duration_s in (0.1, 0.6, 25.0):
        jitter.note(duration_s, now=100.0)
        found.append(jitter.measure(100.0))
    assert found == [MIN_JITTER_S, pytest.approx(MIN_JITTER_S + 0.5), MAX_JITTER_S]
    assert WINDOW_S / (WINDOW_S + MAX_JITTER_S) >= 0.95


def test_jitter__outlives_the_request_in_any_number() -> None:
    """A slow request is remembered while it counts, however many quick ones follow; then it is let go."""
    jitter = Jitter()
    jitter.note(2.0, now=0.0)
    for tenth in range(630):
        jitter.note(0.0, now=tenth / 10)
    assert jitter.measure(63.0) == MIN_JITTER_S + 2.0
    assert jitter.measure(70.0) == MIN_JITTER_S
    assert len(jitter._buckets) < 25


def test_jitter__of_a_clock_set_back_is_let_go() -> None:
    """What was noted in a future that is no more widens nothing for ever."""
    jitter = Jitter()
    jitter.note(2.0, now=3600.0)
    jitter.note(0.0, now=3600.0)
    assert jitter.measure(0.0) == MIN_JITTER_S


class Road:
    """A server behind a path with delays of its own choice, which counts in a window of this kind."""

    def __init__(self, clock: FakeClock, *, kind: str, cap: int, delays_s: dict[int, float]) -> None:
        self.clock, self.window, self.delays_s = clock, WINDOWS[kind](cap), delays_s
        self.arrivals: list[float] = []

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        """Answer after the delay: 429 if it is one too many."""
        self.clock.now += self.delays_s.get(len(self.arrivals), 0.01)
        self.arrivals.append(self.clock.now)
        is_allowed = self.window.take(self.clock.now).is_allowed
        self.clock.now += 0.01
        return ok() if is_allowed else error(429, Retry_After="1")


@pytest.mark.parametrize("cap", [300, 600])
def test_pacing__remembers_one_slow_request_among_hundreds(cap: int) -> None:
    """The first request dawdles, the others do not: at the usual caps too nothing is refused."""
    clock = FakeClock()
    server = Road(clock, kind="sliding", cap=cap, delays_s={0: 2.5})
    with connect(transport=httpx.MockTransport(server), clock=clock, writes_per_minute=cap) as client:
        statuses = {write(client, key=f"k{n}").answer.http_status for n in range(cap + 20)}  # type: ignore[union-attr]
    assert (statuses, len(server.arrivals)) == ({200}, cap + 20)


def test_pacing__counts_the_time_before_the_socket() -> None:
    """A journal that is slow to note a try delays the request after its admission: that is jitter too."""
    clock = FakeClock()
    server = Road(clock, kind="sliding", cap=60, delays_s={})

    def note(_n: int, _at: datetime) -> None:
        clock.now += 0.0 if server.arrivals else 2.0

    with connect(transport=httpx.MockTransport(server), clock=clock, writes_per_minute=60) as client:
        for n in range(70):
            write(client, key=f"k{n}", on_attempt=note)
    assert len(server.arrivals) == 70


def test_pacing__after_a_restart_fears_for_what_others_sent(tmp_path: Path) -> None:
    """How the last process's requests travelled is not known: the worst is assumed while they count."""
    clock, window, refused = FakeClock(), WINDOWS["sliding"](60), []
    for n, slow_s in ((59, 2.0), (30, 0.01)):
        pacing = Pacing(
            reads_per_minute=600, writes_per_minute=60, clock=clock, path=tmp_path / "log.sqlite3"
        )
        for i in range(n):
            pacing.admit("write")
            delay_s = 0.01 if i else slow_s
            clock.now += delay_s
            refused.append(not window.take(clock.now).is_allowed)
            pacing.note("write", duration_s=delay_s, limits=RateLimits(), is_rate_limited=False)
        pacing.close()
    assert not any(refused)


def test_pacing__after_a_long_rest_fears_nothing(tmp_path: Path) -> None:
    """What was sent more than a minute ago takes nothing from the cap."""
    clock, path = FakeClock(), tmp_path / "log.sqlite3"
    for _ in range(2):
        clock.now += 3600
        clock.slept.clear()
        pacing = Pacing(reads_per_minute=600, writes_per_minute=1, clock=clock, path=path)
        assert all(pacing.admit("write", stop=threading.Event()) for _ in range(2))
        pacing.close()
    assert sum(clock.slept) == pytest.approx(60.25, abs=0.01)
