"""Undo: a plan that takes back what a run wrote, and spares what others changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..api.client_arguments import takes_client
from ..errors import JournalError, PlanError, as_texts
from ..frames.cell_keys import CELL_COLUMNS, match_rows
from ..frames.schemas import TOGGLE_COLUMNS
from ..html import table_html
from ..menus.state_arrays import TEXT, booleans, flags
from ..model import Cell, cell_of
from ..overview import Overview, make_overview, read_names
from ..planning.plan import Plan, parse_plan
from ..planning.planner import plan
from ..progress import Progress
from ..running import locks
from ..running.before_images import later_write, was_changed
from ..running.evidence import Write
from ..running.guards import check_same_account
from ..running.journal import JournalPath, open_journal
from ..running.live_state import Observation
from ..running.menu_history import MenuHistory
from ..wording import SHORT_ID, count_each, visible_text
from .diffs import as_toggles
from .verification import describe_menu, describe_own, describe_write, read_cells

if TYPE_CHECKING:
    from ..api.client import Client

_OVERRIDES = (
    "{n:,} store rows get their old value as an override: the API cannot remove an override, so later "
    "business-wide changes do not reach them."
)
_CASCADES = (
    "{n:,} rows of the run cascaded to modifiers: the API does not tell which modifiers were off before, so "
    "these stay as they are."
)


@dataclass(frozen=True, eq=False, repr=False)
class Undo(Plan):
    """A plan that takes a run back; made by `undo`.

    Attributes
    ----------
    kept : DataFrame
        The cells that the run wrote and that are not restored: columns of toggles (``is_enabled`` is what the
        run wrote), then ``live`` and ``reason``.
    notes : tuple of str
        What the API cannot restore.
    """

    kept: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}; {len(self.kept):,} cells are kept>"

    def __str__(self) -> str:
        kept = [f"{n:,} kept: {reason}." for reason, n in count_each(self.kept["reason"]).items()]
        return "\n".join([super().__str__(), *map(visible_text, (*kept, *self.notes))])

    @property
    def overview(self) -> Overview:
        """What goes back, for people, and by cause what is kept as it is."""
        kept = self.kept.assign(outcome="kept as they are", code=None, message=self.kept["reason"])
        causes = make_overview(kept, self.names).trouble.assign(cure="")
        view = super().overview
        return replace(view, facts=(*view.facts, *self.notes), trouble=causes)

    def _repr_html_(self) -> str:
        kept = table_html(self.kept, caption="Kept as they are") if len(self.kept) else ""
        return super()._repr_html_() + kept


@takes_client
def undo(
    run_id: str | Iterable[str], client: Client, *, journal: JournalPath = None, progress: Progress = None
) -> Undo:
    """Return a plan that restores what a run wrote, where it still holds.

    Reads the journal, and the live flags of what the run wrote, or may have written. Nothing is written: the
    plan can be looked at, saved, run, and undone.

    Parameters
    ----------
    run_id : str, or several
        As in ``result.run_id`` and in `klikit_frames.runs`; its first digits, at least 4, or ``"last"``.
        Several runs are undone as one: each cell gets the flag from before the first of them.
    client : Client
        A client of the business that the runs were on.
    journal : path, optional
        The journal's file, as given to the run.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu that is read; see `klikit_frames.run`.

    Returns
    -------
    Undo
        A `Plan` over the cells that the run changed and that still hold what it wrote, or whose menus are not
        proved to be newer. ``.kept`` lists the rest with what is seen: another flag in a menu that is newer,
        a later run of the same journal, or no known flag. ``.notes`` says what the API cannot restore.

    Raises
    ------
    PlanError
        Nobody noted the flags from before the run, or it was on another host or business.
    JournalError
        The journal cannot be read, does not know the run, or another process is at it.
    RequestError
        The live flags could not be read.

    Notes
    -----
    A flag that was switched back and forth since looks like the run's own.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    ...     toggles = kf.business_toggles("section", state["entity_id"].head(1), is_enabled=False)
    ...     result = kf.run(kf.plan(toggles, state=state), client)
    ...     undone = kf.run(kf.undo(result.run_id, client), client)
    ...     kf.drift(state, kf.read_state(client)).empty
    True
    """
    written = _read_written(as_texts("run_id", run_id, example="last"), client, journal=journal)
    seen = read_cells(written.cells, client, journal=journal, progress=progress, since=written.run_ids[0])
    if "journal_error" in seen.state.attrs:
        raise JournalError(seen.state.attrs["journal_error"])
    live = booleans(flags(seen.state["is_enabled"], match_rows(written.cells, within=seen.state))).tolist()
    decisions = [
        _decide(cell, seen, shown=None if shown is pd.NA else shown, run_ids=written.run_ids)
        for cell, shown in zip(written.each(), live, strict=True)
    ]
    reasons = {decision.reason for decision in decisions if decision.is_changed}
    if reasons == {_UNNOTED}:
        raise PlanError(_cannot(written.run_ids))
    is_changed = np.array([decision.is_changed for decision in decisions], dtype=bool)
    is_ours = is_changed & np.array([decision.reason is None for decision in decisions], dtype=bool)
    restored = np.array([decision.before is True for decision in decisions], dtype=bool)
    ours = written.cells[is_ours].assign(title=None)
    toggles = as_toggles(ours, is_enabled=restored[is_ours])[list(TOGGLE_COLUMNS)]
    spared = [decision for decision in decisions if decision.is_changed and decision.reason is not None]
    kept = written.cells[is_changed & ~is_ours].assign(
        live=pd.array([decision.shown for decision in spared], dtype="boolean"),
        reason=pd.Series([decision.reason for decision in spared], dtype=TEXT).array,
    )
    cells = written.cells[is_changed]
    made = _undo(
        plan(toggles, state=seen.state), kept=kept, notes=_notes(toggles, cells), run_ids=written.run_ids
    )
    return replace(made, _names=read_names(seen.state).restricted_to(cells))


@dataclass(frozen=True, eq=False)
class _Written:
    """The cells that runs sent, each once, with what the last of them asked for; the first run first."""

    run_ids: list[str]
    cells: pd.DataFrame

    def each(self) -> Iterator[Cell]:
        """Yield the cells."""
        columns = ["entity_type", "entity_id", "brand_id", "branch_id"]
        return (cell_of(*row) for row in self.cells[columns].itertuples(index=False, name=None))


class _CellDecision(NamedTuple):
    """What is to be done about one cell; `reason` says why it is kept."""

    is_changed: bool
    before: bool | None = None
    shown: bool | None = None
    reason: str | None = None


_UNNOTED = "its flag before the run is not known"
_UNREAD = "its live flag is not known: the menu could not be read, or has it no more"


def _read_written(given: list[str], client: Client, *, journal: JournalPath) -> _Written:
    """Return what runs sent, from the journal."""
    with open_journal(journal) as opened, ExitStack() as run_locks:
        ids = {opened.find_run_id(run_id) for run_id in given}
        runs = [run for run in opened.runs_of(client.account, host=client.host) if run.run_id in ids]
        for run in map(opened.run, ids):
            check_same_account(run, client)
            run_locks.enter_context(
                locks.hold(opened.lock_path(run.plan_id), what=f"Run {run.run_id[:SHORT_ID]}")
            )
        tables = [parse_plan(opened.plan_body(run.run_id)).rows for run in runs]
    if not tables:
        raise PlanError("undo() needs the id of a run; kf.runs() lists them.")
    sent = pd.concat([rows.loc[rows["request_no"].notna(), list(TOGGLE_COLUMNS)] for rows in tables])
    cells = sent.drop_duplicates(list(CELL_COLUMNS), keep="last").reset_index(drop=True)
    return _Written([run.run_id for run in runs], cells)


def _decide(cell: Cell, seen: Observation, *, shown: bool | None, run_ids: list[str]) -> _CellDecision:
    """Return whether a cell is to be restored, or why it is kept."""
    chain = seen.history.chain(cell)
    own_links = [link for link in chain if link.write.key[0] in run_ids and not link.write.is_wide]
    if not own_links:
        return _CellDecision(is_changed=False)
    before, last = own_links[0].before, own_links[-1].write
    if before is not None and all(link.write.is_enabled is before for link in own_links):
        return _CellDecision(is_changed=False)
    if before is not None and last.is_certain and last.is_enabled is before:
        return _CellDecision(is_changed=False)
    reason: str | None = _UNNOTED
    if before is not None:
        reason = _reason(cell, seen.history, last, shown=shown, run_ids=run_ids)
    return _CellDecision(is_changed=True, before=before, shown=shown, reason=reason)


def _reason(
    cell: Cell, history: MenuHistory, last: Write, *, shown: bool | None, run_ids: list[str]
) -> str | None:
    """Return what speaks against restoring a cell, as far as it is seen."""
    later = later_write(history, cell, run_ids=run_ids)
    if later is not None:
        return describe_write(later)
    if shown is None:
        return _UNREAD
    if was_changed(history, cell, shown=shown, run_ids=run_ids):
        return f"{describe_menu(shown)}; this run {describe_own(last)}"
    return None


def _cannot(run_ids: list[str]) -> str:
    names = ", ".join(run_id[:SHORT_ID] for run_id in run_ids)
    return (
        f"Run {names} cannot be undone: nobody noted the flags from before it. That is so with "
        'before="none", with before="plan" and a plan without a state, and where they were not known.'
    )


def _undo(made: Plan, *, kept: pd.DataFrame, notes: tuple[str, ...], run_ids: list[str]) -> Undo:
    values = {field.name: getattr(made, field.name) for field in fields(Plan)} | {"undoes": tuple(run_ids)}
    return Undo(**values, kept=kept.reset_index(drop=True), notes=notes)


def _notes(toggles: pd.DataFrame, cells: pd.DataFrame) -> tuple[str, ...]:
    n_store = int((toggles["scope"] == "store").sum())
    n_cascaded = int(cells["cascade_to_modifier_groups"].sum())
    said = ((_OVERRIDES, n_store), (_CASCADES, n_cascaded))
    return tuple(text.format(n=n) for text, n in said if n)
