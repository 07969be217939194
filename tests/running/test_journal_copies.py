"""Copies of journals: of one in use, and of a run that has gone on in one of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import locks
from klikit_frames.running.journal import open_journal
from klikit_frames.running.journal_files import connect, is_open_here
from klikit_frames.running.lifecycle import RequestState as State
from klikit_frames.running.records import Publish, RequestResult
from tests.test_edge import WRITE

PUBLISH = Publish("a" * 32, "a business", "127.0.0.1:1", ((663, 1062),), "key", status="published")
# Dies in a commit: its pages are on disk, and the pages from before still lie beside.
DIE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.create_function("row_digest", -1, lambda *values: 0)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE more (content)")
connection.executemany("INSERT INTO more VALUES (zeroblob(4000))", [()] * 100)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_import__of_a_journal_that_is_open_keeps_its_locks(tmp_path: Path) -> None:
    """What SQLite has locked in this process stays locked for others while the journal is copied."""
    path = tmp_path / "live.sqlite3"
    with open_journal(path) as live, closing(connect(path)) as connection:
        live.record_publish(PUBLISH)
        connection.execute("BEGIN IMMEDIATE")
        kf.import_journal(path, journal=tmp_path / "taken.sqlite3")
        tried = subprocess.run(
            [sys.executable, "-c", WRITE, path], capture_output=True, text=True, check=True
        )
        assert tried.stdout == "database is locked\n"
    with open_journal(tmp_path / "taken.sqlite3") as taken:
        assert taken.all_publishes() == [PUBLISH]


def test_import__of_a_journal_whose_process_died_in_a_commit(tmp_path: Path) -> None:
    """What was never committed is not taken in, though its pages are in the file."""
    path = tmp_path / "left.sqlite3"
    with open_journal(path) as left:
        left.record_publish(PUBLISH)
    died = subprocess.run([sys.executable, "-c", DIE, path], check=False)
    assert died.returncode == -signal.SIGKILL
    assert path.with_name("left.sqlite3-journal").exists()
    kf.import_journal(path, journal=tmp_path / "taken.sqlite3")
    with open_journal(tmp_path / "taken.sqlite3") as taken:
        assert taken.all_publishes() == [PUBLISH]


def test_export__over_a_journal_that_is_open_is_refused(tmp_path: Path) -> None:
    """A file that is in use is not replaced: whoever uses it would go on in a file that nobody can find."""
    path = tmp_path / "live.sqlite3"
    with open_journal(path), pytest.raises(kf.ConfigError, match="is a journal that is in use here"):
        kf.export_journal(path, journal=tmp_path / "other.sqlite3")


def test_is_open_here__until_it_is_closed(tmp_path: Path) -> None:
    """A journal counts as open under any of its names, from its opening to its closing."""
    path, link = tmp_path / "journal.sqlite3", tmp_path / "link.sqlite3"
    link.symlink_to(path)
    assert not is_open_here(path)
    with open_journal(path):
        assert is_open_here(path)
        assert is_open_here(link)
    assert not is_open_here(path)


NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def there(client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan) -> Path:
    """A copy elsewhere of a run of twelve requests, of which nothing has left yet."""
    kf.run(singles, client, journal=journal, deadline_s=0, progress=False)
    kf.export_journal(tmp_path / "away.sqlite3", journal=journal)
    kf.import_journal(tmp_path / "away.sqlite3", journal=tmp_path / "there.sqlite3")
    return tmp_path / "there.sqlite3"


def _settle(path: Path, states: dict[int, State]) -> None:
    """Note in a journal what became of requests of its run, by number."""
    with open_journal(path) as journal:
        run_id = journal.find_run_id("last")
        for request in journal.requests(run_id):
            if state := states.get(request.request_no):
                sent = request.begin_attempt(1)
                journal.record_attempt(run_id, sent)
                if state is not State.IN_FLIGHT:
                    journal.record_result(run_id, sent.settle(RequestResult(state, settled_at=NOW)))
        journal.flush()


def _states(path: Path) -> list[str]:
    with open_journal(path) as journal:
        return [str(request.state) for request in journal.requests(journal.find_run_id("last"))]


def test_import__of_a_run_that_went_on_elsewhere(
    client: kf.Client, journal: Path, there: Path, singles: kf.Plan, wide: pd.DataFrame
) -> None:
    """A run that was finished elsewhere is finished here too, in its place: there is nothing left to send."""
    later = kf.run(kf.plan(wide, progress=False), client, journal=journal, progress=False)
    done = kf.run(singles, client, journal=there, deadline_s=600, progress=False)
    assert kf.import_journal(there, journal=journal) == [done.run_id]
    history = kf.runs(journal=journal)
    assert history["run_id"].tolist() == [done.run_id, later.run_id]
    assert (history["status"].tolist(), history["applied"].tolist()) == (["finished"] * 2, [12, 4])
    here = kf.resume(done.run_id, client, journal=journal, progress=False)
    assert here.frame.equals(done.frame)
    assert kf.import_journal(there, journal=journal) == [done.run_id]
    undone = kf.run(kf.undo(done.run_id, client, journal=journal), client, journal=journal, progress=False)
    assert not len(undone.failed)


def _numbers(states: Iterable[str], wanted: State) -> list[int]:
    return [no for no, state in enumerate(states, start=1) if state == wanted]


@pytest.mark.parametrize(
    ("copies", "applied"),
    [
        (({1: State.APPLIED}, {1: State.APPLIED, 2: State.APPLIED}), [1, 2]),
        (({1: State.IN_FLIGHT}, {1: State.APPLIED}), [1]),
        (({1: State.APPLIED, 2: State.APPLIED}, {1: State.APPLIED}), [1, 2]),
        (({1: State.APPLIED}, {2: State.APPLIED}), None),
        (({1: State.REJECTED}, {1: State.APPLIED, 2: State.APPLIED}), None),
        (({1: State.UNKNOWN}, {2: State.APPLIED}), None),
    ],
)
def test_import__takes_the_further_copy_if_it_knows_all(
    journal: Path,
    there: Path,
    caplog: pytest.LogCaptureFixture,
    copies: tuple[dict[int, State], dict[int, State]],
    applied: list[int] | None,
) -> None:
    """What is settled here is never forgotten; where each copy knows something of its own, that is said."""
    for path, states in zip((journal, there), copies, strict=True):
        _settle(path, states)
    kept = _states(journal)
    kf.import_journal(there, journal=journal)
    is_told = ["no continuation" in record.getMessage() for record in caplog.records]
    if applied is None:
        assert (_states(journal), is_told) == (kept, [True])
    else:
        assert (_numbers(_states(journal), State.APPLIED), is_told) == (applied, [])


def test_import__leaves_a_run_that_goes_on_here(
    journal: Path, there: Path, singles: kf.Plan, caplog: pytest.LogCaptureFixture
) -> None:
    """While a run is being run here its journal is not touched, and that is said."""
    _settle(there, {1: State.APPLIED})
    with open_journal(journal) as opened:
        lock = opened.lock_path(singles.plan_id)
    with locks.hold(lock, what="The run"):
        kf.import_journal(there, journal=journal)
    assert _numbers(_states(journal), State.APPLIED) == []
    assert "is being run already" in caplog.text
