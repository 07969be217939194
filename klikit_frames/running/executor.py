"""One stretch of a run: from its start, or from where it was left, to its end."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from .. import edge
from ..errors import AuthError, JournalError, RequestError, TransportError
from ..menus.readings import ReadingStopped, run_interruptibly
from ..menus.states import FRESH
from ..model import Business, Cell
from ..planning.plan_files import user_name
from ..progress import Bar, Progress, ScreenBar, open_bar
from .attribution import settle_by_reading
from .before_images import BeforeImages, cancel_undone, find_before, find_changed, read_before
from .evidence import SAME_CLOCK
from .guards import PolledStop, Rules, RunMonitor, check_canary, ignore_sigint
from .journal import Journal, JournalPath
from .journal_copies import far_path
from .journal_files import MEMORY
from .journal_maintenance import Mirror
from .lifecycle import EndReason, RequestState
from .live_state import clear_request, find_proofs, find_undone, is_withheld, withhold_request
from .publishes import (
    StorePublisher,
    run_publishes,
    stores_to_publish,
)
from .records import Request, RequestResult, Run
from .request_trees import (
    RequestTree,
    ask_server_time,
    build_requests,
    group_requests,
    is_in_doubt,
    is_key_expired,
    spare,
)
from .results import Result, build_result, resume_line
from .worker_pool import SettledRequest, WorkerPool

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan

T = TypeVar("T")
_PAST_KEY = "it was sent, and no answer came while its key was good; it is not sent again"


@dataclass(slots=True)
class RunExecutor:
    """What a stretch of a run works with.

    `is_new` is true until the journal knows the run; `has_stale_state` is whether cells of the plan were
    written since its state was read.
    """

    journal: Journal
    plan: Plan
    client: Client
    run: Run
    rules: Rules
    monitor: RunMonitor
    resources: ExitStack
    is_new: bool = False
    has_stale_state: bool = False
    notes: list[str] = field(default_factory=list)
    n_rows_done: int = field(default=0, init=False)
    n_requests_done: int = field(default=0, init=False)
    _n_left: int = field(default=0, init=False)
    _mirror: Mirror | None = field(default=None, init=False)
    _proofs: dict[Cell, bool | None] = field(default_factory=dict, init=False)
    _n_rows: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        requests = self.plan.requests
        self._n_rows = dict(zip(requests["request_no"].tolist(), requests["n_rows"].tolist(), strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ignore_sigint():
            if self._mirror is not None:
                self._mirror.close()
            self.resources.close()

    def execute(self, *, progress: Progress) -> Result:
        """Send what is open, settle by reading back what cannot be sent again, and tell."""
        requests = self._begin(progress) if self.is_new else self._load_requests()
        is_news = True
        try:
            self._start_mirror()
            if not self.is_new:
                requests = self._clear_undone(requests)
                requests = self._spare_again(requests, progress=progress)
                self._renew_before(requests, progress=progress)
            is_news = self.settle_open(requests, progress=progress)
            is_news = self._publish() or is_news
        except KeyboardInterrupt:
            self.monitor.end(EndReason.INTERRUPTED)
        with ignore_sigint():
            return self._close_mirror(self._end() if is_news else self._recorded())

    def settle_open(self, requests: list[Request], *, progress: Progress) -> bool:
        """Send and read back what is not settled, and tell whether there was anything."""
        requests = self._withhold_expired(requests)
        held_keys = {
            request.key for request in requests if self._is_read_back(request) or is_withheld(request)
        }
        trees = group_requests(requests, held_keys=held_keys)
        waiting = [tree for tree in trees if tree.is_waiting]
        self._send(trees, progress=progress)
        if self.monitor.trouble is not None:
            self._give_up(self.monitor.trouble)
        doubtful = [request for tree in trees for request in tree if request.state.needs_reading]
        doubtful = [request for request in doubtful if not self._is_read_back(request)]
        # A run does not read after its last write: menus would only show it later. A person who resumes does.
        if not self.is_new and self.monitor.reason is None:
            self._read_back(doubtful)
        return bool(waiting or doubtful) or self.run.status == EndReason.RUNNING

    def _begin(self, progress: Progress) -> list[Request]:
        """Note every request with its key, and the before-images, before the first leaves.

        Whoever stops the reading of these finds a run of which nothing was sent.
        """
        images, requests = BeforeImages(), build_requests(self.plan)
        try:
            requests = [part for parts in self._spare_changed(requests, progress=progress) for part in parts]
            is_to_be_read = self.has_stale_state and self.rules.before == "auto"
            before = "read" if is_to_be_read else self.rules.before
            images = find_before(self.plan, self.client, before=before, **self._reading(progress=progress))
        except (KeyboardInterrupt, ReadingStopped):
            self.monitor.end(EndReason.INTERRUPTED)
        # The names that the menus gave are kept with the plan, where every later view of the run reads them.
        self.plan = self.plan.with_named(images.names)
        self.journal.begin(self.run, plan_body=self.plan.dump(), requests=requests, before=images.live)
        if images.seen:
            self.journal.record_flags(self.run.run_id, "seen", images.seen)
        return requests

    def _reading(self, *, progress: Progress) -> dict[str, Any]:
        """Return the options of a reading; a caller's own bar counts rows, so menus have none there."""
        return {
            "journal": self._journal_path,
            "progress": None if progress is None else False,
            "stop": PolledStop(self.monitor),
        }

    @property
    def _journal_path(self) -> JournalPath:
        return MEMORY if self.journal.path is None else self.journal.path

    def _spare_changed(self, requests: list[Request], *, progress: Progress) -> list[list[Request]]:
        """Return each request with its parts: of an undo, what was changed meanwhile is left as it is."""
        if not self.plan.undoes or not any(request.state.is_untouched for request in requests):
            return [[request] for request in requests]
        changed = find_changed(
            self.plan, self.client, run_id=self.run.run_id, **self._reading(progress=progress)
        )
        return [spare(request, changed) if request.state.is_untouched else [request] for request in requests]

    def _spare_again(self, requests: list[Request], *, progress: Progress) -> list[Request]:
        """Look again before an undo goes on, and record what is left as it is."""
        try:
            spared = self._spare_changed(requests, progress=progress)
        except (ReadingStopped, RequestError) as error:
            self._end_unread(error)
            return requests
        for recorded, (request, *parts) in zip(requests, spared, strict=True):
            if request is not recorded:
                self.journal.record_result(self.run.run_id, request, parts=parts)
        self.journal.flush()
        return [part for parts in spared for part in parts]

    def _renew_before(self, requests: list[Request], *, progress: Progress) -> None:
        """Read again the cells of requests that left nothing behind, where their flags are missing or old."""
        if self.rules.before == "none":
            return
        untouched = [request for request in requests if request.state.is_untouched]
        touched = [request for request in requests if not (request.state.is_untouched or request.is_spared)]
        cells = _cells_of(untouched) - _cells_of(touched)
        if not cells:
            return
        recorded = {cell for cell, _ in self.journal.flags(self.run.run_id, "before")}
        if cells <= recorded and timedelta(0) <= self.client.now() - self.run.started_at < FRESH:
            return
        try:
            images = read_before(cells, self.client, **self._reading(progress=progress))
        except (ReadingStopped, RequestError) as error:
            self._end_unread(error)
        else:
            self.journal.record_flags(self.run.run_id, "before", images.live)
            # Of all of them: what a menu showed at first may stand there where it shows the live flag now.
            self.journal.record_flags(self.run.run_id, "seen", [*images.live, *images.seen])

    def _end_unread(self, error: ReadingStopped | RequestError) -> None:
        """End a stretch that could not look again before it goes on: nothing of it has left."""
        if isinstance(error, RequestError):
            self.notes.append(str(error))
        self.monitor.end(_why_unread(error))

    def _load_requests(self) -> list[Request]:
        """Return the requests of an earlier stretch, with what reading has shown of them."""
        requests = self.journal.requests(self.run.run_id)
        self._proofs = dict(self.journal.flags(self.run.run_id, "proof"))
        counts_failures = self.run.status != EndReason.TOO_MANY_FAILURES
        self.monitor.count_earlier(requests, counts_failures=counts_failures)
        if asdict(self.rules) != dict(self.run.rules):
            self.journal.record_rules(self.run.run_id, asdict(self.rules))
        return requests

    def _clear_undone(self, requests: list[Request]) -> list[Request]:
        """Return the requests as they stand, after a look at those that a copy of the journal has not seen.

        Their keys may be forgotten: then only those are open again that reading shows as not done.
        """
        unseen = [request for request in requests if request.state is RequestState.UNSEEN]
        if not unseen:
            return requests
        try:
            server_now = self._ask_server_time()
            if server_now is None:
                return requests
            expired = [request for request in unseen if is_key_expired(request, server_now=server_now)]
            undone = find_undone(
                self.client, expired, run_id=self.run.run_id, **self._reading(progress=False)
            )
        except ReadingStopped:
            return requests
        changed = {}
        for request in expired:
            changed[request.path] = (
                clear_request(request) if request.path in undone else withhold_request(request)
            )
            self.journal.record_result(self.run.run_id, changed[request.path])
        return [changed.get(request.path, request) for request in requests]

    def _withhold_expired(self, requests: list[Request]) -> list[Request]:
        """Return the requests, those marked whose keys may be forgotten: they are not sent again."""
        doubtful = [
            request
            for request in requests
            if is_in_doubt(request) and request.state is not RequestState.UNSEEN
        ]
        if all(self._is_read_back(request) for request in doubtful):
            return requests
        server_now = self._ask_server_time()
        if server_now is None:
            return requests
        expired = {
            request.path: self._expire(request)
            for request in doubtful
            if is_key_expired(request, server_now=server_now)
        }
        return [expired.get(request.path, request) for request in requests]

    def _expire(self, request: Request) -> Request:
        last = request.result or RequestResult(RequestState.UNKNOWN)
        expired = request.settle(replace(last, status=RequestState.EXPIRED, message=_PAST_KEY))
        self.journal.record_result(self.run.run_id, expired)
        return expired

    def _send(self, trees: list[RequestTree], *, progress: Progress) -> None:
        waiting = [tree for tree in trees if tree.is_waiting]
        if (not waiting and not self.rules.first) or self.monitor.stop.is_set():
            return
        # Whoever dies before the first answer would else leave requests that nobody can ever date.
        if self.client.server_now() is None and self._ask_server_time() is None:
            return
        if not self._wait_for_clock():
            return
        self.journal.record_start(self.run.run_id)
        n_rows = sum(self._n_rows[tree.root.request_no] for tree in waiting)
        self.n_rows_done, self.n_requests_done = (
            self.plan.n_rows - n_rows,
            self.plan.n_requests - len(waiting),
        )
        self._n_left = sum(tree.n_waiting for tree in waiting)
        bar = open_bar(progress, total=self._n_left, description="Sending", unit="requests")
        pool = WorkerPool(self.client, self.journal, self.run.run_id, self.monitor)
        try:
            for phase in self._phases(trees):
                pool.send(phase, report=partial(self._report, bar=bar))
        except KeyboardInterrupt:
            self.monitor.end(EndReason.INTERRUPTED)
        finally:
            bar.close()

    def _wait_for_clock(self) -> bool:
        """Wait until the clock is past what was noted last, and tell whether the run goes on.

        A clock that was set back by so little is not told from one that was not: what is written now would
        seem to come before what was written last.
        """
        now = self.client.now()
        noted_at = self.journal.latest_note(after=now, until=now + SAME_CLOCK)
        if noted_at is None:
            return True
        seconds = (noted_at - now + timedelta(microseconds=1)).total_seconds()
        try:
            self._read(lambda halt: self.client.pacing.wait(seconds, stop=halt))
        except ReadingStopped:
            return False
        return True

    def _report(self, settled: SettledRequest | None, *, bar: Bar) -> None:
        if settled is not None:
            self._n_left += settled.n_parts - 1
            self.n_requests_done += settled.is_done
            self.n_rows_done += self._n_rows[settled.tree.root.request_no] if settled.is_done else 0
            bar.update(1)
        if isinstance(bar, ScreenBar):
            limiter = self.client.pacing
            if settled is not None and settled.n_parts:
                bar.extend(settled.n_parts)
            waits_for = "Waiting for the cap" if limiter.wait_s else None
            bar.describe(waits_for, left_s=limiter.seconds_left(n_writes=self._n_left))

    def _phases(self, trees: list[RequestTree]) -> Iterator[list[RequestTree]]:
        """Hand out what may be sent at once; the next lot is asked for when the last is done."""
        canary, rest = trees[: self.rules.first or 0], trees[self.rules.first or 0 :]
        yield from self._until_stopped(_by_scope(canary))
        if canary and not self.monitor.stop.is_set():
            self._check_canary(canary)
        yield from self._until_stopped(_by_scope(rest))

    def _check_canary(self, canary: list[RequestTree]) -> None:
        """Record that the canary has passed, or end the run."""
        try:
            fault = self._read(lambda halt: check_canary(self.client, canary, stop=halt))
        except ReadingStopped:
            return
        if fault:
            self.notes.append(fault)
            self.monitor.end(EndReason.CANARY)
            return
        self.rules = replace(self.rules, first=None)
        self.journal.record_rules(self.run.run_id, asdict(self.rules))

    def _until_stopped(self, phases: Iterable[list[RequestTree]]) -> Iterator[list[RequestTree]]:
        return (phase for phase in phases if phase and not self.monitor.stop.is_set())

    def _is_read_back(self, request: Request) -> bool:
        """Tell whether reading has settled every flag of a request."""
        return request.state.needs_reading and not self._unread(request)

    def _unread(self, request: Request) -> list[Cell]:
        cells = request.target.cells()
        return [cell for cell in cells if settle_by_reading(request, seen=self._proofs.get(cell)) is None]

    def _read_back(self, requests: list[Request]) -> None:
        """Read the flags that no answer has settled, and note those that settle a row."""
        owners = {cell: request for request in requests for cell in self._unread(request)}
        if not owners:
            return
        run_id, journal = self.run.run_id, self._journal_path
        try:
            proofs = self._read(
                lambda halt: find_proofs(self.client, owners, run_id=run_id, journal=journal, stop=halt)
            )
        except ReadingStopped:
            return
        flags = [
            flag
            for flag in proofs
            if flag.cell in owners and settle_by_reading(owners[flag.cell], seen=flag.is_enabled)
        ]
        self._proofs |= dict(flags)
        self.journal.record_flags(self.run.run_id, "proof", flags)

    def _ask_server_time(self) -> datetime | None:
        """Return the server's time as it tells it now; None if nobody is there, which ends the run."""
        try:
            server_now = self._read(lambda _halt: ask_server_time(self.client))
        except ReadingStopped:
            return None
        if server_now is None:
            self.monitor.end(EndReason.UNREACHABLE)
        return server_now

    def _read(self, call: Callable[[threading.Event], T]) -> T:
        """Return what a reading brings; a stop of the run does not wait for it."""
        return run_interruptibly(call, stop=PolledStop(self.monitor))

    def _publish(self) -> bool:
        """Publish the stores that were written since they were last published, and tell whether any was."""
        if not self.rules.publish or self.monitor.reason is not None:
            return False
        requests = self.journal.requests(self.run.run_id)
        publishes = run_publishes(self.journal, self.run)
        stores = stores_to_publish(requests, publishes, also=self.rules.publish_also)
        publisher = StorePublisher(
            self.client, self.journal, run_id=self.run.run_id, stop=PolledStop(self.monitor)
        )
        try:
            publisher.publish(stores)
        except KeyboardInterrupt:
            publisher.abandon()
            self.monitor.end(EndReason.INTERRUPTED)
        return bool(stores)

    def _end(self) -> Result:
        result = build_result(
            self.journal,
            self.plan,
            self.run,
            status=self.monitor.reason or EndReason.FINISHED,
            notes=self.notes,
        )
        if self.monitor.stops_at_once and not result.n_open and not result.n_unpublished:
            result = replace(result, status=EndReason.FINISHED.value)
        if self.plan.undoes:
            cancel_undone(self.plan, result.frame, self.journal)
        counts, ended_at = result.counts, self.client.now()
        self.journal.record_status(self.run.run_id, result.status, counts=counts, ended_at=ended_at)
        return result

    def _start_mirror(self) -> None:
        """Put the first copy of the journal in place, before the first write of this stretch."""
        if self.rules.mirror is not None:
            path = far_path(self.rules.mirror, journal=self.journal, name="mirror")
            self._mirror = Mirror(self.journal, path, tag=self.run.run_id)
            self._mirror.start()

    def _close_mirror(self, result: Result) -> Result:
        """Put the last copy in place, and return the result with what there is to say of the mirror."""
        if self._mirror is None:
            return result
        self._mirror.close()
        note = self._mirror.note
        return result if note is None else replace(result, notes=(*result.notes, note))

    def _recorded(self) -> Result:
        return build_result(self.journal, self.plan, self.run, status=self.run.status, notes=self.notes)

    def _give_up(self, trouble: BaseException) -> NoReturn:
        """Raise what went wrong on our own side, with the line that goes on."""
        if isinstance(trouble, JournalError):
            line = resume_line(self.run.run_id, journal=self.journal.name)
            raise JournalError(f"{trouble} This run goes on with {line}.") from trouble
        raise trouble


