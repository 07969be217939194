"""One plan on its way: offered, confirmed, sent in the background, stopped, retried. Knows no widget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from ..auditing.undo import undo
from ..errors import KlikitFramesError
from ..frames.schemas import RESULT_COLUMNS
from ..planning.plan import parse_plan
from ..planning.planner import plan as make_plan
from ..progress import page_thread
from ..running.jobs import Job, JobProgress, attach, start
from ..running.journal import read_journal

if TYPE_CHECKING:
    import pandas as pd

    from ..api.client import Client
    from ..planning.plan import Plan
    from ..running.journal import JournalPath
    from ..running.results import Result


class Stage(StrEnum):
    """Where a controller is."""

    EMPTY = "empty"
    READY = "ready"
    ASKING = "asking"
    SENDING = "sending"
    STOPPING = "stopping"
    FINISHED = "finished"


_LOOK_S = 0.2
_BUSY = (Stage.SENDING, Stage.STOPPING)


class RunController:
    """Takes plans from offer to result, and sends none of them twice.

    Uses the network and the journal once `apply` is through; what is sent runs on threads of its own, and
    `on_change` is called from these too.

    Parameters
    ----------
    client : Client
        Where to send.
    journal : path, optional
        As for ``kf.run``.
    """

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        self.client = client
        self.journal = journal
        self.stage = Stage.EMPTY
        self.plan: Plan | None = None
        self.note = ""
        self.trouble = ""
        self.result: Result | None = None
        self.n_done = 0
        self.n_total = 0
        self.on_change: Callable[[], None] = lambda: None
        self.on_written: Callable[[pd.DataFrame], None] = lambda _: None
        self._sent: Plan | None = None
        self._job: Job | None = None
        self._began_at = datetime.now(UTC)
        self._lock = threading.RLock()
        self._idle = threading.Event()
        self._idle.set()

    @property
    def code(self) -> str:
        """What has to be typed to confirm the plan; empty where nothing asks for it."""
        needs = self.plan is not None and self.client.needs_confirmation
        return self.plan.confirm_code(self.client) if self.plan is not None and needs else ""

    @property
    def n_wide(self) -> int:
        """Requests of the plan that are business-wide."""
        return 0 if self.plan is None else self.plan.n_business_wide

    @property
    def n_failed(self) -> int:
        """Rows of the result that failed for a reason that is not theirs."""
        return 0 if self.result is None else self.result.counts["failed"]

    @property
    def n_left(self) -> int:
        """Rows of the result that are not settled."""
        return 0 if self.result is None else self.result.counts["not_sent"] + self.result.counts["unknown"]

    def set_plan(self, plan: Plan | None, *, note: str = "") -> None:
        """Put `plan` up to be applied, instead of what was; ignored while something is sent."""
        with self._lock:
            if self.stage in _BUSY:
                return
            self.plan, self.note, self.trouble = plan, note, ""
            self.stage = Stage.EMPTY if plan is None else Stage.READY
        self.on_change()

    def apply(self, code: str = "") -> None:
        """Send the plan that is offered; a second press, a wrong code or no plan sends nothing."""
        with self._lock:
            if self.stage is Stage.READY:
                self.trouble = self._refusal(code.strip())
                if not self.trouble and self.n_wide:
                    self.stage = Stage.ASKING
                elif not self.trouble:
                    self._send(self.plan)
        self.on_change()

    def confirm(self) -> None:
        """Send a business-wide plan after all."""
        with self._lock:
            if self.stage is Stage.ASKING:
                self._send(self.plan)
        self.on_change()

    def reject(self) -> None:
        """Go back to the offer and send nothing."""
        with self._lock:
            if self.stage is Stage.ASKING:
                self.stage = Stage.READY
        self.on_change()

    def cancel(self) -> None:
        """Stop after the requests that are in flight."""
        with self._lock:
            if self.stage is Stage.SENDING:
                self.stage = Stage.STOPPING
                if self._job is not None:
                    self._job.cancel()
        self.on_change()

    def resume(self) -> None:
        """Send what the last run left unsettled: the same requests under the same keys."""
        with self._lock:
            if self.stage not in _BUSY and self._sent is not None and self.n_left:
                self._send(self._sent)
        self.on_change()

    def retry(self) -> None:
        """Plan the failed rows of the last run again, and offer that."""
        if self.result is not None and self.stage not in _BUSY and self.n_failed:
            frame = self.result.frame
            failed = frame[frame["outcome"] == "failed"].drop(columns=list(RESULT_COLUMNS))
            self.set_plan(
                make_plan(failed), note=f"Retry of {len(failed):,} failed rows of run {self.result.run_id}"
            )

    def undo(self) -> None:
        """Read the live flags, plan the undoing of the last run, and offer that."""
        if self.result is not None and self.stage not in _BUSY:
            run_id = self.result.run_id
            try:
                self.set_plan(undo(run_id, self.client, journal=self.journal), note=f"Undo of run {run_id}")
            except KlikitFramesError as error:
                self._show_error(str(error))

    def attach(self, run_id: str) -> None:
        """Show a run of the journal: its result, or how far it is if it goes on somewhere."""
        with self._lock:
            if self.stage not in _BUSY:
                self._follow(partial(self._attach, run_id.strip()), n_total=0)
        self.on_change()

    def wait(self, timeout_s: float = 30.0) -> bool:
        """Return whether nothing is being sent, after waiting for that up to `timeout_s`."""
        return self._idle.wait(timeout_s)

    def update(self, n: int = 1, /) -> None:
        """Note that `n` more rows are settled; a run reports here."""
        with self._lock:
            self.n_done += n
        self.on_change()

    def close(self) -> None:
        """Be told by a run that it reports no more."""

    def _refusal(self, code: str) -> str:
        if self.plan is None or not self.plan.n_requests:
            return "There is nothing to send."
        if self.code and code != self.code:
            return f"Nothing was sent. Type {self.code} to confirm this plan for {self.client.host}."
        return ""

    def _send(self, plan: Plan | None) -> None:
        if plan is not None:
            self._sent = plan
            self._follow(partial(self._start, plan), n_total=plan.counts["sent"])

    def _start(self, plan: Plan) -> Job:
        # The code was typed, or nothing asks for it; before="read" is what an undo stands on.
        code = plan.confirm_code(self.client)
        return start(plan, self.client, journal=self.journal, progress=self, confirm=code, before="read")

    def _attach(self, run_id: str) -> Job:
        with read_journal(self.journal) as book:
            self._sent = parse_plan(book.plan_body(book.find_run_id(run_id)))
        return attach(run_id, journal=self.journal)

    def _follow(self, begin: Callable[[], Job], *, n_total: int) -> None:
        """Begin in the background, and see it to its end there."""
        self.stage, self.trouble, self._job = Stage.SENDING, "", None
        self.n_done, self.n_total = 0, n_total
        self._began_at = datetime.now(UTC)
        self._idle.clear()
        page_thread()(target=self._run_to_end, args=(begin,), daemon=True).start()

    def _run_to_end(self, begin: Callable[[], Job]) -> None:
        try:
            self._finish(self._await(begin()))
        except KlikitFramesError as error:
            self._show_error(str(error))
        except Exception as error:
            self._show_error(f"Something went wrong inside klikit_frames: {error!r}.")
            raise
        finally:
            self._idle.set()

    def _await(self, job: Job) -> Result:
        with self._lock:
            self._job = job
            if self.stage is Stage.STOPPING:
                job.cancel()
        while True:
            try:
                return job.result(timeout=_LOOK_S)
            except TimeoutError:
                self._update_progress(job.progress)

    def _update_progress(self, progress: JobProgress) -> None:
        # A run that was found reports nothing by itself.
        if not self.n_total or self.n_done < progress.n_rows_done:
            with self._lock:
                self.n_done, self.n_total = progress.n_rows_done, progress.n_rows
            self.on_change()

    def _finish(self, result: Result) -> None:
        with self._lock:
            self.result, self.plan, self.note, self.stage = result, None, "", Stage.FINISHED
        # What an older part of the run has written may have been changed by others since.
        self.on_written(result.frame[result.frame["sent_at"] >= self._began_at])
        self.on_change()

    def _show_error(self, trouble: str) -> None:
        with self._lock:
            self.trouble = trouble
            self.stage = Stage.EMPTY if self.plan is None else Stage.READY
        self.on_change()
