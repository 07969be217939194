"""What is watched while a run goes on: how far it is, and whether it must end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .records import Request, Verdict

OnError = Literal["continue", "stop"]
_HASTY = {"interrupted", "cancelled", "deadline"}
_BAD = {"rejected", "failed"}


@dataclass(frozen=True, slots=True)
class Rules:
    """When a run ends early."""

    max_failures: int | None = None
    deadline_s: float | None = None


class RunMonitor:
    """Counts what is settled and says when to stop; shared by all threads of a run."""

    def __init__(self, rules: Rules, *, now: Callable[[], float]) -> None:
        self.stop = threading.Event()
        self.reason: str | None = None
        self.trouble: BaseException | None = None
        self._rules = rules
        self.now = now
        self._until = None if rules.deadline_s is None else now() + rules.deadline_s
        self._n_bad = 0
        self._lock = threading.Lock()

    @property
    def stops_at_once(self) -> bool:
        """Whether whoever stopped the run wants it to return at once."""
        return self.reason in _HASTY

    def end(self, reason: str) -> None:
        """Stop the run; the first reason counts."""
        with self._lock:
            self.reason = self.reason or reason
            self.stop.set()

    def fail(self, trouble: BaseException) -> None:
        """Stop the run on an error of our own, to be raised where it was started."""
        self.trouble = self.trouble or trouble
        self.end("failed")

    def note(self, request: Request) -> None:
        """Take in what became of a request."""
        verdict = request.verdict or Verdict("unknown")
        with self._lock:
            self._n_bad += request.target.n_cells if verdict.word in _BAD else 0
            is_over = self._rules.max_failures is not None and self._n_bad > self._rules.max_failures
        if is_over:
            self.end("too_many_failures")

    def check_deadline(self) -> None:
        """Stop the run if its time is up."""
        if self._until is not None and self.now() >= self._until:
            self.end("deadline")
