"""One request from its first try to its end: its attempts, whether another follows, when, and stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from tenacity import RetryCallState, Retrying

from .. import edge
from ..edge import Clock, SteadyClock, read_now
from .rate_limits import Kind, RateLimiter, RateLimitHeaders, read_limits
from .wire import ApiResponse, parse_response

RETRIED_STATUSES = frozenset({500, 502, 503, 504})
MAX_ATTEMPTS = 5
WAIT_INITIAL_S = 0.5
WAIT_MAX_S = 30.0
MOST_RATE_LIMITED_S = 900.0
OnAttempt = Callable[[int, datetime], object]
Uniform = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try.

    Attributes
    ----------
    answer : ApiResponse or None
        None if not even a status came.
    trouble : str or None
        What went wrong on the way; None if all of the answer arrived.
    was_sent : bool
        False if no connection was ever opened.
    limits : RateLimitHeaders
        What the answer's headers say of the rate caps.
    """

    answer: ApiResponse | None = None
    trouble: str | None = None
    was_sent: bool = True
    limits: RateLimitHeaders = field(default_factory=RateLimitHeaders)

    @property
    def is_rate_limited(self) -> bool:
        """Whether the API refused this try for the rate alone."""
        return self.answer is not None and self.answer.http_status == 429

    @property
    def is_failure(self) -> bool:
        """Whether another try may do better."""
        if self.answer is None or self.trouble is not None or self.is_rate_limited:
            return True
        return self.answer.http_status in RETRIED_STATUSES


def parse_attempt(
    http_status: int, headers: Mapping[str, str], body: bytes, *, trouble: str | None, clock: Clock
) -> Attempt:
    """Return what an HTTP answer, perhaps a broken one, amounts to."""
    answer = parse_response(http_status, body, date=headers.get("Date"))
    if answer.is_ok and not answer.is_readable:
        trouble = trouble or f"the answer {http_status} does not say what was done"
    return Attempt(
        answer=replace(answer, is_readable=answer.is_readable and trouble is None),
        trouble=trouble,
        limits=read_limits(headers, now=answer.server_at or read_now(clock)),
    )


class RetryDecision(Enum):
    """What follows from the tries so far; the text says why a request ended."""

    FINAL = ""
    RETRY = "to be tried again"
    WAIT = "to be tried again after the rate limit's pause"
    EXHAUSTED = f"gave up after {MAX_ATTEMPTS} tries"
    REPLAYED = "the API repeats a stored failure under this key"
    OVER_BUDGET = "not tried again: the retry budget is used up, the API seems to be down"
    RATE_LIMITED_TOO_LONG = f"rate-limited for more than {MOST_RATE_LIMITED_S:.0f} s"
    STOPPED = "stopped"
    CLOSED = "the client was closed"

    @property
    def goes_on(self) -> bool:
        """Whether another try follows."""
        return self in {RetryDecision.RETRY, RetryDecision.WAIT}


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one request, after all its tries.

    Attributes
    ----------
    answer : ApiResponse or None
        The answer that counts; None if none came.
    attempts : int
        Tries made; those answered with 429 are not counted.
    sent_at, settled_at : datetime or None
        When the socket was first touched (None: never), and when the request was settled; UTC.
    was_sent : bool
        Whether the API may have acted on it; False (no connection, or nothing but 429s) is a promise that it
        did not.
    is_replayed_failure : bool
        Two failing answers had one request_id: the API repeats a stored failure.
    had_silence : bool
        Some try was sent, and no answer says whether it was done (none came, or a 5xx, or a 2xx without
        meaning): a refusal of a later try does not prove that nothing was done.
    trouble : str or None
        Why no better answer came.
    """

    answer: ApiResponse | None
    attempts: int
    sent_at: datetime | None
    settled_at: datetime
    was_sent: bool
    is_replayed_failure: bool = False
    had_silence: bool = False
    trouble: str | None = None

    @property
    def clock_offset_s(self) -> float | None:
        """Seconds by which the server's clock was ahead when it was settled; None if no answer said."""
        server_at = self.answer.server_at if self.answer else None
        return None if server_at is None else (server_at - self.settled_at).total_seconds()


