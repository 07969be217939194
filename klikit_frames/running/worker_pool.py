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
from typing import TYPE_CHECKING, NamedTuple

from .. import edge
from ..api.wire import ENABLE_PATHS
from ..errors import JournalError
from .attribution import classify_response, stop_reason
from .evidence import is_same_clock, known_offset_s, move_to_clock
from .lifecycle import EndReason, RequestState
from .records import Request
from .request_trees import RequestTree, is_in_doubt, is_key_expired

if TYPE_CHECKING:
    from ..api.client import Client
    from ..api.request_executor import CallResult
    from .guards import RunMonitor
    from .journal import Journal

# A run that a person stops waits so long for requests in flight, then leaves them: they are `unknown`.
GRACE_S = 1.5
_POLL_S = 0.1


class SettledRequest(NamedTuple):
    """One request that is settled: its tree, the parts that it was split into, whether the tree is done."""

    tree: RequestTree
    n_parts: int
    is_done: bool


Report = Callable[[SettledRequest | None], object]


@dataclass(slots=True)
class WorkerPool:
    """Threads that send the requests of one run, one for each connection."""

    client: Client
    journal: Journal
    run_id: str
    monitor: RunMonitor
    _offset_s: float | None = field(default=None, init=False)
    _undated: list[tuple[int, ...]] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _narrowing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _work: deque[RequestTree] = field(default_factory=deque, init=False)
    _done: SimpleQueue[SettledRequest | None] = field(default_factory=SimpleQueue, init=False)

    def send(self, trees: Iterable[RequestTree], *, report: Report) -> None:
        """Send these requests and their parts, and return when all are settled or the run was stopped.

        Parameters
        ----------
        trees : iterable of RequestTree
            What to send, in this order.
        report : callable
            Called with each request that is settled, on the calling thread; now and then with None.
        """
        self._work = deque(trees)
        n_threads = min(self.client.max_connections, len(self._work))
        threads = [
            edge.make_thread(self._worker_loop, name=f"klikit-frames-send-{n}") for n in range(n_threads)
        ]
        try:
            self.monitor.poll(at_once=True)
            for thread in threads:
                thread.start()
            self._drain_results(report, n_threads=n_threads)
        except KeyboardInterrupt:
            self.monitor.end(EndReason.INTERRUPTED)
            self._join_workers(threads)
        except Exception as trouble:  # noqa: BLE001 - raised again when the threads have ended
            self.monitor.fail(trouble)
            self._join_workers(threads)
        try:
            self.journal.flush()
        except JournalError as trouble:
            self.monitor.fail(trouble)

    def _drain_results(self, report: Report, *, n_threads: int) -> None:
        """Report what is done until all threads have ended, or are left behind."""
        leave_at = None
        while n_threads and (leave_at is None or self.monitor.now() < leave_at):
            edge.check_interruption()
            self.monitor.poll()
            if leave_at is None and self.monitor.stops_at_once:
                leave_at = self.monitor.now() + GRACE_S
            try:
                settled = self._done.get(timeout=_POLL_S)
            except Empty:
                self.journal.flush()
                report(None)
                continue
            n_threads -= settled is None
            if settled is not None:
                report(settled)

    def _join_workers(self, threads: Iterable[edge.Thread]) -> None:
        until = self.monitor.now() + GRACE_S
        with suppress(KeyboardInterrupt):
            for thread in threads:
                if thread.is_alive():
                    thread.join(max(0.0, until - self.monitor.now()))

    def _worker_loop(self) -> None:
        try:
            while self._is_on() and (tree := self._next_tree()) is not None:
                self._settle(tree)
            self.journal.flush()
        except Exception as trouble:  # noqa: BLE001 - raised again on the thread that started the run
            self.monitor.fail(trouble)
        finally:
            self._done.put(None)

    def _is_on(self) -> bool:
        """Tell whether anything more may leave; a client that was closed ends the run."""
        if self.client.is_closed:
            self.monitor.end(EndReason.UNREACHABLE)
        return not self.monitor.stop.is_set()

    def _next_tree(self) -> RequestTree | None:
        try:
            return self._work.popleft()
        except IndexError:
            return None

    def _settle(self, tree: RequestTree) -> None:
        while self._is_on() and tree.is_waiting:
            if self.monitor.is_suspicious:
                self._narrow(tree)
            else:
                self._settle_next(tree)

    def _narrow(self, tree: RequestTree) -> None:
        """Narrow one request at a time while nothing is accepted: eight would cost eight times as many."""
        with self._narrowing:
            while self._is_on() and tree.is_waiting and self.monitor.is_suspicious:
                self._settle_next(tree)

    def _settle_next(self, tree: RequestTree) -> None:
        request = tree.take()
        inferred = tree.infer_rejection(request)
        settled = request.settle(inferred) if inferred else self._send(request)
        # One that did not leave stands as it stood before.
        if settled is not request:
            self._note(tree, settled)

    def _send(self, request: Request) -> Request:
        """Return a request with what became of it."""
        begun = request

        def note(attempt: int, sent_at: datetime) -> bool:
            nonlocal begun
            begun = self._dated(begun.begin_attempt(request.attempts + attempt), sent_at=sent_at)
            # The machine may have slept for a day between two tries, or the request waited so long.
            # Until an answer shows the server's clock, both times are those of this machine.
            server_now = self.client.server_now() if begun.clock_offset_s is not None else None
            if is_key_expired(begun, server_now=server_now or sent_at):
                return False
            self.journal.record_attempt(self.run_id, begun)
            return True

        path, stop = ENABLE_PATHS[request.target.entity_type], self.monitor.stop
        settled = self.client.write("PATCH", path, request.body, key=request.key, on_attempt=note, stop=stop)
        self._learn(settled)
        if begun is request:
            return request
        result = classify_response(
            settled, n_cells=request.target.n_cells, may_have_arrived=is_in_doubt(request)
        )
        if result.settled_at is not None:
            # Times of one request are of one clock: it may have been set since the first attempt.
            clocks = {"offset_s": known_offset_s(self.client), "to_offset_s": begun.clock_offset_s}
            # An answer that is long on its way looks like one of a clock that is behind.
            settled_at = move_to_clock(result.settled_at, **clocks)
            result = replace(result, settled_at=max(settled_at, begun.sent_at or settled_at))
        ended = replace(begun.settle(result), attempts=request.attempts + settled.attempts)
        if ended.state is RequestState.NOT_SENT:
            # What never left has no date: the next time it may leave is the first.
            return replace(ended, sent_at=None, clock_offset_s=None)
        return ended

    def _dated(self, request: Request, *, sent_at: datetime) -> Request:
        """Date a request by its first attempt; a later answer may still tell the server's clock."""
        if request.sent_at is not None:
            return request
        with self._lock:
            offset_s = known_offset_s(self.client)
            # Where seconds stand still while a laptop sleeps, it wakes with another offset.
            if self._offset_s is None or (
                offset_s is not None and not is_same_clock(offset_s, self._offset_s)
            ):
                self._offset_s = offset_s
            if self._offset_s is None:
                self._undated.append(request.path)
            return replace(request, sent_at=sent_at, clock_offset_s=self._offset_s)

    def _note(self, tree: RequestTree, request: Request) -> None:
        parts = tree.note(request)
        # A request is reported as settled once its result is on disk.
        then = partial(self._done.put, SettledRequest(tree, len(parts), is_done=not tree.is_waiting))
        self.journal.record_result(self.run_id, request, parts=parts, then=then)
        self.monitor.note(request)

    def _learn(self, settled: CallResult) -> None:
        """Take from an answer what concerns the whole run: whether it ends, and the server's clock.

        The age of a key must not rest on our own clock, which may be set between two stretches of a run.
        """
        if (reason := stop_reason(settled)) is not None:
            self.monitor.end(reason)
        offset_s = settled.clock_offset_s
        if offset_s is None or self._offset_s is not None:
            return
        with self._lock:
            self._offset_s = offset_s
            self.journal.record_clock_offset(self.run_id, self._undated, offset_s=offset_s)
            self._undated = []
