"""What was changed later: since a plan's state was read, and since the runs that an undo takes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import edge
from ..errors import PlanError
from ..menus.states import read_time
from ..model import Cell, Outcome, cell_of
from ..wording import SHORT_ID, counted
from . import locks
from .evidence import Write
from .lifecycle import PromiseStatus
from .live_state import observe
from .menu_history import MenuHistory

if TYPE_CHECKING:
    import pandas as pd

    from ..api.client import Client
    from ..planning.plan import Plan
    from .journal import Journal
    from .records import Run

_CELL = [*Cell._fields]
_UNDONE = "its start was undone"

_COLUMNS = [*Cell._fields, "is_enabled"]
# What a plan leaves out because the state shows it as asked.
_HOLD = ("unchanged", "holds")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def later_write(history: MenuHistory, cell: Cell, *, run_ids: Collection[str]) -> Write | None:
    """Return another run's last write to a cell, if it came after those of `run_ids`, or may have."""
    chain = [one.write for one in history.chain(cell) if not one.write.is_wide]
    own = [one for one in chain if one.key[0] in run_ids]
    others = [one for one in chain if one.key[0] not in run_ids]
    later = [one for one in others if own and _written_by(one) >= own[-1].sent_at]
    return later[-1] if later else None


def _written_by(write: Write) -> datetime:
    """Return when a write may have been done at the latest, if any of several tries may have done it.

    So it is with a request that a copy of a journal has not seen: it was sent at any time since.
    """
    return write.over_at if write.is_repeated else write.sent_at


def was_changed(history: MenuHistory, cell: Cell, *, shown: bool | None, run_ids: Collection[str]) -> bool:
    """Tell whether a menu that is proved to be newer shows another flag than `run_ids` wrote."""
    own = [one.write for one in history.chain(cell) if one.write.key[0] in run_ids and not one.write.is_wide]
    if not own or shown is None:
        return False
    proof, last = history.proof(cell.store), own[-1]
    # A publish alone may only be queued: the menu then shows the flag from before, and restoring writes that.
    is_newer = cell.store is None or (proof.covers(last) and not proof.rests_on_publish(last))
    return is_newer and shown is not own[-1].is_enabled


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
            one
            for one in journal.promises()
            if one.status is PromiseStatus.ACTIVE and one.start_run_id in plan.undoes and one.cell in restored
        ]
        journal.update_promises(replace(one, **closing, closed_at=edge.now()) for one in undone)


class LaterWrite(NamedTuple):
    """The last write to a cell since a state was read: by which run, when, and the flag."""

    run_id: str
    sent_at: datetime
    is_enabled: bool


def find_later_writes(plan: Plan, client: Client, journal: Journal) -> dict[Cell, LaterWrite]:
    """Return what the journal knows as written, or perhaps written, since the state of a plan was read.

    A state that has lost its time, as frames do in many operations of pandas, may be older than any write:
    all count as later where the plan leaves rows out by it.
    """
    read_at = read_time(plan.before)
    if read_at is None:
        if not _cells(plan, is_sent=False):
            return {}
        read_at = _LONG_AGO
    found: dict[Cell, LaterWrite] = {}
    for run in journal.runs_of(client.account, host=client.host):
        if run.ended_at is None or run.ended_at >= read_at:
            _add_writes(found, journal, run, since=read_at)
    return found


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
    undone = [one for cell, flag in cells if (one := _write_to(cell, later)) and one.is_enabled is not flag]
    if undone:
        last = max(undone, key=lambda one: one.sent_at)
        age = "was read before" if read_time(plan.before) else "does not say whether it was read after"
        raise PlanError(
            f"{counted(len(undone), 'row')} would be left out as unchanged, by a state that {age} "
            f"run {last.run_id[:SHORT_ID]} wrote {'on' if last.is_enabled else 'off'} there at "
            f"{last.sent_at:%Y-%m-%d %H:%M} UTC. Read the state again and plan anew; nothing was sent."
        )


def _add_writes(found: dict[Cell, LaterWrite], journal: Journal, run: Run, *, since: datetime) -> None:
    for request in journal.requests(run.run_id):
        if not request.state.may_have_arrived or request.sent_at is None or request.sent_at < since:
            continue
        write = LaterWrite(run.run_id, request.sent_at, request.target.is_enabled)
        for cell in request.target.cells():
            if cell not in found or found[cell].sent_at <= write.sent_at:
                found[cell] = write


def _write_to(cell: Cell, later: Mapping[Cell, LaterWrite]) -> LaterWrite | None:
    """Return the last write to a cell, or to the business row that its store may inherit."""
    wide = cell._replace(brand_id=None, branch_id=None)
    known = [one for one in (later.get(cell), later.get(wide)) if one is not None]
    return max(known, key=lambda one: one.sent_at, default=None)


def _cells(plan: Plan, *, is_sent: bool) -> list[tuple[Cell, bool]]:
    rows = plan.rows
    is_wanted = rows["request_no"].notna() if is_sent else rows["skipped_as"].isin(_HOLD)
    wanted = rows.loc[is_wanted, _COLUMNS].itertuples(index=False, name=None)
    return [(cell_of(*cell), bool(flag)) for *cell, flag in wanted]
