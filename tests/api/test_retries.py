"""Which tries are final, which are repeated, and how much an outage may cost."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klikit_frames.api.retries import (
    Attempt,
    RetryBudget,
    RetryDecision,
    cap_backoff,
    decide_retry,
    summarise_attempts,
)
from klikit_frames.api.wire import ApiResponse

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
SILENT = Attempt(trouble="no answer came within 30 s")
REFUSED = Attempt(trouble="no connection was opened", was_sent=False)


def answered(status: int, request_id: str | None = None) -> Attempt:
    """Return a try with an answer."""
    return Attempt(answer=ApiResponse(status, "some_code", request_id=request_id))


@pytest.mark.parametrize("status", [200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 409, 418, 422, 501])
def test_judge__final(status: int) -> None:
    """Acceptance, redirects and refusals are never repeated."""
    assert decide_retry([answered(status)]) is RetryDecision.FINAL


@pytest.mark.parametrize("one", [answered(500), answered(502), answered(503), answered(504), SILENT, REFUSED])
def test_judge__five_tries(one: Attempt) -> None:
    """Failures of the server and of the line are repeated, five tries in all."""
    assert [decide_retry([one] * n) for n in range(1, 6)] == [
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
    assert decide_retry([answered(429)], limited_s=901.0) is RetryDecision.IMPATIENT


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_judge__replayed_failure(status: int) -> None:
    """One request_id on two failing answers is a stored failure, silence in between or not."""
    assert decide_retry([answered(status, "r1"), SILENT, answered(status, "r1")]) is RetryDecision.REPLAYED
    assert decide_retry([answered(status, "r1"), answered(status, "r2")]).goes_on
    assert decide_retry([answered(status), answered(status)]).goes_on


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
        ([answered(429)], RetryDecision.IMPATIENT, (429, 0, False, False)),
        ([answered(429), answered(200)], RetryDecision.FINAL, (200, 1, True, False)),
    ],
)
def test_settle__tells_what_is_known(
    tries: list[Attempt], verdict: RetryDecision, expected: tuple[int | None, int, bool, bool]
) -> None:
    """The end of a request is what its tries prove, and no more."""
    settled = summarise_attempts(tries, verdict=verdict, sent_at=AT, settled_at=AT)
    status = settled.answer.http_status if settled.answer else None
    assert (status, settled.attempts, settled.was_sent, settled.had_silence) == expected


def test_settle__an_unreadable_success_outweighs_a_later_failure() -> None:
    """A 200 whose body was lost is still an acceptance, whatever its retries met."""
    accepted = Attempt(answer=ApiResponse(200, "ok", is_readable=False), trouble="the answer broke off")
    settled = summarise_attempts(
        [accepted, answered(503)], verdict=RetryDecision.OVER_BUDGET, sent_at=AT, settled_at=AT
    )
    assert settled.answer == accepted.answer
