"""One business's plan as a task: what travels to a worker, what is done there, and what comes back."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .. import edge
from ..api.client import connect
from ..api.credentials import load_profile
from ..errors import ConfigError, JournalError, KlikitFramesError
from ..planning.plan import parse_plan
from ..progress import Bar
from ..running import locks
from ..running.journal import open_journal, read_journal
from ..running.journal_maintenance import import_journal
from ..running.results import recorded_result
from ..running.runs import run
from ..wording import counted

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.results import Result

# Each business waits for its own cap; more threads than this only make the caller's computer wait.
MAX_THREADS = 16
_POLL_S = 0.2
# How often a task goes to a worker in all, where workers are lost.
_ATTEMPTS = 2
# An executor without workers takes tasks all the same: after so long the log says so, and so often again.
_QUIET_S = 5.0
_SAY_EVERY_S = 60.0
_GO_ON = "Run the fleet again with the same plans: each business goes on from its journal."
_NOT_KNOWN = f"Whether a worker had begun with it is not known here. {_GO_ON}"
_LOG = logging.getLogger("klikit_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessTask:
    """One business's plan as text, and the name of its profile; no secret is in it.

    Attributes
    ----------
    business : str
        The name of the profile, looked up where the task runs.
    plan_text : str
        The plan, as in its file.
    journal : str
        The journal's file, where the task runs.
    plan_path : str or None
        The file that the plan was loaded from, beside which an approval lies.
    confirm : str or None
        The code of the plan on a real host.
    caps : dict
        Of ``kf.connect``: ``writes_per_minute``, ``reads_per_minute``.
    options : dict
        Of ``kf.run``.
    task_id : str
        A new one for each task: an executor may hand out an old result for equal arguments.
    """

    business: str
    plan_text: str
    journal: str
    plan_path: str | None = None
    confirm: str | None = None
    caps: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    task_id: str = field(default_factory=lambda: edge.draw_uuid().hex)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What came of a task: a result, what kept it from one, or both.

    Attributes
    ----------
    result : Result or None
        What became of the rows, as far as the journal knows.
    error : KlikitFramesError or None
        What ended the task, if that was an error.
    is_unsent : bool
        Whether nothing of the plan was ever sent; only of use without a result.
    """

    result: Result | None = None
    error: KlikitFramesError | None = None
    is_unsent: bool = True


def execute_task(task: BusinessTask, progress: Bar | None = None) -> TaskOutcome:
    """Send one business's plan, or go on with it where a worker left it, and return what came of it.

    Uses the network and the disk. Never raises for what goes wrong with this business.
    """
    try:
        return TaskOutcome(_send(task, progress))
    except JournalError as error:
        return recorded_outcome(task, in_fleet_words(error))
    except KlikitFramesError as error:
        return recorded_outcome(task, error)
    except Exception as error:  # noqa: BLE001 - a bug met by one business is no reason to lose the others
        return recorded_outcome(task, KlikitFramesError(f"{type(error).__name__}: {error}"))


def in_fleet_words(error: JournalError) -> JournalError:
    """Return the error with the argument of a fleet, whose journals are named by their folder.

    Examples
    --------
    >>> from klikit_frames.errors import JournalError
    >>> from klikit_frames.fleet.business_tasks import in_fleet_words
    >>> str(in_fleet_words(JournalError("Name another file with journal= for a new plan.")))
    'Name another folder with journal_folder= for a new plan.'
    """
    said = re.sub(
        r"another (?:file|journal) with journal=", "another folder with journal_folder=", str(error)
    )
    return type(error)(said)


