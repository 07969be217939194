"""Where journals live, and who may read them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

MEMORY = ":memory:"
JournalPath = str | os.PathLike[str] | None


def journal_path(journal: JournalPath = None) -> Path | None:
    """Return where a journal is on disk; None in memory. Touches nothing."""
    if journal == MEMORY:
        return None
    if journal is None:
        return Path(platformdirs.user_state_dir("klikit_frames")) / "journal.sqlite3"
    # By whatever link it is named, one journal has one set of locks.
    return Path(journal).expanduser().resolve()


def make_private(path: Path, *, is_own_folder: bool) -> None:
    """Make a file, and its folder, that only their owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_own_folder:
        path.parent.chmod(0o700)
    # SQLite gives its side files the rights of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
