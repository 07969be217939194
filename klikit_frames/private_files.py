"""Files that only their owner can read, made before SQLite opens them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def touch_private(path: Path) -> None:
    """Make a file that only its owner can read, with its folder; one that is there is not even opened.

    Closing any handle of a file drops every lock that this process has on it (POSIX), those of SQLite's
    open connections among them: another process could then write in the middle of a commit.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.private_files import touch_private
    >>> touch_private(pathlib.Path("state/journal.sqlite3"))
    >>> pathlib.Path("state/journal.sqlite3").stat().st_size
    0
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
