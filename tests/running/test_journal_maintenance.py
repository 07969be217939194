"""A journal exported, imported, mirrored during a run, and rid of old runs."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running import locks
from klikit_frames.running.journal import Journal, open_journal
from klikit_frames.running.journal_maintenance import Mirror
from klikit_frames.running.journal_notes import Finding, note_audit

from .doubles import Bar, interrupt, writes
from .fault_scenarios import KillingTransport, KillPoint, connect, run_in_child
from .outcome_oracle import ScenarioCounts, check_outcomes


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)


def _other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


def write_newer(path: Path) -> None:
    """Write a journal of a layout to come."""
    open_journal(path).__exit__()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


SPOILERS = {
    "missing": (Path.unlink, "No such file .* Name an exported journal"),
    "text": (lambda path: path.write_text("My notes. " * 500), "name an exported journal, or a mirror"),
    "empty": (lambda path: path.write_bytes(b""), "name an exported journal, or a mirror"),
    "other program": (_other_database, "name an exported journal, or a mirror"),
    "newer": (write_newer, "newer version of klikit_frames; install that version"),
    "damaged": (_damage, "an older copy of it may be whole"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "an older copy of it may be whole"),
}


@pytest.fixture
def away(client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan) -> Path:
    """A copy of a journal with one run."""
    kf.run(singles, client, journal=journal, deadline_s=0, progress=False)
    return kf.export_journal(tmp_path / "away.sqlite3", journal=journal)


@pytest.mark.parametrize("kind", SPOILERS)
def test_import__of_a_file_of_no_use(kind: str, away: Path, tmp_path: Path) -> None:
    """It is said what is wrong and what to do; the file stays as it is, and no journal is made."""
    spoil, message = SPOILERS[kind]
    spoil(away)  # type: ignore[operator]
    content = away.read_bytes() if away.exists() else None
    with pytest.raises(kf.JournalError, match=message) as caught:
        kf.import_journal(away, journal=tmp_path / "elsewhere.sqlite3")
    assert str(away) in str(caught.value)
    assert "klikit_frames-" not in str(caught.value)
    assert not (tmp_path / "elsewhere.sqlite3").exists()
    assert (away.read_bytes() if away.exists() else None) == content


@pytest.mark.parametrize("kind", ["text", "other program", "newer", "damaged"])
def test_mirror__that_is_of_no_use_is_not_replaced(
    kind: str, away: Path, journal: Path, client: kf.Client, singles: kf.Plan
) -> None:
    """Nobody knows what such a file holds: the run does not begin, and the file stays."""
    SPOILERS[kind][0](away)  # type: ignore[operator]
    content = away.read_bytes()
    with pytest.raises(kf.JournalError, match=r"nothing was sent.* Name another file with mirror=") as caught:
        kf.run(singles, client, journal=journal, mirror=away, progress=False)
    assert "make room" not in str(caught.value).lower()
    assert away.read_bytes() == content


def test_export__without_a_journal(tmp_path: Path) -> None:
    """A journal that is not there is no empty one: a slip in its name must not look like a safe copy."""
    with pytest.raises(kf.JournalError, match=r"There is no journal .*slip.sqlite3: nothing was exported"):
        kf.export_journal(tmp_path / "away.sqlite3", journal=tmp_path / "slip.sqlite3")
    assert not (tmp_path / "away.sqlite3").exists()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_far_path__that_is_a_device(journal: Path, client: kf.Client, singles: kf.Plan) -> None:
    """A device gives bytes for ever: it is refused before it is looked into."""
    with pytest.raises(kf.ConfigError, match="not the path of a file"):
        kf.import_journal("/dev/zero", journal=journal)
    with pytest.raises(kf.ConfigError, match="othing was sent"):
        kf.run(singles, client, journal=journal, mirror="/dev/zero", progress=False)


class _Once(Mirror):
    """A mirror that stays as it was before the first write, as on a drive that is slow."""

    def _copy(self) -> None:
        if not self._has_begun.is_set():
            super()._copy()


def _lose_disk(
    sandbox: kf.sandbox.Sandbox,
    plan: kf.Plan,
    folder: Path,
    *,
    kill_point: KillPoint,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> Path:
    """Kill a run in the middle, lose its journal, and return its mirror, which has seen no write of it."""
    mirror = folder / "mirror.sqlite3"

    def work() -> None:
        with connect(sandbox, transport=KillingTransport(kill_point), max_connections=1) as client:
            kf.run(
                plan, client, journal=folder / "lost" / "j.sqlite3", mirror=mirror, progress=False, **options
            )

    with monkeypatch.context() as patches:
        patches.setattr("klikit_frames.running.executor.Mirror", _Once)
        assert run_in_child(work)
    shutil.rmtree(folder / "lost")
    return mirror


@pytest.mark.parametrize("step", ["before_send", "after_send", "after_answer"])
def test_mirror__goes_on_elsewhere(
    step: str,
    sandbox: kf.sandbox.Sandbox,
    tmp_path: Path,
    singles: kf.Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the mirror had not seen is sent again under its keys: nothing lost, nothing executed twice."""
    before, elsewhere, counts = sandbox.state(), tmp_path / "elsewhere.sqlite3", ScenarioCounts()
    mirror = _lose_disk(sandbox, singles, tmp_path, kill_point=KillPoint(step, 5), monkeypatch=monkeypatch)
    n_sent = len(writes(sandbox))
    (run_id,) = kf.import_journal(mirror, journal=elsewhere)
    seen = kf.attach(run_id, journal=elsewhere).so_far()
    assert (seen.status, seen.counts["unknown"]) == ("killed", 12)
    with connect(sandbox) as client:
        result = kf.resume(run_id, client, journal=elsewhere, progress=False)
        assert "last seen running on" in result.summary
        assert "last seen" not in kf.resume(run_id, client, journal=elsewhere, progress=False).summary
    check_outcomes(result, singles, sandbox, before=before, counts=counts)
    assert (counts.n_defects, counts.cases) == (0, [])
    assert result.counts["applied"] == 12
    assert n_sent
    assert writes(sandbox)["key"].nunique() == 12
    # The mirror goes on, too, where its path can still be reached.
    assert kf.import_journal(mirror, journal=tmp_path / "third.sqlite3") == [run_id]
    assert kf.attach(run_id, journal=tmp_path / "third.sqlite3").result().counts["applied"] == 12


