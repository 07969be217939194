"""Copies of journals that somebody works with at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running.journal import open_journal
from klikit_frames.running.journal_files import connect, is_open_here
from klikit_frames.running.records import Publish

PUBLISH = Publish("a" * 32, "a business", "127.0.0.1:1", ((663, 1062),), "key", status="published")
WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""
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
