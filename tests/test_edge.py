"""Private files, the locks of open ones, threads, and programs."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.edge import read_file, touch_private

WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_touch__for_the_owner_alone(tmp_path: Path) -> None:
    """The file and its folder are the owner's; what a file holds stays."""
    path = tmp_path / "state" / "file"
    touch_private(path)
    assert [stat.S_IMODE(entry.stat().st_mode) for entry in (path, path.parent)] == [0o600, 0o700]
    path.write_text("kept")
    touch_private(path)
    assert path.read_text() == "kept"


def test_touch__takes_no_lock_from_another_connection(tmp_path: Path) -> None:
    """What SQLite has locked in this process stays locked for others, though the file is looked after."""
    path = tmp_path / "file.sqlite3"
    touch_private(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        touch_private(path)
        tried = subprocess.run(
            [sys.executable, "-c", WRITE, path], capture_output=True, text=True, check=True
        )
        assert tried.stdout == "database is locked\n"


@pytest.mark.skipif(os.name != "posix", reason="has devices")
def test_read_file__of_a_device_is_refused() -> None:
    """A device, which may have no end, is no file; a pipe is read to its end."""
    for device in (Path("/dev/null"), Path("/dev/zero")):
        with pytest.raises(kf.FileError, match=f"{device} could not be read: it is a device; name a file"):
            read_file(device)
    reader, writer = os.pipe()
    os.write(writer, b"some text")
    os.close(writer)
    assert read_file(Path(f"/dev/fd/{reader}")) == b"some text"
    os.close(reader)


@pytest.mark.parametrize("name", ["plan.json", "state.csv", "state.parquet", "table.csv"])
def test_read_file__takes_no_lock_from_another_connection(tmp_path: Path, name: str) -> None:
    """Whoever names an open journal in place of a plan or a table is refused, and its locks hold."""
    path = tmp_path / name
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE runs (run_id)")
        connection.execute("BEGIN IMMEDIATE")
        readers: dict[str, Callable[[Path], object]] = {
            "plan": kf.load_plan,
            "state": kf.load_state,
            "table": kf.read_toggles,
        }
        for _ in range(2):
            with pytest.raises(kf.KlikitFramesError):
                readers[path.stem](path)
        tried = subprocess.run(
            [sys.executable, "-c", WRITE, path], capture_output=True, text=True, check=True
        )
        assert tried.stdout == "database is locked\n"


class _Threadless(edge.World):
    has_threads = False


@pytest.mark.parametrize("world", [edge.World(), _Threadless()])
def test_make_pool__of_each_world(world: edge.World) -> None:
    """A pool gives results and errors alike with threads or without; without, on the caller's own."""
    with edge.use(world), edge.make_pool(2) as pool:
        assert edge.is_thread_pool(pool)
        is_here = pool.submit(threading.current_thread).result() is threading.current_thread()
        assert is_here is not world.has_threads
        assert isinstance(pool.submit(int, "one").exception(), ValueError)


def test_run_program__is_given_only_what_it_is_given() -> None:
    """A program reads its input and knows the environment that is handed in; its last words come back."""
    script = "import os, sys; sys.stderr.write(sys.stdin.read() + os.environ['WORD']); sys.exit(3)"
    words = [sys.executable, "-c", script]
    assert edge.run_program(words, given=b"a ", environment={"WORD": "b"}, timeout_s=60) == (3, b"a b")
