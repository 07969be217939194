"""Publish and sync: how what is written reaches the cached store menus, and what those menus show.

A store's menu is the snapshot of its last publish; all flags can also be had as one frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise, product
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from . import small_endpoints, state
from .app_context import AppContext
from .calls import (
    ApiError,
    Call,
    invalid,
    is_id,
    read_ids,
    read_number,
    read_object,
    read_stores,
    refuse_unknown,
)
from .demo_data import KINDS
from .small_endpoints import PROVIDERS, Maps
from .state import Link, Store

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
    inherited = state.business_off(app.state)
    app.state.write_many(
        "INSERT OR REPLACE INTO store_full_menus VALUES (?, ?, ?)",
        [(*store, _dump(app, store, shown=live(app, store, inherited=inherited))) for store in stores],
    )


@contextmanager
def write_transaction(app: AppContext) -> Iterator[None]:
    """Make what is written inside happen whole or not at all, in the history too.

    Queued publishes that are due are made first, so that they copy nothing of it.
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
    flags = state.store_flags(app.state, store, inherited=inherited)
    hours = {
        section_id: (sequence, json.loads(times) if times else None)
        for section_id, sequence, times in app.state.rows(
            "SELECT section_id, sequence, available_times FROM store_section_hours"
            " WHERE brand_id = ? AND branch_id = ?",
            store,
        )
    }
    return Shown(flags.off, flags.links_off, small_endpoints.read_maps(app.state, store), hours)


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
    off = state.business_off(app.state)
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
    inherited = state.business_off(app.state)
    for store in app.catalogue.stores:
        live = state.store_flags(app.state, store, inherited=inherited)
        off_now = read(app, store).off if published else live.off
        for kind in KINDS:
            titles, off, own_ids = app.catalogue.ids[kind], off_now[kind], live.own[kind]
            for id_ in app.catalogue.brand_entities[store[0]][kind]:
                yield kind, id_, "store", *store, id_ not in off, _title(titles[id_]), id_ in own_ids


def link_frame(app: AppContext) -> pd.DataFrame:
    """Return every modifier link of each brand, then those that a store has of its own."""
    import pandas as pd

    rows = app.state.rows(
        "SELECT brand_id, NULL, group_id, option_id, is_enabled FROM modifier_links UNION ALL"
        " SELECT brand_id, branch_id, group_id, option_id, is_enabled FROM store_modifier_link_overrides"
    )
    frame = pd.DataFrame(rows, columns=list(LINK_COLUMNS))
    return frame.astype(dict.fromkeys(LINK_COLUMNS, "int64") | {"branch_id": "Int64", "is_enabled": "bool"})


Hours = dict[str, object]
# What one store may have of its own, and where; a sync can make it inherit the business's value again.
_OWN = {
    "isEnabled": "DELETE FROM store_section_overrides WHERE brand_id = ? AND branch_id = ? AND entity_id = ?",
    "visibilities": "DELETE FROM visibilities"
    " WHERE brand_id = ? AND branch_id = ? AND entity_id = ? AND kind = 'section'",
    "availableTimes": "UPDATE store_section_hours SET available_times = NULL"
    " WHERE brand_id = ? AND branch_id = ? AND section_id = ?",
}
# Programs write as many digits as their clocks have; none of them matters here.
_FRACTION = re.compile(r"(?<=:\d\d)\.\d{1,9}(?=[Z+-])", re.ASCII)


def publish(app: AppContext, call: Call) -> object:
    """Rebuild the cached menu of each store, now or at `scheduledAt`; tell only how many stores went well."""
    body = read_object(call, fields=("stores", "providerIDs", "scheduledAt"))
    stores, provider_ids = read_stores(body, "stores"), read_ids(body, "providerIDs")
    if not stores or not provider_ids:
        raise invalid("stores and providerIDs must each hold at least one entry")
    if not set(provider_ids) <= set(PROVIDERS):
        raise invalid(f"providerIDs must be among {', '.join(map(str, PROVIDERS))}")
    scheduled_at = _read_moment(body.get("scheduledAt"))
    good = [store for store in dict.fromkeys(stores) if store in app.catalogue.store_set]
    # Queued by the API itself, or for later by the request.
    due = max(scheduled_at, app.clock.now() + app.switches.publish_delay_s)
    if due > app.clock.now():
        schedule(app, good, due=due)
    else:
        rebuild(app, good)
    return _counts(len(good), len(set(stores)) - len(good), kind=app.switches.publish_counts)


