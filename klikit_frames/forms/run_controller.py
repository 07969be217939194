"""One plan from offer to result: confirmed, sent in the background, stopped, published. Knows no widget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import edge
from ..auditing.undo import undo
from ..errors import KlikitFramesError
from ..frames.schemas import RESULT_COLUMNS
from ..planning.plan import parse_plan
from ..planning.planner import plan as make_plan
from ..progress import page_thread
from ..running.jobs import Job, attach, start
from ..running.journal import read_journal
from ..running.publishes import publish, publish_code
from ..running.runs import runs
from ..wording import counted
from .button_words import to_buttons
from .timed_changes import TickEnd, TimedChange, awaits_tick, keep_due

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class RunProgress:
    """How far a run is, in requests; a `total` of 0 means that it is not known yet."""

    done: int
    total: int
    text: str


_LOOK_S = 0.2
_BUSY = (Stage.SENDING, Stage.STOPPING)
_MOST_RUNS = 15
_WRITTEN = ["scope", "brand_id", "branch_id"]


class RunController:
    """Takes plans from offer to result, and sends none of them twice.

    Uses the network and the journal once `apply` is through. Sending runs on threads of its own, which call
    `on_change` too.

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
        self.timed: TimedChange | None = None
        self.note = ""
        self.trouble = ""
        self.said = ""
        self.result: Result | None = None
        self.progress: RunProgress | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.on_written: Callable[[pd.DataFrame], None] = lambda _: None
        self.unpublished: list[tuple[int, int]] = []
        self._asks_to_publish = False
        self.sent_offer: Plan | None = None
        self._sent: Plan | None = None
        self._is_tick = False
        self._job: Job | None = None
        self._can_stop = False
        self._began_at = edge.now()
        self._lock = threading.RLock()
        self._idle = threading.Event()
        self._idle.set()

    @property
    def is_busy(self) -> bool:
        """Whether something is being sent."""
        return self.stage in _BUSY

    @property
    def can_cancel(self) -> bool:
        """Whether what is being sent can be stopped half-way: a publish cannot."""
        return self.stage is Stage.SENDING and self._can_stop

    @property
    def asks_to_publish(self) -> bool:
        """Whether the question that is asked is about a publish."""
        return self.stage is Stage.ASKING and self._asks_to_publish

    @property
    def code(self) -> str:
        """The code that must be typed to confirm; empty where none is needed."""
        if not self.client.needs_confirmation:
            return ""
        if self.asks_to_publish:
            return publish_code(self.unpublished, self.client)
        if self.timed is not None:
            return self.timed.code(self.client)
        return "" if self.plan is None else self.plan.confirm_code(self.client)

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
        """Rows of the result that carrying on settles."""
        return 0 if self.result is None else self.result.n_open

    def set_plan(self, plan: Plan | None, *, note: str = "", timed: TimedChange | None = None) -> None:
        """Offer `plan` in place of the one before; ignored while something is being sent.

        With `timed`, the plan shows what its promises begin with; Apply notes the promises, and ticks.
        """
        with self._lock:
            if self.stage in _BUSY:
                return
            self.plan, self.note, self.timed, self.trouble = plan, note, timed, ""
            self.stage = Stage.EMPTY if plan is None else Stage.READY
        self.on_change()

    def apply(self, code: str = "") -> None:
        """Send the plan that is offered; a second press, a wrong code or no plan sends nothing."""
        with self._lock:
            if self.stage is Stage.READY:
                self.trouble = self._refusal(code.strip())
                if not self.trouble and self.n_wide:
                    self.stage, self._asks_to_publish = Stage.ASKING, False
                elif not self.trouble:
                    self._send(self.plan)
        self.on_change()

    def confirm(self, code: str = "") -> None:
        """Answer the open question with yes."""
        with self._lock:
            if self.stage is Stage.ASKING and self._asks_to_publish:
                self.trouble = self._code_trouble(code.strip())
                if not self.trouble:
                    self._begin(partial(self._publish, list(self.unpublished)), can_stop=False)
            elif self.stage is Stage.ASKING:
                self._send(self.plan)
        self.on_change()

    def reject(self) -> None:
        """Answer it with no: go back to the offer and send nothing."""
        with self._lock:
            if self.stage is Stage.ASKING:
                self.stage, self.trouble = self._resting(), ""
        self.on_change()

    def cancel(self) -> None:
        """Stop after the requests that are in flight."""
        with self._lock:
            if self.stage is Stage.SENDING and self._job is not None:
                self.stage = Stage.STOPPING
                self._job.cancel()
            elif self.can_cancel:
                self.stage = Stage.STOPPING
        self.on_change()

    def keep_due(self) -> None:
        """Do what is due of all promises."""
        with self._lock:
            if self.stage not in _BUSY:
                self.trouble = self._access_trouble()
                if not self.trouble:
                    self.sent_offer = None
                    self._begin_tick(partial(keep_due, self.client, journal=self.journal))
        self.on_change()

    def publish(self) -> None:
        """Ask whether to publish the stores that were written: that publishes others' changes too."""
        with self._lock:
            if self.stage not in _BUSY and self.unpublished:
                self.stage, self._asks_to_publish = Stage.ASKING, True
                self.trouble = self._access_trouble()
        self.on_change()

    def resume(self) -> None:
        """Send what the last run left unsettled: the same requests under the same keys.

        A promise that has not begun is left to a tick, which knows its flag from before.
        """
        if self._is_tick and self.result is not None and self.n_left > self.result.counts["unknown"]:
            self.keep_due()
            return
        with self._lock:
            if self.stage not in _BUSY and self._sent is not None and self.n_left:
                self.trouble = self._access_trouble()
                if not self.trouble:
                    self._send(self._sent)
        self.on_change()

    def retry(self) -> None:
        """Offer a plan of the last run's failed rows; those of promises are left to the next tick."""
        if self._is_tick and self.n_failed:
            self.keep_due()
        elif self.result is not None and self.stage not in _BUSY and self.n_failed:
            frame = self.result.frame
            failed = frame[frame["outcome"] == "failed"].drop(columns=[*RESULT_COLUMNS])
            names = self.result.names
            again = make_plan(failed.drop(columns="published", errors="ignore"), progress=False)
            self.set_plan(again.with_named(names), note=f"Retry of {counted(len(failed), 'row')} that failed")

    def undo(self) -> None:
        """Read the live flags, and offer a plan that undoes the last run."""
        if self.result is not None and self.stage not in _BUSY:
            run_id = self.result.run_id
            try:
                taken_back = undo(run_id, self.client, journal=self.journal, progress=False)
            except KlikitFramesError as error:
                self._show_error(str(error))
            else:
                self.set_plan(taken_back.with_named(self.result.names), note="Undo of the last run")

    def attach(self, run_id: str) -> None:
        """Show a run of the journal: its result, or its progress if it still goes on somewhere."""
        with self._lock:
            if self.stage not in _BUSY:
                self._begin(partial(self._see_to_end, partial(self._attach, run_id.strip())))
        self.on_change()

    def history(self) -> pd.DataFrame:
        """Return the last runs on this host, newest first; none if the journal cannot be read."""
        try:
            history = runs(journal=self.journal)
        except KlikitFramesError:
            return pd.DataFrame()
        return history[history["host"] == self.client.host].tail(_MOST_RUNS).iloc[::-1]

    def wait(self, timeout_s: float = 30.0) -> bool:
        """Wait up to `timeout_s` until nothing is being sent, and return whether that is so."""
        return self._idle.wait(timeout_s)

    def _resting(self) -> Stage:
        if self.plan is not None:
            return Stage.READY
        return Stage.EMPTY if self.result is None else Stage.FINISHED

    def _access_trouble(self) -> str:
        if self.client.is_closed:
            return "The connection of this form is closed. Run its cell again."
        if self.client.read_only:
            return "The connection of this form is read-only: it may look and not write."
        return ""

    def _code_trouble(self, code: str) -> str:
        if self.code and code != self.code:
            return f"Nothing was sent. Type {self.code} to confirm this for {self.client.host}."
        return ""

    def _refusal(self, code: str) -> str:
        if self.plan is None or not self.plan.n_requests:
            return "There is nothing to send."
        return self._access_trouble() or self._code_trouble(code)

    def _send(self, plan: Plan | None) -> None:
        if plan is None:
            return
        timed = self.timed if plan is self.plan else None
        self._sent = self.sent_offer = plan
        if timed is None:
            self._begin(partial(self._see_to_end, partial(self._start, plan)))
        else:
            self._begin_tick(partial(timed.begin, self.client, journal=self.journal))

    def _begin_tick(self, begin: Callable[..., TickEnd]) -> None:
        self._begin(partial(self._tick, partial(begin, send=self._send_and_follow)))

    def _start(self, plan: Plan) -> Job:
        # The code was typed, or nothing asks for it.
        code = plan.confirm_code(self.client)
        return start(plan, self.client, journal=self.journal, progress=False, confirm=code)

    def _attach(self, run_id: str) -> Job:
        self._sent, self.sent_offer = self._recorded_plan(run_id), None
        return attach(run_id, journal=self.journal)

    def _recorded_plan(self, run_id: str) -> Plan:
        with read_journal(self.journal) as journal:
            return parse_plan(journal.plan_body(journal.find_run_id(run_id)))

    def _begin(self, work: Callable[[], None], *, can_stop: bool = True) -> None:
        """Do `work` in the background."""
        self.stage, self.trouble, self._job, self.said = Stage.SENDING, "", None, ""
        self._can_stop = can_stop
        self.progress = RunProgress(0, 0, "Beginning …")
        self._began_at = edge.now()
        self._idle.clear()
        page_thread()(target=self._run_to_end, args=(work,), daemon=True).start()

    def _run_to_end(self, work: Callable[[], None]) -> None:
        try:
            work()
        except KlikitFramesError as error:
            self._show_error(str(error))
        except Exception as error:
            self._show_error(f"Something went wrong inside klikit_frames: {error!r}.")
            raise
        finally:
            self._idle.set()

    def _see_to_end(self, begin: Callable[[], Job]) -> None:
        self._finish(self._follow(begin()))

    def _send_and_follow(self, plan: Plan, client: Client, **options: Any) -> Result:
        return self._follow(start(plan, client, **options))

    def _follow(self, job: Job) -> Result:
        """Show a job's progress until it ends; pass on a cancel that came before the job."""
        with self._lock:
            self._job = job
            if self.stage is Stage.STOPPING:
                job.cancel()
        while True:
            self._update_progress(job)
            with suppress(TimeoutError):
                return job.result(timeout=_LOOK_S)

    def _update_progress(self, job: Job) -> None:
        progress = job.progress
        done, total = progress.n_requests_done, progress.n_requests
        pacing = self.client.pacing
        left_s = ceil(pacing.seconds_for(n_writes=total - done))
        ending = " Stopping: what is under way is let finish." if self.stage is Stage.STOPPING else ""
        cap = f"at {pacing.writes_per_minute:,} a minute"
        waits = ", waiting for the cap" if pacing.wait_s > _LOOK_S else ""
        text = f"{done:,} of {counted(total, 'request')}, about {left_s:,} s left {cap}{waits}.{ending}"
        with self._lock:
            self.progress = RunProgress(done, total, text)
        self.on_change()

    def _finish(self, result: Result, *, is_tick: bool = False) -> None:
        # What an older part of the run has written may have been published since.
        written = result.frame[result.frame["sent_at"] >= self._began_at]
        applied = written[(written["outcome"] == "applied") & (written["scope"] == "store")]
        if "published" in applied:
            applied = applied[~applied["published"].fillna(value=False).astype(bool)]
        pairs = applied[["brand_id", "branch_id"]].drop_duplicates().itertuples(index=False, name=None)
        with self._lock:
            self.result, self.stage = result, Stage.FINISHED
            self._is_tick = is_tick or awaits_tick(result, journal=self.journal, now=self.client.server_now())
            self.plan, self.note, self.timed = None, "", None
            self.unpublished = sorted(
                {*self.unpublished, *((int(brand), int(branch)) for brand, branch in pairs)}
            )
        self.on_written(written)
        self.on_change()

    def _tick(self, begin: Callable[[], TickEnd]) -> None:
        self.progress = RunProgress(0, 0, "Keeping promises …")
        self.on_change()
        result, said = begin()
        self.said = to_buttons(said)
        if result is not None:
            self._sent = self._recorded_plan(result.run_id)
            self._finish(result, is_tick=True)
            return
        with self._lock:
            if self.sent_offer is not None:
                self.plan, self.note, self.timed = None, "", None
            self.stage = self._resting()
        self.on_written(pd.DataFrame(columns=_WRITTEN))
        self.on_change()

    def _publish(self, stores: list[tuple[int, int]]) -> None:
        self.progress = RunProgress(0, 0, f"Publishing {counted(len(stores), 'store')} …")
        self.on_change()
        code = publish_code(stores, self.client)
        done = publish(stores, self.client, journal=self.journal, confirm=code)
        is_published = done["outcome"] == "published"
        rest = done.loc[~is_published, "message"].dropna().unique().tolist()
        why = f" {rest[0].capitalize()}." if rest else ""
        with self._lock:
            left = done.loc[~is_published, ["brand_id", "branch_id"]].itertuples(index=False, name=None)
            self.unpublished = [(int(brand), int(branch)) for brand, branch in left]
            self.said = f"{int(is_published.sum()):,} of {counted(len(done), 'store')} published.{why}"
            self.stage = self._resting()
        self.on_written(done.assign(scope="store"))
        self.on_change()

    def _show_error(self, trouble: str) -> None:
        with self._lock:
            self.trouble = to_buttons(trouble)
            self.stage = self._resting()
        self.on_change()