def test_mirror__of_a_refused_request(
    sandbox: kf.sandbox.Sandbox, tmp_path: Path, narrow: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that the mirror had not seen are made again as they were: none is executed twice."""
    before, elsewhere, counts = sandbox.state(), tmp_path / "elsewhere.sqlite3", ScenarioCounts()
    foreign = narrow.head(1).assign(entity_id=990_000_000)
    plan = kf.plan(pd.concat([narrow, foreign], ignore_index=True), progress=False)
    mirror = _lose_disk(
        sandbox, plan, tmp_path, kill_point=KillPoint("after_answer", 4), monkeypatch=monkeypatch
    )
    n_done = sandbox.history(since=1)["no"].nunique()
    with connect(sandbox) as client:
        # The mirror itself, brought to a local disk, is a journal as well.
        shutil.copy(mirror, elsewhere)
        result = kf.run(plan, client, journal=elsewhere, progress=False)
    check_outcomes(result, plan, sandbox, before=before, counts=counts)
    assert n_done
    assert (counts.n_defects, counts.cases) == (0, [])
    assert (result.counts["applied"], result.counts["rejected"]) == (12, 1)


def test_mirror__after_the_keys_have_died(
    sandbox: kf.sandbox.Sandbox, tmp_path: Path, wide: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later only what reading shows as not done is sent."""
    elsewhere = tmp_path / "elsewhere.sqlite3"
    plan = kf.plan(wide, combine=False, progress=False)
    mirror = _lose_disk(
        sandbox, plan, tmp_path, kill_point=KillPoint("before_send", 3), monkeypatch=monkeypatch
    )
    n_sent = len(writes(sandbox))
    (run_id,) = kf.import_journal(mirror, journal=elsewhere)
    sandbox.move_clock(25 * 3600)
    with connect(sandbox) as client:
        result = kf.resume(run_id, client, journal=elsewhere, progress=False)
    assert n_sent
    assert result.counts["applied"] == 4
    assert len(writes(sandbox)) == 4
    assert writes(sandbox)["key"].is_unique


def test_mirror__after_the_keys_have_died_in_stores(
    sandbox: kf.sandbox.Sandbox, tmp_path: Path, singles: kf.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a store's menu may be older than the run, its rows wait for a publish, then go the same way."""
    elsewhere = tmp_path / "elsewhere.sqlite3"
    mirror = _lose_disk(
        sandbox, singles, tmp_path, kill_point=KillPoint("before_send", 8), monkeypatch=monkeypatch
    )
    (run_id,) = kf.import_journal(mirror, journal=elsewhere)
    n_sent = len(writes(sandbox))
    sandbox.move_clock(25 * 3600)
    with connect(sandbox) as client:
        waiting = kf.resume(run_id, client, journal=elsewhere, progress=False)
        assert (len(writes(sandbox)), waiting.counts["unknown"]) == (n_sent, 12)
        assert "publish the store" in waiting.frame["message"].iloc[0]
        kf.publish(waiting.frame, client, journal=elsewhere)
        result = kf.resume(run_id, client, journal=elsewhere, progress=False)
    assert result.counts["applied"] == 12
    assert len(writes(sandbox)) == 12
    assert writes(sandbox)["key"].is_unique


def test_mirror__is_there_before_the_first_write_and_whole_at_the_end(
    client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan
) -> None:
    """The first copy knows the run and all of its keys; the last is the journal as it ended."""
    mirror, first = tmp_path / "mirror.sqlite3", tmp_path / "first.sqlite3"
    bar = Bar(lambda: shutil.copy(mirror, first))
    result = kf.run(singles, client, journal=journal, mirror=mirror, progress=bar)
    (run_id,) = kf.import_journal(first, journal=tmp_path / "of_first.sqlite3")
    early = kf.attach(run_id, journal=tmp_path / "of_first.sqlite3").so_far().frame
    assert early["idempotency_key"].tolist() == result.frame["idempotency_key"].tolist()
    kf.import_journal(mirror, journal=tmp_path / "of_last.sqlite3")
    last = kf.attach(run_id, journal=tmp_path / "of_last.sqlite3").result()
    pd.testing.assert_frame_equal(last.frame, result.frame)
    assert stat.S_IMODE(mirror.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("mirror*")) == ["mirror.sqlite3"]


def test_mirror__that_fails_is_told_once_and_stops_nothing(
    client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan, caplog: pytest.LogCaptureFixture
) -> None:
    """A drive that is not there leaves the run as it is; the log and the result say so."""
    mirror = tmp_path / "not mounted" / "mirror.sqlite3"
    with caplog.at_level(logging.WARNING, logger="klikit_frames"):
        result = kf.run(singles, client, journal=journal, mirror=mirror, progress=False)
    messages = [record.getMessage() for record in caplog.records if "mirror" in record.getMessage()]
    assert result.counts["applied"] == 12
    assert len(messages) == 1
    assert "could not be written: No such file or directory" in result.summary
    assert not mirror.parent.exists()


def test_mirror__of_an_earlier_journal_is_kept(
    client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan, wide: pd.DataFrame
) -> None:
    """A new journal first takes in what an earlier mirror at the same path holds."""
    mirror = tmp_path / "mirror.sqlite3"
    first = kf.run(singles, client, journal=journal, mirror=mirror, progress=False)
    journal.unlink()
    second = kf.run(kf.plan(wide, progress=False), client, journal=journal, mirror=mirror, progress=False)
    assert kf.runs(journal=journal)["run_id"].tolist() == [first.run_id, second.run_id]
    assert kf.runs(journal=mirror)["run_id"].tolist() == [first.run_id, second.run_id]


def test_mirror__of_another_journal_is_refused_before_the_first_write(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, tmp_path: Path, singles: kf.Plan, wide: pd.DataFrame
) -> None:
    """Two journals at one path would overwrite each other; one that has taken the other in may go on."""
    first, second, mirror = tmp_path / "first", tmp_path / "second", tmp_path / "mirror"
    kf.run(singles, client, journal=first, mirror=mirror, progress=False)
    kf.run(kf.plan(wide, progress=False), client, journal=second, progress=False)
    kept, n_sent = mirror.read_bytes(), len(writes(sandbox))
    back = kf.plan(wide.assign(is_enabled=True), progress=False)
    with pytest.raises(kf.JournalError, match="mirror of another journal") as refused:
        kf.run(back, client, journal=second, mirror=mirror, progress=False)
    assert "nothing was sent" in str(refused.value)
    assert "import_journal" in str(refused.value)
    assert (mirror.read_bytes(), len(writes(sandbox))) == (kept, n_sent)
    kf.import_journal(mirror, journal=second)
    kf.run(back, client, journal=second, mirror=mirror, progress=False)
    assert len(kf.runs(journal=mirror)) == 3
    with pytest.raises(kf.JournalError, match="mirror of another journal"):
        kf.run(back, client, journal=first, mirror=mirror, progress=False)


def test_mirror__taken_by_another_journal_meanwhile_is_left_alone(
    client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan, wide: pd.DataFrame
) -> None:
    """A run that sees another journal's copy at its path says so, goes on, and replaces nothing any more."""
    mirror, away = tmp_path / "mirror.sqlite3", tmp_path / "other.sqlite3"
    kf.run(kf.plan(wide, progress=False), client, journal=away, progress=False)
    bar = Bar(lambda: shutil.copy(away, mirror))
    result = kf.run(singles, client, journal=journal, mirror=mirror, progress=bar)
    assert result.counts["applied"] == 12
    assert "mirror of another journal" in result.summary
    assert mirror.read_bytes() == away.read_bytes()


@pytest.mark.parametrize("kind", ["folder", "text", "newer", "itself", "number"])
def test_mirror__that_must_not_be_replaced(
    kind: str, sandbox: kf.sandbox.Sandbox, client: kf.Client, tmp_path: Path, singles: kf.Plan
) -> None:
    """A path to any other file is refused before the first write, and stays as it is."""
    journal, mirror = tmp_path / "journal.sqlite3", tmp_path / "mirror"
    named: Any = mirror
    if kind == "folder":
        mirror.mkdir()
    elif kind == "text":
        mirror.write_text("My notes.")
    elif kind == "newer":
        write_newer(mirror)
    else:
        named = journal if kind == "itself" else 7
    words = {"newer": "newer version", "text": "not a", "itself": "the journal itself"}.get(
        kind, "path of a file"
    )
    with pytest.raises((kf.ConfigError, kf.JournalError), match=words) as refused:
        kf.run(singles, client, journal=journal, mirror=named, progress=False)
    assert "othing was sent" in str(refused.value)
    assert not len(writes(sandbox))
    if kind == "text":
        assert mirror.read_text() == "My notes."


def test_mirror__named_by_the_environment_and_kept_by_resume(
    client: kf.Client, tmp_path: Path, singles: kf.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KLIKIT_JOURNAL and KLIKIT_JOURNAL_MIRROR name the defaults; a run keeps its own."""
    journal, mirror = tmp_path / "named.sqlite3", tmp_path / "mirror.sqlite3"
    monkeypatch.setenv("KLIKIT_JOURNAL", str(journal))
    monkeypatch.setenv("KLIKIT_JOURNAL_MIRROR", str(mirror))
    result = kf.run(singles, client, deadline_s=0, progress=False)
    assert journal.exists()
    assert kf.runs(journal=mirror)["not_sent"].tolist() == [12]
    monkeypatch.delenv("KLIKIT_JOURNAL_MIRROR")
    kf.resume(result.run_id, client, progress=False)
    assert kf.runs(journal=mirror)["status"].tolist() == kf.runs()["status"].tolist()


def test_mirror__of_a_journal_in_memory(client: kf.Client, tmp_path: Path, singles: kf.Plan) -> None:
    """Where no disk is good, the mirror alone keeps the run."""
    mirror = tmp_path / "mirror.sqlite3"
    result = kf.run(singles, client, journal=":memory:", mirror=mirror, progress=False)
    assert kf.runs(journal=mirror)["run_id"].tolist() == [result.run_id]


def test_mirror__promises_are_taken_in_as_cancelled(
    client: kf.Client, journal: Path, tmp_path: Path, narrow: pd.DataFrame
) -> None:
    """Two journals that keep one promise would send it twice: an imported one is there to be seen only."""
    starts_at = datetime.now(UTC) + timedelta(days=1)
    ends_at = starts_at + timedelta(hours=2)
    timed = narrow.head(2).assign(starts_at=starts_at.isoformat(), ends_at=ends_at.isoformat())
    kf.schedule(timed, client, journal=journal)
    away = kf.export_journal(tmp_path / "away.sqlite3", journal=journal)
    assert kf.import_journal(away, journal=tmp_path / "elsewhere.sqlite3") == []
    kept, taken_in = kf.agenda(journal=journal), kf.agenda(journal=tmp_path / "elsewhere.sqlite3")
    assert taken_in["promise_id"].tolist() == kept["promise_id"].tolist()
    assert (kept["status"].tolist(), taken_in["status"].tolist()) == (["waiting"] * 2, ["cancelled"] * 2)


def test_import__brings_what_audits_found(tmp_path: Path) -> None:
    """Since when a cell differs travels with the journal; what was seen here later stays."""
    here, there = tmp_path / "here.sqlite3", tmp_path / "there.sqlite3"
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
    only_there = Finding(Cell("item", 7, None, None), False, days[0], days[1])
    older, newer = (Finding(Cell("item", 8, None, None), False, days[n], days[n]) for n in (0, 2))
    for path, findings in ((there, [only_there, older]), (here, [newer])):
        with open_journal(path) as journal:
            journal.take_in(note_audit("account", differing=findings, settled=[]))
    for _ in range(2):
        kf.import_journal(there, journal=here)
        with open_journal(here) as journal:
            assert journal.audit_findings("account") == {newer.cell: newer, only_there.cell: only_there}


def _finish(journal: Journal, run_id: str, *, days_ago: int, **counts: int) -> None:
    """Let a run have ended so many days ago."""
    zeros = dict.fromkeys(["applied", "unchanged", "rejected", "failed", "unknown", "not_sent"], 0)
    ended_at = datetime.now(UTC) - timedelta(days=days_ago)
    journal.record_status(run_id, "finished", counts=zeros | counts, ended_at=ended_at)


def _begin(journal: Path, client: kf.Client, toggles: pd.DataFrame, n: int) -> list[str]:
    row = toggles.head(1)
    return [kf.run(kf.plan(row, progress=False), client, journal=journal).run_id for _ in range(n)]


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
        opened.take_in(note_audit("account", differing=[seen, forgotten], settled=[]))
    kf.prune_runs("90d", journal=journal)
    with open_journal(journal) as opened:
        assert opened.all_audit_findings() == {"account": {seen.cell: seen}}
