"""The table of a picker: an anywidget that draws one page, while all rows stay in Python."""

from __future__ import annotations

import traitlets as t

from .commands import Command, obey
from .listings import Listing
from .pages import STYLE, PageWidget, script
from .selections import Selection, page_rows, summary, view_dict

MAX_CHOICES = 300


def table_face(listing: Listing, *, caption: str) -> dict[str, object]:
    """Return what of a table never changes: caption, columns and filters."""
    columns = [{"name": name, "label": column.label} for name, column in listing.columns.items()]
    facets = {
        name: {"label": facet.label, "choices": facet.choices[:MAX_CHOICES]}
        for name, facet in listing.facets.items()
    }
    return {"caption": caption, "noun": listing.noun, "columns": columns, "facets": facets}


class Table(PageWidget):
    """One page of a listing, with search, filters, order and ticks.

    Traits to observe: ``n_ticked``, ``n_hidden``, ``n_matching``, and ``ticks``, which grows with every
    change of what is ticked.
    """

    _esm = script("table.js")
    _css = STYLE

    face = t.Dict().tag(sync=True)
    n_rows = t.Int().tag(sync=True)
    n_matching = t.Int().tag(sync=True)
    n_ticked = t.Int().tag(sync=True)
    n_hidden = t.Int().tag(sync=True)
    ticks = t.Int()

    def __init__(self, listing: Listing, *, caption: str, page_size: int) -> None:
        self.selection = Selection(listing, page_size=page_size)
        super().__init__(face=table_face(listing, caption=caption), n_rows=len(listing.keys))

    def obey(self, command: Command) -> None:
        """Carry out one command of the page."""
        obey(self.selection, command)

    def draw(self) -> None:
        """Show the selection as it is now."""
        with self.hold_sync():
            self.rows = page_rows(self.selection)
            self.summary = summary(self.selection)
            self.view = view_dict(self.selection)
            self.n_matching = self.selection.n_matching
            self.n_hidden = self.selection.n_hidden
            self.n_ticked = len(self.selection.ticked)
        self.ticks = self.selection.n_changes