@dataclass(slots=True)
class RetryBudget:
    """Allows retries in proportion to first tries, so that an outage is not made worse.

    Starts with an allowance of 20; each first try earns a fifth of a retry, never beyond the allowance.
    """

    allowance: float = 20.0
    ratio: float = 0.2
    _tokens: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._tokens = self.allowance

    def earn(self) -> None:
        """Note one first try."""
        with self._lock:
            self._tokens = min(self.allowance, self._tokens + self.ratio)

    def spend(self) -> bool:
        """Take one retry if there is one."""
        with self._lock:
            # A sum of fifths misses the whole number by a rounding error.
            if self._tokens < 1 - 1e-9:
                return False
            self._tokens -= 1
            return True


def decide_retry(tries: Sequence[Attempt], *, limited_s: float = 0.0) -> RetryDecision:
    """Return what follows from the tries so far, before the budget is asked.

    Parameters
    ----------
    tries : sequence of Attempt
        At least one.
    limited_s : float
        Seconds since the first 429 of this request.
    """
    last = tries[-1]
    if not last.is_failure:
        return RetryDecision.FINAL
    if is_replayed(tries):
        return RetryDecision.REPLAYED
    if last.is_rate_limited:
        return RetryDecision.RATE_LIMITED_TOO_LONG if limited_s > MOST_RATE_LIMITED_S else RetryDecision.WAIT
    return RetryDecision.EXHAUSTED if count_attempts(tries) >= MAX_ATTEMPTS else RetryDecision.RETRY


def count_attempts(tries: Sequence[Attempt]) -> int:
    """Return how many tries count: a 429 was none."""
    return sum(not attempt.is_rate_limited for attempt in tries)


def is_replayed(tries: Sequence[Attempt]) -> bool:
    """Return whether two failing answers carry one request_id."""
    seen = [
        attempt.answer.request_id
        for attempt in tries
        if attempt.is_failure and attempt.answer and not attempt.answer.is_ok and attempt.answer.request_id
    ]
    return len(set(seen)) < len(seen)


def _doubled_limits(tries: Sequence[Attempt]) -> list[Attempt]:
    """Return the tries whose 429 is that of an earlier try: what became of them nobody has said."""
    limits = [
        attempt
        for attempt in tries
        if attempt.is_rate_limited and attempt.answer and attempt.answer.request_id
    ]
    first = {limit.answer.request_id: limit for limit in reversed(limits) if limit.answer}
    return [limit for limit in limits if limit.answer and first[limit.answer.request_id] is not limit]


def cap_backoff(n_tries: int) -> float:
    """Return the longest wait in seconds after so many tries: 0.5, 1, 2 … 30; the wait is drawn below it."""
    return float(min(WAIT_MAX_S, WAIT_INITIAL_S * 2 ** max(0, n_tries - 1)))


def _leaves_doubt(attempt: Attempt) -> bool:
    if attempt.answer is None:
        return attempt.was_sent
    return attempt.answer.http_status >= 500 or (attempt.answer.is_ok and not attempt.answer.is_readable)


def summarise_attempts(
    tries: Sequence[Attempt], *, verdict: RetryDecision, sent_at: datetime | None, settled_at: datetime
) -> CallResult:
    """Return the end of a request from all of its tries."""
    doubled = _doubled_limits(tries)
    reached = [*doubled, *(attempt for attempt in tries if attempt.was_sent and not attempt.is_rate_limited)]
    # A request that was stopped after nothing but 429s was never taken: it may be sent as if new.
    counted = reached if verdict in {RetryDecision.STOPPED, RetryDecision.CLOSED} else list(tries)
    accepted = [attempt for attempt in tries if attempt.answer and attempt.answer.is_ok]
    deciding = (accepted or counted or [Attempt()])[-1]
    return CallResult(
        answer=deciding.answer,
        attempts=count_attempts(tries),
        sent_at=sent_at,
        settled_at=settled_at,
        was_sent=bool(reached),
        is_replayed_failure=is_replayed(tries),
        had_silence=bool(doubled) or any(_leaves_doubt(attempt) for attempt in tries),
        trouble="; ".join(filter(None, [deciding.trouble, verdict.value])) or None,
    )


