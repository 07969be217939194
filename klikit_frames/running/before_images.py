"""What cells hold before a plan is run, the ground of undo and proof; and whether they were changed later."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd

from .. import edge
from ..errors import ApiError, AuthError, JournalError, PlanError, RequestError
from ..frames.cell_keys import live_flags
from ..menus.readings import error_of, is_of_no_store
from ..menus.states import is_fresh, read_time
from ..model import Cell, Outcome, cell_of
from ..overview import NO_NAMES, Names, read_names
from ..progress import Progress
from ..wording import SHORT_ID, counted
from . import locks
from .evidence import LONG_AGO, SAME_CLOCK, Write, move_to_clock
from .journal import Journal, JournalPath
from .lifecycle import PromiseStatus
from .live_state import observe
from .menu_history import MenuHistory
from .records import CellFlag, Run

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan

Before = Literal["auto", "plan", "read", "none"]
BEFORE = ("auto", "plan", "read", "none")
_CELL = [*Cell._fields]


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
    cells = [cell_of(*row) for row in rows.loc[is_sent, _CELL].itertuples(index=False, name=None)]
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
        # What could not be read is raised, and a store that nobody knows is reported by its own rows.
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
    rows = state.loc[is_known, _CELL].itertuples(index=False, name=None)
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


_UNDONE = "its start was undone"
# What a plan leaves out because the state shows it as asked.
_HOLD = ("unchanged", "holds")


def later_write(history: MenuHistory, cell: Cell, *, run_ids: Collection[str]) -> Write | None:
    """Return another run's last write to a cell, if it came after those of `run_ids`, or may have."""
    chain = [link.write for link in history.chain(cell) if not link.write.is_wide]
    own_writes = [write for write in chain if write.key[0] in run_ids]
    others = [write for write in chain if write.key[0] not in run_ids]
    later = [write for write in others if own_writes and _written_by(write) >= own_writes[-1].sent_at]
    return later[-1] if later else None


def _written_by(write: Write) -> datetime:
    """Return when a write may have been done at the latest, if any of several tries may have done it.

    So it is with a request that a copy of a journal has not seen: it was sent at any time since.
    """
    return write.over_at if write.is_repeated else write.sent_at


def was_changed(history: MenuHistory, cell: Cell, *, shown: bool | None, run_ids: Collection[str]) -> bool:
    """Tell whether a menu that is proved to be newer shows another flag than `run_ids` wrote."""
    own_writes = [
        link.write for link in history.chain(cell) if link.write.key[0] in run_ids and not link.write.is_wide
    ]
    if not own_writes or shown is None:
        return False
    proof, last = history.proof(cell.store), own_writes[-1]
    # A publish alone may only be queued: the menu then shows the flag from before, and restoring writes that.
    is_newer = cell.store is None or (proof.covers(last) and not proof.rests_on_publish(last))
    return is_newer and shown is not own_writes[-1].is_enabled


def find_changed(plan: Plan, client: Client, *, run_id: str, **reading: Any) -> set[Cell]:
    """Look again at the cells that an undo restores, and return those that were changed meanwhile.

    What the undo itself has written so far, as the run `run_id`, does not count.

    Raises
    ------
    RequestError
        No menu could be read; nothing was sent.
    """
    rows = plan.rows
    rows = rows[rows["request_no"].notna()]
    is_store = (rows["scope"] == "store").to_numpy(dtype=bool)
    seen = observe(
        client, stores=rows[is_store], with_business=not is_store.all(), since=plan.undoes[0], **reading
    )
    run_ids = (*plan.undoes, run_id)
    columns = (seen.state[name].tolist() for name in [*_CELL, "is_enabled"])
    # Lists hold plain values: a flag that is not known is neither.
    shown = {
        cell_of(*cell): flag for *cell, flag in zip(*columns, strict=True) if flag is True or flag is False
    }
    return {
        cell
        for cell in (cell_of(*row) for row in rows[_CELL].itertuples(index=False, name=None))
        if later_write(seen.history, cell, run_ids=run_ids)
        or was_changed(seen.history, cell, shown=shown.get(cell), run_ids=run_ids)
    }


