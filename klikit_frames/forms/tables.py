"""The table of a picker: an anywidget that draws one page, while all rows stay in Python."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as t

from klikit_frames.forms.commands import fresh, last_number, obey
from klikit_frames.forms.listings import Listing
from klikit_frames.forms.selections import Selection, page_rows, summary, view_dict

MAX_CHOICES = 300


def table_face(listing: Listing, *, caption: str) -> dict[str, object]:
    """Return what of a table never changes: caption, columns and filters."""
    columns = [{"name": name, "label": column.label} for name, column in listing.columns.items()]
    facets = {
        name: {"label": facet.label, "choices": facet.choices[:MAX_CHOICES]}
        for name, facet in listing.facets.items()
    }
    return {"caption": caption, "noun": listing.noun, "columns": columns, "facets": facets}


class Table(anywidget.AnyWidget):
    """One page of a listing, with search, filters, order and ticks.

    Traits to observe: ``n_ticked``, ``n_hidden``, ``n_matching``, and ``ticks``, which grows with every change of what
    is ticked.
    """

    _esm = Path(__file__).with_name("table.js")
    _css = Path(__file__).with_name("table.css")

    face = t.Dict().tag(sync=True)
    rows = t.List().tag(sync=True)
    summary = t.Unicode().tag(sync=True)
    view = t.Dict().tag(sync=True)
    commands = t.List().tag(sync=True)
    done = t.Int().tag(sync=True)
    n_rows = t.Int().tag(sync=True)
    n_matching = t.Int().tag(sync=True)
    n_ticked = t.Int().tag(sync=True)
    n_hidden = t.Int().tag(sync=True)
    ticks = t.Int()

    def __init__(self, listing: Listing, *, caption: str, page_size: int) -> None:
        self.selection = Selection(listing, page_size=page_size)
        super().__init__(face=table_face(listing, caption=caption), n_rows=len(listing.keys))
        self.draw()
        self.observe(self._obey, names="commands")

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

    def _obey(self, change: dict[str, list[dict[str, object]]]) -> None:
        for command in fresh(change["new"], done=self.done):
            obey(self.selection, command)
        self.done = last_number(change["new"], done=self.done)
        self.draw()
