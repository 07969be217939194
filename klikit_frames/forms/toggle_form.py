"""The form for an ad-hoc change: pick what, pick where, see what will happen, press."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as w  # type: ignore[import-untyped]
import pandas as pd

from ..errors import KlikitFramesError
from ..planning.planner import plan
from ..wording import counted
from .drafts import Draft, draft_toggles, missing_inputs, python_line
from .form_html import error_html, heading_html, note_html
from .menu_cache import LiveFlags, sold_rows
from .pickers import EntityPicker, StorePicker
from .run_panel import PanelForm, RunPanel, told

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath

BUDGET_S = 2.0  # A preview must not keep a person waiting for the last request saved.


class ToggleForm(PanelForm):
    """A form for one change: entities, stores or business-wide, on or off, cascade; then Apply.

    Reads the stores and the business menu when it is made, and the menus of stores when they are ticked;
    sends the previewed plan, as it is, when Apply is pressed. What is entered is kept here in Python: a
    reload of the page loses nothing.

    Parameters
    ----------
    client : Client
        Where to read and to send.
    journal : path, optional
        As for ``kf.run``.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     form = kf.forms.ToggleForm(client)
    ...     form.entities.selected = kf.read_state(client).query("entity_type == 'section'").head(1)
    ...     form.stores.selected = kf.stores(client).head(2)
    ...     form.wait()
    ...     form.plan.n_requests
    1
    """

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        self.client = client
        self.panel = RunPanel(client, journal=journal)
        self.panel.controller.on_written = self._note
        self.read_note = w.HTML().add_class("kf-read-note")
        self.read_again = w.Button(description="Read the menu again").add_class("kf-read-again")
        self.read_again.on_click(lambda _: self.read())
        super().__init__([self.read_note, self.read_again])
        self.add_class("kf-toggle-form")
        self.read()

    def read(self) -> None:
        """Read stores and menu anew; where that fails, say so and leave the button to try again."""
        try:
            self.live = LiveFlags(self.client)
        except KlikitFramesError as error:
            self.read_note.value = error_html(
                f"The menu could not be read, so nothing can be picked. {error}"
            )
            return
        self.read_note.value = ""
        self._build()

    def _build(self) -> None:
        self.entities = EntityPicker(self.live.business, page_size=10).add_class("kf-entities")
        self.stores = StorePicker(self.live.stores, page_size=10).add_class("kf-stores")
        self.panel.index = self.entities.selection.index
        self._make_controls()
        what = [w.HTML(heading_html("What")), self.entities, self.entities_note]
        where = [w.HTML(heading_html("Where")), self.scope, self.stores, self.stores_note]
        how = [w.HTML(heading_html("How")), w.HBox([self.switch, self.cascade, self.brands])]
        seen = [
            w.HTML(heading_html("What will happen")),
            self.panel,
            w.HTML(heading_html("The same in Python")),
            self.line,
        ]
        self.children = [*what, *where, *how, *seen]
        self._listen()
        self._changed()

    def _make_controls(self) -> None:
        self.entities_note = w.HTML().add_class("kf-entities-note")
        self.stores_note = w.HTML().add_class("kf-stores-note")
        scopes = [("in the ticked stores", "store"), ("business-wide", "business")]
        self.scope = w.RadioButtons(options=scopes, description="Stores").add_class("kf-scope")
        self.switch = w.RadioButtons(options=[("off", False), ("on", True)], description="Switch").add_class(
            "kf-switch"
        )
        self.cascade = w.Checkbox(description="Modifier groups too", indent=False).add_class("kf-cascade")
        self.brands = w.SelectMultiple(options=_brands(self.live.stores), description="Only of", rows=4)
        self.brands.add_class("kf-brands")
        self.line = w.Textarea(rows=2, layout=w.Layout(width="100%")).add_class("kf-line")

    def _listen(self) -> None:
        self.entities.observe(self._changed, names="ticks")
        self.stores.observe(self._changed, names="ticks")
        for control in (self.scope, self.switch, self.cascade, self.brands):
            control.observe(self._changed, names="value")

    @property
    def draft(self) -> Draft:
        """What is entered now."""
        entities = self.entities.selected.itertuples(index=False, name=None)
        stores = self.stores.selected.itertuples(index=False, name=None)
        return Draft(
            entities=tuple(entities),
            stores=tuple(stores),
            is_business=self.scope.value == "business",
            is_enabled=self.switch.value,
            has_cascade=self.cascade.value,
            cascade_brand_ids=tuple(self.brands.value) if self.cascade.value else (),
        )

    def _changed(self, _: object = None) -> None:
        draft = self.draft
        missing = missing_inputs(draft)
        self.stores.layout.display = "none" if draft.is_business else None
        self.brands.layout.display = None if draft.has_cascade else "none"
        self.entities_note.value = note_html(missing.get("entities", ""))
        self.stores_note.value = note_html(missing.get("stores", ""))
        self.line.value = "" if missing else python_line(draft)
        self.panel.say("" if missing else "Planning …")
        if not missing:
            self.panel.worker.ask(told(partial(self._preview, draft), say=self.panel.say))

    def _preview(self, draft: Draft) -> None:
        state = self.live.state(() if draft.is_business else draft.stores)
        toggles = draft_toggles(draft)
        sold = toggles[sold_rows(toggles, state)].reset_index(drop=True)
        if sold.empty:
            self.panel.say("None of the ticked stores sells any of this, so there is nothing to send.")
            return
        made = plan(sold, state=state, progress=False, time_budget_s=BUDGET_S)
        if draft == self.draft:
            self.panel.controller.set_plan(made, note=_left_out(len(toggles) - len(sold)))

    def _note(self, written: pd.DataFrame) -> None:
        self.live.note(written)


def _left_out(n_rows: int) -> str:
    return f"Left out: {counted(n_rows, 'row')} of what a ticked store does not sell." if n_rows else ""


def _brands(stores: pd.DataFrame) -> list[tuple[str, int]]:
    brands = stores.drop_duplicates("brand_id")
    named = zip(brands["brand_title"], brands["brand_id"], strict=True)
    return [(f"{title} ({brand_id})", brand_id) for title, brand_id in named]
