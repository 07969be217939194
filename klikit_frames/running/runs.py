"""Runs: a plan sent, noted step by step, and gone on with after whatever happened."""

from __future__ import annotations

import getpass
import platform
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from ..planning.plans import parse_plan
from ..progress import Progress, open_bar
from . import locks
from .attribution import attribute, count_outcomes
from .crews import Crew
from .families import Family, draw, families
from .guards import check_before_sending, check_same_host, check_same_plan
from .journal import Journal, JournalPath, open_journal
from .records import Request, Run, Target
from .results import Result
from .watches import OnError, Rules, Watch

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plans import Plan

N_THREADS = 8


def run(
    plan: Plan,
    client: Client,
    *,
    journal: JournalPath = None,
    progress: Progress = None,
    on_error: OnError = "continue",
    confirm: str | None = None,
    max_failures: int | None = None,
    deadline_s: float | None = None,
) -> Result:
    """Send a plan and return what became of every row.

    Uses the network, and the disk for the journal: each request is noted with its key and its exact bytes
    before it leaves, each outcome before it is shown. A plan is sent once: running it again on the same
    journal sends only what is not settled, and returns the recorded result if all is.

    Parameters
    ----------
    plan : Plan
        What to send.
    client : Client
        Where to send it.
    journal : path, optional
        The journal's file; None is the one in the person's own state folder, ``":memory:"`` keeps none.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show progress, in rows.
    on_error : {"continue", "stop"}
        Whether the first row that is rejected or failed ends the run.
    confirm : str, optional
        ``plan.confirm_code(client)``, needed wherever the client reaches a real business.
    max_failures : int, optional
        More rejected or failed rows than this end the run.
    deadline_s : float, optional
        Seconds after which the run ends.

    Returns
    -------
    Result
        One row per input row, each in exactly one outcome, whatever the server did.

    Raises
    ------
    PlanError
        The plan is not confirmed, not sound, or bound to another host; nothing was sent.
    ConfigError
        The client is read-only, or an option is out of range; nothing was sent.
    JournalError
        The journal cannot be used, or another process has this run; if it fails later, the run stops at once.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     kf.run(plan, client, journal="monday.sqlite3").frame[["outcome", "code", "http_status"]]
       outcome code  http_status
    0  applied   ok          200
    """
    rules = Rules(max_failures=0 if on_error == "stop" else max_failures, deadline_s=deadline_s)
    with ExitStack() as stack:
        book = stack.enter_context(open_journal(journal))
        stack.enter_context(locks.hold(book.lock_path(plan.plan_id), what=f"Plan {plan.plan_id}"))
        known = book.run_of_plan(plan.plan_id)
        if known is not None:
            check_same_plan(plan, known)
            check_same_host(known, client)
        check_before_sending(plan, client, confirm=confirm)
        return _Session(book, plan, client, known or _begin(book, plan, client)).go_on(
            rules, progress=progress
        )


def resume(run_id: str, client: Client, *, journal: JournalPath = None, progress: Progress = None) -> Result:
    """Go on with a run that was interrupted or killed, and return what became of every row.

    Uses the network and the journal. Sends only what is not settled, byte for byte under the key that it had.

    Parameters
    ----------
    run_id : str
        As in ``result.run_id`` and in the last line of :func:`runs`.
    client : Client
        A client of the host that the run began on.
    journal : path, optional
        The journal's file, as given to :func:`run`.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show progress, in rows.

    Returns
    -------
    Result
        One row per input row; what was settled before is told as it was.

    Raises
    ------
    JournalError
        The journal cannot be used, does not know the run, or another process has it.
    PlanError
        The run began on another host.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3")
    ...     kf.resume(result.run_id, client, journal="monday.sqlite3").counts == result.counts
    True
    """
    with ExitStack() as stack:
        book = stack.enter_context(open_journal(journal))
        known = book.run(run_id)
        stack.enter_context(locks.hold(book.lock_path(known.plan_id), what=f"Run {run_id}"))
        check_same_host(known, client)
        plan = parse_plan(book.plan_body(run_id))
        return _Session(book, plan, client, known).go_on(Rules(), progress=progress)


