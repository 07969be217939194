"""Where journals are on disk and what place that is; how their files are created, checked and opened."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

import platformdirs

from .. import edge
from ..edge import touch_private
from ..errors import JournalError
from . import journal_schema as schema
from .journal_codec import damaged
from .journal_migration import OLD_VERSION, keep_copy, migrate

__all__ = [
    "APPLICATION_ID",
    "JOURNAL_VARIABLE",
    "MEMORY",
    "SELECT_OWNER",
    "JournalPath",
    "connect",
    "error_text",
    "give_back_room",
    "has_rollback_journal",
    "is_open_here",
    "journal_path",
    "make_private",
    "open_for_reading",
    "open_for_writing",
    "own_journal_path",
    "roll_back",
]

MEMORY = ":memory:"
JOURNAL_VARIABLE = "KLIKIT_JOURNAL"
JournalPath = str | os.PathLike[str] | None

APPLICATION_ID = 0x6B6C6B66
# How long to wait for another process to finish its commit.
BUSY_TIMEOUT_S = 10.0
# EXTRA with a rollback journal survives a power cut at any instant, also in a folder on a network.
_PRAGMAS = (
    "journal_mode=DELETE",
    "synchronous=EXTRA",
    "foreign_keys=ON",
    "secure_delete=OFF",
    "temp_store=MEMORY",
)

# Where these hosted notebooks keep what outlives the machine.
_LASTING = tuple(map(Path, ("/content/drive", "/kaggle/working", "/dbfs", "/Workspace", "/Volumes")))
# The variables by which hosted notebooks are known, and when their machines end.
_HOSTED = {
    "COLAB_RELEASE_TAG": "when this Colab machine ends, which is after about 90 minutes without you",
    "KAGGLE_KERNEL_RUN_TYPE": "when this Kaggle session ends",
    "DATABRICKS_RUNTIME_VERSION": "when this Databricks cluster ends",
}
_IN_MEMORY = {"tmpfs", "ramfs"}
_FAR = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.drive"}


SELECT_OWNER = (
    "SELECT (SELECT application_id FROM pragma_application_id), "
    "(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
)


def journal_path(journal: JournalPath = None) -> Path | None:
    """Return where a journal is on disk; None in memory. Touches nothing.

    Without a name it is where KLIKIT_JOURNAL says, else in the person's own state folder.

    Raises
    ------
    JournalError
        It is not the name of a file.
    """
    if journal is None:
        journal = os.environ.get(JOURNAL_VARIABLE) or own_journal_path()
    if isinstance(journal, str) and journal == MEMORY:
        return None
    try:
        # By whatever link it is named, one journal has one set of locks.
        return Path(journal).expanduser().resolve()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise JournalError(
            f"journal={journal!r:.80} is not the path of a file ({error}). "
            "Name a file, such as monday.sqlite3."
        ) from error


def own_journal_path() -> Path:
    """Return where a person's journal is unless another is named."""
    return Path(platformdirs.user_state_dir("klikit_frames")) / "journal.sqlite3"


def make_private(path: Path, *, is_own_folder: bool) -> None:
    """Make a file, and its folder, that only their owner can read."""
    # SQLite gives its side files the rights of this one.
    touch_private(path)
    if is_own_folder:
        path.parent.chmod(0o700)


class _Connection(sqlite3.Connection):
    """Known to this process while it is open, by the file that it has open."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.file: tuple[int, int] | None = None

    def close(self) -> None:
        super().close()
        self.file = None


_connections: WeakSet[_Connection] = WeakSet()


def is_open_here(path: Path) -> bool:
    """Tell whether this process has a journal open: reading its bytes would drop SQLite's locks on it."""
    try:
        file = _identify(path)
    except OSError:
        return False
    return any(connection.file == file for connection in [*_connections])


def has_rollback_journal(path: Path) -> bool:
    """Tell whether somebody is in a commit, or was killed in one: the bytes alone are not what they seem."""
    return path.with_name(f"{path.name}-journal").exists()