def recorded_outcome(
    task: BusinessTask, error: KlikitFramesError, *, is_elsewhere: bool = False
) -> TaskOutcome:
    """Return what the journal knows of a task that ended with an error; reads the journal, nothing else.

    Parameters
    ----------
    task : BusinessTask
        What was to be done.
    error : KlikitFramesError
        What ended it.
    is_elsewhere : bool
        Whether the journal may be on another machine: that it is not here then proves nothing.
    """
    plan_id = parse_plan(task.plan_text.encode()).plan_id
    try:
        with read_journal(task.journal) as journal:
            begun = journal.run_of_plan(plan_id)
            if begun is not None:
                result = recorded_result(journal, begun.run_id)
                return TaskOutcome(replace(result, notes=(*result.notes, str(error))), error)
    except (KlikitFramesError, OSError):
        return TaskOutcome(error=error, is_unsent=not edge.is_file(task.journal) and not is_elsewhere)
    return TaskOutcome(error=error, is_unsent=not is_elsewhere or edge.is_file(task.journal))


def is_at_work(task: BusinessTask) -> bool:
    """Tell whether a worker is at this business now, as far as its lock can be seen from here."""
    return locks.is_locked(_lock_path(task))


def execute_elsewhere(task: BusinessTask) -> TaskOutcome:
    """Execute a task in another process, which hears a stop by a file before its journal has the run."""
    with edge.interruptible(_stop_file(task)):
        return execute_task(task)


def cancel(task: BusinessTask) -> None:
    """Ask whoever runs the task to stop: by a file, and through the journal once that has the run."""
    _stop_file(task).set()
    plan_id = parse_plan(task.plan_text.encode()).plan_id
    try:
        with read_journal(task.journal) as journal:
            begun = journal.run_of_plan(plan_id)
        if begun is not None:
            with open_journal(task.journal) as journal:
                journal.request_cancel(begun.run_id)
    except (KlikitFramesError, OSError):
        # Its journal is on another machine, or cannot be used: nothing more can be done from here.
        return


def connect_business(business: str, caps: Mapping[str, int] = MappingProxyType({})) -> Client:
    """Return a client of the business that a profile names; nothing is sent.

    What the profile does not tell is not taken from the environment: that may be of another business.

    Raises
    ------
    ConfigError
        There is no such profile, it lacks something, or its secret cannot be found.
    """
    profile = load_profile(business)
    parts = {"base_url": profile.base_url, "partner_key": profile.partner_key}
    missing = [name for name, value in parts.items() if not value]
    if not profile.secret_key:
        missing.append("secret_key_env or secret_key_keyring")
    if missing:
        raise ConfigError(
            f"The profile {business!r} has no {' and no '.join(missing)}: a business of a fleet takes "
            "nothing from the environment that its profile does not name."
        )
    return connect(
        profile=business,
        writes_per_minute=caps.get("writes_per_minute", 300),
        reads_per_minute=caps.get("reads_per_minute", 600),
    )


def _send(task: BusinessTask, progress: Bar | None) -> Result:
    path = None if task.plan_path is None else Path(task.plan_path)
    plan = replace(parse_plan(task.plan_text.encode()), path=path)
    with (
        locks.hold(_lock_path(task), what=f"The business {task.business}"),
        connect_business(task.business, task.caps) as client,
    ):
        _catch_up(task)
        return run(
            plan,
            client,
            journal=task.journal,
            progress=progress or False,
            confirm=task.confirm,
            **task.options,
        )


def _lock_path(task: BusinessTask) -> Path:
    return Path(f"{task.journal}.locks") / "business"


def _stop_file(task: BusinessTask) -> locks.StopFile:
    return locks.StopFile(_lock_path(task).with_name(f"stop-{task.task_id}"))


def _catch_up(task: BusinessTask) -> None:
    """Take in what was done for this business on other machines since this journal was last used."""
    mirror = task.options.get("mirror")
    if mirror is not None and edge.is_file(mirror) and edge.is_file(task.journal):
        import_journal(mirror, journal=task.journal)


