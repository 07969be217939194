"""Keeping below the rate caps, and what the server's headers say of them."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.api.rate_limits import (
    MAX_JITTER_S,
    MIN_JITTER_S,
    WINDOW_S,
    Kind,
    LatencySpread,
    RateLimiter,
    RateLimitHeaders,
    choose_pause,
    read_limits,
)
from klikit_frames.api.rate_storage import MAX_PAUSE_S
from klikit_frames.edge import SystemClock
from klikit_frames.sandbox.credentials import WINDOWS
from tests.fixtures import not_none

from .scripts import FakeClock, connect, error, ok, write

CAP = 120


def pace(clock: FakeClock, *, writes_per_minute: int = CAP, path: Path | None = None) -> RateLimiter:
    """Return a pacing of its own."""
    return RateLimiter(reads_per_minute=2 * CAP, writes_per_minute=writes_per_minute, clock=clock, path=path)


def note(pacing: RateLimiter, kind: Kind = "write", *, is_rate_limited: bool = False, **limits: Any) -> None:
    """Let the pacing hear of one answer."""
    heard = RateLimitHeaders(**limits)
    pacing.note(kind, duration_s=0.01, limits=heard, is_rate_limited=is_rate_limited)


def send_all(pacing: RateLimiter, clock: FakeClock, *, n: int, delay_s: float) -> list[float]:
    """Send `n` requests over a path with this much jitter; return when they arrived."""
    dice, arrivals = random.Random(7), []
    for _ in range(n):
        assert pacing.acquire("write")
        delay = dice.uniform(0.01, 0.01 + delay_s)
        arrivals.append(clock.now + delay)
        pacing.note("write", duration_s=delay + 0.01, limits=RateLimitHeaders(), is_rate_limited=False)
    return sorted(arrivals)


@pytest.mark.parametrize("kind", sorted(WINDOWS))
@pytest.mark.parametrize("delay_s", [0.0, 0.2, 2.5])
@pytest.mark.parametrize("phase_s", [0.0, 31.7])
def test_pacing__keeps_every_kind_of_window(kind: str, delay_s: float, phase_s: float) -> None:
    """Alone on a credential nothing is refused, and 95 % of the cap is used, however the path jitters."""
    clock = FakeClock(now=1_800_000_000.0 + phase_s)
    arrivals = send_all(pace(clock), clock, n=10 * CAP, delay_s=delay_s)
    window = WINDOWS[kind](CAP)
    assert all(window.take(at).is_allowed for at in arrivals)
    assert clock.now - (1_800_000_000.0 + phase_s) <= 9 * 60 / 0.95


class SandboxClock(FakeClock):
    """A clock that takes the sandbox along when it jumps."""

    def __init__(self, sandbox: kf.sandbox.Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Jump, with the server."""
        super().sleep(seconds, stop=stop)
        self.sandbox.move_clock(seconds)


@pytest.mark.parametrize("kind", sorted(WINDOWS))
def test_pacing__meets_no_429_over_http(sandbox: kf.sandbox.Sandbox, kind: str) -> None:
    """Against the real server, with its headers, nothing is refused and the cap is used."""
    sandbox.set(writes_per_minute=40, rate_window=kind)
    clock = SandboxClock(sandbox)
    with sandbox.connect(writes_per_minute=40, clock=clock) as client:
        statuses = {not_none(write(client, key=f"key-{n}").answer).http_status for n in range(160)}
    assert 429 not in statuses | set(sandbox.requests["status"])
    assert sum(clock.slept) <= 3 * 60 / 0.95


def test_pacing__learns_a_lower_cap_over_http(sandbox: kf.sandbox.Sandbox) -> None:
    """A server with a fifth of our cap teaches it by its headers, before the first refusal."""
    sandbox.set(writes_per_minute=40, rate_window="sliding")
    with sandbox.connect(writes_per_minute=200, clock=SandboxClock(sandbox)) as client:
        for n in range(120):
            write(client, key=f"key-{n}")
        assert client.pacing.writes_per_minute == 40
    assert 429 not in set(sandbox.requests["status"])


