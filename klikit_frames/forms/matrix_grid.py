"""Entities down, stores across: the live flags, the wanted changes, and the page that is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import ConfigError
from ..frames.schemas import STATE_COLUMNS
from ..overview import read_names
from .item_index import ItemIndex, Key, check_page_size, entity_index, known_flags, store_index, token

Cell = tuple[Key, Key]
Change = dict[Cell, bool | None]


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
        """Pages that the matching keys fill, one at least."""
        return max(1, -(-len(self.keys) // self.page_size))

    @property
    def shown(self) -> list[Key]:
        """The keys of the page that is shown."""
        return self.keys[(self.page - 1) * self.page_size :][: self.page_size]

    def search(self, text: str) -> None:
        """Show only keys whose row holds every word of `text`."""
        self.text, self.page = text, 1
        found = np.flatnonzero(self.index.search(text)).tolist()
        self.keys = [self.index.keys[position] for position in found]

    def turn(self, step: int) -> None:
        """Show the page `step` further, or the nearest there is."""
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
    >>> from klikit_frames.forms.matrix_grid import MatrixGrid
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
        """Switch `cells` to `flag`; without one off if one of them is on, else on.

        A cell that no menu has stays.
        """
        known = [cell for cell in cells if cell in self.live]
        wanted = not any(self.flag(cell) for cell in known) if flag is None else flag
        self._set(dict.fromkeys(known, wanted))

    def press_entity(self, entity: Key) -> None:
        """Switch one entity in every store that matches, shown or not."""
        self.press((entity, store) for store in self.stores.keys)

    def press_store(self, store: Key) -> None:
        """Switch every entity that matches in one store, shown or not."""
        self.press((entity, store) for entity in self.entities.keys)

    def renew(self, state: pd.DataFrame) -> None:
        """Take over live flags that were read again; changes that hold now are none any more."""
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
    missing = [name for name in STATE_COLUMNS if name not in state.columns]
    rows = state if missing else state[state["scope"] == "store"]
    if missing or rows.empty:
        lacks = f"no column {', '.join(missing)}" if missing else "no store rows"
        raise ConfigError(f"The state has {lacks}. Hand over kf.read_state(client, stores=...).")
    return _with_titles(rows)


def _with_titles(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the names of their stores beside the ids, where anything tells them."""
    names = read_names(rows)
    titles = {
        f"{kind}_title": rows[f"{kind}_id"].map(known).astype(object)
        for kind, known in (("brand", names.brands), ("branch", names.branches))
        if known
    }
    return rows.assign(**titles)


def _live(rows: pd.DataFrame) -> dict[Cell, bool | None]:
    entities = zip(rows["entity_type"].astype(str).tolist(), rows["entity_id"].tolist(), strict=True)
    stores = zip(rows["brand_id"].tolist(), rows["branch_id"].tolist(), strict=True)
    return dict(zip(zip(entities, stores, strict=True), known_flags(rows), strict=True))