class SharedCount:
    """Requests that are done: counted by many threads, shown on one bar by the thread that owns it."""

    def __init__(self) -> None:
        self._n = 0
        self._lock = threading.Lock()

    def update(self, n: int = 1, /) -> None:
        """Note that `n` more are done."""
        with self._lock:
            self._n += n

    def close(self) -> None:
        """Do nothing: the others go on."""

    def take(self) -> int:
        """Return how many are new since the last call."""
        with self._lock:
            n, self._n = self._n, 0
        return n


class StartWatch:
    """Says what a fleet waits for while no worker has begun with any of its businesses.

    Parameters
    ----------
    executor : str
        What the person's executor is called.
    timeout_s : float or None
        How long to wait for the first sign of a worker; None is as long as it takes.
    """

    def __init__(self, executor: str, *, timeout_s: float | None) -> None:
        self._executor = executor
        self._timeout_s = timeout_s
        self._begun_at = edge.monotonic()
        self._say_at = self._begun_at + _QUIET_S

    def look(self, waiting: Mapping[Future[TaskOutcome], BusinessTask]) -> bool:
        """Say that it goes on waiting, if it is time; returns whether it has waited long enough."""
        now = edge.monotonic()
        is_over = self._timeout_s is not None and now - self._begun_at >= self._timeout_s
        if now >= self._say_at and not is_over:
            self._say_at = now + _SAY_EVERY_S
            _LOG.warning(
                "No worker of %s is seen to have begun with any of %s, for %.0f s: has it workers? "
                "It goes on waiting; Ctrl-C stops it.",
                self._executor,
                counted(len(waiting), "business", many="businesses"),
                now - self._begun_at,
            )
        return is_over


