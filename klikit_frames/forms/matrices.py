"""The matrix editor: entities down, stores across, a press switches a cell."""

from __future__ import annotations

from typing import Any

import pandas as pd
import traitlets as t

from ..errors import ConfigError
from ..frames.toggles import read_toggles
from .commands import Command
from .grid_views import grid_rows, grid_stores, grid_summary, grid_view, obey_grid
from .grids import Grid

try:
    from .pages import STYLE, PageWidget, script
except ModuleNotFoundError:
    raise ConfigError(
        "The matrix editor is drawn by anywidget, which is not installed: pip install anywidget."
    ) from None


class MatrixEditor(PageWidget):
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
        `state` has no store rows, or lacks a column; a page has no row; or anywidget is not installed.

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
        self.grid = Grid(state, page_rows=page_rows, page_stores=page_stores)
        super().__init__()

    @property
    def toggles(self) -> pd.DataFrame:
        """The changed cells as toggles, by entity, then by store; ready for ``kf.plan``."""
        rows = [(*entity, "store", *store, flag) for (entity, store), flag in self.grid.changed()]
        names = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
        return read_toggles(pd.DataFrame(rows, columns=names))

    def obey(self, command: Command) -> None:
        """Carry out one command of the page."""
        obey_grid(self.grid, command)

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