def test_quotas__are_apart() -> None:
    """Reads do not use up the writes."""
    clock = FakeClock()
    pacing = pace(clock)
    for _ in range(CAP):
        pacing.acquire("read")
        pacing.acquire("write")
    assert clock.slept == []
    pacing.acquire("write")
    assert clock.slept == [60.251]


def test_pacing__is_shared_by_threads() -> None:
    """Eight threads together send what one may."""
    clock = FakeClock()
    pacing = pace(clock)
    with ThreadPoolExecutor(8) as threads:
        admitted = list(threads.map(lambda _: pacing.acquire("write"), range(CAP)))
    assert (sum(admitted), clock.slept) == (CAP, [])
    pacing.acquire("write")
    assert clock.slept == [60.251]


def test_pacing__is_shared_by_clients_of_one_machine(tmp_path: Path) -> None:
    """A second process, or a kernel that was restarted, counts what the first one sent."""
    clock, path = FakeClock(), tmp_path / "log.sqlite3"
    first, second = pace(clock, path=path), pace(clock, path=path)
    for _ in range(CAP // 2):
        first.acquire("write")
        second.acquire("write")
    assert clock.slept == []
    second.acquire("write")
    assert clock.slept == [60.251]
    first.close()
    second.close()


def test_log__of_a_huge_cap_stays_in_memory(tmp_path: Path) -> None:
    """Whoever takes the cap off pays for no file."""
    path = tmp_path / "log.sqlite3"
    RateLimiter(reads_per_minute=6001, writes_per_minute=6001, clock=FakeClock(), path=path).close()
    assert not path.exists()
    pace(FakeClock(), writes_per_minute=6001, path=path).close()
    assert path.exists()


def test_429__pauses_the_whole_credential() -> None:
    """Reads wait too when a write was refused for the rate."""
    clock = FakeClock()
    pacing = pace(clock)
    note(pacing, is_rate_limited=True, retry_after_s=7.0)
    assert pacing.paused_s == 7.0
    assert pacing.acquire("read")
    assert clock.slept == [7.0]


def test_429__and_a_clock_set_back() -> None:
    """A clock that is set back by an hour does not make a pause of seconds one of an hour."""
    clock = FakeClock()
    pacing = pace(clock)
    note(pacing, is_rate_limited=True, retry_after_s=7.0)
    clock.now -= 3600
    assert pacing.paused_s == 0.0


def test_429__pauses_other_processes_too(tmp_path: Path) -> None:
    """Whoever shares the credential's file keeps the pause, and its own cap."""
    clock, path = FakeClock(), tmp_path / "log.sqlite3"
    first, other = pace(clock, path=path), pace(clock, path=path)
    note(first, is_rate_limited=True, retry_after_s=7.0)
    assert (other.paused_s, other.writes_per_minute) == (7.0, CAP)
    assert other.acquire("read")
    assert clock.slept == [7.0]
    first.close()
    other.close()


def test_429__of_one_account_pauses_no_other(tmp_path: Path) -> None:
    """Accounts rest each for itself, in whichever process."""
    clock = FakeClock()
    first, other, same = (pace(clock, path=tmp_path / f"{name}.sqlite3") for name in ("a", "b", "a"))
    note(first, is_rate_limited=True, retry_after_s=7.0)
    assert [limiter.paused_s for limiter in (first, other, same)] == [7.0, 0.0, 7.0]
    assert sorted(file.name for file in tmp_path.glob("*.rest")) == ["a.rest"]
    for limiter in (first, other, same):
        limiter.close()


def test_429__that_come_together_are_one_pause() -> None:
    """Requests under way get their 429 together: the cap is lowered once, the longest pause is kept."""
    pacing = pace(FakeClock())
    for seconds in (1.0, 3.0, 2.0):
        note(pacing, is_rate_limited=True, retry_after_s=seconds)
    assert (pacing.paused_s, pacing.writes_per_minute) == (3.0, 96)


def test_429__without_a_header_waits_longer_each_time() -> None:
    """Where the server names no wait, each pause in a row is twice the last, until an answer comes."""
    clock = FakeClock()
    pacing = pace(clock)
    for _ in range(3):
        note(pacing, is_rate_limited=True)
        pacing.acquire("write")
    assert clock.slept == [1.0, 2.0, 4.0]
    note(pacing)
    note(pacing, is_rate_limited=True)
    assert pacing.paused_s == 1.0


def test_429__with_an_absurd_wait_is_bounded_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """A wait of thirty years is five minutes, and the log says so."""
    pacing = pace(FakeClock())
    with caplog.at_level(logging.WARNING):
        note(pacing, is_rate_limited=True, retry_after_s=1e9, retry_after="1000000000")
    assert pacing.paused_s == 300.0
    assert "1000000000" in caplog.text


def test_caps__are_learned_from_a_header() -> None:
    """The server's own number is kept where it is the lower one, never a higher one."""
    pacing = pace(FakeClock())
    note(pacing, limit=50)
    assert repr(pacing) == "<RateLimiter: 240 reads and 50 writes a minute>"
    note(pacing, limit=10_000)
    assert pacing.writes_per_minute == CAP


def test_caps__recover_after_a_429_that_named_none() -> None:
    """A cap that was lowered on suspicion rises again, a tenth of the whole for each quiet minute."""
    clock = FakeClock()
    pacing = pace(clock)
    note(pacing, is_rate_limited=True, retry_after_s=1.0)
    said = [pacing.writes_per_minute]
    for _ in range(3):
        clock.now += 60
        note(pacing)
        said.append(pacing.writes_per_minute)
    assert said == [96, 108, 120, 120]


def test_caps__are_never_lowered_to_a_standstill() -> None:
    """However many 429s come without a number, a tenth of the cap is still tried."""
    clock = FakeClock()
    pacing = pace(clock)
    for _ in range(50):
        clock.now += 1000
        note(pacing, is_rate_limited=True, retry_after_s=1.0)
        clock.now -= 990
    assert pacing.writes_per_minute == CAP // 10


def test_window__that_others_used_up_is_waited_for() -> None:
    """If the server says that nothing remains, the lane waits for its reset instead of running into a 429."""
    clock = FakeClock()
    pacing = pace(clock)
    note(pacing, remaining=0, reset_s=12.0)
    pacing.acquire("read")
    assert clock.slept == []
    pacing.acquire("write")
    assert clock.slept == [12.0]


@pytest.mark.parametrize("reset_s", [-3.0, 4000.0])
def test_window__with_a_senseless_reset_is_not_waited_for(reset_s: float) -> None:
    """A reset of the past or of next week holds nothing up."""
    clock = FakeClock()
    pacing = pace(clock)
    note(pacing, remaining=0, reset_s=reset_s)
    assert pacing.acquire("write")
    assert clock.slept == []


class WatchedClock(FakeClock):
    """A clock that notes what the rate limiter tells while somebody waits."""

    limiter: RateLimiter
    told_s: tuple[float, ...] = ()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Note, then jump."""
        self.told_s = (*self.told_s, self.limiter.wait_s, self.limiter.seconds_left(n_writes=2 * CAP + 1))
        super().sleep(seconds, stop=stop)


def test_wait_s__tells_how_long_a_request_waits() -> None:
    """A progress bar can tell a run that waits for the cap from one that stands still, and until when."""
    clock = WatchedClock()
    clock.limiter = pace(clock)
    assert clock.limiter.wait_s == 0
    for _ in range(CAP + 1):
        clock.limiter.acquire("write")
    assert [*clock.told_s, clock.limiter.wait_s] == [pytest.approx(60.251), pytest.approx(180.251), 0]


def test_seconds_left__while_nothing_waits() -> None:
    """Then it is what the cap makes of the number; of nothing it is nothing."""
    limiter = pace(FakeClock())
    assert (limiter.seconds_left(n_writes=CAP // 2), limiter.seconds_left(n_writes=0)) == (30.0, 0.0)


def test_stop__ends_the_waiting() -> None:
    """A request that waits for its turn is let go at once, unsent."""
    pacing, stop = pace(FakeClock()), threading.Event()
    note(pacing, is_rate_limited=True, retry_after_s=50.0)
    stop.set()
    assert not pacing.acquire("write", stop=stop)


def test_stop__wakes_a_real_sleeper() -> None:
    """With the machine's clock too, a waiting thread returns when it is stopped."""
    script = [error(429, Retry_After="60"), ok()]
    stop = threading.Event()
    with connect(*script, clock=SystemClock()) as client:
        threading.Timer(0.05, stop.set).start()
        settled = write(client, stop=stop)
    assert (settled.answer, settled.was_sent, settled.trouble) == (None, False, "stopped")


def test_latency_spread__widens_the_window_within_bounds() -> None:
    """The window grows by how unequally the answers took, from a quarter of a second to three seconds."""
    jitter, jitters = LatencySpread(), []
    for duration_s in (0.1, 0.6, 25.0):
        jitter.note(duration_s, now=100.0)
        jitters.append(jitter.measure(100.0))
    assert jitters == [MIN_JITTER_S, pytest.approx(MIN_JITTER_S + 0.5), MAX_JITTER_S]
    assert WINDOW_S / (WINDOW_S + MAX_JITTER_S) >= 0.95


def test_latency_spread__outlives_the_request_in_any_number() -> None:
    """A slow request is remembered while it counts, however many quick ones follow; then it is let go."""
    jitter = LatencySpread()
    jitter.note(2.0, now=0.0)
    for tenth in range(630):
        jitter.note(0.0, now=tenth / 10)
    assert jitter.measure(63.0) == MIN_JITTER_S + 2.0
    assert jitter.measure(70.0) == MIN_JITTER_S
    assert len(jitter.buckets) < 25


def test_latency_spread__of_a_clock_set_back_is_let_go() -> None:
    """What was noted in a future that is no more widens nothing for ever."""
    jitter = LatencySpread()
    jitter.note(2.0, now=3600.0)
    jitter.note(0.0, now=3600.0)
    assert jitter.measure(0.0) == MIN_JITTER_S


class DelayingServer:
    """A server behind a path with delays of its own choice, which counts in a window of this kind."""

    def __init__(self, clock: FakeClock, *, kind: str, cap: int, delays_s: dict[int, float]) -> None:
        self.clock, self.window, self.delays_s = clock, WINDOWS[kind](cap), delays_s
        self.arrivals: list[float] = []

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        """ApiResponse after the delay: 429 if it is one too many."""
        self.clock.now += self.delays_s.get(len(self.arrivals), 0.01)
        self.arrivals.append(self.clock.now)
        is_allowed = self.window.take(self.clock.now).is_allowed
        self.clock.now += 0.01
        return ok() if is_allowed else error(429, Retry_After="1")


@pytest.mark.parametrize("cap", [300, 600])
def test_pacing__remembers_one_slow_request_among_hundreds(cap: int) -> None:
    """The first request dawdles, the others do not: at the usual caps too nothing is refused."""
    clock = FakeClock()
    server = DelayingServer(clock, kind="sliding", cap=cap, delays_s={0: 2.5})
    with connect(transport=httpx.MockTransport(server), clock=clock, writes_per_minute=cap) as client:
        statuses = {not_none(write(client, key=f"k{n}").answer).http_status for n in range(cap + 20)}
    assert (statuses, len(server.arrivals)) == ({200}, cap + 20)


def test_pacing__counts_the_time_before_the_socket() -> None:
    """A journal that is slow to note a try delays the request after its admission: that is jitter too."""
    clock = FakeClock()
    server = DelayingServer(clock, kind="sliding", cap=60, delays_s={})

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
        pacing = RateLimiter(
            reads_per_minute=600, writes_per_minute=60, clock=clock, path=tmp_path / "log.sqlite3"
        )
        for i in range(n):
            pacing.acquire("write")
            delay_s = 0.01 if i else slow_s
            clock.now += delay_s
            refused.append(not window.take(clock.now).is_allowed)
            pacing.note("write", duration_s=delay_s, limits=RateLimitHeaders(), is_rate_limited=False)
        pacing.close()
    assert not any(refused)


def test_pacing__after_a_long_rest_fears_nothing(tmp_path: Path) -> None:
    """What was sent more than a minute ago takes nothing from the cap."""
    clock, path = FakeClock(), tmp_path / "log.sqlite3"
    for _ in range(2):
        clock.now += 3600
        clock.slept.clear()
        pacing = RateLimiter(reads_per_minute=600, writes_per_minute=1, clock=clock, path=path)
        assert all(pacing.acquire("write", stop=threading.Event()) for _ in range(2))
        pacing.close()
    assert sum(clock.slept) == pytest.approx(60.25, abs=0.01)


NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 15:00:09 GMT", 9.0),
        ("Mon, 23 Nov 2026 15:00:09", 9.0),
        ("Monday, 23-Nov-26 15:00:09 GMT", 9.0),
        ("Mon, 23 Nov 2026 14:59:00 GMT", -60.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-3", -3.0),
        ("1000000000", 1e9),
    ],
)
def test_retry_after__is_read_in_each_form(text: str | None, seconds: float | None) -> None:
    """Seconds, an HTTP date, nothing, or nonsense."""
    headers = {} if text is None else {"Retry-After": text}
    assert read_limits(headers, now=NOW).retry_after_s == seconds


