"""One request from its first try to its end, and the rules of trying again."""

from __future__ import annotations

import gc
import random
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.api.request_executor import (
    Attempt,
    RetryBudget,
    RetryDecision,
    cap_backoff,
    decide_retry,
    summarise_attempts,
)
from klikit_frames.api.wire import ApiResponse
from tests.fixtures import not_none

from .scripts import FakeClock, Script, connect, error, ok, run, write

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
SILENT = Attempt(trouble="no answer came within 30 s")
REFUSED = Attempt(trouble="no connection was opened", was_sent=False)
HTML = httpx.Response(502, html="<h1>Bad Gateway</h1>")
FAILURES: dict[str, Any] = {
    "500": error(500, "INTERNAL"),
    "502": error(502),
    "503": error(503),
    "504": error(504),
    "html": HTML,
    "read timeout": httpx.ReadTimeout(""),
    "write timeout": httpx.WriteTimeout(""),
    "reset": httpx.ReadError(""),
    "disconnected": httpx.RemoteProtocolError(""),
    "broken pipe": httpx.WriteError(""),
    "not compressed": httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no")
    ),
    "cut off": httpx.Response(200, content=b'{"request_id":"r","da'),
    "a page with 200": httpx.Response(200, html="<h1>Welcome</h1>"),
    "refused": httpx.ConnectError("[Errno 111] Connection refused"),
    "connect timeout": httpx.ConnectTimeout(""),
    "pool timeout": httpx.PoolTimeout(""),
}
NEVER_SENT = {"refused", "connect timeout", "pool timeout"}
# What a server may do with a try, and whether it carried the write out.
FATES: dict[str, tuple[Any, bool]] = {
    "accepted": (ok(), True),
    "accepted, cut off": (FAILURES["cut off"], True),
    "accepted, no answer": (httpx.ReadTimeout(""), True),
    "accepted, proxy failed": (error(502), True),
    "never arrived": (httpx.ReadError(""), False),
    "never opened": (httpx.ConnectError(""), False),
    "failed": (error(503), False),
    "limited": (error(429, Retry_After="60"), False),
    "refused": (error(400), False),
}


def answered(status: int, request_id: str | None = None) -> Attempt:
    """Return a try with an answer."""
    return Attempt(answer=ApiResponse(status, "some_code", request_id=request_id))


@pytest.mark.parametrize("status", [200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 409, 418, 422, 501])
def test_judge__final(status: int) -> None:
    """Acceptance, redirects and refusals are never repeated."""
    assert decide_retry([answered(status)]) is RetryDecision.FINAL


@pytest.mark.parametrize(
    "attempt", [answered(500), answered(502), answered(503), answered(504), SILENT, REFUSED]
)
def test_judge__five_tries(attempt: Attempt) -> None:
    """Failures of the server and of the line are repeated, five tries in all."""
    assert [decide_retry([attempt] * n) for n in range(1, 6)] == [
        *[RetryDecision.RETRY] * 4,
        RetryDecision.EXHAUSTED,
    ]


def test_judge__429_is_no_try() -> None:
    """However many 429s there were, five real tries remain."""
    limited = [answered(429, f"r{n}") for n in range(9)]
    assert decide_retry(limited) is RetryDecision.WAIT
    assert decide_retry([*limited, *[SILENT] * 4]) is RetryDecision.RETRY
    assert decide_retry([*limited, *[SILENT] * 5]) is RetryDecision.EXHAUSTED


def test_judge__429_for_a_quarter_of_an_hour() -> None:
    """At some time even the most patient gives up."""
    assert decide_retry([answered(429)], limited_s=899.0) is RetryDecision.WAIT
    assert decide_retry([answered(429)], limited_s=901.0) is RetryDecision.RATE_LIMITED_TOO_LONG


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_judge__replayed_failure(status: int) -> None:
    """One request_id on two failing answers is a stored failure, silence in between or not."""
    assert decide_retry([answered(status, "r1"), SILENT, answered(status, "r1")]) is RetryDecision.REPLAYED
    assert decide_retry([answered(status, "r1"), answered(status, "r2")]).goes_on
    assert decide_retry([answered(status), answered(status)]).goes_on


