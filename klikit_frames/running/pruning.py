"""Old runs removed from a journal, so that it stays small."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pandas as pd

from .. import edge
from ..errors import ConfigError
from . import locks
from .audit_findings import delete_old_findings
from .journal import Journal, JournalPath, open_journal, read_journal
from .promise_records import delete_closed_promises

_AGE = re.compile(r"([0-9]{1,5})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=36_500)
_UNFINISHED = ["not_sent", "unknown"]


def prune_runs(older_than: str | timedelta, *, journal: JournalPath = None) -> pd.DataFrame:
    """Remove old runs from a journal and return what was removed; the file shrinks.

    Reads and writes the journal, nothing else. A run stays, whatever its age, while it goes on, while rows of
    it are ``not_sent`` or ``unknown``, and while a flag that it wrote is not proved to be visible in its
    store's menu: until then the journal is what tells the live flag. So does the run that started a promise
    which has not come to its end; promises that have are removed with the runs of their age. So is what
    audits found to differ, once no audit has seen it for so long.

    Parameters
    ----------
    older_than : str or timedelta
        The age from which on a run is old, by its end: ``"90d"``, ``"12h"``, ``"8w"``, or a timedelta.
    journal : path, optional
        The journal's file, as given to :func:`run`.

    Returns
    -------
    DataFrame
        The runs that were removed, as :func:`runs` lists them.

    Raises
    ------
    ConfigError
        `older_than` is no length of time, or below zero.
    JournalError
        The journal cannot be read or written.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3")
    >>> len(kf.prune_runs("90d", journal="monday.sqlite3"))
    0
    """
    until = edge.now() - _age(older_than)
    with read_journal(journal) as opened:
        old = _old_runs(opened, until)
        has_more = _has_old_notes(opened, until)
    if not len(old) and not has_more:
        return old
    with open_journal(journal) as opened:
        old = _old_runs(opened, until)
        opened.take_in([delete_closed_promises(until), delete_old_findings(until)])
        opened.prune(old["run_id"])
        return old


def _age(older_than: str | timedelta) -> timedelta:
    age = older_than
    if isinstance(age, str) and (match := _AGE.fullmatch(age.strip().lower())):
        age = int(match[1]) * _UNITS[match[2]]
    if not isinstance(age, timedelta) or not timedelta(0) <= age <= _LONGEST:
        raise ConfigError(
            f'older_than={older_than!r} is not a length of time: give days such as "90d", or a timedelta.'
        )
    return age


def _old_runs(journal: Journal, until: datetime) -> pd.DataFrame:
    """Return the finished runs that ended before then and whose flags are proved visible."""
    history = journal.runs()
    is_free = pd.Series(
        [not locks.is_locked(journal.lock_path(plan_id)) for plan_id in history["plan_id"]],
        index=history.index,
        dtype=bool,
    )
    is_settled = history[_UNFINISHED].eq(0).all(axis=1) & history["run_id"].isin(journal.proved_run_ids())
    spared = _promised_runs(journal)
    is_free &= ~history["run_id"].isin(spared) & ~history["plan_id"].isin(spared)
    is_old = history["ended_at"] < pd.Timestamp(until)
    old: pd.DataFrame = history[is_old & is_settled & is_free].reset_index(drop=True)
    return old


def _has_old_notes(journal: Journal, until: datetime) -> bool:
    """Tell whether something else than a run is old: a promise that has ended, or a finding of an audit."""
    is_any_closed = any(one.closed_at and one.closed_at < until for one in journal.promises())
    findings = (one for found in journal.all_audit_findings().values() for one in found.values())
    return is_any_closed or any(one.seen_at < until for one in findings)


def _promised_runs(journal: Journal) -> set[str | None]:
    """Return the runs and plans that promises still stand on."""
    standing = [one for one in journal.promises() if one.status.is_open or one.unpublished_run_id]
    names = ("plan_id", "start_run_id", "end_run_id", "unpublished_run_id")
    return {getattr(one, name) for one in standing for name in names} - {None}
