"""The threads that send: each notes a request just before it leaves, sends it and notes what came."""

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

from ..api.wire import ENABLE_PATHS
from ..errors import JournalError
from .families import Family
from .keys import is_past_key, may_have_arrived
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
_ASK_S = 0.5

Report = Callable[[Family], object]


@dataclass(slots=True)
class Crew:
    """Threads that send the requests of one run, one for each connection."""

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
        n_threads = min(self.client.max_connections, len(self._work))
        threads = [
            threading.Thread(target=self._toil, name=f"klikit-frames-send-{n}", daemon=True)
            for n in range(n_threads)
        ]
        try:
            self._look_around()
            for thread in threads:
                thread.start()
            self._follow(report, n_threads=n_threads)
        except KeyboardInterrupt:
            self.watch.end("interrupted")
            self._dismiss(threads)
        except Exception as trouble:  # noqa: BLE001 - raised again when the threads have ended
            self.watch.fail(trouble)
            self._dismiss(threads)
        try:
            self.journal.flush()
        except JournalError as trouble:
            self.watch.fail(trouble)

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
            for thread in filter(threading.Thread.is_alive, threads):
                thread.join(max(0.0, until - self.watch.now()))

    def _toil(self) -> None:
        try:
            while self._is_on() and (family := self._take()) is not None:
                self._settle(family)
            self.journal.flush()
        except Exception as trouble:  # noqa: BLE001 - raised again on the thread that started the run
            self.watch.fail(trouble)
        finally:
            self._done.put(None)

    def _is_on(self) -> bool:
        """Tell whether anything more may leave; a client that was closed ends the run."""
        if self.client.is_closed:
            self.watch.end("unreachable")
        return not self.watch.stop.is_set()

    def _take(self) -> Family | None:
        try:
            return self._work.popleft()
        except IndexError:
            return None

    def _settle(self, family: Family) -> None:
        while self._is_on() and family.is_waiting:
            request = family.take()
            known = family.known_refusal(request)
            settled = replace(request, verdict=known) if known else self._send(request)
            self._note(family, settled)

    def _send(self, request: Request) -> Request:
        """Return a request with what became of it."""
        begun = request

        def note(attempt: int, sent_at: datetime) -> bool:
            nonlocal begun
            begun = self._dated(replace(begun, attempts=request.attempts + attempt), sent_at=sent_at)
            # The machine may have slept for a day between two tries.
            if attempt > 1 and is_past_key(begun, server_now=self.client.server_now() or sent_at):
                return False
            self.journal.note_attempt(self.run_id, begun)
            return True

        path, stop = ENABLE_PATHS[request.target.entity_type], self.watch.stop
        settled = self.client.write("PATCH", path, request.body, key=request.key, on_attempt=note, stop=stop)
        self._learn(settled)
        verdict = judge(
            settled,
            n_cells=request.target.n_cells,
            is_stopping=stop.is_set(),
            may_have_arrived=may_have_arrived(request),
        )
        ended = replace(begun, attempts=request.attempts + settled.attempts, verdict=verdict)
        return replace(ended, sent_at=None, clock_offset_s=None) if verdict.word == "not_sent" else ended

    def _dated(self, request: Request, *, sent_at: datetime) -> Request:
        """Date a request by its first try; an answer will tell the server's clock."""
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
