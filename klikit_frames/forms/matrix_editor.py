"""The matrix editor: entities down, stores across, a press switches a cell; and the grid behind it, pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import traitlets as t

from ..api.client_arguments import check_is_client
from ..errors import ConfigError, check_type
from ..frames.schemas import STATE_COLUMNS
from ..frames.toggles import read_toggles
from ..overview import Names, read_names
from ..planning.planner import plan
from ..running.live_state import read_state
from ..wording import counted
from .base_widget import Command, script, style
from .item_index import ItemIndex, Key, check_page_size, entity_index, known_flags, store_index, token
from .run_panel import PanelForm, store_pairs_of
from .toggle_form import BUDGET_S

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath

_HINT = "Press cells to switch them; nothing is sent before Apply."

_WORDS = {True: "on", False: "off", None: "unknown"}
Cell = tuple[Key, Key]
Change = dict[Cell, bool | None]


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
        if client is not None:
            check_is_client(client)
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
        """Plan the changes in the background; without a client do nothing."""
        if self.client is None:
            return
        self.show_hint("Planning …" if self.grid.wanted else _HINT)
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
        with self._draw_lock:
            self.state = state
            self.grid.renew(read)
        self.redraw()


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
    """Say how much is changed, how much of that is hidden, and how much matches."""
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
        case _:
            pass


def _side(side: MatrixAxis) -> dict[str, object]:
    return {"text": side.text, "page": side.page, "n_pages": side.n_pages}


def _store_names(side: MatrixAxis, key: tuple[str | int, int]) -> list[str]:
    position = side.index.positions[key]
    return [side.index.columns[name].texts[position] for name in ("brand", "branch")]


def _word(grid: MatrixGrid, cell: Cell) -> str:
    if cell not in grid.live:
        return ""
    return _WORDS[grid.flag(cell)] + ("*" if cell in grid.wanted else "")


@dataclass
class MatrixAxis:
    """One side of a grid: an index, the text it is searched for, and the page of it that is shown."""

    index: ItemIndex
    page_size: int
    text: str = ""
    page: int = 1

    def __post_init__(self) -> None:
        check_page_size(self.page_size)
        self.keys = list(self.index.keys)

    @property
    def n_pages(self) -> int:
        """How many pages the matching keys fill, at least one."""
        return max(1, -(-len(self.keys) // self.page_size))

    @property
    def shown(self) -> list[Key]:
        """The keys of the page that is shown."""
        return self.keys[(self.page - 1) * self.page_size :][: self.page_size]

    def search(self, text: str) -> None:
        """Show only keys whose row holds every word of `text`."""
        self.text, self.page = text, 1
        places = np.flatnonzero(self.index.search(text)).tolist()
        self.keys = [self.index.keys[position] for position in places]

    def turn(self, step: int) -> None:
        """Show the page `step` further on, or the nearest that exists."""
        self.page = min(max(self.page + step, 1), self.n_pages)

    def title(self, key: Key) -> str:
        """Return what a person calls `key`."""
        position = self.index.positions[key]
        return next((c.texts[position] for c in self.index.columns.values() if c.texts[position]), token(key))


class MatrixGrid:
    """The live flags of entities in stores, and the changes wanted on top.

    Touches neither network nor disk.

    Parameters
    ----------
    state : pandas.DataFrame
        Store rows of ``kf.read_state(client, stores=...)``; business rows are left out.
    page_rows, page_stores : int
        Entities and stores on one page.

    Raises
    ------
    ConfigError
        There is not one store row, or a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.matrix_editor import MatrixGrid
    >>> row = {"entity_type": "item", "entity_id": 7, "scope": "store", "brand_id": 5297, "branch_id": 1293}
    >>> state = pd.DataFrame([{**row, "is_enabled": True, "title": "Rice"}])
    >>> grid = MatrixGrid(state)
    >>> grid.press([(("item", 7), (5297, 1293))])
    >>> grid.wanted
    {(('item', 7), (5297, 1293)): False}
    """

    def __init__(self, state: pd.DataFrame, *, page_rows: int = 25, page_stores: int = 10) -> None:
        rows = _store_rows(state)
        self.live = _live(rows)
        self.entities = MatrixAxis(entity_index(rows), page_rows)
        self.stores = MatrixAxis(store_index(rows), page_stores)
        self.wanted: dict[Cell, bool] = {}
        self._changes: list[Change] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._changes)

    @property
    def n_hidden(self) -> int:
        """Changed cells that a search hides."""
        entities, stores = set(self.entities.keys), set(self.stores.keys)
        return sum(entity not in entities or store not in stores for entity, store in self.wanted)

    def flag(self, cell: Cell) -> bool | None:
        """Return the flag that `cell` will have; None if it is not known and not changed."""
        return self.wanted.get(cell, self.live.get(cell))

    def press(self, cells: Iterable[Cell], *, flag: bool | None = None) -> None:
        """Switch `cells` to `flag`; without a flag, off if any of them is on, else on.

        A cell that is on no menu stays as it is.
        """
        known_cells = [cell for cell in cells if cell in self.live]
        wanted = not any(self.flag(cell) for cell in known_cells) if flag is None else flag
        self._set(dict.fromkeys(known_cells, wanted))

    def press_entity(self, entity: Key) -> None:
        """Switch one entity in every store that matches, shown or not."""
        self.press((entity, store) for store in self.stores.keys)

    def press_store(self, store: Key) -> None:
        """Switch every entity that matches in one store, shown or not."""
        self.press((entity, store) for entity in self.entities.keys)

    def renew(self, state: pd.DataFrame) -> None:
        """Take live flags that were read again; a change that they already hold is dropped."""
        self.live |= _live(_store_rows(state))
        self.wanted = {cell: flag for cell, flag in self.wanted.items() if self.live[cell] is not flag}
        self._changes = []

    def clear(self) -> None:
        """Drop every change."""
        self._set({cell: self.live[cell] for cell in self.wanted})

    def undo(self) -> None:
        """Take back the last change."""
        if self._changes:
            self._apply(self._changes.pop())

    def changed(self) -> list[tuple[Cell, bool]]:
        """Return the changed cells and their flags, by entity, then by store."""
        rank, order = self.entities.index.positions, self.stores.index.positions
        return sorted(self.wanted.items(), key=lambda item: (rank[item[0][0]], order[item[0][1]]))

    def _set(self, flags: Change) -> None:
        before: Change = {cell: self.wanted.get(cell) for cell in flags}
        self._apply({cell: None if flag == self.live[cell] else flag for cell, flag in flags.items()})
        if any(self.wanted.get(cell) != flag for cell, flag in before.items()):
            self._changes.append(before)

    def _apply(self, change: Change) -> None:
        for cell, flag in change.items():
            if flag is None:
                self.wanted.pop(cell, None)
            else:
                self.wanted[cell] = flag


def _store_rows(state: pd.DataFrame) -> pd.DataFrame:
    check_type("state", state, pd.DataFrame, made_by="kf.read_state(client, stores=...)")
    missing = [name for name in STATE_COLUMNS if name not in state.columns]
    rows = state if missing else state[state["scope"] == "store"]
    if missing or rows.empty:
        lacks = f"no column {', '.join(missing)}" if missing else "no store rows"
        raise ConfigError(f"The state has {lacks}. Hand over kf.read_state(client, stores=...).")
    return _with_titles(rows)


def _with_titles(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the names of their stores beside the ids, where they are known."""
    names = read_names(rows)
    titles = {
        f"{kind}_title": rows[f"{kind}_id"].map(titles_of_kind).astype(object)
        for kind, titles_of_kind in (("brand", names.brands), ("branch", names.branches))
        if titles_of_kind
    }
    return rows.assign(**titles)


def _live(rows: pd.DataFrame) -> dict[Cell, bool | None]:
    entities = zip(rows["entity_type"].astype(str).tolist(), rows["entity_id"].tolist(), strict=True)
    stores = zip(rows["brand_id"].tolist(), rows["branch_id"].tolist(), strict=True)
    return dict(zip(zip(entities, stores, strict=True), known_flags(rows), strict=True))
