"""The form for changes by hand: pick what, pick where, see what will happen, press."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd
import traitlets as t

from ..api.client_arguments import check_is_client
from ..errors import KlikitFramesError
from ..frames.row_checks import is_off_menu
from ..overview import NO_NAMES, Names
from ..planning.planner import plan
from ..scheduling.timed_rows import find_timezone
from ..wording import counted
from .agenda_board import AgendaBoard
from .base_widget import Command, script
from .button_words import to_buttons
from .drafts import Draft, describe_draft, merge_toggles, missing_inputs, python_line
from .menu_cache import MenuCache
from .pickers import STORE_KEYS, PickList, entity_list, store_list
from .run_panel import PanelForm
from .timed_changes import (
    UTC_NAME,
    TimedChange,
    Until,
    business_zones,
    end_of,
    show_moment,
    until_choices,
    zone_words,
)

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from ..running.journal import JournalPath

BUDGET_S = 2.0  # A preview must be quick, even if a longer search would save one more request.
PAGE_SIZE = 10


class ToggleForm(PanelForm):
    """A form for changes by hand: entities, stores or business-wide, on or off, until when; then Apply.

    Reads the stores and the business menu when it is made, then one menu of each brand in the background, and
    the menus of stores when they are ticked; sends the previewed plan, as it is, when Apply is pressed.
    Changes can be gathered in a list before that. What is entered is kept here in Python: a reload of the
    page loses nothing. A change until a time is noted as promises, and begun by a tick; its end needs a
    process that ticks, such as ``klikit-frames tick --follow``, or this form while it is told to keep
    promises.

    Parameters
    ----------
    client : Client
        Where to read and to send.
    journal : path, optional
        As for ``kf.run``.
    timezone : str, optional
        IANA name of the time zone in which times are entered and shown; default: the first of the country in
        which most stores are, else UTC. The form names it, and offers the others of these countries.

    Attributes
    ----------
    entities, stores : PickList
        What is ticked; ``selected`` is a frame of keys, and can be set.
    pending : list of Draft
        The changes of the list, without the one that is being entered.
    board : AgendaBoard
        The agenda.

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

    _esm = script("picker.js", "panel.js", "agenda.js", "toggle.js")

    faces = t.Dict().tag(sync=True)
    what = t.Dict().tag(sync=True)
    where = t.Dict().tag(sync=True)
    change = t.Dict().tag(sync=True)
    agenda = t.Dict().tag(sync=True)

    def __init__(self, client: Client, *, journal: JournalPath = None, timezone: str | None = None) -> None:
        check_is_client(client)
        given = find_timezone(timezone)
        self.zones = [UTC_NAME] if timezone is None else [timezone]
        self.board = AgendaBoard(client, journal=journal, zone=given or ZoneInfo(UTC_NAME))
        self._is_zone_given = given is not None
        self.menus: MenuCache | None = None
        self.entities: PickList | None = None
        self.stores: PickList | None = None
        self.pending: list[Draft] = []
        self.line = ""
        self._form = Draft()
        self._publishes = False
        self._offered: Plan | None = None
        self._is_spent = False
        self._note = ""
        self._known_names = NO_NAMES
        self._faces_of: tuple[object, ...] = ()
        self._flags_of: tuple[object, ...] = ()
        super().__init__(client, journal=journal)
        self.controller.on_written = self._written
        self.board.on_change = self.redraw
        self.read()

    @property
    def names(self) -> Names:
        """The titles of entities, brands and branches."""
        return self._known_names

    @property
    def draft(self) -> Draft:
        """What is entered now."""
        if self.entities is None or self.stores is None:
            return self._form
        return replace(
            self._form,
            entities=tuple(self.entities.selected.itertuples(index=False, name=None)),
            stores=tuple(self.stores.selected.itertuples(index=False, name=None)),
            cascade_brand_ids=self._form.cascade_brand_ids if self._form.has_cascade else (),
        )

    def read(self) -> None:
        """Read stores and menu again; if that fails, say so and leave the button to try again."""
        try:
            self.menus = MenuCache(self.client, journal=self.journal)
        except KlikitFramesError as error:
            self.show_hint(f"The menu could not be read, so nothing can be picked. {error}")
            return
        self._known_names = self.board.names = self.menus.names
        self._take_zones(business_zones(self.menus.stores["country_code"]))
        self.board.refresh()
        ticked = self.draft
        self.entities = entity_list(self.menus.business, page_size=PAGE_SIZE)
        self.stores = store_list(self.menus.stores, page_size=PAGE_SIZE)
        self.entities.selection.replace(ticked.entities)
        self.stores.selection.replace(ticked.stores)
        self.entities.on_change = self.stores.on_change = self.replan
        self.replan()

    def set(self, **values: Any) -> None:
        """Enter ``is_enabled``, ``is_business``, ``has_cascade``, ``cascade_brand_ids`` or ``until``."""
        self._form = replace(self._form, **values)
        self.replan()

    def set_timezone(self, name: str) -> None:
        """Enter and show times in another time zone, by its IANA name."""
        self.board.zone = find_timezone(name) or self.board.zone
        self._is_zone_given = True
        self.zones = list(dict.fromkeys([*self.zones, name]))
        self.board.refresh()
        self.replan()

    def set_publishing(self, *, is_on: bool) -> None:
        """Set whether the stores of a timed change are published at its start and at its end."""
        self._publishes = is_on
        self.replan()

    def close(self) -> None:
        """Close the form, and keep no more promises from here."""
        # A form that was refused while it was made has no board yet.
        if "board" in vars(self):
            self.board.keeper.stop()
        super().close()

    def add(self) -> None:
        """Put what is entered on the list, and start a new change; an incomplete one stays."""
        if not missing_inputs(self.draft):
            self.pending = [*self.pending, self.draft]
            self._start_over()

    def edit(self, n: int) -> None:
        """Take a change off the list to edit it; the one being entered goes onto it if it is complete."""
        if not 0 <= n < len(self.pending):
            return
        taken = self.pending[n]
        rest = [*self.pending[:n], *self.pending[n + 1 :]]
        self.pending = rest if missing_inputs(self.draft) else [*rest, self.draft]
        self._enter(taken)

    def remove(self, n: int) -> None:
        """Take a change off the list."""
        self.pending = [draft for place, draft in enumerate(self.pending) if place != n]
        self.replan()

    def replan(self) -> None:
        """Plan what is entered and what is on the list, in the background."""
        draft = self.draft
        is_whole = not missing_inputs(draft)
        drafts = [*self.pending, draft] if is_whole else list(self.pending)
        self.line, self._is_spent = "", False
        self.show_hint("Planning …" if drafts else "Tick what and where below; nothing is sent before Apply.")
        self.worker.ask(self.careful(partial(self._plan, drafts, draft)))

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        match command:
            case {"part": "what"} if self.entities is not None:
                self.entities.apply(command)
            case {"part": "where"} if self.stores is not None:
                self.stores.apply(command)
            case {"part": "change"}:
                self._apply_change(command)
            case {"part": "agenda", "type": "tick"}:
                self.controller.keep_due()
            case {"part": "agenda"}:
                self.board.apply_command(command)
            case _:
                super().apply_command(command)

    def _apply_change(self, command: Command) -> None:
        match command:
            case {"type": "set", "name": str(name), "value": bool(value)} if name in _FLAGS:
                self.set(**{name: value})
            case {"type": "brand", "brand_id": int(brand_id), "on": bool(is_on)}:
                others = set(self._form.cascade_brand_ids) - {brand_id}
                self.set(cascade_brand_ids=tuple(sorted(others | {brand_id} if is_on else others)))
            case {"type": "until", "kind": str(kind), "at": str(at)}:
                self.set(until=Until(kind, at))
            case {"type": "zone", "name": str(name)} if name in self.zones:
                self.set_timezone(name)
            case {"type": "publish", "on": bool(is_on)}:
                self.set_publishing(is_on=is_on)
            case {"type": "edit", "n": int(n)}:
                self.edit(n)
            case {"type": "remove", "n": int(n)}:
                self.remove(n)
            case {"type": "add"}:
                self.add()
            case {"type": "read"}:
                self.worker.ask(self.careful(self.read))
            case _:
                pass

    def run_ended(self) -> None:
        """Read again what a run has changed."""
        super().run_ended()
        self.board.refresh()

    def draw(self) -> None:
        """Show everything as it is now."""
        super().draw()
        self.change = self._change_view()
        self.agenda = self.board.view()
        if self.entities is None or self.stores is None:
            return
        indexes = (self.entities.selection.index, self.stores.selection.index)
        if indexes != self._faces_of:
            self._faces_of = indexes
            self.faces = {"what": self.entities.face(), "where": self.stores.face()}
        self.what, self.where = self.entities.part(), self.stores.part()

    def _change_view(self) -> dict[str, object]:
        draft = self.draft
        missing = missing_inputs(draft)
        described = [describe_draft(draft, self.names) for draft in self.pending]
        return {
            "is_enabled": draft.is_enabled,
            "is_business": draft.is_business,
            "has_cascade": draft.has_cascade,
            "brands": self._brand_choices(),
            "pending": [{"text": text, "names": names} for text, names in described],
            "missing": missing if self.entities is not None else {},
            "can_add": not missing and not self.controller.is_busy,
            "note": self._note,
            "line": self.line,
            **self._until_view(),
        }

    def _until_view(self) -> dict[str, object]:
        board, until = self.board, self._form.until
        return {
            "until": {"kind": until.kind, "at": until.at},
            "is_timed": any(draft.until.is_timed for draft in [*self.pending, self._form]),
            "choices": [list(choice) for choice in until_choices(board.now, board.zone)],
            "zone": board.zone.key,
            "zones": [[name, zone_words(ZoneInfo(name), now=board.now)] for name in self.zones],
            "publishes": self._publishes,
        }

    def _take_zones(self, names: list[str]) -> None:
        self.zones = list(dict.fromkeys([*(self.zones if self._is_zone_given else []), *names]))
        if not self._is_zone_given:
            self.board.zone = ZoneInfo(self.zones[0])

    def _brand_choices(self) -> list[dict[str, object]]:
        if self.menus is None:
            return []
        brands = self.menus.stores.drop_duplicates("brand_id")
        ticked = self._form.cascade_brand_ids
        return [
            {"brand_id": int(brand_id), "title": f"{title} ({brand_id})", "is_ticked": brand_id in ticked}
            for title, brand_id in zip(brands["brand_title"], brands["brand_id"], strict=True)
        ]

    def _plan(self, drafts: list[Draft], draft: Draft) -> None:
        if self.menus is None or self.entities is None:
            return
        pairs = [pair for change in [*drafts, draft] if not change.is_business for pair in change.stores]
        state = self.menus.state(pairs, progress=_MenuCount(self))
        if drafts:
            self._offer(drafts, state)
        self._show_flags(state, draft)
        # Only a filter needs to know what each brand sells, so it is read last.
        self.menus.read_brands()
        self._show_flags(state, draft)

    def _show_flags(self, state: pd.DataFrame, draft: Draft) -> None:
        """Show beside each entity its flags in the ticked stores, or the business's."""
        if self.menus is None or self.entities is None:
            return
        here = pd.MultiIndex.from_frame(state[list(STORE_KEYS)].astype("Int64").fillna(0)).isin(
            list(draft.stores) or [(0, 0)]
        )
        shown = state[here] if draft.stores and not draft.is_business else state[state["scope"] == "business"]
        flags_of = (self.menus, self.menus.n_readings, draft.stores, draft.is_business)
        if flags_of == self._flags_of:
            return
        self._flags_of = flags_of
        index = self.entities.selection.index.with_flags(shown).with_brands(self.menus.brands)
        with self._draw_lock:
            self.entities.selection.set_index(index)
        self.redraw()

    def _offer(self, drafts: list[Draft], state: pd.DataFrame) -> None:
        now, zone = self.board.now, self.board.zone
        ends = [end_of(draft.until, now=now, zone=zone) for draft in drafts]
        ends = ends if any(ends) else []
        toggles, n_overruled = merge_toggles(drafts, ends=ends)
        left_out = is_off_menu(toggles, state)
        sold = toggles[~left_out].reset_index(drop=True)
        if sold.empty:
            self.show_hint("None of the ticked stores sells any of this, so there is nothing to send.")
            return
        rows = sold.drop(columns="ends_at", errors="ignore")
        made = plan(rows, state=state, progress=False, time_budget_s=BUDGET_S).with_named(self.names)
        if drafts not in ([*self.pending, self.draft], self.pending):
            return
        self._offered = made
        here = [end and end.astimezone(zone) for end in ends]
        self.line = python_line(drafts, ends=here, now=now.isoformat(timespec="seconds"))
        note = _notes(int(left_out.sum()), n_overruled=n_overruled)
        self.controller.set_plan(made, note=note, timed=self._timed(sold, now=now) if ends else None)

    def _timed(self, toggles: pd.DataFrame, *, now: datetime) -> TimedChange:
        """Return the toggles as promises: permanent rows begin at once and never come back."""
        ends = toggles["ends_at"]
        starts = pd.Series([pd.Timestamp(now)] * len(ends), dtype=ends.dtype).where(ends.isna())
        keys = zip(toggles["entity_type"], toggles["entity_id"], strict=True)
        titles = [self.names.entities.get(key) for key in keys]
        promised = toggles.assign(starts_at=starts, title=pd.Series(titles, dtype=object))
        words = _until_words(ends, show=partial(show_moment, now=now, zone=self.board.zone))
        clock = zone_words(self.board.zone, now=now)
        return TimedChange(promised, f"{words} ({clock})", publish=self._publishes)

    def _written(self, written: pd.DataFrame) -> None:
        """After a run: empty the list, and read again the menus that it may have changed."""
        if self.menus is None:
            return
        self.menus.forget(written)
        if self._offered is not None and self.controller.sent_offer is self._offered:
            self.pending, self._offered, self._is_spent = [], None, True
        if not self._is_spent:
            self.replan()
            return
        self.hint = "Tick what and where below for the next change."
        draft = self.draft
        self.worker.ask(self.careful(partial(self._plan, [], draft), show=self._say_note))

    def _say_note(self, text: str) -> None:
        self._note = to_buttons(text)
        self.redraw()

    def _start_over(self) -> None:
        self._enter(Draft(is_enabled=self._form.is_enabled, is_business=self._form.is_business))

    def _enter(self, draft: Draft) -> None:
        self._form = replace(draft, entities=(), stores=())
        if self.entities is not None and self.stores is not None:
            self.entities.selection.replace(draft.entities)
            self.stores.selection.replace(draft.stores)
        self.replan()


