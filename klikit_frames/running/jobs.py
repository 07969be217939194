"""Runs in the background: started here, or looked at from somewhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from IPython.display import display

from .. import edge
from ..api.client_arguments import takes_client
from ..errors import JournalError, check_number
from ..html import paragraph_html
from ..planning.plan import parse_plan
from ..progress import check_progress, page_thread
from ..wording import SHORT_ID
from . import locks
from .executor import RunExecutor
from .journal import JournalPath, open_journal, read_journal
from .lifecycle import EndReason
from .notifications import OnFinish, check_on_finish, report_result
from .results import Result, build_result, recorded_result
from .runs import open_run

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from .records import Run

_POLL_S = 0.1
_REFRESH_S = 0.3


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a run is."""

    n_rows: int
    n_rows_done: int
    n_requests: int
    n_requests_done: int
    is_running: bool

    def __str__(self) -> str:
        state = "running" if self.is_running else "ended"
        return (
            f"{state}: {self.n_rows_done:,} of {self.n_rows:,} rows, "
            f"{self.n_requests_done:,} of {self.n_requests:,} requests"
        )


class JobBackend(Protocol):
    """Where a job gets the progress and the result of its run."""

    def read_progress(self) -> JobProgress:
        """Return how far it is."""

    def cancel(self) -> None:
        """Tell it to stop."""

    def read_result(self) -> Result:
        """Return what is known of every row by now."""

    def wait(self, timeout: float | None) -> Result | None:
        """Return the result; None if the time was up before the run ended."""


class LocalJob:
    """A run on a thread of this process."""

    def __init__(self, executor: RunExecutor, *, progress: Any, on_finish: OnFinish) -> None:
        self._executor = executor
        self._progress = progress
        self._on_finish = on_finish
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = page_thread()(target=self._work, name=f"run {executor.run.run_id}", daemon=True)
        self._thread.start()

    def read_progress(self) -> JobProgress:
        """Return how far it is."""
        executor = self._executor
        return JobProgress(
            n_rows=executor.plan.n_rows,
            n_rows_done=executor.n_rows_done,
            n_requests=executor.plan.n_requests,
            n_requests_done=executor.n_requests_done,
            is_running=self._thread.is_alive(),
        )

    def cancel(self) -> None:
        """Tell it to stop."""
        self._executor.monitor.end(EndReason.CANCELLED)

    def read_result(self) -> Result:
        """Return what is known of every row by now."""
        executor = self._executor
        try:
            return self._result or build_result(
                executor.journal, executor.plan, executor.run, status="running"
            )
        except JournalError:
            # The run ended just now and closed it; or it broke, and that is what ends the run.
            return cast("Result", self.wait(None))

    def wait(self, timeout: float | None) -> Result | None:
        """Return the result; None if the time was up before the run ended."""
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return self._result

    def _work(self) -> None:
        try:
            host = self._executor.client.host
            self._result = report_result(self._execute, self._on_finish, action="run", host=host)
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def _execute(self) -> Result:
        with self._executor as executor:
            return executor.execute(progress=self._progress)


class RemoteJob:
    """A run that another process, or another part of this one, is at, or was."""

    def __init__(self, run: Run, plan: Plan, journal: JournalPath) -> None:
        self._run = run
        self._journal = journal
        requests = plan.requests
        self._n_rows = dict(zip(requests["request_no"].tolist(), requests["n_rows"].tolist(), strict=True))

    def read_progress(self) -> JobProgress:
        """Return how far it is."""
        with read_journal(self._journal) as journal:
            open_nos = journal.open_request_nos(self._run.run_id)
            is_running = locks.is_locked(journal.lock_path(self._run.plan_id))
        return JobProgress(
            n_rows=self._run.n_rows,
            n_rows_done=self._run.n_rows - sum(self._n_rows[request_no] for request_no in open_nos),
            n_requests=self._run.n_requests,
            n_requests_done=self._run.n_requests - len(open_nos),
            is_running=is_running,
        )

    def cancel(self) -> None:
        """Tell it to stop."""
        with open_journal(self._journal) as journal:
            journal.request_cancel(self._run.run_id)

    def wait(self, timeout: float | None) -> Result | None:
        """Return the result; None if the time was up before the run ended."""
        until = None if timeout is None else edge.monotonic() + timeout
        while self.read_progress().is_running:
            if until is not None and edge.monotonic() >= until:
                return None
            edge.sleep(_POLL_S)
        return self.read_result()

    def read_result(self) -> Result:
        """Return what is known of every row by now."""
        with read_journal(self._journal) as journal:
            return recorded_result(journal, self._run.run_id)


