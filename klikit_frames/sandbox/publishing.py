"""Publish and sync: how what is written reaches the cached store menus."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise, product

from . import flags, snapshots
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
from .directory import PROVIDERS
from .flags import Store

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
        snapshots.schedule(app, good, due=due)
    else:
        snapshots.rebuild(app, good)
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
            is_enabled=section_id not in flags.business_off(app.state)["section"],
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
