"""What the cells of a plan held before it was run: the ground that an undo and a proof stand on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ..errors import ApiError, AuthError, JournalError, RequestError
from ..frames.cell_keys import live_flags
from ..menus.readings import error_of, is_of_no_store
from ..menus.states import is_fresh
from ..model import Cell, cell_of
from ..overview import NO_NAMES, Names, read_names
from ..progress import Progress
from .journal import JournalPath
from .live_state import observe
from .records import CellFlag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..api.client import Client
    from ..planning.plan import Plan

Before = Literal["auto", "plan", "read", "none"]
BEFORE = ("auto", "plan", "read", "none")
_COLUMNS = ["entity_type", "entity_id", "brand_id", "branch_id"]


@dataclass(frozen=True, slots=True)
class BeforeImages:
    """The live flags of cells, what their menus show where that is another flag, and the menus' titles."""

    live: list[CellFlag] = field(default_factory=list)
    seen: list[CellFlag] = field(default_factory=list)
    names: Names = field(default=NO_NAMES, compare=False)


def find_before(
    plan: Plan,
    client: Client,
    *,
    before: Before,
    journal: JournalPath = None,
    progress: Progress = False,
    stop: threading.Event | None = None,
) -> BeforeImages:
    """Return what the cells of `plan` hold: by the state that it was made from, or read now.

    Parameters
    ----------
    plan : Plan
        What is about to be sent.
    client : Client
        Where to read.
    before : {"auto", "plan", "read", "none"}
        As in `klikit_frames.run`.
    journal : path, optional
        The journal's file.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu.
    stop : threading.Event, optional
        Ends the reading.

    Raises
    ------
    RequestError
        A menu could not be read; nothing was sent.
    JournalError
        What is written and not published yet is not known; nothing was sent.
    ReadingStopped
        `stop` was set.
    """
    rows = plan.rows
    is_sent = rows["request_no"].notna().to_numpy(dtype=bool)
    cells = [cell_of(*row) for row in rows.loc[is_sent, _COLUMNS].itertuples(index=False, name=None)]
    flags = plan.before[is_sent]
    if before == "none" or not cells:
        return BeforeImages()
    if before == "plan" or (
        before == "auto" and flags.notna().all() and is_fresh(plan.before, now=client.now())
    ):
        planned = zip(cells, flags, strict=True)
        return BeforeImages(
            list({CellFlag(cell, bool(flag)): None for cell, flag in planned if not pd.isna(flag)})
        )
    try:
        return read_before(cells, client, journal=journal, progress=progress, stop=stop)
    except RequestError as error:
        raise _refusal(error) from error


def read_before(
    cells: Iterable[Cell],
    client: Client,
    *,
    journal: JournalPath,
    progress: Progress,
    stop: threading.Event | None,
) -> BeforeImages:
    """Return what cells hold now; a store that the API does not know tells nothing of its own.

    Raises
    ------
    RequestError
        A menu could not be read.
    JournalError
        What is written and not published yet is not known: the menus alone do not tell the live flags.
    ReadingStopped
        `stop` was set.
    """
    wanted = set(cells)
    state = observe(
        client,
        stores=sorted({cell.store for cell in wanted if cell.store is not None}),
        with_business=any(cell.store is None for cell in wanted),
        journal=journal,
        progress=progress,
        stop=stop,
        must_read=False,
        # What could not be read is raised, and a store that nobody knows is told by its own rows.
        warns=False,
    ).state
    if lost := [failure for failure in state.attrs["failures"] if not is_of_no_store(failure)]:
        raise error_of(lost)
    if "journal_error" in state.attrs:
        raise JournalError(state.attrs["journal_error"])
    live = _flags(state, live_flags(state), wanted)
    menu = _flags(state, state["is_enabled"], wanted)
    return BeforeImages(
        [CellFlag(cell, flag) for cell, flag in live.items()],
        [CellFlag(cell, flag) for cell, flag in menu.items() if live.get(cell) is not flag],
        read_names(state),
    )


def _flags(state: pd.DataFrame, flags: pd.Series, wanted: set[Cell]) -> dict[Cell, bool]:
    is_known = flags.notna().to_numpy(dtype=bool)
    rows = state.loc[is_known, _COLUMNS].itertuples(index=False, name=None)
    pairs = zip(rows, flags[is_known].tolist(), strict=True)
    return {cell: bool(flag) for row, flag in pairs if (cell := cell_of(*row)) in wanted}


def _refusal(error: RequestError) -> RequestError:
    said = "The flags from before the run could not be read, so nothing was sent."
    cure = 'Try again, or pass before="none" to run without them; such a run cannot be undone.'
    if not isinstance(error, ApiError):
        return type(error)(f"{said} {error} {cure}")
    # The error itself adds status, code and request_id, so they are not repeated here.
    sentence = f"{said} {error.message.rstrip('.')}."
    text = sentence if isinstance(error, AuthError) else f"{sentence} {cure}"
    return type(error)(text, http_status=error.http_status, code=error.code, request_id=error.request_id)
