"""What is remembered of a rate, in memory and in files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.api.rate_storage import (
    LOOK_EVERY_S,
    MAX_PAUSE_S,
    Cooldown,
    SharedCooldown,
    SlidingWindowLog,
    find_log_path,
    open_window_log,
    remove_old_files,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a shared log may be."""
    return tmp_path / "pacing" / "log.sqlite3"


@given(
    gaps=st.lists(st.integers(0, 400), min_size=1, max_size=120),
    limit=st.integers(1, 9),
    window_ms=st.integers(50, 2000),
)
def test_log__never_lets_more_through_than_the_limit(gaps: list[int], limit: int, window_ms: int) -> None:
    """In no window of this length, wherever it begins, are more than `limit` requests."""
    log, now_ms, admitted = SlidingWindowLog(), 0, []
    for gap in gaps:
        now_ms += gap
        if log.put(now_ms, limit=limit, window_ms=window_ms) == 0:
            admitted.append(now_ms)
    for begin in admitted:
        assert sum(begin <= at < begin + window_ms for at in admitted) <= limit


@given(limit=st.integers(1, 9), window_ms=st.integers(50, 2000), n=st.integers(1, 40))
def test_log__names_the_wait_that_suffices(limit: int, window_ms: int, n: int) -> None:
    """After the wait that a refusal names, the request passes, and not a millisecond is given away."""
    log, now_ms, n_waits = SlidingWindowLog(), 0, 0
    for _ in range(n):
        if wait_ms := log.put(now_ms, limit=limit, window_ms=window_ms):
            assert log.put(now_ms + wait_ms - 1, limit=limit, window_ms=window_ms) > 0
            now_ms, n_waits = now_ms + wait_ms, n_waits + 1
            assert log.put(now_ms, limit=limit, window_ms=window_ms) == 0
    assert n_waits == (n - 1) // limit


def test_log__forgets_what_is_past() -> None:
    """Memory holds the last minute and not the whole run."""
    log = SlidingWindowLog()
    for now_ms in range(0, 5_000_000, 1000):
        log.put(now_ms, limit=300, window_ms=60_000)
    assert len(log) < 200


def test_log__of_many_short_programs_does_not_grow(path: Path) -> None:
    """Each opener forgets what is past, so that a file of years holds a minute."""
    for now_ms in range(0, 50 * 100_000, 100_000):
        log = open_window_log("writes", path=path)
        for _ in range(5):
            log.put(now_ms, limit=300, window_ms=60_000)
        assert len(log) == 5
        log.close()


def test_log__is_shared_between_two_openers(path: Path) -> None:
    """What one opener sent, the other counts; the two lanes are apart."""
    first, second = open_window_log("writes", path=path), open_window_log("writes", path=path)
    reads = open_window_log("reads", path=path)
    said = [log.put(1000, limit=2, window_ms=500) for log in (first, second, first, second, reads)]
    assert said == [0, 0, 501, 501, 0]
    for log in (first, second, reads):
        log.close()


SENDER = """
import sys
from pathlib import Path
from klikit_frames.api.rate_storage import open_window_log
log = open_window_log("writes", path=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sum(log.put(1000 + i, limit=200, window_ms=60_000) == 0 for i in range(300)))
log.close()
"""


