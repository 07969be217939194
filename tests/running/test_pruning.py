"""Old runs removed from a journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running import locks
from klikit_frames.running.audit_findings import Finding, note_audit
from klikit_frames.running.journal import Journal, open_journal

from .doubles import Bar, interrupt


def _finish(journal: Journal, run_id: str, *, days_ago: int, **counts: int) -> None:
    """Let a run have ended so many days ago."""
    told = dict.fromkeys(["applied", "unchanged", "rejected", "failed", "unknown", "not_sent"], 0)
    ended_at = datetime.now(UTC) - timedelta(days=days_ago)
    journal.record_status(run_id, "finished", counts=told | counts, ended_at=ended_at)


def _begin(journal: Path, client: kf.Client, toggles: pd.DataFrame, n: int) -> list[str]:
    one = toggles.head(1)
    return [kf.run(kf.plan(one, progress=False), client, journal=journal).run_id for _ in range(n)]


def test_prune_runs__removes_what_is_old_and_settled(
    journal: Path, client: kf.Client, narrow: pd.DataFrame
) -> None:
    """Old runs go with their locks and the file shrinks; young, open and unproved ones stay."""
    old, young, is_open, unproved = _begin(journal, client, narrow, 4)
    with open_journal(journal) as opened:
        _finish(opened, old, days_ago=91)
        _finish(opened, young, days_ago=89)
        _finish(opened, is_open, days_ago=91, unknown=1)
        _finish(opened, unproved, days_ago=91)
        opened.mark_proved([old, young, is_open])
        lock = opened.lock_path(opened.run(old).plan_id)
    listed, size = kf.runs(journal=journal), journal.stat().st_size
    removed = kf.prune_runs("90d", journal=journal)
    pd.testing.assert_frame_equal(removed, listed.head(1))
    pd.testing.assert_frame_equal(kf.runs(journal=journal), listed.iloc[1:].reset_index(drop=True))
    assert journal.stat().st_size <= size
    assert lock is not None
    assert not lock.exists()
    assert len(kf.prune_runs(timedelta(days=90), journal=journal)) == 0
    for run_id in (young, is_open, unproved):
        assert len(kf.attach(run_id, journal=journal).so_far().frame) == 1


def test_prune_runs__spares_an_interrupted_run(
    journal: Path, client: kf.Client, singles: kf.Plan, sandbox: kf.sandbox.Sandbox
) -> None:
    """A run that was interrupted can be resumed after any pruning."""
    with sandbox.connect(max_connections=1, writes_per_minute=10**6) as slow:
        run_id = kf.run(singles, slow, journal=journal, progress=Bar(interrupt)).run_id
    with open_journal(journal) as opened:
        opened.mark_proved([run_id])
    assert kf.prune_runs("0d", journal=journal).empty
    assert kf.resume(run_id, client, journal=journal).counts["applied"] == 12


def test_prune_runs__spares_a_run_in_use(journal: Path, client: kf.Client, narrow: pd.DataFrame) -> None:
    """A run that somebody holds is not removed under his hands."""
    (run_id,) = _begin(journal, client, narrow, 1)
    with open_journal(journal) as opened:
        opened.mark_proved([run_id])
        lock = opened.lock_path(opened.run(run_id).plan_id)
    with locks.hold(lock, what="Run"):
        assert kf.prune_runs("0d", journal=journal).empty
    assert kf.prune_runs("0d", journal=journal)["run_id"].tolist() == [run_id]


@pytest.mark.parametrize("age", ["soon", "-1d", 90, None, timedelta(days=-1), "NaT"])
def test_prune_runs__no_length_of_time(journal: Path, age: Any) -> None:
    """An age that is none is refused before the journal is touched."""
    with pytest.raises(kf.ConfigError, match="length of time"):
        kf.prune_runs(age, journal=journal)
    assert not journal.exists()


def test_prune_runs__no_journal(journal: Path) -> None:
    """Where there is no journal there is nothing to remove, and none is made."""
    assert kf.prune_runs("90d", journal=journal).empty
    assert not journal.exists()


def test_prune_runs__forgets_what_no_audit_has_seen_for_long(journal: Path) -> None:
    """A cell that still differs stays, however long it has; one that no table names any more goes."""
    now = datetime.now(UTC)
    begun = now - timedelta(days=200)
    seen = Finding(Cell("item", 7, None, None), False, begun, now - timedelta(days=1))
    forgotten = Finding(Cell("item", 8, None, None), False, begun, now - timedelta(days=91))
    with open_journal(journal) as opened:
        opened.take_in(note_audit("account", found=[seen, forgotten], settled=[]))
    kf.prune_runs("90d", journal=journal)
    with open_journal(journal) as opened:
        assert opened.all_audit_findings() == {"account": {seen.cell: seen}}
