"""Where journals are, what kind of place that is, and how their files are opened.

Also journals that are damaged, full, read-only, locked, or somebody else's.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.running import journal_files
from klikit_frames.running.journal import open_journal, read_journal
from klikit_frames.running.journal_files import advise_on_journal, find_storage

from .doubles import Bar, HoldingTransport
from .fault_scenarios import connect, kill_self, run_in_child
from .test_journal import RUN_ID, make_run

N_THREADS = 8
N_FILES = 30
MOUNTS = """overlay / overlay rw 0 0
/dev/sda1 /home ext4 rw 0 0
tmpfs /run\\040time tmpfs rw 0 0
server:/x /net nfs4 rw 0 0
drive /content/drive fuse.drive rw 0 0
"""


def test_open_journal__many_at_once(tmp_path: Path) -> None:
    """Eight threads that open the same new journals all get them: 240 openings, no error."""
    barrier = threading.Barrier(N_THREADS)

    def open_all() -> list[int]:
        seen = []
        for n in range(N_FILES):
            barrier.wait(600)
            with open_journal(tmp_path / f"{n}.sqlite3") as journal:
                seen.append(len(journal.runs()))
        return seen

    with ThreadPoolExecutor(N_THREADS) as pool:
        futures = [pool.submit(open_all) for _ in range(N_THREADS)]
    assert [future.result() for future in futures] == [[0] * N_FILES] * N_THREADS


def test_read_journal__while_it_is_made(tmp_path: Path) -> None:
    """Who looks while others create a journal sees an empty one, never a file of another program."""
    barrier = threading.Barrier(2)

    def make() -> None:
        for n in range(N_FILES):
            barrier.wait(600)
            open_journal(tmp_path / f"{n}.sqlite3").__exit__()

    def look() -> int:
        n_runs = 0
        for n in range(N_FILES):
            barrier.wait(600)
            with read_journal(tmp_path / f"{n}.sqlite3") as journal:
                n_runs += len(journal.runs())
        return n_runs

    with ThreadPoolExecutor(2) as pool:
        made, seen = pool.submit(make), pool.submit(look)
    assert (made.result(), seen.result()) == (None, 0)


def _sessions(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as connection:
        return len(connection.execute("SELECT * FROM sessions").fetchall())


def _count_checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every check of a whole file."""
    checks: list[str] = []
    connect = journal_files.connect

    def counting(path: Path | None) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(lambda sql: checks.append(sql) if "quick_check" in sql else None)
        return connection

    monkeypatch.setattr(journal_files, "connect", counting)
    return checks


def test_open_journal__checks_what_was_not_closed(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole file is checked after a session that was killed, and only once."""

    def be_killed() -> None:
        open_journal(journal).begin(make_run(), plan_body=b"", requests=[], before=[])
        kill_self()

    open_journal(journal).__exit__()
    assert _sessions(journal) == 0
    assert run_in_child(be_killed)
    assert _sessions(journal) == 1
    checks = _count_checks(monkeypatch)
    for _ in range(2):
        open_journal(journal).__exit__()
    assert len(checks) == 1
    assert _sessions(journal) == 0


def test_open_journal__a_session_beside_another(journal: Path) -> None:
    """A session that goes on while another opens and closes the file is still known to be open."""
    with open_journal(journal) as opened:
        opened.begin(make_run(), plan_body=b"", requests=[], before=[])
        open_journal(journal).__exit__()
        opened.record_start(RUN_ID)
        assert _sessions(journal) == 1
    assert _sessions(journal) == 0


@pytest.mark.parametrize("journal_name", ["nul\0byte.sqlite3", 7, b"\xff\x00"])
def test_open_journal__no_path(journal_name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no path of a file is refused with the cure."""
    monkeypatch.chdir(tmp_path)
    for opened in (open_journal, read_journal):
        with pytest.raises(kf.JournalError, match="Name a file"):
            opened(journal_name)
    assert list(tmp_path.iterdir()) == []


def _foreign(journal: Path, **values: object) -> None:
    """Let the journal have a run whose row was written by somebody else, with good digests."""
    with open_journal(journal) as opened:
        opened.begin(make_run(), plan_body=b"", requests=[], before=[])
    settings = ", ".join(f"{name} = ?" for name in values)
    connection, _ = journal_files.open_for_writing(journal)
    with closing(connection):
        connection.execute(f"UPDATE runs SET {settings}", [*values.values()])


@pytest.mark.parametrize("plan_id", ["../../precious", "/etc/passwd", "A" * 32, "a" * 31, b"a" * 32, 7, None])
def test_journal__foreign_ids(journal: Path, client: kf.Client, plan_id: object) -> None:
    """A plan id that is no id is refused by all that read it; no file is made or removed by its name."""
    precious = journal.parent / "precious"
    precious.write_text("mine")
    _foreign(journal, plan_id=plan_id)
    files = sorted(journal.parent.rglob("*"))
    for look in (
        lambda: kf.runs(journal=journal),
        lambda: kf.attach(RUN_ID, journal=journal),
        lambda: kf.resume(RUN_ID, client, journal=journal),
        lambda: kf.undo(RUN_ID, client, journal=journal),
        lambda: kf.prune_runs("0d", journal=journal),
    ):
        with pytest.raises(kf.JournalError, match="not an id"):
            look()
    assert sorted(journal.parent.rglob("*")) == files
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    "values",
    [
        {"rules": "[1]"},
        {"rules": "{"},
        {"rules": None},
        {"host": 7},
        {"user": None},
        {"n_rows": "many"},
        {"started_at": "today"},
        {"started_at": 10**18 * 9},
        {"run_id": "../x"},
    ],
)
def test_journal__foreign_shapes(journal: Path, client: kf.Client, values: dict[str, object]) -> None:
    """A value of another type than is written is refused in a sentence, with its digest in order."""
    _foreign(journal, **values)
    run_id = str(values.get("run_id", RUN_ID))
    with pytest.raises(kf.JournalError):
        kf.resume(run_id, client, journal=journal)
    with pytest.raises(kf.JournalError):
        kf.attach(run_id, journal=journal)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "[[1,2]]", '[["1","item","k","{}"]]', "nonsense", "[" * 99_999]
)
def test_journal__foreign_documents(journal: Path, content: str) -> None:
    """A document of another shape is refused in a sentence, never with the error of a parser."""
    with open_journal(journal) as opened:
        opened.begin(make_run(), plan_body=b"", requests=[], before=[])
    connection, _ = journal_files.open_for_writing(journal)
    with closing(connection):
        for kind in ("requests", "before", "plan"):
            connection.execute("DELETE FROM documents WHERE kind = ?", (kind,))
            connection.execute(
                "INSERT INTO documents (run_no, kind, content) VALUES (1, ?, ?)",
                (kind, zlib.compress(content.encode())),
            )
        connection.execute("UPDATE runs SET n_documents = 3")
    with read_journal(journal) as opened:
        for look in (opened.requests, lambda run_id: opened.flags(run_id, "before")):
            if content not in {"[]", "{}"}:
                with pytest.raises(kf.JournalError, match="damaged"):
                    look(RUN_ID)
    with pytest.raises(kf.KlikitFramesError):
        kf.attach(RUN_ID, journal=journal)


