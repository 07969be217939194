"""The edge of the package: present time, waiting, drawn ids, threads, programs and files, all from one place.

Whoever plays a year in a minute, or wants the same accident twice, hands in another world with `use`.

A client is given its clock, so that waiting can be tested without waiting.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import threading
import time as _time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from .errors import FileError, as_file_error

__all__ = [
    "Clock",
    "SteadyClock",
    "SystemClock",
    "Thread",
    "World",
    "check_interruption",
    "disk_time",
    "draw_uuid",
    "has_threads",
    "interruptible",
    "is_file",
    "is_folder",
    "is_thread_pool",
    "make_pool",
    "make_thread",
    "monotonic",
    "now",
    "process_time",
    "read_file",
    "read_now",
    "run_program",
    "sleep",
    "thread_kind",
    "time",
    "touch_private",
    "uniform",
    "use",
    "write_file",
    "writing_file",
]

P = ParamSpec("P")
T = TypeVar("T")

Thread = threading.Thread


class World:
    """The machine as it is; a subclass may tell another time, draw from a seed, or have no threads.

    Without threads each piece of work is done where it is begun, to its end, so that the order of all that
    happens is one and the same each time.
    """

    has_threads = True

    def now(self) -> datetime:
        """Return the present by the machine's wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that nobody sets."""
        return _time.monotonic()

    def disk_time(self) -> float:
        """Return the present by the clock that dates files, in seconds since 1970."""
        return _time.time()

    def process_time(self) -> float:
        """Return the seconds that this process has worked."""
        return _time.process_time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        _time.sleep(seconds)

    def draw_uuid(self) -> uuid.UUID:
        """Return an identity that nobody else has."""
        return uuid.uuid4()

    def uniform(self, low: float, high: float) -> float:
        """Return any number between these."""
        return random.SystemRandom().uniform(low, high)


_worlds = [World()]


@contextmanager
def use(world: World) -> Iterator[None]:
    """Let the whole package live in another world meanwhile.

    Examples
    --------
    >>> from klikit_frames import edge
    >>> class Frozen(edge.World):
    ...     def monotonic(self):
    ...         return 7.0
    >>> with edge.use(Frozen()):
    ...     edge.monotonic()
    7.0
    """
    _worlds.append(world)
    try:
        yield
    finally:
        _worlds.remove(world)


def now() -> datetime:
    """Return the present by the machine's wall clock, UTC."""
    return _worlds[-1].now()


def monotonic() -> float:
    """Return seconds that nobody sets."""
    return _worlds[-1].monotonic()


def disk_time() -> float:
    """Return the present by the clock that dates files, in seconds since 1970."""
    return _worlds[-1].disk_time()


def process_time() -> float:
    """Return the seconds that this process has worked."""
    return _worlds[-1].process_time()


def sleep(seconds: float) -> None:
    """Wait."""
    _worlds[-1].sleep(seconds)


def draw_uuid() -> uuid.UUID:
    """Return an identity that nobody else has."""
    return _worlds[-1].draw_uuid()


def time() -> float:
    """Return the present by the machine's wall clock, in seconds since 1970."""
    return now().timestamp()


def uniform(low: float, high: float) -> float:
    """Return any number between these."""
    return _worlds[-1].uniform(low, high)


def has_threads() -> bool:
    """Tell whether work goes on beside other work."""
    return _worlds[-1].has_threads


def make_thread(work: Callable[[], object], *, name: str) -> threading.Thread:
    """Return a thread that does this once it is started; it does not keep the process alive.

    Examples
    --------
    >>> from klikit_frames import edge
    >>> done = []
    >>> thread = edge.make_thread(lambda: done.append("work"), name="worker")
    >>> thread.start()
    >>> thread.join()
    >>> done
    ['work']
    """
    return thread_kind()(target=work, name=name, daemon=True)


def thread_kind() -> type[threading.Thread]:
    """Return the class of threads of this world."""
    return threading.Thread if has_threads() else _Inline


class _Inline(threading.Thread):
    """Does its work where it is started."""

    def start(self) -> None:
        self.run()

    def is_alive(self) -> bool:
        return False

    def join(self, timeout: float | None = None) -> None:
        """Do nothing: it is done."""


def make_pool(n_threads: int) -> Executor:
    """Return a pool of so many threads; in a world without threads each task is done where it is handed in.

    Examples
    --------
    >>> from klikit_frames import edge
    >>> with edge.make_pool(2) as pool:
    ...     pool.submit(sum, [1, 2]).result()
    3
    """
    return ThreadPoolExecutor(n_threads) if has_threads() else _InlinePool()


def is_thread_pool(executor: Executor | None) -> bool:
    """Tell whether tasks share this process's memory, so that they can be watched and stopped from here."""
    return isinstance(executor, ThreadPoolExecutor | _InlinePool)


