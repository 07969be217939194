"""The matrix editor: entities down, stores across, a press switches a cell."""

from __future__ import annotations

from typing import Any

import pandas as pd
import traitlets as t

from ..frames.toggles import read_toggles
from ..wording import counted
from .base_widget import STYLE, BaseWidget, script
from .matrix_grid import Cell, MatrixAxis, MatrixGrid
from .page_commands import Command


class MatrixEditor(BaseWidget):
    """Entities × stores as a grid of on/off cells; only what you change becomes toggles.

    Touches neither network nor disk. 500 entities in 100 stores are fine: the page gets one part at a time.

    Parameters
    ----------
    state : pandas.DataFrame
        Store rows, as ``kf.read_state(client, stores=...)`` returns them.
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
    >>> editor.commands = [{"type": "press", "entity": "item:7", "store": "5297:1293", "seq": 1}]
    >>> editor.summary
    '1 cell changed. Shown: 1 entity in 1 store.'
    >>> bool(editor.toggles["is_enabled"].item())
    False
    """

    _esm = script("matrix.js")
    _css = STYLE

    stores: Any = t.List().tag(sync=True)
    n_changed = t.Int().tag(sync=True)

    def __init__(self, state: pd.DataFrame, *, page_rows: int = 25, page_stores: int = 10) -> None:
        self.grid = MatrixGrid(state, page_rows=page_rows, page_stores=page_stores)
        super().__init__()

    @property
    def toggles(self) -> pd.DataFrame:
        """The changed cells as toggles, by entity, then by store; ready for ``kf.plan``."""
        rows = [(*entity, "store", *store, flag) for (entity, store), flag in self.grid.changed()]
        names = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
        return read_toggles(pd.DataFrame(rows, columns=names))

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        apply_grid_command(self.grid, command)

    def draw(self) -> None:
        """Show the grid as it is now."""
        with self.hold_sync():
            self.stores = grid_stores(self.grid)
            self.rows = grid_rows(self.grid)
            self.summary = grid_summary(self.grid)
            self.view = grid_view(self.grid)
        self.n_changed = len(self.grid.wanted)

    def __repr__(self) -> str:
        """Return text for a terminal: the counts."""
        return f"MatrixEditor: {self.summary}"


_WORDS = {True: "on", False: "off", None: "unknown"}


def grid_stores(grid: MatrixGrid) -> list[dict[str, str]]:
    """Return the stores of the shown page: key and title."""
    return [
        {"key": f"{key[0]}:{key[1]}", "title": _store_title(grid.stores, key)} for key in grid.stores.shown
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
        case {"type": "press", "entity": str(row), "store": str(column)} if (
            row in entities and column in stores
        ):
            grid.press([(entities[row], stores[column])])
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


def _store_title(side: MatrixAxis, key: tuple[str | int, int]) -> str:
    position = side.index.positions[key]
    shown = [side.index.columns[name].texts[position] for name in ("brand", "branch")]
    return " / ".join(shown)


def _word(grid: MatrixGrid, cell: Cell) -> str:
    if cell not in grid.live:
        return ""
    return _WORDS[grid.flag(cell)] + ("*" if cell in grid.wanted else "")
