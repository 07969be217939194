"""Live flags of chosen cells, read back from the menus."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import RequestError
from ..menus.states import fetch_state
from ..model import Cell, cell_of
from ..progress import Progress
from .journal import JournalPath
from .live_state import Observation, observe
from .records import CellFlag

if TYPE_CHECKING:
    from ..api.client import Client

_COLUMNS = [*Cell._fields, "is_enabled"]


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
