"""Runs: a plan is sent, recorded step by step, and resumed after an interruption."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ..api.client_arguments import takes_client
from ..planning.plan import parse_plan
from ..progress import Progress, check_progress
from ..wording import SHORT_ID, visible_text
from . import locks
from .approvals import check_approval
from .before_images import Before, LaterWrite, check_left_out, find_later_writes, has_stale_cell
from .executor import RunExecutor, new_run
from .guards import (
    OnError,
    Rules,
    RunMonitor,
    check_before_sending,
    check_client,
    check_is_plan,
    check_options,
    check_same_host,
    check_same_plan,
)
from .journal import Journal, JournalPath, open_journal, read_journal
from .journal_codec import expected_shape
from .journal_copies import check_free, far_path, take_in_mirror
from .journal_files import JOURNAL_VARIABLE, advise_on_journal
from .journal_maintenance import default_mirror
from .lifecycle import EndReason
from .notifications import OnFinish, report_result
from .request_trees import RowCounter
from .results import Result

if TYPE_CHECKING:
    from ..api.client import Client
    from ..model import Cell, Store
    from ..planning.plan import Plan
    from .records import Run

_LOG = logging.getLogger("klikit_frames")
# A logger of its own, so that the warning about a short-lived journal can be silenced.
_JOURNAL_LOG = logging.getLogger("klikit_frames.journal")
ENDINGS_LOG = logging.getLogger("klikit_frames.endings")


@takes_client
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
    first: int | None = None,
    before: Before = "auto",
    publish: bool = False,
    mirror: str | os.PathLike[str] | None = None,
    require_approval: bool = False,
    on_finish: OnFinish = None,
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
        Where to show progress, in requests.
    on_error : {"continue", "stop"}
        Whether the first row that is rejected, failed or unknown ends the run.
    confirm : str, optional
        ``plan.confirm_code(client)``, needed wherever the client reaches a real business.
    max_failures : int, optional
        More rows than this that are rejected, failed or unknown end the run.
    deadline_s : float, optional
        Seconds after which the run ends; a resume has them again.
    first : int, optional
        A canary: so many requests are sent and read back, and the rest only if all is as asked.
    publish : bool
        Publish the stores that were written, once nothing is left to send; the result then has a column
        ``published`` (boolean, missing for business rows and where nobody knows).
    before : {"auto", "plan", "read", "none"}
        Where the flags from before come from, on which undo and proof stand: the plan's state where it tells
        every cell, was read less than 15 minutes ago and is newer than all that the journal wrote there,
        else a reading of the menus of the touched stores before the first request; always the one or the
        other; or nowhere, and then there is no undo. Where a menu cannot be read, nothing is sent. A store
        that the API does not know is no such menu.
    require_approval : bool
        Send only a plan from a file beside which lies the approval of somebody else: see `approve`.
    on_finish : callable, optional
        Called once at the end with the summary as a dict (``host, status, is_complete, counts, headline,
        account, trouble, resume …``), also where an error is raised: ``status`` is then ``error``. If it
        fails itself, a note of the result says so, and nothing else changes.
    mirror : path, optional
        Where a whole copy of the journal is kept, on a drive that outlives this machine: the first before the
        first write, then at least every 2 s, and at the end. SQLite never opens it there. Runs of an earlier
        mirror at this path are taken into the journal first. A mirror that cannot be written is logged and
        stops nothing. None is where KLIKIT_JOURNAL_MIRROR says, or nowhere.

    Returns
    -------
    Result
        One row per input row, each in exactly one outcome, whatever the server did.

    Raises
    ------
    PlanError
        The plan is not confirmed, not approved where that is required, not sound, bound to another host, or
        leaves rows out by a state that is older than what this journal wrote there; nothing was sent.
    ConfigError
        The client is read-only, or an option is out of range; nothing was sent.
    RequestError
        The flags from before could not be read; nothing was sent or recorded.
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
    check_progress(progress)

    def work() -> Result:
        with open_run(
            plan,
            client,
            journal=journal,
            on_error=on_error,
            confirm=confirm,
            max_failures=max_failures,
            deadline_s=deadline_s,
            first=first,
            before=before,
            publish=publish,
            mirror=mirror,
            require_approval=require_approval,
        ) as executor:
            return executor.execute(progress=progress)

    return _log_open(report_result(work, on_finish, action="run", host=client.host))


@takes_client
def resume(
    run_id: str,
    client: Client,
    *,
    journal: JournalPath = None,
    progress: Progress = None,
    mirror: str | os.PathLike[str] | None = None,
    on_finish: OnFinish = None,
) -> Result:
    """Go on with a run that was interrupted or killed, and return what became of every row.

    Uses the network and the journal. Sends only what is not settled, byte for byte under the key that it had,
    and reads back what no answer settles. The options of the run hold on, a canary that has not passed too,
    and the lower cap on writes: the run's or the client's. A run that was ended by its own options, or
    because everything was refused, counts from zero again: whoever resumes it has seen why.

    A run of an imported journal, or of a mirror, goes on in the same way; the result says where it was last
    seen running. What that copy had not seen yet is sent again under the same keys while they live; later,
    only if reading shows that it was not done.

    Parameters
    ----------
    run_id : str
        As in ``result.run_id`` and in the last line of :func:`runs`; its first digits, at least 4, or
        ``"last"``.
    client : Client
        A client of the host that the run began on.
    journal : path, optional
        The journal's file, as given to :func:`run`.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show progress, in requests.
    on_finish : callable, optional
        Gets the summary at the end, as by :func:`run`.
    mirror : path, optional
        As for :func:`run`; None is the run's own.

    Returns
    -------
    Result
        One row per input row; what was settled before keeps its outcome.

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
    check_progress(progress)

    def work() -> Result:
        with _reopen(run_id, client, journal=journal, mirror=mirror) as executor:
            return executor.execute(progress=progress)

    return _log_open(report_result(work, on_finish, action="resume", host=client.host))


