"""Live flags of chosen cells, read back from the menus, and what they say of requests a copy has not seen."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from .. import edge
from ..errors import RequestError
from ..menus.states import fetch_state
from ..model import Cell, cell_of
from ..progress import Progress
from .journal import JournalPath
from .journal_codec import path_text
from .lifecycle import RequestState
from .live_state import Observation, observe
from .menu_history import MenuHistory
from .records import CellFlag, Request, RequestResult

if TYPE_CHECKING:
    from ..api.client import Client

_COLUMNS = [*Cell._fields, "is_enabled"]

_WITHHELD = (
    "a copy of the journal does not know whether it was sent, and its key may be forgotten; it is sent once "
    "reading shows that it was not done: publish the store, then resume again"
)


def read_flags(
    client: Client, cells: Iterable[Cell], *, stop: threading.Event | None = None
) -> list[CellFlag]:
    """Return what these cells hold now; those that no menu tells are left out.

    Business-wide cells are read live. A store's menu may show an older state until it is published.

    Raises
    ------
    RequestError
        The menus could not be read.
    ReadingStopped
        `stop` was set.
    """
    wanted = set(cells)
    stores = sorted({cell.store for cell in wanted if cell.store is not None})
    has_wide = any(cell.store is None for cell in wanted)
    if not wanted:
        return []
    state = fetch_state(client, stores=stores, with_business=has_wide, progress=False, stop=stop)
    return [flag for flag in told_flags(state) if flag.cell in wanted]


def find_proofs(
    client: Client,
    cells: Iterable[Cell],
    *,
    run_id: str,
    journal: JournalPath,
    stop: threading.Event | None = None,
) -> list[CellFlag]:
    """Return those flags of these cells that are known to be newer than what a run wrote there.

    Business-wide flags are read live. Of a store's menu the journal's evidence says how new it is: the flag
    may be another run's, or older than whatever changed it. If nothing can be read, nothing is known.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    wanted = set(cells)
    seen = observe_cells(client, wanted, run_id=run_id, journal=journal, progress=False, stop=stop)
    if seen is None:
        return []
    flags = [flag for flag in told_flags(seen.state) if flag.cell in wanted]
    return [
        flag for flag in flags if seen.history.shows_write_of(run_id, flag.cell, shown=bool(flag.is_enabled))
    ]


def observe_cells(
    client: Client,
    cells: Iterable[Cell],
    *,
    run_id: str,
    journal: JournalPath,
    progress: Progress,
    stop: threading.Event | None = None,
) -> Observation | None:
    """Return what the menus of these cells show, with the writes since a run; None if nothing can be read.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    stores = {cell.store for cell in cells}
    try:
        return observe(
            client,
            stores=sorted(store for store in stores if store is not None),
            with_business=None in stores,
            journal=journal,
            since=run_id,
            progress=progress,
            stop=stop,
        )
    except RequestError:
        return None


def told_flags(state: pd.DataFrame) -> Iterator[CellFlag]:
    """Yield the flags that a state tells."""
    told = state[state["is_enabled"].notna()]
    for row in told[_COLUMNS].itertuples(index=False, name=None):
        *entity, is_enabled = row
        yield CellFlag(cell_of(*entity), bool(is_enabled))


def find_undone(
    client: Client,
    requests: Iterable[Request],
    *,
    run_id: str,
    journal: JournalPath,
    progress: Progress,
    stop: threading.Event,
) -> set[tuple[int, ...]]:
    """Return the places of the requests that reading shows as not done; if nothing can be read, of none.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    asked = list(requests)
    cells = {cell for request in asked for cell in request.target.cells()}
    if not cells:
        return set()
    seen = observe_cells(client, cells, run_id=run_id, journal=journal, progress=progress, stop=stop)
    if seen is None:
        return set()
    shown = {flag.cell: bool(flag.is_enabled) for flag in told_flags(seen.state)}
    return {one.path for one in asked if _is_undone(one, shown, seen.history, run_id=run_id)}


def clear_request(request: Request) -> Request:
    """Return a request that was not done: it is open as if it had never been handed out."""
    cleared = request.settle(RequestResult(RequestState.NOT_SENT))
    return replace(cleared, attempts=0, sent_at=None, clock_offset_s=None)


def withhold_request(request: Request) -> Request:
    """Return a request as withheld: it was done already, or it never will be."""
    known = request.result or RequestResult(request.state)
    settled_at = known.settled_at or edge.now()
    return replace(request, result=replace(known, message=_WITHHELD, settled_at=settled_at))


def is_withheld(request: Request) -> bool:
    """Tell whether a request is not to be sent until reading has shown that it was not done."""
    is_unseen = request.state is RequestState.UNSEEN
    return is_unseen and request.result is not None and request.result.settled_at is not None


def _is_undone(request: Request, shown: Mapping[Cell, bool], history: MenuHistory, *, run_id: str) -> bool:
    """Return whether no flag shows the request as done, and at least one shows that it was not."""
    key = (run_id, path_text(request.path))
    verdicts = []
    for cell in request.target.cells():
        own = [one for one in history.chain(cell) if one.write.key == key]
        is_newer = cell.store is None or any(history.proof(cell.store).covers(one.write) for one in own)
        before = next((one.before for one in own), None)
        flags = Flags(asked=request.target.is_enabled, shown=shown.get(cell), before=before)
        verdicts.append(was_done(flags, is_newer=is_newer))
    return False in verdicts and True not in verdicts


class Flags(NamedTuple):
    """What a cell was to hold, what its menu shows, and what it held before; None where not known."""

    asked: bool
    shown: bool | None
    before: bool | None


def was_done(flags: Flags, *, is_newer: bool) -> bool | None:
    """Tell whether a flag was written; None where that is not known. Pure.

    Parameters
    ----------
    flags : Flags
        Those of one cell.
    is_newer : bool
        Whether the menu is known to be newer than the write, if there was one.

    Examples
    --------
    >>> from klikit_frames.running.readbacks import Flags, was_done
    >>> was_done(Flags(asked=False, shown=True, before=True), is_newer=True)
    False
    """
    if flags.shown is None:
        return None
    if flags.shown is flags.asked and flags.before is not flags.asked:
        return True
    # A flag that was as asked before tells nothing, and writing it again changes nothing.
    return False if is_newer else None