def test_log__is_exact_among_processes(path: Path) -> None:
    """Four processes that send at once send together what one may."""
    call = [sys.executable, "-c", SENDER, str(path)]
    pipe = subprocess.PIPE
    senders = [subprocess.Popen(call, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    assert [sender.stdout and sender.stdout.readline() for sender in senders] == ["ready\n"] * 4
    for sender in senders:
        assert sender.stdin
        sender.stdin.write("go\n")
        sender.stdin.flush()
    assert sum(int(sender.communicate()[0]) for sender in senders) == 200


def test_log__survives_a_clock_set_back(path: Path) -> None:
    """Entries of the future do not block for as long as the clock was wrong."""
    log = open_window_log("writes", path=path)
    assert log.put(10_000_000, limit=1, window_ms=60_000) == 0
    assert [log.put(5000, limit=1, window_ms=60_000) for _ in range(2)] == [1, 0]
    log.close()


def test_log__is_private(path: Path) -> None:
    """Only the person may look into the folder and the file."""
    log = open_window_log("writes", path=path)
    log.put(1000, limit=1, window_ms=60_000)
    assert [oct(entry.stat().st_mode & 0o777) for entry in (path.parent, path)] == ["0o700", "0o600"]
    log.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_log__is_made_anew_where_the_file_is_broken(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file is replaced: only the last minute would have counted, so no message is needed."""
    path.parent.mkdir()
    path.write_bytes(content)
    logs = [open_window_log("writes", path=path) for _ in range(2)]
    assert [log.put(1000, limit=1, window_ms=500) for log in logs] == [0, 501]
    assert [log.is_shared for log in logs] == [True, True]
    assert caplog.records == []
    for log in logs:
        log.close()


def test_log__goes_on_in_memory_where_nothing_may_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A home that cannot be written to costs the sharing, not the run."""
    (tmp_path / "file").write_text("in the way")
    log = open_window_log("writes", path=tmp_path / "file" / "log.sqlite3")
    assert not log.is_shared
    assert [log.put(1000, limit=1, window_ms=500) for _ in range(2)] == [0, 501]
    assert len(caplog.records) == 1


def test_log__goes_on_in_memory_if_the_file_fails_later(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that breaks in mid-run costs the sharing, not the run."""
    log = open_window_log("writes", path=path)
    log.put(1000, limit=1, window_ms=500)
    path.write_bytes(b"rubbish" * 3000)
    assert [log.put(1000, limit=1, window_ms=500) for _ in range(2)] == [0, 501]
    assert (log.is_shared, len(caplog.records)) == (False, 1)


def test_path__is_of_the_account() -> None:
    """Each account has a file of its own; those on loopback, whose ports and keys are drawn, lie apart."""
    real, loopback = find_log_path("abc"), find_log_path("abc", is_loopback=True)
    assert (real.name, loopback.name) == ("abc.sqlite3", "abc.sqlite3")
    assert loopback.parent == real.parent / "loopback"


def test_log__of_an_earlier_start_of_the_machine_is_forgotten(path: Path) -> None:
    """Entries of the future were noted before the machine was started again: they take nobody's place."""
    with_future = open_window_log("writes", path=path)
    assert with_future.put(9_000_000, limit=1, window_ms=500) == 0
    with_future.close()
    log = open_window_log("writes", path=path, now_ms=5000)
    assert log.put(5000, limit=1, window_ms=500) == 0
    log.close()


@pytest.mark.parametrize("is_damaged", [False, True])
def test_log__whose_file_was_removed_is_opened_again(
    path: Path, is_damaged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where another process took the file away, or made it again, both go on with the new one together."""
    first = open_window_log("writes", path=path)
    assert first.put(1000, limit=2, window_ms=500) == 0
    if is_damaged:
        path.write_bytes(b"rubbish" * 3000)
    else:
        path.unlink()
    other = open_window_log("writes", path=path)
    assert [log.put(1000, limit=2, window_ms=500) for log in (other, first, other)] == [0, 0, 501]
    assert (first.is_shared, other.is_shared, caplog.records) == (True, True, [])
    first.close()
    other.close()


def test_log__waits_for_a_slow_commit(path: Path) -> None:
    """On a machine with a busy disk a commit takes seconds: that is no reason to go on alone."""
    log = open_window_log("writes", path=path)
    waits: list[int] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        thread = threading.Thread(target=lambda: waits.append(log.put(1000, limit=1, window_ms=500)))
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join()
    assert (waits, log.is_shared) == ([0], True)
    log.close()


def test_log__goes_on_alone_where_a_commit_never_ends(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process that hangs in the middle of its commit stops no other for good."""
    log = open_window_log("writes", path=path, busy_timeout_ms=0)
    with closing(sqlite3.connect(path, isolation_level=None)) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        assert (log.put(1000, limit=1, window_ms=500), log.is_shared) == (0, False)
    assert "cannot be shared between processes any longer" in caplog.text
    log.close()


def test_accounts__on_loopback_never_wait_for_each_other() -> None:
    """While one sandbox's account writes its log, that of another is used as if it were alone."""
    paths = [find_log_path(name, is_loopback=True) for name in ("a", "b")]
    first, other = (open_window_log("writes", path=path, busy_timeout_ms=0) for path in paths)
    with closing(sqlite3.connect(paths[0], isolation_level=None)) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        assert (other.put(1000, limit=1, window_ms=500), other.is_shared) == (0, True)
    first.close()
    other.close()


@pytest.mark.parametrize(("is_loopback", "idle_s"), [(False, 86_400), (True, 600)])
def test_old_files__are_removed(tmp_path: Path, is_loopback: bool, idle_s: int) -> None:
    """What nobody has used for a day, or 10 minutes on loopback, goes; what is in use or not ours stays.

    A side file that a killed process left goes with its file, or the next one would be spoilt by it.
    """
    old = ("old.sqlite3", "old.sqlite3-journal", "old.rest", "other.txt")
    for name in (*old, "new.sqlite3"):
        (tmp_path / name).touch()
    now = time.time()
    for name in old:
        os.utime(tmp_path / name, (now - idle_s - 5,) * 2)
    os.utime(tmp_path / "new.sqlite3", (now - idle_s + 60,) * 2)
    remove_old_files(tmp_path, is_loopback=is_loopback)
    remove_old_files(tmp_path / "missing")
    assert {file.name for file in tmp_path.iterdir()} == {"new.sqlite3", "other.txt"}


class _TwoDaysLater(edge.World):
    def disk_time(self) -> float:
        return super().disk_time() + 2 * 86_400


def test_old_files__own_ones_outlast_a_clock_that_is_set(tmp_path: Path) -> None:
    """Where the clock is set two days ahead while a log is in use, whoever comes next does not remove it."""
    for name in ("one.sqlite3", "one.rest", "other.sqlite3"):
        (tmp_path / name).touch()
    with edge.use(_TwoDaysLater()):
        remove_old_files(tmp_path, keep=tmp_path / "one.sqlite3")
    assert {file.name for file in tmp_path.iterdir()} == {"one.sqlite3", "one.rest"}


def test_sandboxes__leave_no_file_behind_for_long() -> None:
    """Who connects to a sandbox finds the files of those before, and removes them once they are idle."""
    for _ in range(2):
        with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
            client.read("/brands")
        folder = find_log_path("any", is_loopback=True).parent
        (left,) = folder.iterdir()
        os.utime(left, (1.0, 1.0))


@pytest.fixture
def cooldown_path(tmp_path: Path) -> Path:
    """Return where a shared rest may be."""
    return tmp_path / "pacing" / "one.rest"


def test_cooldown__is_over_at_its_end_and_before_its_beginning() -> None:
    """A clock that is set back ends it as well as time does."""
    rest = Cooldown(100.0, 130.0)
    assert [rest.left(now) for now in (99.0, 100.0, 129.0, 130.0)] == [0.0, 30.0, 1.0, 0.0]


COOLDOWN_STARTER = """
import sys
from pathlib import Path
from klikit_frames.api.rate_storage import Cooldown, SharedCooldown
SharedCooldown(Path(sys.argv[1])).begin(Cooldown(100.0, 130.0))
"""


def test_cooldown__is_known_to_other_processes(cooldown_path: Path) -> None:
    """What one process heard from the server, the others keep too, as soon as they look again."""
    other = SharedCooldown(cooldown_path)
    assert other.left(110.0 - 2 * LOOK_EVERY_S) == 0.0
    subprocess.run([sys.executable, "-c", COOLDOWN_STARTER, str(cooldown_path)], check=True)
    assert other.left(110.0) == 20.0


def test_cooldown__a_clock_that_is_set_back_looks_again(cooldown_path: Path) -> None:
    """A machine's clock that was set back delays no look at what others heard."""
    other = SharedCooldown(cooldown_path)
    assert other.left(900.0) == 0.0
    SharedCooldown(cooldown_path).begin(Cooldown(100.0, 130.0))
    assert other.left(110.0) == 20.0


def test_cooldown__without_a_file_is_ones_own() -> None:
    """Without a cooldown_path nobody else hears of it."""
    rest = SharedCooldown()
    rest.begin(Cooldown(100.0, 130.0))
    assert (rest.left(110.0), SharedCooldown().left(110.0)) == (20.0, 0.0)


@pytest.mark.parametrize("content", [b"", b"100.0", b"x y", b"\xff\xfe", b"nan nan", b"1 2 3"])
def test_cooldown__lives_with_a_file_of_no_use(cooldown_path: Path, content: bytes) -> None:
    """A file that is half written or rubbish says nothing, and is written again."""
    cooldown_path.parent.mkdir()
    cooldown_path.write_bytes(content)
    assert SharedCooldown(cooldown_path).left(110.0) == 0.0
    SharedCooldown(cooldown_path).begin(Cooldown(100.0, 130.0))
    assert SharedCooldown(cooldown_path).left(110.0) == 20.0


def test_cooldown__of_the_file_is_bounded(cooldown_path: Path) -> None:
    """No file can stop a program for longer than a server can."""
    SharedCooldown(cooldown_path).begin(Cooldown(100.0, 1e12))
    assert SharedCooldown(cooldown_path).left(100.0) == MAX_PAUSE_S


def test_cooldown__goes_on_in_memory_where_nothing_may_be_written(tmp_path: Path) -> None:
    """A home that cannot be written to costs the sharing, not the rest."""
    (tmp_path / "file").write_text("in the way")
    rest = SharedCooldown(tmp_path / "file" / "one.rest")
    rest.begin(Cooldown(100.0, 130.0))
    assert rest.left(110.0) == 20.0


def test_cooldown__is_private(cooldown_path: Path) -> None:
    """Only the person may look into the folder and the file."""
    SharedCooldown(cooldown_path).begin(Cooldown(100.0, 130.0))
    assert [oct(entry.stat().st_mode & 0o777) for entry in (cooldown_path.parent, cooldown_path)] == [
        "0o700",
        "0o600",
    ]