def _log_open(result: Result) -> Result:
    """Say how a run ended that left something open: its result may be kept in a name, and seen by nobody."""
    if result.resume_hint:
        ENDINGS_LOG.warning("%s", result.summary)
    return result


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
        ``n_rows, n_requests``, the six outcomes as counts of rows, and ``status``: ``running``, ``finished``,
        ``killed``, or why it ended early.

    Examples
    --------
    >>> len(kf.runs())
    0
    """
    with read_journal(journal) as opened:
        return _tell_dead(opened.runs(), opened)


def open_run(
    plan: Plan,
    client: Client,
    *,
    journal: JournalPath = None,
    on_error: OnError = "continue",
    confirm: str | None = None,
    max_failures: int | None = None,
    deadline_s: float | None = None,
    first: int | None = None,
    before: Before = "auto",
    publish: bool = False,
    mirror: str | os.PathLike[str] | None = None,
    publish_also: Iterable[Store] = (),
    require_approval: bool = False,
) -> RunExecutor:
    """Check all that can be checked before the first write, and return what is ready to go on.

    The options and errors are those of :func:`run`. The journal and the run's lock are held until the
    executor is closed; nothing is noted and nothing sent yet.
    """
    check_is_plan(plan)
    rules = Rules(
        on_error=on_error,
        max_failures=max_failures,
        deadline_s=deadline_s,
        first=first,
        before=before,
        publish=publish,
        publish_also=tuple(publish_also),
        require_approval=require_approval,
    )
    check_options(rules)
    check_client(client)
    rules = replace(rules, writes_per_minute=client.pacing.configured_writes_per_minute)
    with ExitStack() as stack:
        opened = stack.enter_context(open_journal(journal))
        rules = _take_in_mirror(opened, rules, given=mirror)
        stack.enter_context(
            locks.hold(opened.lock_path(plan.plan_id), what=f"Plan {plan.plan_id[:SHORT_ID]}")
        )
        begun = opened.run_of_plan(plan.plan_id)
        later, notes = {}, []
        if begun is None:
            later = _check_new(plan, client, opened, rules, confirm=confirm)
            _warn_of_place(opened, rules, is_named=_is_named(journal))
        else:
            check_same_plan(plan, begun)
            rules = _resumed_rules(opened, begun, client, rules)
            if rules.require_approval and not begun.rules.get("require_approval"):
                check_approval(plan, client)
            notes = _move_here(opened, begun)
        run = begun or new_run(plan, client, rules=asdict(rules))
        stack.enter_context(_limit_writes(client, rules))
        return RunExecutor(
            opened,
            plan,
            client,
            run,
            rules,
            _monitor(opened, run, rules, plan),
            resources=stack.pop_all(),
            is_new=begun is None,
            has_stale_state=has_stale_cell(plan, later),
            notes=notes,
        )


def _reopen(
    run_id: str, client: Client, *, journal: JournalPath, mirror: str | os.PathLike[str] | None
) -> RunExecutor:
    check_client(client)
    with ExitStack() as stack:
        opened = stack.enter_context(open_journal(journal))
        given = _take_in_mirror(opened, Rules(), given=mirror)
        run = opened.run(opened.find_run_id(run_id))
        what = f"Run {run.run_id[:SHORT_ID]}"
        stack.enter_context(locks.hold(opened.lock_path(run.plan_id), what=what))
        # A damaged plan is reported before anything in the journal is changed.
        plan = parse_plan(opened.plan_body(run.run_id))
        given = replace(given, writes_per_minute=client.pacing.configured_writes_per_minute)
        rules = _resumed_rules(opened, run, client, given)
        notes = _move_here(opened, run)
        stack.enter_context(_limit_writes(client, rules))
        monitor = _monitor(opened, run, rules, plan)
        return RunExecutor(opened, plan, client, run, rules, monitor, resources=stack.pop_all(), notes=notes)


def _check_new(
    plan: Plan, client: Client, journal: Journal, rules: Rules, *, confirm: str | None
) -> dict[Cell, LaterWrite]:
    """Check a plan that was never begun; returns what this machine wrote since its state was read."""
    check_before_sending(plan, client, confirm=confirm)
    later = find_later_writes(plan, client, journal)
    check_left_out(plan, later)
    if rules.require_approval:
        check_approval(plan, client)
    return later


def _warn_of_place(journal: Journal, rules: Rules, *, is_named: bool) -> None:
    """Log what is to be said of a journal whose place may not last; a mirror makes up for that."""
    if rules.mirror is None and (advice := advise_on_journal(journal.path, is_named=is_named)):
        _JOURNAL_LOG.warning("%s", visible_text(advice))


def _resumed_rules(journal: Journal, run: Run, client: Client, given: Rules) -> Rules:
    """Return the rules that a run goes on under on this client, and take back a cancel of it."""
    check_same_host(run, client)
    journal.clear_cancel(run.run_id)
    if not run.account:
        journal.record_account(run.run_id, client.account)
    return _keep_rules(given, run)


def _take_in_mirror(journal: Journal, rules: Rules, *, given: str | os.PathLike[str] | None) -> Rules:
    """Return the rules with the path of the mirror, once its earlier runs are in the journal."""
    is_given = given is not None and not (isinstance(given, str) and not given)
    path = given if is_given else default_mirror()
    if path is None:
        return rules
    far = far_path(path, journal=journal, name="mirror")
    check_free(far, name="mirror")
    take_in_mirror(journal, far)
    return replace(rules, mirror=str(far))


def _is_named(journal: JournalPath) -> bool:
    return journal is not None or JOURNAL_VARIABLE in os.environ


def _move_here(journal: Journal, run: Run) -> list[str]:
    """Say where a run was last seen running, and note that it goes on here; later it is of this place."""
    if run.copied_at is None:
        return []
    said = visible_text(
        f"It was last seen running on {run.last_machine or run.machine}, at "
        f"{run.copied_at:%Y-%m-%d %H:%M:%S} UTC; it must not go on there as well."
    )
    _LOG.warning("Run %s goes on from a copy of its journal. %s", run.run_id[:SHORT_ID], said)
    journal.record_resumed(run.run_id, machine=platform.node())
    return [said]


def _keep_rules(given: Rules, run: Run) -> Rules:
    """Return the rules that a run goes on under: those recorded, and over them what is given now."""
    with expected_shape("the rules of a run"):
        check_options(Rules().with_recorded(run.rules))
    rules = given.with_recorded(run.rules)
    check_options(rules)
    # Whoever goes on after a canary that failed has seen why.
    return replace(rules, first=given.first) if run.status == EndReason.CANARY else rules


def _monitor(journal: Journal, run: Run, rules: Rules, plan: Plan) -> RunMonitor:
    is_cancelled = partial(journal.is_cancelled, run.run_id)
    return RunMonitor(rules, count_rows=RowCounter(plan), is_cancelled=is_cancelled)


def _limit_writes(client: Client, rules: Rules) -> AbstractContextManager[None]:
    return client.pacing.limit_writes(rules.writes_per_minute or client.pacing.configured_writes_per_minute)


def _tell_dead(history: pd.DataFrame, journal: Journal) -> pd.DataFrame:
    """Say ``killed`` of a run that nobody runs and that never noted its end."""
    for place in history.index[history["status"] == "running"]:
        if not locks.is_locked(journal.lock_path(history.loc[place, "plan_id"])):
            history.loc[place, "status"] = "killed"
    return history
