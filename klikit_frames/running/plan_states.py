"""What this journal has written since the state was read that a plan was made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..errors import PlanError
from ..model import Cell, cell_of
from ..planning.state_ages import read_time
from ..wording import SHORT_ID, counted

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from .journal import Journal
    from .records import Run

_COLUMNS = [*Cell._fields, "is_enabled"]
# What a plan leaves out because the state shows it as asked.
_HOLD = ("unchanged", "holds")


class LaterWrite(NamedTuple):
    """The last write to a cell since a state was read: by which run, when, and the flag."""

    run_id: str
    sent_at: datetime
    is_enabled: bool


def find_later_writes(plan: Plan, client: Client, journal: Journal) -> dict[Cell, LaterWrite]:
    """Return what the journal knows as written, or perhaps written, since the state of a plan was read."""
    read_at = read_time(plan.before)
    if read_at is None:
        return {}
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
        raise PlanError(
            f"{counted(len(undone), 'row')} would be left out as unchanged, by a state that was read before "
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
