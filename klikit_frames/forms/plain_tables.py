"""The table of a picker in plain ipywidgets, for where anywidget is not installed."""

from __future__ import annotations

import ipywidgets as w  # type: ignore[import-untyped]
import traitlets as t

from .commands import obey
from .listings import Facet, Listing
from .notes import note_html
from .selections import Selection, page_rows, summary

_ACTIONS = {
    "tick_page": "Tick this page",
    "tick_matching": "Tick all that match",
    "invert": "Invert",
    "clear": "Clear",
    "undo": "Undo",
}


class PlainTable(w.VBox):  # type: ignore[misc]
    """The same selection as in `Table`, drawn with checkboxes, buttons and drop-downs."""

    n_matching = t.Int()
    n_ticked = t.Int()
    n_hidden = t.Int()
    ticks = t.Int()

    def __init__(self, listing: Listing, *, caption: str, page_size: int) -> None:
        self.selection = Selection(listing, page_size=page_size)
        self.said = w.HTML()
        self.lines = w.VBox()
        parts = [w.Label(caption), self._search(), *self._filters(), self._buttons(), self.said, self.lines]
        super().__init__([*parts, self._pager()])
        self.draw()

    def draw(self) -> None:
        """Show the selection as it is now."""
        self.said.value = note_html(summary(self.selection))
        self.lines.children = [self._line(row) for row in page_rows(self.selection)]
        self.n_matching = self.selection.n_matching
        self.n_hidden = self.selection.n_hidden
        self.n_ticked = len(self.selection.ticked)
        self.ticks = self.selection.n_changes

    def give(self, kind: str, **more: object) -> None:
        """Carry out one command and draw."""
        obey(self.selection, {"type": kind, **more})
        self.draw()

    def _search(self) -> w.Text:
        box = w.Text(description="Search", continuous_update=True)
        box.observe(lambda change: self.give("search", text=change["new"]), names="value")
        return box

    def _filters(self) -> list[w.Dropdown]:
        return [self._filter(name, facet) for name, facet in self.selection.listing.facets.items()]

    def _filter(self, name: str, facet: Facet) -> w.Dropdown:
        box = w.Dropdown(description=facet.label, options=[("all", ""), *((c, c) for c in facet.choices)])
        box.observe(lambda change: self.give("filter", name=name, choice=change["new"]), names="value")
        return box

    def _buttons(self) -> w.HBox:
        return w.HBox([self._button(text, kind) for kind, text in _ACTIONS.items()])

    def _button(self, text: str, kind: str, **more: object) -> w.Button:
        button = w.Button(description=text)
        button.on_click(lambda _: self.give(kind, **more))
        return button.add_class(f"kf-{kind.replace('_', '-')}")

    def _pager(self) -> w.HBox:
        pages = (("Previous page", -1), ("Next page", 1))
        return w.HBox([self._button(text, "turn", step=step) for text, step in pages])

    def _line(self, row: dict[str, object]) -> w.Checkbox:
        cells = row["cells"]
        text = " · ".join(cell for cell in cells if cell) if isinstance(cells, list) else ""
        box = w.Checkbox(value=row["ticked"], description=text, indent=False, layout=w.Layout(width="100%"))
        box.observe(lambda change: self.give("tick", key=row["key"], on=change["new"]), names="value")
        return box
