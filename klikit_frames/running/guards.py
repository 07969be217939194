"""The guards of a run: its rules, what must hold before anything is sent, and when it stops."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from .. import edge
from ..errors import ConfigError, PlanError, RequestError, check_choice, check_yes_or_no
from ..model import Cell, Outcome, Store
from ..planning.plan import Plan
from ..planning.plan_checks import check_plan
from ..wording import SHORT_ID, visible_text
from .before_images import BEFORE, Before
from .lifecycle import EndReason, RequestState
from .live_state import read_flags
from .records import Request
from .request_trees import RequestTree

if TYPE_CHECKING:
    from ..api.client import Client
    from .records import Run


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Let Ctrl-C do nothing for a while: what is being done takes an instant, and half of it helps nobody.

    Examples
    --------
    >>> import signal
    >>> from klikit_frames.running.guards import ignore_sigint
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
        given = {field.name: getattr(self, field.name) for field in fields(self) if self._is_given(field)}
        kept = {field.name: recorded[field.name] for field in fields(self) if field.name in recorded}
        # The journal keeps lists, where values are tuples.
        kept["publish_also"] = tuple((brand, branch) for brand, branch in kept.get("publish_also", ()))
        caps = [cap for cap in (self.writes_per_minute, kept.get("writes_per_minute")) if cap is not None]
        return type(self)(**(kept | given | {"writes_per_minute": min(caps, default=None)}))

    def _is_given(self, rule: Field[Any]) -> bool:
        return bool(getattr(self, rule.name) != rule.default)


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


def check_is_plan(plan: object) -> None:
    """Refuse anything but a plan, a table of toggles above all.

    Raises
    ------
    PlanError
        It is something else.
    """
    if not isinstance(plan, Plan):
        given = type(plan).__name__
        raise PlanError(
            f"run() takes a plan, not a {given}: kf.run(kf.plan(toggles), client). Nothing was sent."
        )


def check_client(client: Client) -> None:
    """Refuse a client that may not write, or cannot any more.

    Raises
    ------
    ConfigError
        It is read-only or closed.
    """
    if client.is_closed:
        raise ConfigError("This client is closed, so nothing was sent. Connect again to run.")
    if client.read_only:
        raise ConfigError(
            "This client is read-only, so nothing was sent. Connect without read_only=True to run."
        )


def check_before_sending(plan: Plan, client: Client, *, confirm: str | None) -> None:
    """Refuse a run that is not confirmed, and a plan that is not sound.

    Raises
    ------
    PlanError
        `confirm` is missing or is of another plan or host, or the plan touches other cells than its rows.
    """
    code = plan.confirm_code(client)
    # What sends nothing needs nobody's word.
    if client.needs_confirmation and plan.n_requests and confirm != code:
        raise PlanError(_refusal(plan, client, code=code, confirm=confirm))
    check_plan(plan)


def check_options(rules: Rules) -> None:
    """Refuse an option that is out of range, or of another type.

    Raises
    ------
    ConfigError
        The message names the option.
    """
    check_choice("on_error", rules.on_error, among=("continue", "stop"))
    check_choice("before", rules.before, among=BEFORE)
    for name in ("first", "max_failures", "writes_per_minute"):
        number = getattr(rules, name)
        if number is not None and (type(number) is not int or number < 0):
            raise ConfigError(f"{name}={number!r} is no whole number from zero; nothing was sent.")
    if rules.deadline_s is not None and not _is_duration(rules.deadline_s):
        raise ConfigError(f"deadline_s={rules.deadline_s!r} is no number of seconds; nothing was sent.")
    for name in ("publish", "require_approval"):
        check_yes_or_no(name, getattr(rules, name))


def check_same_plan(plan: Plan, run: Run) -> None:
    """Refuse a plan that has the id of another."""
    if plan.digest != run.plan_digest:
        raise PlanError(
            f"Plan {plan.plan_id[:SHORT_ID]} was run before with other content (run {_name(run)}), so "
            "nothing was sent. Plan again: a new plan has an id of its own."
        )


def check_same_host(run: Run, client: Client) -> None:
    """Refuse a host other than the one that a plan was first run on."""
    if run.host != client.host:
        there = visible_text(run.host)
        raise PlanError(
            f"This plan was first run on {there} (run {_name(run)}), so it is not sent to {client.host}. "
            f"Connect to {there}, or plan again for {client.host}."
        )


def _name(run: Run) -> str:
    return run.run_id[:SHORT_ID]


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def check_same_account(run: Run, client: Client) -> None:
    """Refuse a client of another host, or of another business there, than the one that a run was on."""
    check_same_host(run, client)
    if run.account and run.account != client.account:
        raise PlanError(
            f"Run {_name(run)} was on another business of {run.host}: this client has another partner key. "
            "Connect with the key of that business."
        )


def _refusal(plan: Plan, client: Client, *, code: str, confirm: str | None) -> str:
    wide = f", {plan.n_business_wide:,} of them business-wide" if plan.n_business_wide else ""
    given = "" if confirm is None else f" confirm={confirm!r} is of another plan, host or count."
    return (
        f"{client.host} is a real business, so nothing was sent yet: {plan.n_rows:,} rows in "
        f"{plan.n_requests:,} requests{wide}.{given} If that is meant, pass confirm={code!r}."
    )


def check_canary(
    client: Client, canary: Iterable[RequestTree], *, stop: threading.Event | None = None
) -> str | None:
    """Return what is wrong with the first requests, in a sentence; None if the rest may follow.

    Every one of their flags must have been accepted. Business-wide flags must read back as asked; those of
    stores are not held against it, because a store's menu may show an older state until it is published.
    """
    requests = [request for tree in canary for request in tree if not request.is_spared]
    bad = [request for request in requests if request.state is not RequestState.APPLIED]
    if bad:
        said = bad[0].result.message if bad[0].result else None
        were = "was" if len(bad) == 1 else "were"
        which = f"{len(bad):,} of the first {len(requests):,} requests {were}"
        if len(requests) == 1:
            which = "The first request was"
        return f"{which} not accepted ({said or 'no answer'})."
    wanted = {
        cell: request.target.is_enabled
        for request in requests
        for cell in request.target.cells()
        if cell.store is None
    }
    return _unlike(client, wanted, stop=stop)


def _unlike(client: Client, wanted: dict[Cell, bool], *, stop: threading.Event | None) -> str | None:
    try:
        seen = dict(read_flags(client, wanted, stop=stop))
    except RequestError as error:
        return f"The first requests could not be read back ({error})."
    # What no menu tells, as the flags of modifier options, cannot be held against the run.
    unlike = [cell for cell, is_enabled in wanted.items() if seen.get(cell) is (not is_enabled)]
    if not unlike:
        return None
    return f"{unlike[0].entity_type.capitalize()} {unlike[0].entity_id} does not read back as asked."