def _identify(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def connect(path: Path | None) -> sqlite3.Connection:
    """Return a connection that knows the digest of rows and can draw an id; it never creates a file."""
    target = MEMORY if path is None else f"{path.as_uri()}?mode=rw"
    connection = sqlite3.connect(
        target,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_S,
        uri=path is not None,
        factory=_Connection,
    )
    if path is not None:
        connection.file = _identify(path)
        _connections.add(connection)
    connection.create_function("row_digest", -1, schema.row_digest, deterministic=True)
    connection.create_function("draw_id", 0, lambda: edge.draw_uuid().hex)
    return connection


def open_for_writing(path: Path | None) -> tuple[sqlite3.Connection, str]:
    """Return a connection that may write, and the name of its session.

    A file without tables becomes a journal, and one of 0.1.0 a journal of this version, each in one
    transaction. The whole file is checked only if an earlier session has not closed it.
    """
    connection = connect(path)
    session_id = edge.draw_uuid().hex
    with _closed_on_error(connection):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        left_open = _unclean_sessions(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        version = _check_owner(connection, path)
        _bring_up_to_date(connection, path, version=version)
        connection.executemany(
            "DELETE FROM sessions WHERE session_id = ?", [(open_id,) for open_id in left_open]
        )
        # This reaches the disk, so a disk that takes no writes shows here.
        connection.execute("INSERT INTO sessions VALUES (?)", (session_id,))
        connection.execute("COMMIT")
        if version == OLD_VERSION:
            give_back_room(connection)
    return connection, session_id


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """Return a connection to a journal to look into; None if the file has no tables yet.

    A journal of 0.1.0 is read through a copy in memory: looking changes no file.
    """
    connection = connect(path)
    with _closed_on_error(connection):
        version = _check_owner(connection, path)
        if version == OLD_VERSION:
            return _migrated_in_memory(connection)
        if version:
            return connection
    connection.close()
    return None


def give_back_room(connection: sqlite3.Connection) -> None:
    """Let the file shrink to what it holds; if somebody else uses it, leave that to the next time."""
    with suppress(sqlite3.Error):
        connection.execute("VACUUM")


def roll_back(connection: sqlite3.Connection) -> None:
    """Give up the transaction that is open, if one is."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def error_text(error: BaseException, path: Path | None) -> str:
    """Return what to tell when a journal's file fails."""
    why = getattr(error, "strerror", None) or str(error)
    cure = "Make room, or name" if "full" in why or "space" in why else "Name"
    return (
        f"The journal {path or MEMORY} cannot be used: {why}. Nothing is sent without it. "
        f"{cure} another file with journal= for a plan that has not begun."
    )


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        roll_back(connection)
        connection.close()
        raise


def _bring_up_to_date(connection: sqlite3.Connection, path: Path | None, *, version: int) -> None:
    """Create or migrate the tables if need be, and set up what keeps their digests."""
    if version == OLD_VERSION and path is not None:
        keep_copy(connection, path)
    if version == OLD_VERSION:
        migrate(connection)
        return
    if not version:
        for statement in schema.SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
    for trigger in schema.TRIGGERS:
        connection.execute(trigger)


def _migrated_in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    memory = connect(None)
    with _closed_on_error(memory):
        connection.backup(memory)
        connection.close()
        memory.execute("BEGIN")
        migrate(memory)
        memory.execute("COMMIT")
    return memory


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> int:
    """Refuse a file of another program, and return the version of its schema; 0 without tables."""
    # One statement, so that all of it is of one moment.
    owner, version, n_tables = connection.execute(SELECT_OWNER).fetchone()
    if not n_tables:
        return 0
    if owner != APPLICATION_ID:
        raise sqlite3.DatabaseError("file is not a journal of klikit_frames")
    if version not in {OLD_VERSION, schema.SCHEMA_VERSION}:
        raise _other_version(version, path)
    tables = {name: sql for name, sql in connection.execute("SELECT name, sql FROM sqlite_master") if sql}
    if version == schema.SCHEMA_VERSION and tables != schema.TABLES:
        raise damaged(f"the tables of {path or MEMORY} are not those of a journal")
    return int(version)


def _other_version(version: int, path: Path | None) -> JournalError:
    age = "a newer" if version > schema.SCHEMA_VERSION else "an older"
    return JournalError(
        f"The journal {path} was written by {age} version of klikit_frames, so nothing was sent. "
        "That version can read it and go on with its runs; to use this one, name another file with "
        "journal= or move this one away."
    )


def _unclean_sessions(connection: sqlite3.Connection, path: Path | None) -> list[str]:
    """Return the sessions that have not closed the file, after a check of the whole file if there are any.

    They were killed, or are still at it: these say again with their next commit that they are.
    """
    version = _check_owner(connection, path)
    if version == OLD_VERSION:
        _check_pages(connection)
    if version != schema.SCHEMA_VERSION:
        return []
    left_open = [session_id for (session_id,) in connection.execute("SELECT session_id FROM sessions")]
    if left_open:
        _check_pages(connection)
    return left_open


def _check_pages(connection: sqlite3.Connection) -> None:
    ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


@dataclass(frozen=True, slots=True)
class Storage:
    """A place on disk.

    Attributes
    ----------
    file_system : str or None
        Such as ``ext4``; None where the system does not tell.
    short_life : str or None
        Why what is there will hardly survive, as ``"... "`` goes on after *it is lost*; None if it will.
    is_temporary : bool
        Whether it is a temporary folder or a container's: who names one has chosen it.
    """

    file_system: str | None
    short_life: str | None = None
    is_temporary: bool = False

    @property
    def is_far(self) -> bool:
        """Whether it is on a network or a mounted drive, where SQLite's locks may not hold."""
        return self.file_system in _FAR or (self.file_system or "").startswith("fuse.")


def find_storage(
    path: Path, *, environment: Mapping[str, str] | None = None, mounts: str | None = None
) -> Storage:
    """Return what kind of place `path` is, or will be. Looks at the system's table of mounts.

    Parameters
    ----------
    path : Path
        A file or folder; it need not be there.
    environment, mounts : optional
        Instead of this process's variables, and of ``/proc/self/mounts``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from klikit_frames.running.journal_files import find_storage
    >>> find_storage(Path("/root/j"), environment={"COLAB_RELEASE_TAG": "1"}, mounts="").short_life
    'when this Colab machine ends, which is after about 90 minutes without you'
    """
    variables = os.environ if environment is None else environment
    kind = _file_system(path, _read_mounts() if mounts is None else mounts)
    hosted = next((ends for variable, ends in _HOSTED.items() if variable in variables), None)
    if any(path.is_relative_to(folder) for folder in _LASTING):
        return Storage(kind)
    if hosted or kind in _IN_MEMORY:
        return Storage(kind, hosted or "when this machine is restarted, for it is kept in memory")
    if path.is_relative_to(Path(tempfile.gettempdir()).resolve()):
        return Storage(kind, "when temporary files are cleaned up", is_temporary=True)
    is_container = kind == "overlay"
    return Storage(kind, "when this container is removed" if is_container else None, is_container)


def advise_on_journal(path: Path | None, *, is_named: bool) -> str | None:
    """Return one line on a journal that would not survive here, and how it could; None if it will.

    A person who named a temporary folder has chosen it.
    """
    if path is None:
        return None
    storage = find_storage(path)
    if storage.short_life is None or (is_named and storage.is_temporary):
        return None
    return (
        f"The journal {path} is lost {storage.short_life}: pass mirror= with a path on a drive that outlives "
        "it, or set KLIKIT_JOURNAL_MIRROR."
    )


def _read_mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the mount that is the nearest above `path`."""
    mounts_above = list(_mounts_above(path, mounts.splitlines()))
    return max(mounts_above, key=lambda mount: len(mount[0].parts))[1] if mounts_above else None


def _mounts_above(path: Path, lines: Iterable[str]) -> Iterable[tuple[Path, str]]:
    for line in lines:
        _, folder, kind, *_ = [*line.split(" "), "", "", ""]
        # The table spells a space as an octal escape.
        mount = Path(folder.replace("\\040", " "))
        if folder and path.is_relative_to(mount):
            yield mount, kind