def test_limits__are_read_from_the_headers() -> None:
    """The three rate headers become numbers, the reset as seconds from the server's present."""
    headers = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 12),
    }
    assert read_limits(headers, now=NOW) == RateLimitHeaders(limit=300, remaining=0, reset_s=12.0)


@pytest.mark.parametrize("text", ["", "-1", "many", "nan", "1e999"])
def test_limits__leave_out_what_makes_no_sense(text: str) -> None:
    """A senseless number is as good as none."""
    headers = {"X-RateLimit-Limit": text, "X-RateLimit-Remaining": text}
    assert read_limits(headers, now=NOW) == RateLimitHeaders()


@pytest.mark.parametrize(
    ("limits", "n_in_a_row", "seconds", "is_noted"),
    [
        (RateLimitHeaders(retry_after_s=7, retry_after="7"), 1, 7.0, False),
        (RateLimitHeaders(retry_after_s=0, retry_after="0"), 1, 0.05, False),
        (RateLimitHeaders(retry_after_s=300, retry_after="300"), 1, 300.0, False),
        (RateLimitHeaders(retry_after_s=1e9, retry_after="1000000000"), 1, 300.0, True),
        (RateLimitHeaders(retry_after_s=-60, retry_after="a past date"), 1, 1.0, True),
        (RateLimitHeaders(retry_after="soon"), 2, 2.0, True),
        (RateLimitHeaders(), 1, 1.0, False),
        (RateLimitHeaders(), 4, 8.0, False),
        (RateLimitHeaders(), 50, 60.0, False),
        (RateLimitHeaders(reset_s=12.0), 1, 12.0, False),
        (RateLimitHeaders(reset_s=61.0), 1, 61.0, False),
        (RateLimitHeaders(reset_s=4000.0), 1, 1.0, False),
        (RateLimitHeaders(reset_s=-5.0), 3, 4.0, False),
    ],
)
def test_pause__is_what_the_server_asks_within_reason(
    limits: RateLimitHeaders, n_in_a_row: int, seconds: float, is_noted: bool
) -> None:
    """Each form is honoured; the absurd is bounded, and said."""
    pause = choose_pause(limits, n_in_a_row=n_in_a_row)
    assert (pause.seconds, pause.note is not None) == (seconds, is_noted)


@given(text=st.text(max_size=40), n_in_a_row=st.integers(1, 10**6))
def test_pause__is_never_absurd(text: str, n_in_a_row: int) -> None:
    """Whatever the header holds, the pause is above zero and bounded."""
    pause = choose_pause(read_limits({"Retry-After": text}, now=NOW), n_in_a_row=n_in_a_row)
    assert 0 < pause.seconds <= MAX_PAUSE_S