def _counts(success: int, failed: int, *, kind: str) -> dict[str, object]:
    """Return how many stores went well, truly or as a switch garbles it."""
    counts: dict[str, dict[str, object]] = {
        "exact": {"success": success, "failed": failed},
        "short": {"success": min(2, success), "failed": 0},
        "zero": {"success": 0, "failed": 0},
        "over": {"success": success, "failed": 3},
        "negative": {"success": -1, "failed": 0},
        "missing": {},
        "text": {"success": str(success), "failed": str(failed)},
    }
    return counts[kind]


def sync(app: AppContext, call: Call) -> object:
    """Push business-level sections to the menus of stores; what a store has of its own stays unless named."""
    body = read_object(call, fields=("stores", "sections", "fieldIncludeOnSync"))
    stores, sections = read_stores(body, "stores"), body.get("sections")
    if not stores or not isinstance(sections, dict):
        raise invalid("stores must hold at least one store, and sections must be an object")
    forced = _read_fields(body.get("fieldIncludeOnSync"))
    hours = [_read_section(app, text, value) for text, value in sections.items()]
    app.require_stores(stores)
    for store, (section_id, sequence, times) in product(stores, hours):
        _drop_own(app, store, section_id, forced=forced, partner_key=call.partner_key)
        _write_section(app, store, section_id, sequence=sequence, times=times)
    return {"message": "menu synced"}


def _write_section(
    app: AppContext, store: Store, section_id: int, *, sequence: int | None, times: Hours | None
) -> None:
    text = json.dumps(times) if times else None
    app.state.write(
        "INSERT INTO store_section_hours VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " sequence = coalesce(excluded.sequence, sequence),"
        " available_times = coalesce(excluded.available_times, available_times)",
        (*store, section_id, sequence, text),
    )


def _drop_own(app: AppContext, store: Store, section_id: int, *, forced: list[str], partner_key: str) -> None:
    """Drop what a store has of its own, so that it inherits the business's value again."""
    for name in _OWN.keys() & set(forced):
        app.state.write(_OWN[name], (*store, section_id))
    if "isEnabled" in forced:
        app.history.note_write(
            "section",
            ids=[section_id],
            stores=[store],
            is_enabled=section_id not in state.business_off(app.state)["section"],
            time=app.clock.now(),
            by=partner_key,
        )


def _read_section(app: AppContext, text: str, value: object) -> tuple[int, int | None, Hours | None]:
    section_id = read_number(text, name="section id")
    if section_id not in app.catalogue.sections:
        raise ApiError("resource_not_found", f"section not found: {section_id}")
    if not isinstance(value, dict):
        raise invalid("each of sections must be an object")
    refuse_unknown(value, known=("sequence", "availableTimes"), place="section")
    sequence, times = value.get("sequence"), value.get("availableTimes")
    if sequence is not None and not is_id(sequence):
        raise invalid("sequence must be an integer")
    if times is not None and not isinstance(times, dict):
        raise invalid("availableTimes must be an object")
    for day, hours in (times or {}).items():
        _check_day(day, hours)
    return section_id, sequence, times


def _check_day(day: str, hours: object) -> None:
    if day not in "0123456" or len(day) != 1 or not isinstance(hours, dict):
        raise invalid('availableTimes must map "0" to "6" to objects')
    refuse_unknown(hours, known=("disabled", "slots"), place="day")
    slots = hours.get("slots", [])
    if not isinstance(slots, list) or not isinstance(hours.get("disabled", False), bool):
        raise invalid("each day of availableTimes has slots, an array, and disabled, a boolean")
    spans = sorted(_read_slot(slot) for slot in slots)
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise invalid(f"slots of day {day} overlap")


def _read_slot(slot: object) -> tuple[int, int]:
    if isinstance(slot, Mapping):
        refuse_unknown(slot, known=("startTime", "endTime"), place="slot")
        start, end = slot.get("startTime"), slot.get("endTime")
        if type(start) is int and type(end) is int and 0 <= start < end <= 2359:
            return start, end
    raise invalid("each slot has a startTime before its endTime, both HHMM")


def _read_fields(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise invalid("fieldIncludeOnSync must be an array of strings")
    return value


def _read_moment(value: object) -> float:
    """Return a UTC moment; absent and the zero time (of the year 1) mean now."""
    if value is None:
        return 0.0
    try:
        return datetime.strptime(_FRACTION.sub("", str(value)), "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (ValueError, OverflowError):
        raise invalid("scheduledAt must be a UTC date-time such as 2026-11-23T08:00:00Z") from None
