"""Journals that are damaged, full, read-only, locked, or somebody else's."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running import journal_files

from .doubles import Bar, HoldingTransport
from .fault_scenarios import connect, run_in_child


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for another process's commit."""
    monkeypatch.setattr(journal_files, "BUSY_TIMEOUT_S", 0.01)


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
        other.execute("DROP TABLE request_status")
        other.execute("PRAGMA user_version=1")
    other.close()
    doings = (
        lambda: kf.run(kf.plan(wide), client, journal=journal),
        lambda: kf.resume(result.run_id, client, journal=journal),
        lambda: kf.runs(journal=journal),
        lambda: kf.attach(result.run_id, journal=journal),
    )
    for do in doings:
        with pytest.raises(kf.JournalError, match="an older version") as caught:
            do()
        assert str(journal) in str(caught.value)
        assert "name another file with journal=" in str(caught.value)
    assert len(sandbox.requests) == n_before


def test_journal__changed_body(journal: Path, client: kf.Client, wide: object) -> None:
    """A body that was changed behind our back is never sent."""
    result = kf.run(kf.plan(wide), client, journal=journal)
    with sqlite3.connect(journal) as other:
        ((content,),) = other.execute("SELECT content FROM documents WHERE kind = 'requests'").fetchall()
        ((path, kind, key, body),) = json.loads(zlib.decompress(content))
        changed = json.dumps([[path, kind, key, body.replace("false", "true")]])
        other.execute(
            "UPDATE documents SET content = ? WHERE kind = 'requests'", (zlib.compress(changed.encode()),)
        )
        other.execute("UPDATE request_status SET status = NULL")
    other.close()
    with pytest.raises(kf.JournalError, match="does not match its digest"):
        kf.resume(result.run_id, client, journal=journal)


def test_journal__by_a_link(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, tmp_path: Path) -> None:
    """A journal that is named by a link has the locks of the file itself."""
    link, journal = tmp_path / "link.sqlite3", tmp_path / "journal.sqlite3"
    journal.touch(mode=0o600)
    link.symlink_to(journal)
    transport = HoldingTransport()
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        transport.has_come.wait()
        with pytest.raises(kf.JournalError, match="being run already"):
            kf.run(singles, client, journal=link)
        assert kf.runs(journal=link)["status"].tolist() == ["running"]
        transport.let_go.set()
        assert job.result().counts["applied"] == 12


def test_journal__a_folder(tmp_path: Path) -> None:
    """A folder in the place of a journal is told, also to those who only look."""
    with pytest.raises(kf.JournalError, match="cannot be used"):
        kf.runs(journal=tmp_path)


def test_journal__damaged_plan(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A run whose plan cannot be unpacked is told as damaged."""
    result = kf.run(singles, client, journal=journal)
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE documents SET content = x'00' || substr(content, 2) WHERE kind = 'plan'")
    connection.close()
    for ask in (
        lambda: kf.attach(result.run_id, journal=journal),
        lambda: kf.resume(result.run_id, client, journal=journal),
        lambda: kf.undo(result.run_id, client, journal=journal),
    ):
        with pytest.raises(kf.JournalError, match="damaged"):
            ask()


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
    monkeypatch.setattr(sqlite3, "connect", lambda _path, **kw: connect(read_only, **kw))
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

    assert run_in_child(run) is False
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
        n_sent = len(sandbox.requests.query("method == 'PATCH'"))
        assert n_sent < 12
        assert f"client, journal={str(journal)!r})" in str(caught.value)
        run_id = str(caught.value).split('kf.resume("')[1].split('"')[0]
        assert kf.resume(run_id, slow, journal=journal).counts["applied"] == 12
    writes = sandbox.requests.query("method == 'PATCH'")
    carried_out = writes[~writes["replayed"].astype(bool)]
    assert not carried_out["key"].duplicated().any()