class Dispatch:
    """The tasks of one fleet run on one executor.

    Parameters
    ----------
    tasks : dict of BusinessTask
        By business.
    executor : concurrent.futures.Executor, optional
        Where they run; None is a pool of threads.
    sizes : dict of int
        By business, how many units its progress has.
    bar : Bar
        Where progress is shown; called on this thread only.
    start_timeout_s : float, optional
        How long to wait for the first sign of a worker on another executor than threads.
    """

    def __init__(
        self,
        tasks: Mapping[str, BusinessTask],
        executor: Executor | None,
        *,
        sizes: Mapping[str, int],
        bar: Bar,
        start_timeout_s: float | None = None,
    ) -> None:
        self._tasks = tasks
        self._executor = executor
        self._bar = bar
        self._sizes = sizes
        self._counts = {business: SharedCount() for business in tasks}
        self._n_shown = dict.fromkeys(tasks, 0)
        self._pending: dict[Future[TaskOutcome], str] = {}
        self._attempts = dict.fromkeys(tasks, 0)
        self._outcomes: dict[str, TaskOutcome] = {}
        self._start_timeout_s = start_timeout_s
        # Why all is being stopped; None while it is not.
        self._stopped: str | None = None
        # What threads of this process hear; workers elsewhere hear of it by a file and their journals.
        self._stop = threading.Event()
        # An executor that never reports a task as begun may report any task as cancelled in time.
        self._reports_start = executor is None or edge.is_thread_pool(executor)

    def execute(self) -> dict[str, TaskOutcome]:
        """Run all tasks and return what came of each; Ctrl-C stops them cleanly."""
        if self._executor is not None and edge.is_thread_pool(self._executor):
            self._execute_on(partial(self._submit_with_progress, self._executor))
        elif self._executor is not None:
            self._execute_on(partial(_submit_to, self._executor))
        else:
            with edge.make_pool(min(len(self._tasks), MAX_THREADS) or 1) as pool:
                self._execute_on(partial(self._submit_with_progress, pool))
        return {business: self._outcomes[business] for business in self._tasks}

    def _submit_with_progress(self, pool: Executor, task: BusinessTask) -> Future[TaskOutcome]:
        return pool.submit(self._execute_here, task)

    def _execute_here(self, task: BusinessTask) -> TaskOutcome:
        with edge.interruptible(self._stop):
            return execute_task(task, self._counts[task.business])

    def _execute_on(self, submit: Callable[[BusinessTask], Future[TaskOutcome]]) -> None:
        watch = StartWatch(type(self._executor).__name__, timeout_s=self._start_timeout_s)
        for task in self._tasks.values():
            self._submit(task, submit)
        has_begun = False
        while self._pending:
            try:
                done, _ = wait(list(self._pending), timeout=_POLL_S, return_when=FIRST_COMPLETED)
                for future in {*done, *(future for future in self._pending if future.cancelled())}:
                    self._settle(future, submit)
                self._show()
                has_begun = has_begun or self._has_begun()
                if not has_begun and watch.look(self._waiting()):
                    self._stopped = (
                        f"No worker was seen to begin within {self._start_timeout_s:g} s, so the fleet run "
                        "was stopped."
                    )
                if self._stopped:
                    self._cancel()
            except KeyboardInterrupt:
                self._stopped = "The fleet run was stopped before the turn of this business."
                self._cancel()

    def _waiting(self) -> dict[Future[TaskOutcome], BusinessTask]:
        return {future: self._tasks[business] for future, business in self._pending.items()}

    def _has_begun(self) -> bool:
        """Tell whether a worker is seen to be at any business, or to have been."""
        self._reports_start = self._reports_start or any(future.running() for future in self._pending)
        is_any_over = len(self._pending) < len(self._tasks)
        return self._reports_start or is_any_over or any(map(is_at_work, self._waiting().values()))

    def _submit(self, task: BusinessTask, submit: Callable[[BusinessTask], Future[TaskOutcome]]) -> bool:
        self._attempts[task.business] += 1
        try:
            self._pending[submit(task)] = task.business
        except Exception as error:  # noqa: BLE001 - executors have errors of their own
            if task.business not in self._outcomes:
                is_first = self._attempts[task.business] == 1
                self._outcomes[task.business] = recorded_outcome(
                    task, _lost(error), is_elsewhere=not is_first
                )
            return False
        return True

    def _settle(
        self, future: Future[TaskOutcome], submit: Callable[[BusinessTask], Future[TaskOutcome]]
    ) -> None:
        business = self._pending.pop(future)
        task = self._tasks[business]
        _stop_file(task).clear()
        try:
            self._outcomes[business] = future.result()
        except CancelledError:
            why = self._stopped or "The executor took it back before the turn of this business."
            error = KlikitFramesError(why if self._reports_start else f"{why} {_NOT_KNOWN}")
            self._outcomes[business] = recorded_outcome(task, error, is_elsewhere=not self._reports_start)
        except Exception as error:  # noqa: BLE001 - executors have errors of their own
            if not self._stopped and self._attempts[business] < _ATTEMPTS and self._submit(task, submit):
                return
            self._outcomes[business] = recorded_outcome(task, _lost(error), is_elsewhere=True)
        self._counts[business].update(self._sizes[business])

    def _show(self) -> None:
        """Tell the bar what is new; no business counts for more than its share."""
        for business, count in self._counts.items():
            n = min(count.take(), self._sizes[business] - self._n_shown[business])
            self._n_shown[business] += n
            if n:
                self._bar.update(n)

    def _cancel(self) -> None:
        """Take back what no worker has begun with, and ask those that are at it to stop."""
        self._stop.set()
        for future, task in self._waiting().items():
            # An executor may cancel a task that a worker is at; the worker would go on, and its answer be
            # lost.
            if is_at_work(task) or not future.cancel():
                cancel(task)


def _submit_to(executor: Executor, task: BusinessTask) -> Future[TaskOutcome]:
    return executor.submit(execute_elsewhere, task)


def _lost(error: BaseException) -> KlikitFramesError:
    return KlikitFramesError(
        f"The worker of this business was lost ({type(error).__name__}: {str(error)[:200]}). {_GO_ON}"
    )
