"""What was changed since the runs that an undo takes back: asked when it is planned, and when it is sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import edge
from ..model import Cell, Outcome, cell_of
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

_CELL = [*Cell._fields]
_UNDONE = "its start was undone"


def later_write(history: MenuHistory, cell: Cell, *, run_ids: Collection[str]) -> Write | None:
    """Return the last write of another run to a cell, if it followed those of `run_ids`."""
    chain = [one.write for one in history.chain(cell) if not one.write.is_wide]
    own = [one for one in chain if one.key[0] in run_ids]
    later = [one for one in chain if one.key[0] not in run_ids and own and one.sent_at >= own[-1].sent_at]
    return later[-1] if later else None


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

    What the undo itself has written by now, as the run `run_id`, is no such change.

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
    shown = {
        cell_of(*cell): bool(flag)
        for *cell, flag in seen.state[[*_CELL, "is_enabled"]].itertuples(index=False, name=None)
        if flag is True or flag is False
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
    with locks.hold(journal.agenda_lock_path(), what="The agenda of this journal", patience_s=10.0):
        undone = [
            one
            for one in journal.promises()
            if one.status is PromiseStatus.ACTIVE and one.start_run_id in plan.undoes and one.cell in restored
        ]
        journal.update_promises(replace(one, **closing, closed_at=edge.now()) for one in undone)