def runs(*, journal: JournalPath = None) -> pd.DataFrame:
    """Return the history: one row per run, newest last.

    Reads the journal, nothing else.

    Parameters
    ----------
    journal : path, optional
        The journal's file, as given to :func:`run`.

    Returns
    -------
    DataFrame
        ``run_id, plan_id, plan_digest, host, user, machine`` (text), ``started_at, ended_at`` (UTC),
        ``n_rows, n_requests``, the six outcomes as counts of rows, and ``status``.

    Examples
    --------
    >>> len(kf.runs())
    0
    """
    with open_journal(journal) as book:
        return book.runs()


@dataclass(slots=True)
class _Session:
    """One stretch of a run, from its start or resumption to its end."""

    book: Journal
    plan: Plan
    client: Client
    run: Run

    def go_on(self, rules: Rules, *, progress: Progress) -> Result:
        """Send what is open, note how it ended, and tell."""
        waiting = [
            family for family in families(self.book.requests(self.run.run_id)) if not family.is_settled
        ]
        watch = Watch(rules, now=time.monotonic)
        if waiting:
            self._send(waiting, watch, progress=progress)
        if watch.trouble is not None:
            raise watch.trouble
        return self._end(watch)

    def _send(self, waiting: list[Family], watch: Watch, *, progress: Progress) -> None:
        n_rows = dict(zip(self.plan.requests["request_no"], self.plan.requests["n_rows"], strict=True))
        total = sum(int(n_rows[family.root.request_no]) for family in waiting)
        bar = open_bar(progress, total=total, description="Sending", unit="rows")
        crew = Crew(
            self.client, self.book, self.run.run_id, watch, knows_clock=self.run.clock_offset_s is not None
        )
        try:
            for phase in _phases(waiting):
                if not watch.stop.is_set():
                    crew.send(
                        phase,
                        report=lambda one: bar.update(int(n_rows[one.root.request_no])),
                        n_threads=N_THREADS,
                    )
        finally:
            bar.close()

    def _end(self, watch: Watch) -> Result:
        frame = attribute(self.plan, self.book.requests(self.run.run_id), proofs={})
        status = watch.reason or "finished"
        counts = count_outcomes(frame["outcome"])
        self.book.note_status(self.run.run_id, status, counts=counts, ended_at=datetime.now(UTC))
        return Result(frame, self.run.run_id, self.plan.plan_id, self.run.host, status=status)


def _begin(book: Journal, plan: Plan, client: Client) -> Run:
    """Draw a key for every request and note them all, before the first leaves."""
    begun = Run(
        run_id=uuid.uuid4().hex,
        plan_id=plan.plan_id,
        plan_digest=plan.digest,
        host=client.host,
        user=_user(),
        machine=platform.node(),
        started_at=datetime.now(UTC),
        n_rows=plan.n_rows,
        n_requests=plan.n_requests,
    )
    book.begin(begun, plan_body=plan.dump(), requests=_draw_all(plan))
    return begun


def _draw_all(plan: Plan) -> list[Request]:
    return [
        draw(
            Target(
                entity_type=row["entity_type"],
                scope=row["scope"],
                is_enabled=bool(row["is_enabled"]),
                ids=tuple(row["ids"]),
                stores=tuple(row["stores"]),
                cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
                cascade_brand_ids=tuple(row["cascade_brand_ids"]),
            ),
            path=(int(row["request_no"]),),
        )
        for row in plan.requests.to_dict("records")
    ]


def _phases(waiting: list[Family]) -> list[list[Family]]:
    """Put business-wide writes before stores: an override must be the last word on its store."""
    wide = [family for family in waiting if family.root.target.scope == "business"]
    return [wide, [family for family in waiting if family.root.target.scope != "business"]]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