@pytest.mark.parametrize(("second", "is_open"), [("r1", True), ("r2", False)])
def test_summarise__a_429_that_came_before_answers_no_later_try(second: str, is_open: bool) -> None:
    """Under the request_id of an earlier try it is that one's: this try may have been taken."""
    summary = summarise_attempts(
        [answered(429, "r1"), answered(429, second)],
        verdict=RetryDecision.RATE_LIMITED_TOO_LONG,
        sent_at=None,
        settled_at=datetime(2026, 11, 27, tzinfo=UTC),
    )
    assert (summary.was_sent, summary.had_silence) == (is_open, is_open)


@given(n=st.integers(1, 1000))
def test_backoff__doubles_up_to_its_cap(n: int) -> None:
    """Half a second at first, twice as much each time, never more than half a minute."""
    assert cap_backoff(n) == min(30.0, 0.5 * 2.0 ** min(n - 1, 60))


@given(fates=st.lists(st.booleans(), max_size=400), seed=st.integers(0, 9))
def test_budget__bounds_the_load_of_an_outage(fates: list[bool], seed: int) -> None:
    """Whenever an outage begins, retries stay below its allowance of 20 and a fifth of its requests."""
    budget, dice = RetryBudget(), random.Random(seed)
    n_requests = n_retries = 0
    for is_failing in fates:
        budget.earn()
        n_requests, n_retries = (n_requests + 1, n_retries) if is_failing else (0, 0)
        for _ in range(dice.randint(1, 4) if is_failing else 0):
            n_retries += budget.spend()
        assert n_retries <= 20 + 0.2 * n_requests


def test_budget__is_used_in_full() -> None:
    """In a lasting outage just the allowance and every fifth request are retried."""
    budget = RetryBudget()
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert spent == 20 + 200 - 1


@pytest.mark.parametrize(
    ("tries", "verdict", "expected"),
    [
        ([answered(200)], RetryDecision.FINAL, (200, 1, True, False)),
        ([SILENT, answered(200)], RetryDecision.FINAL, (200, 2, True, True)),
        ([SILENT, answered(409)], RetryDecision.FINAL, (409, 2, True, True)),
        ([answered(503)] * 5, RetryDecision.EXHAUSTED, (503, 5, True, True)),
        ([answered(503), SILENT], RetryDecision.OVER_BUDGET, (None, 2, True, True)),
        ([REFUSED] * 5, RetryDecision.EXHAUSTED, (None, 5, False, False)),
        ([SILENT, REFUSED], RetryDecision.STOPPED, (None, 2, True, True)),
        ([], RetryDecision.STOPPED, (None, 0, False, False)),
        ([answered(429)], RetryDecision.STOPPED, (None, 0, False, False)),
        ([answered(503), answered(429)], RetryDecision.STOPPED, (503, 1, True, True)),
        ([answered(429)], RetryDecision.RATE_LIMITED_TOO_LONG, (429, 0, False, False)),
        ([answered(429), answered(200)], RetryDecision.FINAL, (200, 1, True, False)),
    ],
)
def test_execute__tells_what_is_known(
    tries: list[Attempt], verdict: RetryDecision, expected: tuple[int | None, int, bool, bool]
) -> None:
    """The end of a request is what its tries prove, and no more."""
    settled = summarise_attempts(tries, verdict=verdict, sent_at=AT, settled_at=AT)
    status = settled.answer.http_status if settled.answer else None
    assert (status, settled.attempts, settled.was_sent, settled.had_silence) == expected


def test_execute__an_unreadable_success_outweighs_a_later_failure() -> None:
    """A 200 whose body was lost is still an acceptance, whatever its retries met."""
    accepted = Attempt(answer=ApiResponse(200, "ok", is_readable=False), trouble="the answer broke off")
    settled = summarise_attempts(
        [accepted, answered(503)], verdict=RetryDecision.OVER_BUDGET, sent_at=AT, settled_at=AT
    )
    assert settled.answer == accepted.answer


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_write__is_repeated_under_the_same_key(failure: Any) -> None:
    """Each failure of server or line is tried again: same key, same bytes, until an answer settles it."""
    settled, script = run([failure, failure, ok({"message": "done"})])
    assert settled.answer
    assert (settled.attempts, settled.answer.code, settled.answer.message) == (3, "ok", "done")
    assert {request.headers["Idempotency-Key"] for request in script.received} == {"key-1"}
    assert {request.read() for request in script.received} == {b'{"ids":[1],"isEnabled":false}'}


