"""How a run stands: asked of its own session in this process, or of the journal from anywhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import JournalError
from . import locks
from .journal import JournalPath, open_journal, read_journal
from .results import Result
from .sessions import Session, recorded_result, tell

if TYPE_CHECKING:
    from ..planning.plans import Plan
    from .records import Run

_POLL_S = 0.1


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


class Standing(Protocol):
    """Where a job learns how its run stands."""

    def look(self) -> JobProgress:
        """Return how far it is."""

    def cancel(self) -> None:
        """Tell it to stop."""

    def tell(self) -> Result:
        """Return what is known of every row by now."""

    def wait(self, timeout: float | None) -> Result | None:
        """Return the result; None if the time was up before the run ended."""


class Here:
    """A run on a thread of this process."""

    def __init__(self, session: Session, *, progress: Any) -> None:
        self._session = session
        self._progress = progress
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"run {session.run.run_id}", daemon=True)
        self._thread.start()

    def look(self) -> JobProgress:
        """Return how far it is."""
        session = self._session
        return JobProgress(
            n_rows=session.plan.n_rows,
            n_rows_done=session.n_rows_done,
            n_requests=session.plan.n_requests,
            n_requests_done=session.n_requests_done,
            is_running=self._thread.is_alive(),
        )

    def cancel(self) -> None:
        """Tell it to stop."""
        self._session.watch.end("cancelled")

    def tell(self) -> Result:
        """Return what is known of every row by now."""
        session = self._session
        try:
            return self._result or tell(session.book, session.plan, session.run, status="running")
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
            with self._session as session:
                self._result = session.go_on(progress=self._progress)
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error


class Elsewhere:
    """A run that another process, or another part of this one, is at, or was."""

    def __init__(self, run: Run, plan: Plan, journal: JournalPath) -> None:
        self._run = run
        self._journal = journal
        requests = plan.requests
        self._n_rows = dict(zip(requests["request_no"].tolist(), requests["n_rows"].tolist(), strict=True))

    def look(self) -> JobProgress:
        """Return how far it is."""
        with read_journal(self._journal) as book:
            open_nos = book.open_request_nos(self._run.run_id)
            is_running = locks.is_held(book.lock_path(self._run.plan_id))
        return JobProgress(
            n_rows=self._run.n_rows,
            n_rows_done=self._run.n_rows - sum(self._n_rows[request_no] for request_no in open_nos),
            n_requests=self._run.n_requests,
            n_requests_done=self._run.n_requests - len(open_nos),
            is_running=is_running,
        )

    def cancel(self) -> None:
        """Tell it to stop."""
        with open_journal(self._journal) as book:
            book.note_cancel(self._run.run_id)

    def wait(self, timeout: float | None) -> Result | None:
        """Return the result; None if the time was up before the run ended."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.look().is_running:
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(_POLL_S)
        return self.tell()

    def tell(self) -> Result:
        """Return what is known of every row by now."""
        with read_journal(self._journal) as book:
            return recorded_result(book, self._run.run_id)
