"""Journals and plan files of release 0.1.0: read, migrated once, and gone on with."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import journal_codec, locks
from klikit_frames.running.journal import open_journal

from .doubles import writes
from .fault_scenarios import kill_self, run_in_child

OLD = Path(__file__).parent / "fixtures_0_1_0"
ABOUT: dict[str, Any] = json.loads((OLD / "about.json").read_text())
RUN_IDS = {name: about["run_id"] for name, about in ABOUT.items() if isinstance(about, dict)}
TOLD = [
    "entity_id",
    "outcome",
    "code",
    "http_status",
    "request_id",
    "request_no",
    "idempotency_key",
    "attempts",
]


@pytest.fixture
def old(journal: Path) -> Path:
    """A copy of the journal of 0.1.0."""
    shutil.copy(OLD / "journal.sqlite3", journal)
    return journal


def _old_frame(name: str) -> pd.DataFrame:
    """Return what 0.1.0 said of a run; a failure that may have been written is called unknown today."""
    frame = pd.DataFrame(json.loads((OLD / f"{name}.json").read_text()))
    return frame.assign(outcome=frame["outcome"].replace("failed", "unknown"))


def _move(journal: Path, host: str) -> None:
    """Move the runs to another host, and what is open to the present: its keys are good still."""
    now = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10**6
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("UPDATE runs SET host = ?", (host,))
        connection.execute("UPDATE fates SET sent_at = ? WHERE word IS NULL AND attempts", (int(now),))
        connection.commit()


def _dump(journal: Path) -> list[str]:
    with closing(sqlite3.connect(journal)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("is_migrated", [False, True])
@pytest.mark.parametrize("name", RUN_IDS)
def test_migration__every_row_as_it_was_told(old: Path, name: str, is_migrated: bool) -> None:
    """What 0.1.0 said of the rows of a run is said today, before and after the migration."""
    if is_migrated:
        open_journal(old).__exit__()
    frame = kf.attach(RUN_IDS[name], journal=old).so_far().frame
    expected = _old_frame(name)
    for column in TOLD:
        seen = frame[column].astype(object).where(frame[column].notna(), None).tolist()
        wanted = expected[column].astype(object).where(expected[column].notna(), None).tolist()
        assert seen == wanted, column


def test_migration__looking_changes_nothing(old: Path) -> None:
    """Reading commands read a journal of 0.1.0 as it is: no byte changes, and no file comes to be."""
    whole = old.read_bytes()
    history = kf.runs(journal=old)
    assert history["run_id"].tolist() == list(RUN_IDS.values())
    assert history["status"].tolist() == [ABOUT[name]["status"] for name in RUN_IDS]
    assert old.read_bytes() == whole
    assert list(old.parent.iterdir()) == [old]


def test_migration__once_with_a_copy(old: Path) -> None:
    """The first command that writes migrates the journal and keeps a copy beside; the next does not."""
    before = _dump(old)
    for _ in range(2):
        open_journal(old).__exit__()
    kept = old.with_name(f"{old.name}.0.1.0-backup")
    assert sorted(old.parent.iterdir()) == [old, kept]
    assert _dump(kept) == before
    with open_journal(old) as journal:
        flags = [
            len(journal.flags(run_id, kind)) for run_id in RUN_IDS.values() for kind in ("before", "proof")
        ]
    assert flags == [4, 0, 0, 0, 8, 0, 2, 2, 0, 0]


@pytest.mark.parametrize("name", ["interrupted", "killed"])
def test_migration__unfinished_runs_go_on(
    old: Path, sandbox: kf.sandbox.Sandbox, client: kf.Client, name: str
) -> None:
    """A run that 0.1.0 left unfinished goes on: what is open is sent, under the keys that it had."""
    _move(old, client.host)
    expected = _old_frame(name)
    result = kf.resume(RUN_IDS[name], client, journal=old)
    assert result.counts["applied"] == 12
    is_open = expected["outcome"] != "applied"
    assert set(writes(sandbox)["key"]) == set(expected.loc[is_open, "idempotency_key"])
    assert result.frame["idempotency_key"].tolist() == expected["idempotency_key"].tolist()
    with open_journal(old) as journal:
        assert journal.run(RUN_IDS[name]).account == client.account


@pytest.mark.parametrize("nth", range(1, 7))
def test_migration__killed_in_the_middle(old: Path, nth: int) -> None:
    """A migration that is killed at any run, or just before its commit, leaves the journal as it was."""
    before = _dump(old)

    def migrate() -> None:
        calls = 0
        insert_run, update_run = journal_codec.insert_run, journal_codec.update_run

        def doomed(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth:
                kill_self()
            return (update_run if nth == 6 else insert_run)(*args, **options)

        if nth == 6:
            calls = 1
            journal_codec.update_run = doomed
        else:
            journal_codec.insert_run = doomed
        open_journal(old)

    assert run_in_child(migrate)
    assert kf.runs(journal=old)["run_id"].tolist() == list(RUN_IDS.values())
    assert _dump(old) == before
    open_journal(old).__exit__()
    assert _dump(old.with_name(f"{old.name}.0.1.0-backup")) == before
    assert kf.runs(journal=old)["run_id"].tolist() == list(RUN_IDS.values())


def test_migration__not_while_a_run_goes_on(old: Path) -> None:
    """A journal in which the older version is at a run is left alone until it has ended."""
    plan_id = ABOUT["killed"]["plan_id"]
    with (
        locks.hold(old.with_name(f"{old.name}.locks") / plan_id, what="Plan"),
        pytest.raises(kf.JournalError, match="run of the older version goes on"),
    ):
        open_journal(old)
    assert kf.runs(journal=old)["status"].tolist()[-1] == "killed"


@pytest.mark.parametrize("damage", ["body", "table", "version"])
def test_migration__damaged(old: Path, damage: str) -> None:
    """An old journal that is not as 0.1.0 wrote it is refused, and stays as it was."""
    with closing(sqlite3.connect(old)) as connection:
        if damage == "body":
            connection.execute("UPDATE requests SET body = replace(body, 'false', 'true')")
        elif damage == "table":
            connection.execute("DROP TABLE fates")
        else:
            connection.execute("PRAGMA user_version=3")
        connection.commit()
    before = _dump(old)
    for look in (lambda: open_journal(old), lambda: kf.runs(journal=old)):
        with pytest.raises(kf.JournalError, match="damaged"):
            look()
    assert _dump(old) == before


def test_migration__a_newer_version(old: Path) -> None:
    """A journal of a newer version is refused in a sentence that says so."""
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version=4")
    for look in (lambda: open_journal(old), lambda: kf.runs(journal=old)):
        with pytest.raises(kf.JournalError, match="a newer version"):
            look()


@pytest.mark.parametrize("name", ["plain", "with_state"])
def test_plan_files__of_0_1_0(name: str) -> None:
    """A plan file of 0.1.0 loads, with the id that its run goes by."""
    plan = kf.load_plan(OLD / f"{name}.plan.json")
    run = {"plain": "interrupted", "with_state": "finished"}[name]
    assert plan.plan_id == ABOUT[run]["plan_id"]
    assert plan.n_rows == len(_old_frame(run))
