"""One reading of many menus: in parallel, kept on disk against interruptions, with what could not be read."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import re
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..api import menu_wire
from ..api.menu_wire import Store
from ..errors import AuthError, RequestError
from .failures import Failure, failure_of
from .trees import option_ids, tree_frame

if TYPE_CHECKING:
    import pandas as pd

    from ..api.client import Client

# A tree kept longer than this belongs to another question; it is read again.
MAX_AGE_S = 3600.0
_N_THREADS = 8


class Menu(NamedTuple):
    """One menu as read: its rows, or why there are none."""

    store: Store | None
    frame: pd.DataFrame | None
    option_ids: tuple[int, ...] = ()
    failure: Failure | None = None
    error: RequestError | None = None


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

    def __init__(self, folder: Path, *, host: str, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._host = re.sub(r"[^\w.-]", "_", host)
        self._clock = clock

    def load(self, store: Store | None) -> Any:
        """Return the tree of a store as the API told it, or None."""
        path = self._path(store)
        try:
            if self._clock() - path.stat().st_mtime > MAX_AGE_S:
                return None
            return json.loads(gzip.decompress(path.read_bytes()))
        except (OSError, EOFError, ValueError, zlib.error):
            return None

    def keep(self, store: Store | None, data: Any) -> None:
        """Write the tree of a store."""
        path = self._path(store)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        half.write_bytes(gzip.compress(json.dumps(data).encode(), compresslevel=1))
        half.replace(path)

    def drop(self, stores: Iterable[Store | None]) -> None:
        """Remove the trees of a reading that is complete, and the folder if that leaves it empty."""
        for store in stores:
            self._path(store).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _path(self, store: Store | None) -> Path:
        name = "business" if store is None else f"{store[0]}-{store[1]}"
        return self._folder / f"{self._host}-{name}.json.gz"


def read_menus(client: Client, stores: list[Store | None], *, cache: TreeCache | None) -> Generator[Menu]:
    """Yield the menus of `stores` as they arrive, in any order; None among them is the business level.

    A menu that cannot be read is yielded with its failure. Once the credential is refused nothing more is
    asked for.
    """
    with _gc_paused():
        yield from _read_all(client, stores, cache=cache)


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


def _read_all(client: Client, stores: list[Store | None], *, cache: TreeCache | None) -> Iterator[Menu]:
    pool = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="klikit-frames-read")
    stop = threading.Event()
    try:
        asked = {pool.submit(_read, client, store, cache=cache, stop=stop): store for store in stores}
        refused: BaseException | None = None
        for answer in as_completed(asked):
            error = refused if answer.cancelled() else answer.exception()
            if isinstance(error, AuthError) and refused is None:
                refused = error
                _cancel(asked)
            yield _failed(asked[answer], error) if error else answer.result()
    finally:
        # Whoever interrupts a reading does not wait for the rate cap or for a retry.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _read(client: Client, store: Store | None, *, cache: TreeCache | None, stop: threading.Event) -> Menu:
    """Return one menu; its tree is let go here, since a thousand of them would not fit in memory."""
    kept = cache.load(store) if cache else None
    where = None if store is None else {"brand_id": store[0], "branch_id": store[1]}
    data = client.read(menu_wire.MENUS_PATH, where, stop=stop) if kept is None else kept
    nodes = menu_wire.decode_menu(data, store=store)
    if cache and kept is None:
        cache.keep(store, data)
    return Menu(store, tree_frame(nodes, store=store), option_ids(nodes))


def _failed(store: Store | None, error: BaseException) -> Menu:
    if not isinstance(error, RequestError):
        raise error
    what = "business menu" if store is None else f"menu of store {store[0]}/{store[1]}"
    return Menu(store, None, failure=failure_of(error, store=store, what=what), error=error)


def _cancel(answers: Iterable[Future[Any]]) -> None:
    for answer in answers:
        answer.cancel()
