"""The matrix editor: entities down, stores across, a press switches a cell."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets as t

from ..frames.toggles import read_toggles
from ..overview import Names, read_names
from ..planning.planner import plan
from ..running.live_state import read_state
from ..wording import counted
from .base_widget import script, style
from .matrix_grid import Cell, MatrixAxis, MatrixGrid
from .page_commands import Command
from .run_panel import PanelForm, store_pairs_of
from .toggle_form import BUDGET_S

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath

_HINT = "Press cells to switch them; nothing is sent before Apply."


class MatrixEditor(PanelForm):
    """Entities × stores as a grid of on/off cells; only what you change becomes toggles.

    Without a client it touches neither network nor disk, and hands out toggles. With one it plans what is
    changed and sends it when Apply is pressed. 500 entities in 100 stores are fine: the page gets one part
    at a time.

    Parameters
    ----------
    state : pandas.DataFrame
        Store rows, as ``kf.read_state(client, stores=...)`` returns them.
    client : Client, optional
        Where to send.
    journal : path, optional
        As for ``kf.run``.
    page_rows, page_stores : int
        Entities and stores on one page.

    Raises
    ------
    ConfigError
        `state` has no store rows, or lacks a column; or a page has no row.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"entity_type": "item", "entity_id": 7, "scope": "store", "brand_id": 5297, "branch_id": 1293}
    >>> state = pd.DataFrame([{**row, "is_enabled": True, "title": "Rice"}])
    >>> editor = kf.forms.MatrixEditor(state)
    >>> editor.commands = [{"type": "press", "entities": ["item:7"], "stores": ["5297:1293"], "seq": 1}]
    >>> editor.summary
    '1 cell changed. Shown: 1 entity in 1 store.'
    >>> bool(editor.toggles["is_enabled"].item())
    False
    """

    _esm = script("panel.js", "matrix.js")
    _css = style("panel.css", "matrix.css")

    has_panel = t.Bool().tag(sync=True)
    stores: Any = t.List().tag(sync=True)
    rows: Any = t.List().tag(sync=True)
    summary = t.Unicode().tag(sync=True)
    view = t.Dict().tag(sync=True)
    n_changed = t.Int().tag(sync=True)

    def __init__(
        self,
        state: pd.DataFrame,
        *,
        client: Client | None = None,
        journal: JournalPath = None,
        page_rows: int = 25,
        page_stores: int = 10,
    ) -> None:
        self.grid = MatrixGrid(state, page_rows=page_rows, page_stores=page_stores)
        self.state = state
        self._names = read_names(state)
        super().__init__(client, journal=journal)
        self.has_panel = client is not None
        self.controller.on_written = self._written
        self.replan()

    @property
    def names(self) -> Names:
        """The titles that the state tells."""
        return self._names

    @property
    def toggles(self) -> pd.DataFrame:
        """The changed cells as toggles, by entity, then by store; ready for ``kf.plan``."""
        rows = [(*entity, "store", *store, flag) for (entity, store), flag in self.grid.changed()]
        names = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
        return read_toggles(pd.DataFrame(rows, columns=names))

    def replan(self) -> None:
        """Plan what is changed, in the background; without a client there is nothing to plan for."""
        if self.client is None:
            return
        self.say("Planning …" if self.grid.wanted else _HINT)
        if self.grid.wanted:
            self.worker.ask(self.careful(partial(self._plan, dict(self.grid.wanted))))

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        if command.get("part") == "panel" or command.get("type") == "downloaded":
            super().apply_command(command)
            return
        before = dict(self.grid.wanted)
        apply_grid_command(self.grid, command)
        if self.grid.wanted != before:
            self.replan()

    def draw(self) -> None:
        """Show the grid as it is now, and the panel where there is one."""
        if self.client is not None:
            super().draw()
        self.stores = grid_stores(self.grid)
        self.rows = grid_rows(self.grid)
        self.summary = grid_summary(self.grid)
        self.view = grid_view(self.grid)
        self.n_changed = len(self.grid.wanted)

    def static_text(self) -> str:
        """Return text for a terminal: the counts."""
        return f"MatrixEditor: {self.summary}"

    def _plan(self, wanted: dict[Cell, bool]) -> None:
        made = plan(self.toggles, state=self.state, progress=False, time_budget_s=BUDGET_S)
        if wanted == self.grid.wanted:
            self.controller.set_plan(made.with_named(self.names))

    def _written(self, written: pd.DataFrame) -> None:
        """After a run: the stores that it may have changed are read again."""
        if self.client is None or written.empty:
            return
        self.hint = _HINT
        self.worker.ask(self.careful(partial(self._read_again, store_pairs_of(written))))

    def _read_again(self, pairs: list[tuple[int, int]]) -> None:
        if self.client is None or not pairs:
            return
        read = read_state(self.client, stores=pairs, journal=self.journal, progress=False)
        keys = ["brand_id", "branch_id"]
        kept = self.state[~pd.MultiIndex.from_frame(self.state[keys].astype("Int64").fillna(0)).isin(pairs)]
        state = pd.concat([kept, read], ignore_index=True)
        state.attrs = {**self.state.attrs, "read_at": self.state.attrs.get("read_at", read.attrs["read_at"])}
        with self._pen:
            self.state = state
            self.grid.renew(read)
        self.redraw()


_WORDS = {True: "on", False: "off", None: "unknown"}


def grid_stores(grid: MatrixGrid) -> list[dict[str, str]]:
    """Return the stores of the shown page: key and title."""
    return [
        {"key": f"{key[0]}:{key[1]}", "title": " / ".join(_store_names(grid.stores, key))}
        | dict(zip(("brand", "branch"), _store_names(grid.stores, key), strict=True))
        for key in grid.stores.shown
    ]


def grid_rows(grid: MatrixGrid) -> list[dict[str, object]]:
    """Return the rows of the shown page: key, title, type, and a word per cell, starred if changed."""
    return [
        {
            "key": f"{entity[0]}:{entity[1]}",
            "title": grid.entities.title(entity),
            "type": entity[0],
            "cells": [_word(grid, (entity, store)) for store in grid.stores.shown],
        }
        for entity in grid.entities.shown
    ]


def grid_view(grid: MatrixGrid) -> dict[str, object]:
    """Return how `grid` is looked at, as plain values."""
    sides = {"entities": grid.entities, "stores": grid.stores}
    return {name: _side(side) for name, side in sides.items()} | {"can_undo": grid.can_undo}


def grid_summary(grid: MatrixGrid) -> str:
    """Say what was changed, what of it cannot be seen, and what matches."""
    hidden = f", {grid.n_hidden:,} of them hidden by a search" if grid.n_hidden else ""
    n_entities, n_stores = len(grid.entities.keys), len(grid.stores.keys)
    nothing = "" if n_entities and n_stores else " Nothing matches: change a search."
    shown = f"{counted(n_entities, 'entity', many='entities')} in {counted(n_stores, 'store')}"
    return f"{counted(len(grid.wanted), 'cell')} changed{hidden}. Shown: {shown}.{nothing}"


def apply_grid_command(grid: MatrixGrid, command: Command) -> None:
    """Carry out one command of the page on `grid`; one that makes no sense changes nothing."""
    sides = {"entities": grid.entities, "stores": grid.stores}
    entities, stores = grid.entities.index.by_token, grid.stores.index.by_token
    match command:
        case {"type": "search", "side": str(name), "text": str(text)} if name in sides:
            sides[name].search(text)
        case {"type": "turn", "side": str(name), "step": int(step)} if name in sides:
            sides[name].turn(step)
        case {"type": "press", "entities": list(rows), "stores": list(columns)}:
            cells = product(
                (entities[row] for row in rows if row in entities),
                (stores[column] for column in columns if column in stores),
            )
            flag = command.get("flag")
            grid.press(cells, flag=flag if isinstance(flag, bool) else None)
        case {"type": "press", "entity": str(row)} if row in entities:
            grid.press_entity(entities[row])
        case {"type": "press", "store": str(column)} if column in stores:
            grid.press_store(stores[column])
        case {"type": "undo"}:
            grid.undo()
        case {"type": "clear"}:
            grid.clear()


def _side(side: MatrixAxis) -> dict[str, object]:
    return {"text": side.text, "page": side.page, "n_pages": side.n_pages}


def _store_names(side: MatrixAxis, key: tuple[str | int, int]) -> list[str]:
    position = side.index.positions[key]
    return [side.index.columns[name].texts[position] for name in ("brand", "branch")]


def _word(grid: MatrixGrid, cell: Cell) -> str:
    if cell not in grid.live:
        return ""
    return _WORDS[grid.flag(cell)] + ("*" if cell in grid.wanted else "")
