"""Live flags of chosen cells, read back from the menus."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import RequestError
from ..menus.states import fetch_state
from ..model import Cell, cell_of
from .records import CellFlag, Request

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
    return [flag for flag in _flags(state) if flag.cell in wanted]


def find_proofs(
    client: Client,
    requests: Iterable[Request],
    *,
    before: Mapping[Cell, bool | None],
    stop: threading.Event | None = None,
) -> list[CellFlag]:
    """Return those flags of these requests that are known to be newer than the run.

    Business-wide flags are read live. A flag of a store is newer if it is as asked and the store showed
    another one before the run: otherwise its menu may be older than whatever changed it. If nothing can be
    read, nothing is known.
    """
    wanted = {cell: request.target.is_enabled for request in requests for cell in request.target.cells()}
    cells = [cell for cell, flag in wanted.items() if cell.store is None or before.get(cell) is (not flag)]
    try:
        flags = read_flags(client, cells, stop=stop)
    except RequestError:
        return []
    return [flag for flag in flags if flag.cell.store is None or flag.is_enabled is wanted[flag.cell]]


def _flags(state: pd.DataFrame) -> Iterable[CellFlag]:
    told = state[state["is_enabled"].notna()]
    for row in told[_COLUMNS].itertuples(index=False, name=None):
        *entity, is_enabled = row
        yield CellFlag(cell_of(*entity), bool(is_enabled))