@pytest.mark.parametrize("name", FAILURES)
def test_write__gives_up_after_five_tries(name: str) -> None:
    """Five tries, waits below 0.5, 1, 2 and 4 s, and the truth about whether anything was sent."""
    clock = FakeClock()
    settled, script = run([FAILURES[name]], clock=clock)
    assert (settled.attempts, len(script.received)) == (5, 5)
    assert all(wait <= cap for wait, cap in zip(clock.slept, (0.5, 1, 2, 4), strict=True))
    assert settled.was_sent is (name not in NEVER_SENT)
    assert settled.trouble
    assert "gave up after 5 tries" in settled.trouble


def test_write__keeps_no_answer_once_it_is_told() -> None:
    """An answer goes when the caller lets go of it, without a collection: a thousand menus would not fit."""
    settled, script = run([ok({"message": "a whole menu"})])
    assert settled.answer
    data = settled.answer.data
    gc.disable()
    try:
        del settled, script
        assert sys.getrefcount(data) == 2  # our name for it, and the count's own
    finally:
        gc.enable()


@settings(deadline=None, max_examples=60)
@given(names=st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=12))
def test_write__claims_no_more_than_is_true(names: list[str]) -> None:
    """Whatever script a server follows: accepted means done, not sent means not done, and done means sent."""
    settled, script = run([FATES[name][0] for name in names])
    met = (names + [names[-1]] * len(script.received))[: len(script.received)]
    is_done = any(FATES[name][1] for name in met)
    if settled.answer and settled.answer.is_ok:
        assert is_done
    if not settled.was_sent:
        assert set(met) <= {"limited", "never opened"}
    assert settled.attempts == sum(name != "limited" for name in met) <= 5
    assert is_done <= settled.was_sent


def test_write__waits_with_full_jitter() -> None:
    """The waits of many requests are spread from nothing to the cap: they do not come back together."""
    waits = []
    for _ in range(60):
        clock = FakeClock()
        run([error(503), ok()], clock=clock)
        waits += clock.slept
    assert min(waits) < 0.1
    assert 0.4 < max(waits) <= 0.5


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "request_invalid"),
        (401, "auth_invalid_credential"),
        (403, "auth_forbidden"),
        (404, "resource_not_found"),
        (409, "state_idempotency_conflict"),
        (422, "state_invalid_transition"),
        (301, "http_301"),
        (501, "http_501"),
    ],
)
def test_write__takes_a_refusal_as_final(status: int, code: str) -> None:
    """A refusal is never repeated, 409 least of all."""
    settled, script = run([error(status, code, request_id="r-9")])
    assert len(script.received) == settled.attempts == 1
    assert settled.answer
    assert (settled.answer.http_status, settled.answer.code, settled.answer.request_id) == (
        status,
        code,
        "r-9",
    )


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry_After": "7"}, [7.0]),
        ({"Retry_After": "Fri, 15 Jan 2027 08:00:09 GMT", "Date": "Fri, 15 Jan 2027 08:00:00 GMT"}, [9.0]),
        ({}, [1.0]),
        ({"Retry_After": "1000000000"}, [300.0]),
    ],
)
def test_429__is_waited_for_and_counts_nothing(headers: dict[str, str], waits: list[float]) -> None:
    """A 429 costs its pause and nothing else: no try, no backoff."""
    clock = FakeClock()
    settled, script = run([error(429, "RATE_LIMITED", **headers), ok()], clock=clock)
    assert [wait for wait in clock.slept if wait] == waits
    assert (settled.attempts, len(script.received)) == (1, 2)


def test_429__does_not_touch_the_budget() -> None:
    """After a hundred 429s the whole allowance of retries is still there."""
    clock = FakeClock()
    steps = [
        *[error(429, request_id=f"r{n}", Retry_After="1") for n in range(100)],
        error(503),
        error(503),
        ok(),
    ]
    settled, _ = run(steps, clock=clock)
    assert (settled.attempts, not_none(settled.answer).code) == (3, "ok")


def test_429__for_ever_ends_after_a_quarter_of_an_hour() -> None:
    """A credential that is always refused for its rate gets an end, and nothing was done."""
    clock = FakeClock()
    settled, _ = run([lambda _: error(429, Retry_After="60")], clock=clock)
    assert (not_none(settled.answer).code, settled.was_sent) == ("rate_limit_exceeded", False)
    assert 900 <= sum(clock.slept) <= 1000