class Job:
    """A run that goes on by itself; made by `kf.start` and `kf.attach`.

    Attributes
    ----------
    run_id : str
        What ``kf.resume`` and ``kf.attach`` go by.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     job = kf.start(plan, client, journal="monday.sqlite3")
    ...     job.result().counts["applied"]
    1
    >>> kf.attach(job.run_id, journal="monday.sqlite3").progress.n_rows_done
    1
    """

    def __init__(self, run_id: str, backend: JobBackend) -> None:
        self.run_id = run_id
        self._backend = backend

    @property
    def progress(self) -> JobProgress:
        """How far it is: ``n_rows_done`` of ``n_rows``, ``n_requests_done`` of ``n_requests``."""
        return self._backend.read_progress()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return not self.progress.is_running

    def cancel(self) -> None:
        """Tell it to stop and return at once; requests in flight are let finish, no other is sent."""
        self._backend.cancel()

    def so_far(self) -> Result:
        """Return what is known of every row by now, without waiting; reads the journal.

        While the run goes on the result's ``status`` is ``running``: rows whose turn has not come are
        ``not_sent``, rows under way are ``unknown``.

        Raises
        ------
        KlikitFramesError
            What ended the run, if that was an error.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     section = kf.read_state(client).head(1)
        ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
        ...     result = kf.run(plan, client, journal="monday.sqlite3")
        >>> kf.attach(result.run_id, journal="monday.sqlite3").so_far().counts["applied"]
        1
        """
        return self._backend.read_result()

    def result(self, timeout: float | None = None) -> Result:
        """Return what became of every row, once it has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits for as long as it takes.

        Raises
        ------
        TimeoutError
            It has not ended yet; it goes on.
        KlikitFramesError
            What ``kf.run`` would have raised.
        """
        if timeout is not None:
            check_number("timeout", timeout)
        result = self._backend.wait(timeout)
        if result is None:
            raise TimeoutError(
                f"Run {self.run_id[:SHORT_ID]} has not ended after {timeout} s; it goes on. {self.progress}"
            )
        return result

    def __repr__(self) -> str:
        return f"<Job of run {self.run_id}, {self.progress}>"

    def _repr_html_(self) -> str:
        progress = self.progress
        done = f'max="{max(progress.n_rows, 1)}" value="{progress.n_rows_done}"'
        said = paragraph_html(f"Run {self.run_id[:SHORT_ID]}, {progress}")
        return f'<progress aria-label="rows done" {done}></progress>{said}'

    def _ipython_display_(self) -> None:
        """Show how far it is in a notebook, and keep it fresh until it has ended."""
        shown = display(self._mimes(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if shown is not None:
            page_thread()(target=self._refresh, args=(shown,), daemon=True).start()

    def _refresh(self, shown: Any) -> None:
        while not self.is_done:
            shown.update(self._mimes(), raw=True)
            edge.sleep(_REFRESH_S)
        shown.update(self._mimes(), raw=True)

    def _mimes(self) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


@takes_client
def start(plan: Plan, client: Client, **options: Any) -> Job:
    """Send a plan in the background and return at once.

    Uses the network and the journal as ``kf.run`` does.

    Parameters
    ----------
    plan : Plan
        What to send.
    client : Client
        Where to send it; keep it open until the job is done.
    **options
        All of ``kf.run``: ``journal``, ``progress`` (an object; no bar is drawn by itself), ``on_error``,
        ``confirm``, ``max_failures``, ``deadline_s``, ``first``, ``before``, ``publish``, ``mirror``,
        ``require_approval``, ``on_finish`` (called on the job's thread; its errors are
        lost).

    Returns
    -------
    Job
        Its ``progress``, ``cancel()`` and ``result()``.

    Raises
    ------
    PlanError, ConfigError, JournalError
        As by ``kf.run``, before anything is sent.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     job = kf.start(plan, client, journal=":memory:")
    ...     job.result().summary
    '1 row: 1 applied.'
    """
    progress = options.pop("progress", None)
    on_finish = options.pop("on_finish", None)
    check_progress(progress)
    check_on_finish(on_finish)
    executor = open_run(plan, client, **options)
    return Job(executor.run.run_id, LocalJob(executor, progress=progress, on_finish=on_finish))


def attach(run_id: str, *, journal: JournalPath = None) -> Job:
    """Return the job of a run that goes on, or went on, anywhere on this machine; reads the journal.

    Parameters
    ----------
    run_id : str
        As in ``kf.runs()``; its first digits, at least 4, or ``"last"``.
    journal : path, optional
        The journal's file, as given to the run.

    Raises
    ------
    JournalError
        The journal cannot be read or does not know the run.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3")
    >>> kf.attach(result.run_id, journal="monday.sqlite3").is_done
    True
    """
    with read_journal(journal) as opened:
        run_id = opened.find_run_id(run_id)
        run = opened.run(run_id)
        plan = parse_plan(opened.plan_body(run_id))
    return Job(run_id, RemoteJob(run, plan, journal))
