"""Journals that are private, shared, damaged, full, or somebody else's."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running import journal as journals
from klikit_frames.running import rows
from klikit_frames.running.drawing import draw
from klikit_frames.running.journal import Disk, open_journal, read_journal
from klikit_frames.running.records import Cell, Flag, Run, Target, Verdict

from .test_runs import Bar
from .worlds import in_child

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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for another process's commit."""
    monkeypatch.setattr(journals, "_PATIENCE_S", 0.01)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the journal as another process in the midst of a commit does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_journal__round_trip(journal: Path) -> None:
    """What was noted of a run is read back as it was, to the byte and to the microsecond."""
    request = draw(_target(), path=(1,))
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
    request = draw(_target(), path=(1,))
    verdict = Verdict("split", "resource_not_found", 404, "no", "req", NOW, is_replayed=True)
    settled = type(request)((1,), request.target, request.key, request.body, 2, NOW, verdict)
    parts = [draw(request.target.narrow(ids=(n,)), path=(1, n)) for n in (1, 2)]
    with open_journal(journal) as book:
        book.begin(_run(), plan_body=b"", requests=[request], before=[])
        book.note_attempts("r1", [settled])
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


@pytest.mark.parametrize("damage", ["cut", "overwritten", "not a database", "another program's"])
def test_journal__damaged(
    journal: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object, damage: str
) -> None:
    """A journal that is torn, or not ours, is refused before anything is sent."""
    kf.run(kf.plan(wide), client, journal=journal)
    whole = journal.read_bytes()
    if damage == "cut":
        journal.write_bytes(whole[: len(whole) // 2])
    elif damage == "overwritten":
        journal.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    elif damage == "not a database":
        journal.write_bytes(b"once upon a time" * 1000)
    else:
        journal.unlink()
        with sqlite3.connect(journal) as other:
            other.execute("CREATE TABLE books (title)")
        other.close()
    n_before = len(sandbox.requests)
    with pytest.raises(kf.JournalError, match="cannot be used"):
        kf.run(kf.plan(wide), client, journal=journal)
    assert len(sandbox.requests) == n_before


def test_journal__older_layout(
    journal: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object
) -> None:
    """A journal of an older version is refused in a sentence that names the file and what to do."""
    result = kf.run(kf.plan(wide), client, journal=journal)
    n_before = len(sandbox.requests)
    with sqlite3.connect(journal) as other:
        other.execute("DROP TABLE fates")
        other.execute("PRAGMA user_version=0")
    other.close()
    doings = (
        lambda: kf.run(kf.plan(wide), client, journal=journal),
        lambda: kf.resume(result.run_id, client, journal=journal),
        lambda: kf.runs(journal=journal),
        lambda: kf.attach(result.run_id, journal=journal),
    )
    for do in doings:
        with pytest.raises(kf.JournalError, match="another version") as caught:
            do()
        assert str(journal) in str(caught.value)
        assert "name another file with journal=" in str(caught.value)
    assert len(sandbox.requests) == n_before


def test_journal__changed_body(journal: Path, client: kf.Client, wide: object) -> None:
    """A body that was changed behind our back is never sent."""
    result = kf.run(kf.plan(wide), client, journal=journal)
    with sqlite3.connect(journal) as other:
        other.execute("UPDATE requests SET body = ?", (b'{"ids":[1],"isEnabled":false}',))
        other.execute("UPDATE fates SET word = NULL")
    other.close()
    with pytest.raises(kf.JournalError, match="does not match its hash"):
        kf.resume(result.run_id, client, journal=journal)


def test_journal__no_such_place(client: kf.Client, wide: object, tmp_path: Path) -> None:
    """A journal that cannot be made is refused before anything is sent."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "journal.sqlite3", tmp_path):
        with pytest.raises(kf.JournalError, match="cannot be used"):
            kf.run(kf.plan(wide), client, journal=path)


def test_journal__read_only(
    journal: Path,
    client: kf.Client,
    sandbox: kf.sandbox.Sandbox,
    wide: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A journal on a disk that takes no writes is refused before anything is sent."""
    kf.run(kf.plan(wide), client, journal=journal)
    n_before = len(sandbox.requests)
    connect = sqlite3.connect
    read_only = f"{journal.as_uri()}?mode=ro"
    monkeypatch.setattr(journals.sqlite3, "connect", lambda _path, **kw: connect(read_only, uri=True, **kw))
    with pytest.raises(kf.JournalError, match="readonly"):
        kf.run(kf.plan(wide), client, journal=journal)
    assert len(sandbox.requests) == n_before


@pytest.mark.usefixtures("impatient")
def test_journal__held_by_another(
    journal: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object
) -> None:
    """A journal that another process does not let go is refused before anything is sent."""
    kf.run(kf.plan(wide), client, journal=journal)
    n_before = len(sandbox.requests)
    with _locked(journal), pytest.raises(kf.JournalError, match="locked"):
        kf.run(kf.plan(wide), client, journal=journal)
    assert len(sandbox.requests) == n_before


def test_journal__full_disk(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object, journal: Path
) -> None:
    """On a full disk nothing is sent."""

    def run() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        with sandbox.connect() as own, pytest.raises(kf.JournalError):
            kf.run(kf.plan(wide), own, journal=journal)

    assert in_child(run) is False
    assert sandbox.requests.empty


@pytest.mark.usefixtures("impatient")
def test_journal__fails_on_the_way(
    journal: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, singles: kf.Plan
) -> None:
    """A journal that fails in mid-run stops the run at once; the error says how to go on, and that works."""
    held = _locked(journal)
    with sandbox.connect(max_connections=1, writes_per_minute=10**6) as slow:
        with pytest.raises(kf.JournalError, match="goes on with") as caught:
            kf.run(singles, slow, journal=journal, progress=Bar(held.__enter__))
        held.__exit__(None, None, None)
        n_sent = len(sandbox.requests)
        assert n_sent < 12
        assert f"client, journal={str(journal)!r})" in str(caught.value)
        run_id = str(caught.value).split('kf.resume("')[1].split('"')[0]
        assert kf.resume(run_id, slow, journal=journal).counts["applied"] == 12
    carried_out = sandbox.requests[~sandbox.requests["replayed"].astype(bool)]
    assert not carried_out["key"].duplicated().any()


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