@pytest.mark.parametrize(
    ("path", "variables", "kind", "words"),
    [
        ("/home/ana/j", {}, "ext4", None),
        ("/srv/j", {}, "overlay", "container is removed"),
        ("/run time/j", {}, "tmpfs", "kept in memory"),
        ("/net/j", {}, "nfs4", None),
        ("/tmp/j", {}, "overlay", "temporary files"),
        ("/home/ana/j", {"KAGGLE_KERNEL_RUN_TYPE": "x"}, "ext4", "Kaggle"),
        ("/home/ana/j", {"DATABRICKS_RUNTIME_VERSION": "x"}, "ext4", "Databricks"),
        ("/content/j", {"COLAB_RELEASE_TAG": "x"}, "overlay", "90 minutes"),
        ("/content/drive/MyDrive/j", {"COLAB_RELEASE_TAG": "x"}, "fuse.drive", None),
    ],
)
def test_find_storage__by_mounts_and_hosts(
    path: str, variables: dict[str, str], kind: str, words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest mount tells the file system, hosted notebooks and memory how long it lives."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")
    storage = find_storage(Path(path), environment=variables, mounts=MOUNTS)
    assert storage.file_system == kind
    assert (storage.short_life is None) is (words is None)
    assert words is None or words in str(storage.short_life)
    assert storage.is_far is (kind in {"nfs4", "fuse.drive"})


def test_advise_on_journal__of_a_folder_that_somebody_chose(tmp_path: Path) -> None:
    """Who names a temporary folder has chosen it; whose home lies in one has not."""
    journal = tmp_path / "j.sqlite3"
    assert advise_on_journal(journal, is_named=True) is None
    assert "KLIKIT_JOURNAL_MIRROR" in str(advise_on_journal(journal, is_named=False))
    assert advise_on_journal(None, is_named=False) is None


@pytest.mark.parametrize("has_mirror", [False, True])
def test_run__says_that_the_journal_is_short_lived(
    client: kf.Client,
    singles: kf.Plan,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_mirror: bool,
) -> None:
    """One line before the first write, and none where a mirror keeps the journal."""
    monkeypatch.setattr(logging.getLogger("klikit_frames.journal"), "disabled", False)
    monkeypatch.chdir(os.environ["XDG_STATE_HOME"].rpartition("/")[0])
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    kf.run(singles, client, journal=None, mirror="m.sqlite3" if has_mirror else None, progress=False)
    warnings = [record.getMessage() for record in caplog.records if record.name == "klikit_frames.journal"]
    assert len(warnings) == (0 if has_mirror else 1)
    assert all("Colab" in line and "mirror=" in line for line in warnings)


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """A folder in the place of a journal is refused, also by those who only look."""
    with pytest.raises(kf.JournalError, match="cannot be used"):
        kf.runs(journal=tmp_path)


def test_journal__damaged_plan(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A run whose plan cannot be unpacked is reported as damaged."""
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


@pytest.mark.usefixtures("short_timeout")
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
        with sandbox.connect() as child_client, pytest.raises(kf.JournalError):
            kf.run(kf.plan(wide), child_client, journal=journal)

    assert run_in_child(run) is False
    assert sandbox.requests.empty


@pytest.mark.usefixtures("short_timeout")
def test_journal__fails_on_the_way(
    journal: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, singles: kf.Plan
) -> None:
    """A journal that fails in mid-run stops the run at once; the error says how to go on, and that works."""
    lock = _locked(journal)
    with sandbox.connect(max_connections=1, writes_per_minute=10**6) as slow:
        with pytest.raises(kf.JournalError, match="goes on with") as caught:
            kf.run(singles, slow, journal=journal, progress=Bar(lock.__enter__))
        lock.__exit__(None, None, None)
        n_sent = len(sandbox.requests.query("method == 'PATCH'"))
        assert n_sent < 12
        assert f"client, journal={str(journal)!r})" in str(caught.value)
        run_id = str(caught.value).split('kf.resume("')[1].split('"')[0]
        assert kf.resume(run_id, slow, journal=journal).counts["applied"] == 12
    writes = sandbox.requests.query("method == 'PATCH'")
    carried_out = writes[~writes["replayed"].astype(bool)]
    assert not carried_out["key"].duplicated().any()
