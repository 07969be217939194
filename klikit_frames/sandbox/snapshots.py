"""What stores' menus show: the snapshot of the last publish, and all flags as a frame."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from . import directory, flags
from .app_context import AppContext
from .demo_data import KINDS
from .directory import Maps
from .flags import Link, Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Shown:
    """What differs in one menu from a catalogue in which all is on and visible."""

    off: dict[str, set[int]]
    links_off: set[Link]
    maps: Maps
    hours: dict[int, tuple[int | None, dict[str, object] | None]]


def rebuild(app: AppContext, stores: Sequence[Store], *, time: float | None = None) -> None:
    """Take what is live in each store as its cached menu, and note when."""
    app.history.note_copy(stores, time=app.clock.now() if time is None else time)
    inherited = flags.business_off(app.state)
    app.state.write_many(
        "INSERT OR REPLACE INTO store_full_menus VALUES (?, ?, ?)",
        [(*store, _dump(app, store, shown=live(app, store, inherited=inherited))) for store in stores],
    )


@contextmanager
def write_transaction(app: AppContext) -> Iterator[None]:
    """Make what is written inside happen whole or not at all, in the history too.

    Queued publishes whose moment has come are made before, so that they copy nothing of it.
    """
    with app.state.held():
        rebuild_due(app)
        n_events = app.history.n_events
        try:
            with app.state.transaction():
                yield
        except BaseException:
            app.history.truncate(n_events)
            raise


def schedule(app: AppContext, stores: Iterable[Store], *, due: float) -> None:
    """Note stores whose menus are to be rebuilt later."""
    app.state.write_many(
        "INSERT INTO scheduled_publishes VALUES (?, ?, ?)", ((due, *store) for store in stores)
    )


def finish(app: AppContext, stores: Iterable[Store]) -> None:
    """Let queued publishes of some stores be due now."""
    app.state.write_many(
        "UPDATE scheduled_publishes SET due = ? WHERE brand_id = ? AND branch_id = ?",
        ((app.clock.now(), *store) for store in stores),
    )
    rebuild_due(app)


def rebuild_due(app: AppContext) -> None:
    """Rebuild the menus whose moment has come."""
    if not app.state.rows("SELECT 1 FROM scheduled_publishes LIMIT 1"):
        return
    now = (app.clock.now(),)
    due = app.state.rows(
        "SELECT due, brand_id, branch_id FROM scheduled_publishes WHERE due <= ? ORDER BY due, rowid", now
    )
    if due:
        with app.state.transaction():
            for moment, stores in groupby(due, key=itemgetter(0)):
                rebuild(app, [(brand_id, branch_id) for _, brand_id, branch_id in stores], time=moment)
            app.state.write("DELETE FROM scheduled_publishes WHERE due <= ?", now)


def read(app: AppContext, store: Store) -> Shown:
    """Return what a store's menu shows: as of its last publish, or live if so switched."""
    if app.switches.store_read == "live":
        return live(app, store)
    rebuild_due(app)
    ((text,),) = app.state.rows(
        "SELECT snapshot FROM store_full_menus WHERE brand_id = ? AND branch_id = ?", store
    )
    return _load(json.loads(text))


def live(app: AppContext, store: Store, *, inherited: dict[str, set[int]] | None = None) -> Shown:
    """Return what holds in one store at this moment."""
    found = flags.store_flags(app.state, store, inherited=inherited)
    hours = {
        section_id: (sequence, json.loads(times) if times else None)
        for section_id, sequence, times in app.state.rows(
            "SELECT section_id, sequence, available_times FROM store_section_hours"
            " WHERE brand_id = ? AND branch_id = ?",
            store,
        )
    }
    return Shown(found.off, found.links_off, directory.read_maps(app.state, store), hours)


def _dump(app: AppContext, store: Store, *, shown: Shown) -> str:
    menu, options = app.catalogue.brand_entities[store[0]], app.catalogue.brand_options[store[0]]
    cut = {kind: shown.off[kind].intersection(menu[kind]) for kind in KINDS}
    cut["item"] |= shown.off["item"].intersection(options)
    return json.dumps(
        {
            "off": {kind: sorted(ids) for kind, ids in cut.items()},
            "links_off": sorted(shown.links_off),
            "maps": [(kind, id_, shows) for (kind, id_), shows in shown.maps.items() if id_ in menu[kind]],
            "hours": shown.hours,
        }
    )


def _load(snapshot: dict[str, Any]) -> Shown:
    return Shown(
        {kind: set(ids) for kind, ids in snapshot["off"].items()},
        {(group, option) for group, option in snapshot["links_off"]},
        {(kind, entity_id): shows for kind, entity_id, shows in snapshot["maps"]},
        {int(section_id): tuple(hours) for section_id, hours in snapshot["hours"].items()},
    )


COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title", "is_override")
LINK_COLUMNS = ("brand_id", "branch_id", "modifier_group_id", "modifier_id", "is_enabled")


def state_frame(app: AppContext, *, published: bool = False) -> pd.DataFrame:
    """Return business rows, then each store's entities, with the live flags or those of the cached menus."""
    import pandas as pd

    with app.state.held():
        rows = [*_business_rows(app), *_store_rows(app, published=published)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    ids = dict.fromkeys(("brand_id", "branch_id"), "Int64")
    text = dict.fromkeys(("entity_type", "scope", "title"), pd.Series([""]).dtype)
    return frame.astype(ids | text | {"entity_id": "int64", "is_enabled": "boolean", "is_override": bool})


def _title(titles: dict[str, str]) -> str:
    return titles.get("en") or titles["id"]


def _business_rows(app: AppContext) -> Iterator[tuple[object, ...]]:
    off = flags.business_off(app.state)
    for kind in KINDS:
        for entity_id, titles in app.catalogue.ids[kind].items():
            if kind != "item" or not app.catalogue.items[entity_id].is_modifier:
                yield (
                    kind,
                    entity_id,
                    "business",
                    None,
                    None,
                    entity_id not in off[kind],
                    _title(titles),
                    False,
                )


def _store_rows(app: AppContext, *, published: bool) -> Iterator[tuple[object, ...]]:
    inherited = flags.business_off(app.state)
    for store in app.catalogue.stores:
        live = flags.store_flags(app.state, store, inherited=inherited)
        off_now = read(app, store).off if published else live.off
        for kind in KINDS:
            titles, off, own = app.catalogue.ids[kind], off_now[kind], live.own[kind]
            for id_ in app.catalogue.brand_entities[store[0]][kind]:
                yield kind, id_, "store", *store, id_ not in off, _title(titles[id_]), id_ in own


def link_frame(app: AppContext) -> pd.DataFrame:
    """Return every modifier link of each brand, then those that a store has of its own."""
    import pandas as pd

    found = app.state.rows(
        "SELECT brand_id, NULL, group_id, option_id, is_enabled FROM modifier_links UNION ALL"
        " SELECT brand_id, branch_id, group_id, option_id, is_enabled FROM store_modifier_link_overrides"
    )
    frame = pd.DataFrame(found, columns=list(LINK_COLUMNS))
    return frame.astype(dict.fromkeys(LINK_COLUMNS, "int64") | {"branch_id": "Int64", "is_enabled": "bool"})