def test_replayed_failure__is_not_repeated_again() -> None:
    """The same request_id on two failures shows a stored answer: more tries would only fetch it again."""
    settled, script = run([error(502, request_id="r-stored")])
    assert (len(script.received), settled.is_replayed_failure) == (2, True)
    assert settled.trouble == "the API repeats a stored failure under this key"


def test_outage__adds_a_fifth_and_twenty() -> None:
    """A thousand requests into an outage cause at most 20 retries and a fifth more."""
    script = Script(error(503))
    with connect(transport=script, writes_per_minute=10**6) as client:
        ends = [write(client, key=f"key-{n}") for n in range(1000)]
    assert 1000 < len(script.received) <= 1000 + 20 + 200
    assert ends[-1].trouble
    assert "retry budget" in ends[-1].trouble


def test_on_attempt__is_told_before_the_socket_is_touched() -> None:
    """The journal hears of each try, with its number and time, before it leaves."""
    heard: list[tuple[int, datetime, int]] = []
    clock, script = FakeClock(), Script(error(503), error(429, Retry_After="5"), ok())
    with connect(transport=script, clock=clock) as client:
        settled = write(client, on_attempt=lambda n, at: heard.append((n, at, len(script.received))))
    assert [(n, n_received) for n, _, n_received in heard] == [(1, 0), (2, 1), (3, 2)]
    assert heard[0][1] == settled.sent_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert settled.settled_at == datetime.fromtimestamp(clock.now, UTC)


def test_on_attempt__can_forbid_the_try() -> None:
    """What cannot be noted is not sent."""
    script = Script(ok())

    def fail(_n: int, _at: datetime) -> None:
        raise kf.JournalError("disk full")

    with connect(transport=script) as client, pytest.raises(kf.JournalError, match="disk full"):
        write(client, on_attempt=fail)
    assert script.received == []


def test_stop__before_the_first_try() -> None:
    """A write that was stopped in time was never sent, and says so."""
    stop, script = threading.Event(), Script(ok())
    stop.set()
    with connect(transport=script) as client:
        settled = write(client, stop=stop)
    assert (settled.was_sent, settled.attempts, settled.sent_at) == (False, 0, None)
    assert (settled.answer, settled.trouble, script.received) == (None, "stopped", [])


def test_stop__between_two_tries() -> None:
    """A write that was stopped while it waited for its next try tells what the last one met."""
    stop = threading.Event()

    def fail(_request: httpx.Request) -> httpx.Response:
        stop.set()
        return error(503, request_id="r-1")

    script = Script(fail)
    with connect(transport=script) as client:
        settled = write(client, stop=stop)
    assert (settled.was_sent, not_none(settled.answer).http_status, len(script.received)) == (True, 503, 1)


class ClosingClock(FakeClock):
    """A clock on which somebody closes the client during the first wait."""

    client: kf.Client

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Close the client, then jump."""
        self.client.close()
        super().sleep(seconds, stop=stop)


def test_write__of_a_client_closed_in_a_pause() -> None:
    """A write that waits out a 429 when its client is closed was never taken, and says why it ended."""
    clock, script = ClosingClock(), Script(error(429, Retry_After="7"), ok())
    clock.client = connect(transport=script, clock=clock)
    settled = write(clock.client)
    assert (settled.answer, settled.was_sent, settled.trouble) == (None, False, "the client was closed")
    assert len(script.received) == 1


@pytest.mark.parametrize("n_before", [0, 1])
def test_on_attempt__that_returns_false_keeps_the_try_from_being_sent(n_before: int) -> None:
    """Whoever hears of a try may forbid it; what was met before it is still reported."""
    script = Script(error(503, request_id="r-1"), ok())

    def allow(n: int, _at: datetime) -> bool:
        return n <= n_before

    with connect(transport=script) as client:
        settled = write(client, on_attempt=allow)
    assert (len(script.received), settled.attempts, settled.was_sent) == (n_before, n_before, bool(n_before))
    assert (settled.answer.http_status if settled.answer else None) == (503 if n_before else None)
    assert settled.trouble == "stopped"