@dataclass(frozen=True, slots=True)
class ClientContext:
    """What all requests of one client share."""

    pacing: RateLimiter
    clock: SteadyClock
    budget: RetryBudget = field(default_factory=RetryBudget)
    uniform: Uniform = edge.uniform


@dataclass(slots=True)
class RequestExecutor:
    """One request and its tries so far."""

    kind: Kind
    send: Callable[[], Attempt]
    shared: ClientContext
    stop: threading.Event | None = None
    on_attempt: OnAttempt | None = None
    is_closed: Callable[[], bool] = lambda: False
    _tries: list[Attempt] = field(default_factory=list, init=False)
    _sent_at: datetime | None = field(default=None, init=False)
    _limited_since: float | None = field(default=None, init=False)
    _decision: RetryDecision = field(default=RetryDecision.FINAL, init=False)

    def execute(self) -> CallResult:
        """Make tries until one is final, and return what came of them."""
        self.shared.budget.earn()
        self._try_once()
        # Nearly no request needs more, and what retries costs as much as all else here.
        if self._decision.goes_on:
            self._sleep(self._draw_wait())
            Retrying(retry=self._goes_on, wait=self._draw_wait, sleep=self._sleep)(self._try_once)
        # What retries refers to itself, and so to this call, until the collector comes: it keeps no answers.
        tries, self._tries = self._tries, []
        return summarise_attempts(
            tries, verdict=self._decision, sent_at=self._sent_at, settled_at=read_now(self.shared.clock)
        )

    def _try_once(self) -> None:
        if not self.shared.pacing.acquire(self.kind, stop=self.stop):
            self._decision = RetryDecision.CLOSED if self.is_closed() else RetryDecision.STOPPED
            return
        if self.is_closed():
            self._decision = RetryDecision.CLOSED
            return
        now = read_now(self.shared.clock)
        if self.on_attempt and self.on_attempt(len(self._tries) + 1, now) is False:
            self._decision = RetryDecision.STOPPED
            return
        self._sent_at = self._sent_at or now
        self._tries.append(self.send())
        self._note(self._tries[-1], admitted_at=now)
        self._decision = self._decide()

    def _note(self, last: Attempt, *, admitted_at: datetime) -> None:
        # The slot was taken at the admission: what lies between it and the socket delays the request too.
        if last.was_sent:
            self.shared.pacing.note(
                self.kind,
                duration_s=(read_now(self.shared.clock) - admitted_at).total_seconds(),
                limits=last.limits,
                is_rate_limited=last.is_rate_limited,
            )

    def _decide(self) -> RetryDecision:
        if self._tries[-1].is_rate_limited and self._limited_since is None:
            self._limited_since = self.shared.clock.monotonic()
        limited_s = self.shared.clock.monotonic() - (self._limited_since or self.shared.clock.monotonic())
        verdict = decide_retry(self._tries, limited_s=limited_s)
        if verdict is RetryDecision.RETRY and not self.shared.budget.spend():
            return RetryDecision.OVER_BUDGET
        return verdict

    def _goes_on(self, state: RetryCallState) -> bool:
        return not (state.outcome and state.outcome.failed) and self._decision.goes_on

    def _draw_wait(self, _state: RetryCallState | None = None) -> float:
        # After a 429 it is the pacing that waits, for all requests of the credential at once.
        if self._decision is RetryDecision.WAIT:
            return 0.0
        return self.shared.uniform(0.0, cap_backoff(count_attempts(self._tries)))

    def _sleep(self, seconds: float) -> None:
        self.shared.clock.sleep(seconds, stop=self.shared.pacing.end_of_waits(self.stop))
