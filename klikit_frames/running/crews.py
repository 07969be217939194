"""The threads that send: each takes a request with all its parts, notes it, sends it and notes what came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from .departures import Departure
from .families import Family
from .keys import may_have_arrived
from .records import Request
from .verdicts import ends_run, judge

if TYPE_CHECKING:
    from ..api.client import Client
    from ..api.retries import Settled
    from .journal import Journal
    from .watches import Watch

# A run that a person stops waits so long for requests in flight, then leaves them: they are `unknown`.
GRACE_S = 1.5
_POLL_S = 0.1
# One at the server, three at the disk: on a slow disk too, every connection finds a request that is noted.
_N_THREADS_A_SEAT = 4
# A larger share of a request's time spent at the disk calls one more thread to work.
_MUCH_AT_DISK = 0.25
_ASK_S = 0.5

Report = Callable[[Family], object]


@dataclass(slots=True)
class Crew:
    """Threads that send the requests of one run."""

    client: Client
    journal: Journal
    run_id: str
    watch: Watch
    _offset_s: float | None = field(default=None, init=False)
    _undated: list[tuple[int, ...]] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _ask_again_at: float = field(default=0.0, init=False)
    _work: deque[Family] = field(default_factory=deque, init=False)
    _done: SimpleQueue[Family | None] = field(default_factory=SimpleQueue, init=False)
    _seats: threading.Semaphore = field(init=False)
    _hands: threading.Semaphore = field(init=False)
    _n_spare: int = field(init=False)

    def __post_init__(self) -> None:
        self._seats = threading.Semaphore(self.client.max_connections)
        self._hands = threading.Semaphore(self.client.max_connections)
        # One connection sends in the plan's order; threads that wait for one seat could overtake each other.
        n_seats = self.client.max_connections
        self._n_spare = (_N_THREADS_A_SEAT - 1) * n_seats if n_seats > 1 else 0

    def send(self, families: Iterable[Family], *, report: Report) -> None:
        """Send these requests and their parts, and return when all are settled or the run was stopped.

        Parameters
        ----------
        families : iterable of Family
            What to send, in this order.
        report : callable
            Is told of each family that is done, on the calling thread.
        """
        self._work = deque(families)
        threads = [
            threading.Thread(target=self._toil, daemon=True)
            for _ in range(min(_N_THREADS_A_SEAT * self.client.max_connections, len(self._work)))
        ]
        for thread in threads:
            thread.start()
        try:
            self._follow(report, n_threads=len(threads))
        except KeyboardInterrupt:
            self.watch.end("interrupted")
            self._dismiss(threads)
        except Exception as trouble:  # noqa: BLE001 - raised again when the threads have ended
            self.watch.fail(trouble)
            self._dismiss(threads)

    def _follow(self, report: Report, *, n_threads: int) -> None:
        """Report what is done until all threads have ended, or are left behind."""
        leave_at = None
        while n_threads and (leave_at is None or self.watch.now() < leave_at):
            self._look_around()
            if leave_at is None and self.watch.is_hasty:
                leave_at = self.watch.now() + GRACE_S
            try:
                family = self._done.get(timeout=_POLL_S)
            except Empty:
                self.journal.flush()
                continue
            n_threads -= family is None
            if family is not None:
                report(family)

    def _look_around(self) -> None:
        """Stop if the time is up, or if somebody who attached to the run has cancelled it."""
        self.watch.look_at_clock()
        if self.watch.now() >= self._ask_again_at and not self.watch.stop.is_set():
            self._ask_again_at = self.watch.now() + _ASK_S
            if self.journal.is_cancelled(self.run_id):
                self.watch.end("cancelled")

    def _dismiss(self, threads: Iterable[threading.Thread]) -> None:
        until = self.watch.now() + GRACE_S
        with suppress(KeyboardInterrupt):
            for thread in threads:
                thread.join(max(0.0, until - self.watch.now()))

    def _toil(self) -> None:
        try:
            while self._work and not self.watch.stop.is_set():
                with self._hands:
                    self._settle_next()
            self.journal.flush()
        except Exception as trouble:  # noqa: BLE001 - raised again on the thread that started the run
            self.watch.fail(trouble)
        finally:
            self._done.put(None)

    def _settle_next(self) -> None:
        with suppress(IndexError):
            self._settle(self._work.popleft())

    def _settle(self, family: Family) -> None:
        while not self.watch.stop.is_set() and (request := family.take()) is not None:
            known = family.known_refusal(request)
            settled = replace(request, verdict=known) if known else self._send(request)
            if settled is not None:
                self._note(family, settled)

    def _send(self, request: Request) -> Request | None:
        """Return a request with what became of it; None if the run was stopped before it left."""
        noted, noting_s, started = request, 0.0, self.watch.now()

        def note(attempt: int, sent_at: datetime) -> None:
            nonlocal noted, noting_s
            noted = self._dated(replace(noted, attempts=request.attempts + attempt), sent_at=sent_at)
            begun = self.watch.now()
            self.journal.note_attempt(self.run_id, noted)
            noting_s += self.watch.now() - begun

        settled = Departure(self.client, self._seats, self.watch.stop, note).send(request)
        if noting_s > _MUCH_AT_DISK * (self.watch.now() - started):
            self._call_hand()
        if settled is None:
            self._take_back(request)
            return None
        self._learn(settled)
        verdict = judge(
            settled,
            n_cells=request.target.n_cells,
            is_stopping=self.watch.stop.is_set(),
            may_have_arrived=may_have_arrived(request),
        )
        return replace(noted, attempts=request.attempts + settled.attempts, verdict=verdict)

    def _call_hand(self) -> None:
        """Let one more thread work; what it notes ahead of its turn is not noted where the server is slow."""
        with self._lock:
            if self._n_spare:
                self._n_spare -= 1
                self._hands.release()

    def _take_back(self, request: Request) -> None:
        """Let a request that did not leave stand as it stood before."""
        with self._lock:
            self._undated = [path for path in self._undated if path != request.path]
            self.journal.note_return(self.run_id, request)

    def _dated(self, request: Request, *, sent_at: datetime) -> Request:
        """Date a request by its first try; the server's clock is added as soon as an answer tells it."""
        if request.sent_at is not None:
            return request
        with self._lock:
            if self._offset_s is None:
                self._undated.append(request.path)
            return replace(request, sent_at=sent_at, clock_offset_s=self._offset_s)

    def _note(self, family: Family, request: Request) -> None:
        parts = family.note(request)
        # A family is told of as done when its last verdict is on disk.
        then = partial(self._done.put, family) if not family.is_waiting else None
        self.journal.note_verdict(self.run_id, request, parts=parts, then=then)
        self.watch.note(request)

    def _learn(self, settled: Settled) -> None:
        """Take from an answer what concerns the whole run: whether it ends, and the server's clock.

        The age of a key must not rest on our own clock, which may be set between two stretches of a run.
        """
        if (reason := ends_run(settled)) is not None:
            self.watch.end(reason)
        server_at = settled.answer.server_at if settled.answer else None
        if server_at is None or self._offset_s is not None:
            return
        with self._lock:
            self._offset_s = (server_at - settled.settled_at).total_seconds()
            self.journal.note_clock(self.run_id, self._undated, offset_s=self._offset_s)
            self._undated = []
