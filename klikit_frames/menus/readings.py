"""One reading of many menus: in parallel, kept on disk against interruptions, with what could not be read."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import re
import threading
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import pandas as pd

from .. import edge
from ..api import menu_wire
from ..errors import ApiError, AuthError, RequestError, ServerError
from ..model import Store
from .state_arrays import TEXT, check_is_frame, option_ids, tree_frame

if TYPE_CHECKING:
    from ..api.client import Client


class Failure(NamedTuple):
    """One menu, or list, that could not be read; without a store it is the business level or the list."""

    brand_id: int | None
    branch_id: int | None
    what: str
    code: str | None
    http_status: int | None
    message: str
    request_id: str | None


def failures(state: pd.DataFrame) -> pd.DataFrame:
    """Return what a reading could not read: one row per menu or list.

    Parameters
    ----------
    state : DataFrame
        From `read_state`. What pandas makes of it keeps the note, mostly; where it is lost, no rows.

    Returns
    -------
    pandas.DataFrame
        ``brand_id, branch_id`` (Int64; missing for the business level and for lists), ``what``, ``code``,
        ``http_status``, ``message``, ``request_id``.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     first = kf.stores(client)[["brand_id", "branch_id"]].head(1).itertuples(index=False)
    ...     state = kf.read_state(client, stores=[*first, (5297, 999_999)])
    >>> kf.failures(state)[["brand_id", "branch_id", "code"]].values.tolist()
    [[5297, 999999, 'not_in_business']]
    """
    check_is_frame(state)
    rows = [tuple(row) for row in state.attrs.get("failures", ())]
    dtypes = dict.fromkeys(Failure._fields, TEXT) | dict.fromkeys(
        ("brand_id", "branch_id", "http_status"), "Int64"
    )
    columns = zip(*rows, strict=True) if rows else [()] * len(dtypes)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=dtypes[name])
            for name, values in zip(dtypes, columns, strict=True)
        }
    )


def failure_of(error: BaseException, *, store: Store | None, what: str) -> Failure:
    """Return a failed reading as data.

    Parameters
    ----------
    error : Exception
        Of the API's family or the transport's.
    store : tuple of int, or None
        The store that it was about.
    what : str
        What was to be read, in words.
    """
    api = error if isinstance(error, ApiError) else None
    brand_id, branch_id = store or (None, None)
    return Failure(
        brand_id=brand_id,
        branch_id=branch_id,
        what=what,
        code=api.code if api else None,
        http_status=api.http_status if api else None,
        message=api.message if api else str(error),
        request_id=api.request_id if api else None,
    )


def foreign(store: Store) -> Failure:
    """Return the failure of a store that was not asked for, since the business has no such store."""
    message = (
        f"Store {store[0]}/{store[1]} is not one of this business's stores; klikit_frames.stores lists them."
    )
    return Failure(*store, f"menu of store {store[0]}/{store[1]}", "not_in_business", None, message, None)


def in_words(failures: Sequence[Failure]) -> str:
    """Say each cause once, with what failed for it: ten causes, and three cases of each, then the counts."""
    causes: dict[str, list[str]] = {}
    for failure in failures:
        causes.setdefault(failure.message.rstrip("."), []).append(failure.what)
    phrases = [f"{_listed(cases, most=3, sep=', ')}: {cause}" for cause, cases in causes.items()]
    return f"{_listed(phrases, most=10, sep='; ')}."


def _listed(texts: Sequence[str], *, most: int, sep: str) -> str:
    rest = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return sep.join(texts[:most]) + rest


def is_of_no_store(failure: Failure) -> bool:
    """Tell whether the API has no such store, or only the list of stores is missing."""
    has_no_menu = failure.brand_id is not None and (
        failure.code == "not_in_business" or failure.http_status == 404
    )
    return has_no_menu or failure.what == "list of stores"


def error_of(lost: Sequence[Failure], *, consequence: str = "") -> RequestError:
    """Return the error that the first of these failures was; it tells all of them after the consequence."""
    first, said = lost[0], " ".join(part for part in (consequence, in_words(lost)) if part)
    if first.http_status is None:
        return RequestError(said)
    kind = (
        AuthError
        if first.http_status in {401, 403}
        else ServerError
        if first.http_status >= 500
        else ApiError
    )
    return kind(said, http_status=first.http_status, code=first.code or "", request_id=first.request_id)


T = TypeVar("T")
A = TypeVar("A")

# A tree kept longer than this belongs to another question; it is read again.
MAX_AGE_S = 3600.0
# How often a reading looks whether it was stopped.
_POLL_S = 0.1
_THREAD = "klikit-frames-read"
# Whoever stops a reading waits so long for requests under way, then leaves them behind.
_GRACE_S = 1.0


class ReadingStopped(Exception):  # noqa: N818 - not an error: the caller asked for it
    """A reading was stopped before it was complete."""


class Menu(NamedTuple):
    """One menu as read: its rows, or why there are none."""

    store: Store | None
    frame: pd.DataFrame | None
    option_ids: tuple[int, ...] = ()
    failure: Failure | None = None
    error: RequestError | None = None
    read_at: float | None = None


class CachedTree(NamedTuple):
    """A tree from an earlier reading, and when that was, in seconds since 1970."""

    data: Any
    read_at: float


class TreeCache:
    """A folder of trees of one reading, so that an interrupted one goes on where it stopped.

    Files are written whole or not at all; one that cannot be read, or is too old, counts as missing.

    Parameters
    ----------
    folder : pathlib.Path
        Made when first needed.
    host : str
        Trees of two hosts never mix.
    clock : callable, optional
        Returns the time in seconds, to judge the age of files.
    """

    def __init__(self, folder: Path, *, host: str, clock: Callable[[], float] = edge.disk_time) -> None:
        self._folder = folder
        self._host = re.sub(r"[^\w.-]", "_", host)
        self._clock = clock

    def load(self, store: Store | None) -> CachedTree | None:
        """Return the tree of a store as the API sent it, and when it was read; or None."""
        path = self._path(store)
        try:
            read_at = path.stat().st_mtime
            if self._clock() - read_at > MAX_AGE_S:
                return None
            return CachedTree(json.loads(gzip.decompress(path.read_bytes())), read_at)
        except (OSError, EOFError, ValueError, zlib.error):
            return None

    def keep(self, store: Store | None, data: Any) -> None:
        """Write the tree of a store."""
        path = self._path(store)
        half = path.with_suffix(".part")
        with edge.writing_file(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(gzip.compress(json.dumps(data).encode(), compresslevel=1))
            half.replace(path)

    def drop(self, stores: Iterable[Store | None]) -> None:
        """Remove the trees of a reading that is complete, and the folder if that leaves it empty."""
        with contextlib.suppress(OSError):
            for store in stores:
                self._path(store).unlink(missing_ok=True)
            self._folder.rmdir()

    def _path(self, store: Store | None) -> Path:
        name = "business" if store is None else f"{store[0]}-{store[1]}"
        return self._folder / f"{self._host}-{name}.json.gz"


def read_menus(
    client: Client,
    stores: list[Store | None],
    *,
    cache: TreeCache | None,
    stop: threading.Event | None = None,
) -> Generator[Menu]:
    """Yield the menus of `stores` as they arrive, in any order; None among them is the business level.

    A menu that cannot be read is yielded with its failure. Once the credential is refused nothing more is
    asked for. Whoever interrupts or stops a reading does not wait for requests under way.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    reading = _Reading(client, deque(stores), cache=cache, stop=stop)
    with _gc_paused():
        try:
            yield from reading.menus()
        finally:
            reading.leave()


