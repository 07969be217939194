"""Journals: what they keep, for whose eyes, and how many may write."""

from __future__ import annotations

import os
import stat
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running import rows
from klikit_frames.running.journal import Disk, open_journal, read_journal
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import Cell, Flag, Run, Target, Verdict
from klikit_frames.running.request_trees import build_request

from .test_runs import Bar

NOW = datetime(2026, 11, 23, 14, 5, 6, 789_012, tzinfo=UTC)


def _run(run_id: str = "r1") -> Run:
    return Run(
        run_id=run_id,
        plan_id=f"plan of {run_id}",
        plan_digest="digest",
        host="127.0.0.1:1",
        user="ani",
        machine="laptop",
        started_at=NOW,
        n_rows=2,
        n_requests=1,
    )


def _target() -> Target:
    return Target("item", "store", False, (1, 2), ((663, 1062),), True, (663, 664))


def test_journal__round_trip(journal: Path) -> None:
    """What was noted of a run is read back as it was, to the byte and to the microsecond."""
    request = build_request(_target(), path=(1,))
    before = [Flag(Cell("item", 1, 663, 1062), is_enabled=True), Flag(Cell("item", 1, None, None), None)]
    with open_journal(journal) as book:
        book.begin(_run(), plan_body=b"plan", requests=[request], before=before)
    with read_journal(journal) as book:
        assert book.run("r1") == _run()
        assert book.run_of_plan("plan of r1") == _run()
        assert book.plan_body("r1") == b"plan"
        assert book.requests("r1") == [request]
        assert book.flags("r1", "before") == before
        assert book.flags("r1", "proof") == []


def test_journal__verdict_and_parts(journal: Path) -> None:
    """A verdict and the parts that carry a refused request on are noted together."""
    request = build_request(_target(), path=(1,))
    verdict = Verdict(RequestState.SPLIT, "resource_not_found", 404, "no", "req", NOW)
    settled = type(request)((1,), request.target, request.key, request.body, 2, NOW, verdict)
    parts = [build_request(request.target.narrow(ids=(n,)), path=(1, n)) for n in (1, 2)]
    with open_journal(journal) as book:
        book.begin(_run(), plan_body=b"", requests=[request], before=[])
        book.note_attempt("r1", settled)
        book.note_verdict("r1", settled, parts=parts)
        book.flush()
    with read_journal(journal) as book:
        assert book.requests("r1") == [settled, *parts]
        assert book.open_request_nos("r1") == {1}


def test_journal__private(tmp_path: Path) -> None:
    """Folder and file are their owner's alone, whatever the umask."""
    path = tmp_path / "state" / "journal.sqlite3"
    before = os.umask(0)
    try:
        with open_journal(path) as book:
            book.begin(_run(), plan_body=b"", requests=[], before=[])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_journal__own_folder(wide: object, client: kf.Client) -> None:
    """Without a path, runs are noted in the person's own state folder."""
    result = kf.run(kf.plan(wide), client)
    assert kf.runs()["run_id"].tolist() == [result.run_id]
    folder = Path(os.environ["XDG_STATE_HOME"]) / "klikit_frames"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_journal__threads_share_commits(journal: Path) -> None:
    """Many threads that write at once each get their statement on disk, in few commits."""
    n_commits = 0
    commit = Disk._commit

    def counted(self: Disk, statements: object) -> None:
        nonlocal n_commits
        n_commits += bool(statements)
        commit(self, statements)  # type: ignore[arg-type]

    with open_journal(journal) as book, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Disk, "_commit", counted)
        book.begin(_run(), plan_body=b"", requests=[], before=[])
        flags = [Flag(Cell("item", n, None, None), is_enabled=True) for n in range(200)]
        threads = [threading.Thread(target=book.note_flags, args=("r1", "before", [flag])) for flag in flags]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(book.flags("r1", "before")) == flags
    assert n_commits <= 201


def test_journal__one_run_at_a_time(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A run that goes on elsewhere is refused; another plan may use the same journal meanwhile."""
    seen = []

    def meddle() -> None:
        with pytest.raises(kf.JournalError, match="being run already"):
            kf.run(singles, client, journal=journal)
        with pytest.raises(kf.JournalError, match="being run already"):
            kf.resume(kf.runs(journal=journal)["run_id"][0], client, journal=journal)
        seen.append(kf.runs(journal=journal)["status"].tolist())
        other = kf.run(kf.plan(singles.toggles.head(1)), client, journal=journal)
        seen.append(other.counts["applied"])

    assert kf.run(singles, client, journal=journal, progress=Bar(meddle)).counts["applied"] == 12
    assert seen == [["running"], 1]
    assert list(journal.parent.glob("*.locks/*")) == []


def test_journal__holds_no_secret(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object, journal: Path
) -> None:
    """Neither key nor secret is in the journal."""
    kf.run(kf.plan(wide), client, journal=journal)
    written = journal.read_bytes()
    for secret in (sandbox.partner_key, sandbox.secret_key):
        assert secret.encode() not in written


def test_runs__a_thousand(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The history of a thousand runs takes a fifth of a second on a quiet machine."""
    with open_journal(journal) as book:
        for n in range(1000):
            book._disk.queue([rows.insert_run(_run(f"r{n}"), plan_body=b"x" * 2000)])
        book.flush()
    started = time.process_time()
    history = kf.runs(journal=journal)
    taken = time.process_time() - started
    with capsys.disabled():
        print(f"\n1,000 runs listed in {taken:.3f} s")
    assert history["run_id"].tolist() == [f"r{n}" for n in range(1000)]
    assert taken < 1.0