class _InlinePool(Executor):
    """Does each task where it is handed in."""

    def submit(self, work: Callable[P, T], /, *given: P.args, **options: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(work(*given, **options))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result meets it
            future.set_exception(error)
        return future


_INTERRUPTION: ContextVar[threading.Event | None] = ContextVar("interruption", default=None)


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Let what this thread does inside end as by Ctrl-C once `stop` is set: the main thread alone hears that.

    Examples
    --------
    >>> import threading
    >>> from klikit_frames import edge
    >>> stop = threading.Event()
    >>> stop.set()
    >>> with edge.interruptible(stop):
    ...     try:
    ...         edge.check_interruption()
    ...     except KeyboardInterrupt:
    ...         print("interrupted")
    interrupted
    """
    token = _INTERRUPTION.set(stop)
    try:
        yield
    finally:
        _INTERRUPTION.reset(token)


def check_interruption() -> None:
    """Raise KeyboardInterrupt if this thread is to stop; called wherever a thread waits for others."""
    stop = _INTERRUPTION.get()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt


def touch_private(path: Path) -> None:
    """Make a file that only its owner can read, with its folder; one that is there is not even opened.

    Closing any handle of a file drops every lock that this process has on it (POSIX), those of SQLite's
    open connections among them: another process could then write in the middle of a commit.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.edge import touch_private
    >>> touch_private(pathlib.Path("state/journal.sqlite3"))
    >>> pathlib.Path("state/journal.sqlite3").stat().st_size
    0
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def run_program(
    words: Sequence[str], *, given: bytes, environment: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    """Run a program, and return the number that it ended with and its last words.

    Raises
    ------
    TimeoutError
        It had not ended after `timeout_s`, and was killed.
    """
    try:
        done = subprocess.run(  # noqa: S603 - it is the person's own command, and no shell reads it
            words,
            input=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{words[0]} has not ended after {timeout_s:g} s") from None
    return done.returncode, done.stderr


class Clock(Protocol):
    """Tells the time in seconds since 1970 and waits, both replaceable.

    A clock may also have ``monotonic()``: seconds that nobody sets. Without it, ``time()`` stands for both.
    """

    def time(self) -> float:
        """Return the present, in seconds since 1970."""

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return the present, in seconds since 1970."""
        return _time.time()

    def monotonic(self) -> float:
        """Return seconds since the machine was started, the same in all of its processes.

        The seconds of a laptop's sleep count: a key gets older meanwhile.
        """
        if sys.platform == "linux":
            return _time.clock_gettime(_time.CLOCK_BOOTTIME)
        # Python's own stands still while a Mac sleeps.
        return _time.clock_gettime(_time.CLOCK_MONOTONIC) if sys.platform == "darwin" else _time.monotonic()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""
        (stop or threading.Event()).wait(max(0.0, seconds))


class SteadyClock:
    """A clock that goes on evenly from where it was made, even if the machine's clock is set.

    Examples
    --------
    >>> from klikit_frames.edge import SteadyClock, SystemClock
    >>> clock = SteadyClock(SystemClock())
    >>> clock.time() <= clock.time()
    True
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._monotonic: Callable[[], float] = getattr(clock, "monotonic", clock.time)
        self._ahead = clock.time() - self._monotonic()

    def monotonic(self) -> float:
        """Return seconds on a clock that nobody sets."""
        return self._monotonic()

    def time(self) -> float:
        """Return the present, in seconds since 1970, as the clock had it at first."""
        return self._ahead + self._monotonic()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""
        self._clock.sleep(seconds, stop=stop)


def read_now(clock: Clock) -> datetime:
    """Return the clock's present as a UTC datetime with microseconds."""
    return datetime.fromtimestamp(clock.time(), tz=UTC)


_DATABASE = b"SQLite format 3\0"
# The databases that were named by mistake; only while a handle is open does it hold its number.
_held: dict[tuple[int, int], int] = {}


def read_file(path: Path) -> bytes:
    """Return what is in a file that somebody names; of a SQLite database only its first bytes.

    Somebody may name the open journal by mistake, and closing any handle of it would drop the locks of the
    connection (see `touch_private`). The handle of a database stays open, so that nothing is dropped.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.edge import read_file
    >>> n = pathlib.Path("a.txt").write_text("some text")
    >>> read_file(pathlib.Path("a.txt"))
    b'some text'

    Raises
    ------
    FileError
        It is not there, is no file, or cannot be read.
    """
    try:
        return _read(path)
    except OSError as error:
        raise as_file_error(error, path, is_written=False) from error


def _read(path: Path) -> bytes:
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):  # some devices have no end
        raise OSError(errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ENODEV, "no file", str(path))
    identity = status.st_dev, status.st_ino
    if identity in _held:
        return _DATABASE
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            head = file.read(len(_DATABASE))
            if head == _DATABASE and os.name == "posix":
                _held[identity] = descriptor
                return head
            return head + file.read()
    finally:
        if identity not in _held:
            os.close(descriptor)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is there; a name that the system refuses is none, and who reads it says why.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.edge import is_folder
    >>> is_folder(pathlib.Path()), is_folder("a" * 5000)
    (True, False)
    """
    # Of pathlib's own, some raise for a name that is too long or in a folder that is not to be seen.
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is there, as `is_folder` does.

    Examples
    --------
    >>> from klikit_frames.edge import is_file
    >>> is_file("a" * 5000)
    False
    """
    return os.path.isfile(path)  # noqa: PTH113


def write_file(path: Path, content: bytes | str) -> None:
    """Write a file that somebody names; a text as UTF-8, its ends of lines as they are.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.edge import write_file
    >>> write_file(pathlib.Path("a.txt"), "some text")
    >>> pathlib.Path("a.txt").read_bytes()
    b'some text'

    Raises
    ------
    FileError
        Its folder is not there, it is a folder, it may not be written, or the disk is full.
    """
    with writing_file(path):
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def writing_file(path: Path) -> Iterator[None]:
    """Let what the system says about a file that is written, or about a folder that is made, be a FileError.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames import edge
    >>> with edge.writing_file(pathlib.Path("nowhere/a.txt")):
    ...     pathlib.Path("nowhere/a.txt").touch()
    Traceback (most recent call last):
    klikit_frames.errors.MissingFileError: nowhere/a.txt could not be written: there is no folder nowhere; ...
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise as_file_error(error, path, is_written=True) from error
