"""Whether a run goes on: stops that were asked for, deadlines, failures; and work that Ctrl-C spares."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, dataclass, fields
from typing import Any, Literal, Self

from .. import edge
from ..model import Outcome, Store
from .before_images import Before
from .lifecycle import EndReason, RequestState
from .records import Request


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Let Ctrl-C do nothing for a while: what is being done takes an instant, and half of it helps nobody.

    Examples
    --------
    >>> import signal
    >>> from klikit_frames.running.monitor import ignore_sigint
    >>> with ignore_sigint():
    ...     signal.raise_signal(signal.SIGINT)
    """
    # No other thread is interrupted by Ctrl-C, and none may say what it does.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


OnError = Literal["continue", "stop"]
# So many flags refused one by one, and none accepted: the table is hardly meant for this business.
MAX_REFUSED = 20
_ASK_S = 0.5
_BAD = {Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of a run that its journal keeps, and that a resume keeps with it.

    `first` is None once the canary has passed. `publish_also` are stores to publish whether or not the run
    writes to them. `writes_per_minute` is the cap that the run began under.
    """

    on_error: OnError = "continue"
    max_failures: int | None = None
    deadline_s: float | None = None
    first: int | None = None
    before: Before = "auto"
    publish: bool = False
    publish_also: tuple[Store, ...] = ()
    require_approval: bool = False
    writes_per_minute: int | None = None
    mirror: str | None = None

    @property
    def most_failures(self) -> int | None:
        """How many bad rows the run bears; None for any number."""
        return 0 if self.on_error == "stop" else self.max_failures

    def with_recorded(self, recorded: Mapping[str, Any]) -> Self:
        """Return these rules, and those recorded where these say nothing; the lower cap counts."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if self._is_given(each)}
        known = {each.name: recorded[each.name] for each in fields(self) if each.name in recorded}
        # The journal keeps lists, where values are tuples.
        known["publish_also"] = tuple((brand, branch) for brand, branch in known.get("publish_also", ()))
        caps = [cap for cap in (self.writes_per_minute, known.get("writes_per_minute")) if cap is not None]
        return type(self)(**(known | own | {"writes_per_minute": min(caps, default=None)}))

    def _is_given(self, each: Field[Any]) -> bool:
        return bool(getattr(self, each.name) != each.default)


class RunMonitor:
    """Counts what is settled and says when to stop; shared by all threads of a run.

    Parameters
    ----------
    rules : Rules
        When to stop.
    count_rows : callable
        Tells how many rows a request carries.
    is_cancelled : callable
        Tells whether somebody who attached to the run has cancelled it.
    now : callable
        Seconds on a clock that nobody sets.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        count_rows: Callable[[Request], int],
        is_cancelled: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = edge.monotonic,
    ) -> None:
        self.stop = threading.Event()
        self.reason: EndReason | None = None
        self.trouble: BaseException | None = None
        self.now = now
        self._rules = rules
        self._count_rows = count_rows
        self._is_cancelled = is_cancelled
        self._ask_again_at = 0.0
        self._until = None if rules.deadline_s is None else now() + rules.deadline_s
        self._n_bad_rows = self._n_refused = 0
        self._has_accepted = self._has_refused = False
        self._lock = threading.Lock()

    @property
    def stops_at_once(self) -> bool:
        """Whether the run is to return at once."""
        return self.reason is not None and self.reason.stops_at_once

    @property
    def is_suspicious(self) -> bool:
        """Whether the API has refused flags of this run and accepted none."""
        return self._has_refused and not self._has_accepted

    def end(self, reason: EndReason) -> None:
        """Stop the run; the first reason counts."""
        with self._lock:
            self.reason = self.reason or reason
            self.stop.set()

    def fail(self, trouble: BaseException) -> None:
        """Stop the run on an error of our own, to be raised where it was started."""
        self.trouble = self.trouble or trouble
        self.end(EndReason.FAILED)

    def count_earlier(self, requests: Iterable[Request], *, counts_failures: bool) -> None:
        """Take in what became of requests in an earlier stretch of the run.

        A person who resumes a run that ended for its failures has seen them: they do not count again.
        """
        for request in requests:
            self._has_accepted |= request.state is RequestState.APPLIED
            if counts_failures and not request.state.is_open and request.state.outcome in _BAD:
                self._n_bad_rows += self._count_rows(request)

    def note(self, request: Request) -> None:
        """Take in what became of a request, and stop the run if that is too much."""
        n_rows = self._count_rows(request) if request.state.outcome in _BAD else 0
        with self._lock:
            self._has_accepted |= request.state is RequestState.APPLIED
            self._has_refused |= request.state in {RequestState.REJECTED, RequestState.SPLIT}
            self._n_refused += request.state is RequestState.REJECTED
            self._n_bad_rows += n_rows
            limit = self._rules.most_failures
            has_too_many = limit is not None and self._n_bad_rows > limit
            is_flood = self.is_suspicious and self._n_refused >= MAX_REFUSED
        if has_too_many:
            self.end(EndReason.TOO_MANY_FAILURES)
        elif is_flood:
            self.end(EndReason.ALL_REFUSED)

    def poll(self, *, at_once: bool = False) -> None:
        """Stop the run if its time is up, or if somebody has cancelled it; the journal is asked now and then.

        Before the first request leaves it is asked `at_once`.
        """
        if self._until is not None and self.now() >= self._until:
            self.end(EndReason.DEADLINE)
        if (at_once or self.now() >= self._ask_again_at) and not self.stop.is_set():
            self._ask_again_at = self.now() + _ASK_S
            if self._is_cancelled():
                self.end(EndReason.CANCELLED)


class PolledStop(threading.Event):
    """The stop of a run, for a wait during which nothing else polls whether the run is to end."""

    def __init__(self, monitor: RunMonitor) -> None:
        super().__init__()
        self._monitor = monitor

    def is_set(self) -> bool:
        """Look, and tell."""
        self._monitor.poll()
        return self._monitor.stop.is_set()