def run_interruptibly(call: Callable[[threading.Event], T], *, stop: threading.Event | None) -> T:
    """Return what `call` returns; made on a thread of its own, so that a stop is heard while it hangs.

    Parameters
    ----------
    call : callable
        Takes the event that ends its waiting.
    stop : threading.Event or None
        Ends the wait for it.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    halt = threading.Event()
    answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            answers.put((call(halt), None))
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            answers.put((None, error))

    edge.make_thread(work, name=_THREAD).start()
    try:
        answer, error = _wait_for(answers, stop=stop)
    finally:
        halt.set()
    if error is not None:
        raise error
    return cast("T", answer)


def _wait_for(answers: SimpleQueue[A], *, stop: threading.Event | None) -> A:
    while stop is None or not stop.is_set():
        edge.check_interruption()
        try:
            return answers.get(timeout=_POLL_S)
        except Empty:
            continue
    raise ReadingStopped


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """Keep the collector of cycles from walking half-made trees: that takes as long as all else together."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(slots=True)
class _Reading:
    """Threads that read menus, one for each connection of the client."""

    client: Client
    work: deque[Store | None]
    cache: TreeCache | None
    stop: threading.Event | None
    halt: threading.Event = field(default_factory=threading.Event)
    _arrived: SimpleQueue[tuple[Store | None, Menu | BaseException]] = field(default_factory=SimpleQueue)
    _threads: list[edge.Thread] = field(default_factory=list)

    def menus(self) -> Iterator[Menu]:
        """Yield each menu once."""
        n_waiting = len(self.work)
        for _ in range(min(self.client.max_connections, n_waiting)):
            self._threads.append(edge.make_thread(self._read_on, name=_THREAD))
            self._threads[-1].start()
        while n_waiting:
            store, arrived = _wait_for(self._arrived, stop=self.stop)
            n_waiting -= 1
            yield _failed(store, arrived) if isinstance(arrived, BaseException) else arrived
            if isinstance(arrived, AuthError):
                refused = self._take_rest()
                n_waiting -= len(refused)
                yield from (_failed(store, arrived) for store in refused)

    def leave(self) -> None:
        """End the threads, as far as they end soon."""
        self.halt.set()
        until = edge.monotonic() + _GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, until - edge.monotonic()))

    def _take_rest(self) -> list[Store | None]:
        rest = []
        with contextlib.suppress(IndexError):
            while True:
                rest.append(self.work.popleft())
        return rest

    def _read_on(self) -> None:
        with contextlib.suppress(IndexError):
            while not self.halt.is_set():
                store = self.work.popleft()
                try:
                    self._arrived.put((store, _read(self.client, store, cache=self.cache, stop=self.halt)))
                except BaseException as error:  # noqa: BLE001 - raised again where the menus are taken
                    self._arrived.put((store, error))


def _read(client: Client, store: Store | None, *, cache: TreeCache | None, stop: threading.Event) -> Menu:
    """Return one menu; its tree is let go here, since a thousand of them would not fit in memory."""
    kept = cache.load(store) if cache else None
    where = None if store is None else {"brand_id": store[0], "branch_id": store[1]}
    data = client.read(menu_wire.MENUS_PATH, where, stop=stop) if kept is None else kept.data
    nodes = menu_wire.decode_menu(data, store=store)
    if cache and kept is None and not stop.is_set():
        cache.keep(store, data)
    read_at = kept.read_at if kept else None
    return Menu(store, tree_frame(nodes, store=store), option_ids(nodes), read_at=read_at)


def _failed(store: Store | None, error: BaseException) -> Menu:
    if not isinstance(error, RequestError):
        raise error
    what = "business menu" if store is None else f"menu of store {store[0]}/{store[1]}"
    return Menu(store, None, failure=failure_of(error, store=store, what=what), error=error)