def new_run(plan: Plan, client: Client, *, rules: Mapping[str, Any] | None = None) -> Run:
    """Return a new run of a plan, known to no journal yet."""
    return Run(
        run_id=edge.draw_uuid().hex,
        plan_id=plan.plan_id,
        plan_digest=plan.digest,
        host=client.host,
        user=user_name(),
        machine=platform.node(),
        account=client.account,
        rules=rules or {},
        started_at=client.now(),
        n_rows=plan.n_rows,
        n_requests=plan.n_requests,
    )


def _cells_of(requests: Iterable[Request]) -> set[Cell]:
    return {cell for request in requests for cell in request.target.cells()}


def _why_unread(error: ReadingStopped | RequestError) -> EndReason:
    if isinstance(error, ReadingStopped):
        return EndReason.INTERRUPTED
    if isinstance(error, AuthError):
        return EndReason.REFUSED
    return EndReason.UNREACHABLE if isinstance(error, TransportError) else EndReason.UNREAD


def _by_scope(trees: list[RequestTree]) -> list[list[RequestTree]]:
    """Put business-wide writes before stores: an override must be the last word on its store."""
    waiting = [tree for tree in trees if tree.is_waiting]
    wide = [tree for tree in waiting if isinstance(tree.root.target.scope, Business)]
    return [wide, [tree for tree in waiting if not isinstance(tree.root.target.scope, Business)]]
