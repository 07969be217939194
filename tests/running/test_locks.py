"""Locks that clear by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running import locks

from .worlds import die, in_child


def test_hold__one_at_a_time(tmp_path: Path) -> None:
    """A lock is held by one; when it is let go nothing is left of it."""
    path = tmp_path / "locks" / "plan"
    with locks.hold(path, what="Plan A"):
        assert locks.is_held(path)
        with (
            pytest.raises(kf.JournalError, match="Plan A is being run already"),
            locks.hold(path, what="Plan A"),
        ):
            pass
    assert not locks.is_held(path)
    assert not path.exists()


def test_hold__holder_dies(tmp_path: Path) -> None:
    """The lock of a process that was killed can be taken at once."""
    path = tmp_path / "plan"

    def hold_and_die() -> None:
        with locks.hold(path, what="Plan A"):
            die()

    assert in_child(hold_and_die)
    assert path.exists()
    assert not locks.is_held(path)
    with locks.hold(path, what="Plan A"):
        assert locks.is_held(path)


def test_hold__none_in_memory() -> None:
    """A journal in memory needs no lock."""
    with locks.hold(None, what="Plan A"):
        assert not locks.is_held(None)
