"""Locks that clear by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running import locks

from .fault_scenarios import kill_self, run_in_child


def test_hold__one_at_a_time(tmp_path: Path) -> None:
    """A lock is held by one; when it is released its empty file stays."""
    path = tmp_path / "locks" / "plan"
    with locks.hold(path, what="Plan A"):
        assert locks.is_locked(path)
        with (
            pytest.raises(kf.JournalError, match="Plan A is being run already"),
            locks.hold(path, what="Plan A"),
        ):
            pass
    assert not locks.is_locked(path)
    assert path.read_bytes() == b""


def test_hold__holder_dies(tmp_path: Path) -> None:
    """The lock of a process that was killed can be taken at once."""
    path = tmp_path / "plan"

    def hold_and_die() -> None:
        with locks.hold(path, what="Plan A"):
            kill_self()

    assert run_in_child(hold_and_die)
    assert path.exists()
    assert not locks.is_locked(path)
    with locks.hold(path, what="Plan A"):
        assert locks.is_locked(path)


def test_hold__none_in_memory() -> None:
    """A journal in memory needs no lock."""
    with locks.hold(None, what="Plan A"):
        assert not locks.is_locked(None)


def test_is_locked__creates_nothing(tmp_path: Path) -> None:
    """Looking whether a run goes on makes no file and no folder."""
    assert not locks.is_locked(tmp_path / "locks" / "plan")
    assert list(tmp_path.iterdir()) == []


def test_hold__follows_no_link(tmp_path: Path) -> None:
    """A lock that leads to another file is refused, and that file stays as it is."""
    other, path = tmp_path / "other", tmp_path / "plan"
    other.write_text("mine")
    path.symlink_to(other)
    with pytest.raises(kf.JournalError, match="cannot be made"), locks.hold(path, what="Plan A"):
        pass
    assert other.read_text() == "mine"
    assert not locks.is_locked(path)


def test_hold__a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """A file where the folder of locks belongs is an error that says what to do."""
    (tmp_path / "journal.sqlite3.locks").write_text("")
    path = tmp_path / "journal.sqlite3.locks" / "plan"
    with pytest.raises(kf.JournalError, match="move away"), locks.hold(path, what="Plan A"):
        pass
    assert not locks.is_locked(path)


def test_remove__spares_a_lock_in_use(tmp_path: Path) -> None:
    """The file of a lock is removed only while nobody holds it."""
    path = tmp_path / "plan"
    with locks.hold(path, what="Plan A"):
        locks.remove(path)
        assert path.exists()
    locks.remove(path)
    assert not path.exists()