def cancel_undone(plan: Plan, frame: pd.DataFrame, journal: Journal) -> None:
    """Cancel the promises that the undone runs started, of the cells that the undo has restored.

    Writes the journal, nothing else.

    Parameters
    ----------
    plan : Plan
        The undo.
    frame : DataFrame
        The frame of its result.
    journal : Journal
        The journal of the run.
    """
    is_restored = frame["outcome"].isin([Outcome.APPLIED, Outcome.UNCHANGED])
    rows = frame.loc[is_restored, _CELL].itertuples(index=False, name=None)
    restored = {cell_of(*row) for row in rows}
    closing: dict[str, Any] = {"status": PromiseStatus.CANCELLED, "note": _UNDONE, "next_at": None}
    with locks.hold(journal.agenda_lock_path(), what="The agenda of this journal", timeout_s=10.0):
        undone = [
            promise
            for promise in journal.promises()
            if promise.status is PromiseStatus.ACTIVE
            and promise.start_run_id in plan.undoes
            and promise.cell in restored
        ]
        journal.update_promises(replace(promise, **closing, closed_at=edge.now()) for promise in undone)


class LaterWrite(NamedTuple):
    """The last write to a cell since a state was read: its run, the time by the state's clock, the flag."""

    run_id: str
    sent_at: datetime
    is_enabled: bool


def find_later_writes(plan: Plan, client: Client, journal: Journal) -> dict[Cell, LaterWrite]:
    """Return what the journal knows as written, or perhaps written, since the state of a plan was read.

    A state that has lost its time, as frames do in many operations of pandas, may be older than any write:
    all count as later where the plan leaves rows out by it. So it is where the clock was set back since, and
    the server tells no time.
    """
    read_at, offset_s = read_time(plan.before), plan.before.attrs.get("clock_offset_s")
    if read_at is None or (offset_s is None and read_at > client.now() + SAME_CLOCK):
        if not _cells(plan, is_sent=False):
            return {}
        read_at = LONG_AGO
    last_writes: dict[Cell, LaterWrite] = {}
    oldest = min(
        move_to_clock(read_at, offset_s=offset_s, to_offset_s=bound_s) for bound_s in journal.offset_range()
    )
    for run in journal.runs_of(client.account, host=client.host):
        if run.ended_at is None or run.ended_at >= oldest:
            _add_writes(last_writes, journal, run, since=read_at, offset_s=offset_s)
    return last_writes


def has_stale_cell(plan: Plan, later: Mapping[Cell, LaterWrite]) -> bool:
    """Tell whether a cell that a plan sends was written since its state was read."""
    return any(_write_to(cell, later) for cell, _ in _cells(plan, is_sent=True))


def check_left_out(plan: Plan, later: Mapping[Cell, LaterWrite]) -> None:
    """Refuse a plan that leaves a row out as unchanged where another flag was written since.

    Raises
    ------
    PlanError
        The message names the run.
    """
    cells = _cells(plan, is_sent=False)
    undone = [
        write for cell, flag in cells if (write := _write_to(cell, later)) and write.is_enabled is not flag
    ]
    if undone:
        last = max(undone, key=lambda write: write.sent_at)
        age = "was read before" if read_time(plan.before) else "does not say whether it was read after"
        raise PlanError(
            f"{counted(len(undone), 'row')} would be left out as unchanged, by a state that {age} "
            f"run {last.run_id[:SHORT_ID]} wrote {'on' if last.is_enabled else 'off'} there at "
            f"{last.sent_at:%Y-%m-%d %H:%M} UTC. Read the state again and plan anew; nothing was sent."
        )


def _add_writes(
    last_writes: dict[Cell, LaterWrite],
    journal: Journal,
    run: Run,
    *,
    since: datetime,
    offset_s: float | None,
) -> None:
    for request in journal.requests(run.run_id):
        if not request.state.may_have_arrived or request.sent_at is None:
            continue
        sent_at = move_to_clock(request.sent_at, offset_s=request.clock_offset_s, to_offset_s=offset_s)
        if sent_at < since:
            continue
        write = LaterWrite(run.run_id, sent_at, request.target.is_enabled)
        for cell in request.target.cells():
            if cell not in last_writes or last_writes[cell].sent_at <= write.sent_at:
                last_writes[cell] = write


def _write_to(cell: Cell, later: Mapping[Cell, LaterWrite]) -> LaterWrite | None:
    """Return the last write to a cell, or to the business row that its store may inherit."""
    wide = cell._replace(brand_id=None, branch_id=None)
    last_writes = [write for write in (later.get(cell), later.get(wide)) if write is not None]
    return max(last_writes, key=lambda write: write.sent_at, default=None)


def _cells(plan: Plan, *, is_sent: bool) -> list[tuple[Cell, bool]]:
    rows = plan.rows
    is_wanted = rows["request_no"].notna() if is_sent else rows["skipped_as"].isin(_HOLD)
    wanted = rows.loc[is_wanted, [*_CELL, "is_enabled"]].itertuples(index=False, name=None)
    return [(cell_of(*cell), bool(flag)) for *cell, flag in wanted]
