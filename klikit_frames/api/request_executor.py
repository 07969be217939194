"""One request from its first try to its end: paced, retried in one layer, stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tenacity import RetryCallState, Retrying

from .. import edge
from .clocks import SteadyClock, read_now
from .rate_limits import Kind, RateLimiter
from .retries import (
    Attempt,
    CallResult,
    RetryBudget,
    RetryDecision,
    cap_backoff,
    count_attempts,
    decide_retry,
    summarise_attempts,
)

OnAttempt = Callable[[int, datetime], object]
Uniform = Callable[[float, float], float]


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
            self._decision = RetryDecision.STOPPED
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
        self.shared.clock.sleep(seconds, stop=self.stop)
