"""Undo: a plan that takes back what a run wrote, and spares what others changed since."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import PlanError
from ..frames.schemas import TOGGLE_COLUMNS
from ..html import paragraph_html, table_html
from ..planning.plan import Plan
from ..planning.planner import plan
from ..progress import Progress
from ..running.guards import check_same_host
from ..running.journal import JournalPath
from .alignment import as_toggles
from .matching import CELL_COLUMNS, Codes, booleans, flags, match_rows, named
from .proofs import read_cells
from .recall import Recalled, recall
from .visibility import changed_rows, hidden_rows

if TYPE_CHECKING:
    from ..api.client import Client

_REASONS = (
    "its flag before the run was not noted",
    "its live flag is not known: the menu could not be read, or has it no more",
    "not visible yet: publish the store, then undo again",
    "it holds its old flag already: somebody changed it since",
)
_UNNOTED, _UNREAD, _HIDDEN, _CHANGED_SINCE = range(4)
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
        counted = self.kept["reason"].value_counts()
        kept = [f"{n:,} kept: {reason}." for reason, n in counted.items()]
        return "\n".join([super().__str__(), *kept, *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(paragraph_html(note) for note in self.notes)
        kept = table_html(self.kept, caption="Kept as they are") if len(self.kept) else ""
        return super()._repr_html_() + notes + kept


def undo(run_id: str, client: Client, *, journal: JournalPath = None, progress: Progress = None) -> Undo:
    """Return a plan that restores what a run wrote, where it still holds.

    Reads the journal, and the live flags of what the run wrote. Nothing is written: the plan can be looked
    at, saved, run, and undone.

    Parameters
    ----------
    run_id : str
        As in ``result.run_id`` and in `klikit_frames.runs`.
    client : Client
        A client of the host that the run was on.
    journal : path, optional
        The journal's file, as given to the run.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu that is read; see `klikit_frames.run`.

    Returns
    -------
    Undo
        A `Plan` over the cells that the run changed and that still hold what it wrote. ``.kept`` lists the
        rest with the reason: changed since, not visible yet, or not known. ``.notes`` says what the API
        cannot restore.

    Raises
    ------
    PlanError
        Nobody noted the flags from before the run, or it was on another host.
    JournalError
        The journal cannot be read, does not know the run, or another process is at it.
    RequestError
        The live flags could not be read.

    Notes
    -----
    A flag that somebody switched back and forth since looks like the run's own.

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
    recalled = recall(run_id, journal=journal)
    check_same_host(recalled.run, client)
    cells, before = _written(recalled)
    state = read_cells(cells, client, progress=progress)
    live = flags(state["is_enabled"], match_rows(cells, within=state))
    reason = _reasons(cells, before=before, live=live)
    ours = cells[reason < 0].assign(title=None)
    toggles = as_toggles(ours, is_enabled=before[reason < 0] == 1)[list(TOGGLE_COLUMNS)]
    kept = cells[reason >= 0]
    told = {"live": booleans(live[reason >= 0]).array, "reason": named(reason[reason >= 0], _REASONS).array}
    return _undo(plan(toggles, state=state), kept=kept.assign(**told), notes=_notes(toggles, cells))


def _written(recalled: Recalled) -> tuple[pd.DataFrame, Codes]:
    """Return the cells that the run changed, each once, and their flags from before."""
    is_changed = changed_rows(recalled.frame, before=recalled.before)
    cells = recalled.frame.loc[is_changed, [*TOGGLE_COLUMNS]]
    before = flags(recalled.before[is_changed])
    if len(cells) and (before < 0).all():
        raise PlanError(
            f"Run {recalled.run.run_id} cannot be undone: nobody noted the flags from before it. Give plan() "
            "a state=, or run() before='read', to be able to undo."
        )
    is_first = ~cells.duplicated([*CELL_COLUMNS]).to_numpy(dtype=bool)
    return cells[is_first].reset_index(drop=True), before[is_first]


def _reasons(cells: pd.DataFrame, *, before: Codes, live: Codes) -> Codes:
    """Return why each cell is kept, or -1 for one that is to be restored."""
    is_ours = live == flags(cells["is_enabled"])
    is_known = before >= 0
    is_hidden = hidden_rows(cells, is_changed=is_known, is_shown=is_ours, is_known=is_known)
    return np.select(
        [before < 0, live < 0, is_ours, is_hidden],
        [_UNNOTED, _UNREAD, -1, _HIDDEN],
        default=_CHANGED_SINCE,
    )


def _undo(made: Plan, *, kept: pd.DataFrame, notes: tuple[str, ...]) -> Undo:
    own = {each.name: getattr(made, each.name) for each in fields(Plan)}
    return Undo(**own, kept=kept.reset_index(drop=True), notes=notes)


def _notes(toggles: pd.DataFrame, cells: pd.DataFrame) -> tuple[str, ...]:
    n_store = int((toggles["scope"] == "store").sum())
    n_cascaded = int(cells["cascade_to_modifier_groups"].sum())
    said = ((_OVERRIDES, n_store), (_CASCADES, n_cascaded))
    return tuple(text.format(n=n) for text, n in said if n)