_FLAGS = ("is_enabled", "is_business", "has_cascade")


class _MenuCount:
    """Says how many menus were read, beside the form's button."""

    def __init__(self, form: ToggleForm) -> None:
        self._form = form
        self._n = 0
        self._lock = threading.Lock()

    def update(self, n: int = 1, /) -> None:
        """Note that `n` more menus were read."""
        with self._lock:
            self._n += n
        self._form._say_note(f"{counted(self._n, 'menu')} read …")

    def close(self) -> None:
        """Say nothing more."""
        self._form._say_note("")


def _until_words(ends: pd.Series[Any], *, show: Callable[[datetime], str]) -> str:
    """Return until when rows hold: one moment for all, or how many rows until each."""
    counts = Counter(ends.dropna().tolist())
    if list(counts.values()) == [len(ends)]:
        return f"until {show(ends.iloc[0])}, then back to what they were"
    parts = [f"{counted(counts[end], 'row')} until {show(end)}" for end in sorted(counts)]
    return f"{', '.join(parts)}, then back to what they were"


def _notes(n_left_out: int, *, n_overruled: int) -> str:
    left_out = f"Left out: {counted(n_left_out, 'row')} of what a ticked store does not sell."
    overruled = f"{counted(n_overruled, 'row')} of the list said otherwise further down, which holds."
    return " ".join([left_out] * bool(n_left_out) + [overruled] * bool(n_overruled))
