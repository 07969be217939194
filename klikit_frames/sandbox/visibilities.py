"""Visibility maps: on which marketplaces an entity is shown."""

from __future__ import annotations

import json

from .calls import Call, read_number, read_object
from .directory import PROVIDERS
from .flags import Store
from .refusals import Refusal, invalid
from .state import State
from .world import World
from .zones import read_zone

# What a row of the business has in the columns of its store.
EVERYWHERE: Store = (0, 0)
Maps = dict[tuple[str, int], dict[str, bool]]


def show(world: World, call: Call, *, kind: str) -> object:
    """Carry out ``PATCH /menus/…/{id}/visibilities`` of a section, a category or an item."""
    entity_id = read_number(call.params["entity_id"], name="id")
    body = read_object(call, fields=("visibilities", "zoneStores"))
    given, stores = _read_map(body.get("visibilities")), read_zone(world, body)
    if entity_id not in world.catalogue.ids[kind]:
        raise Refusal("resource_not_found", f"{kind} not found: {entity_id}")
    # The map is replaced whole: a provider that it leaves out is hidden.
    whole = json.dumps({str(provider): given.get(str(provider), False) for provider in PROVIDERS})
    world.state.write_many(
        "INSERT OR REPLACE INTO visibilities VALUES (?, ?, ?, ?, ?)",
        ((kind, entity_id, *store, whole) for store in stores or [EVERYWHERE]),
    )
    return {"message": f"{kind} visibilities updated"}


def read_maps(state: State, store: Store = EVERYWHERE) -> Maps:
    """Return the maps that were ever replaced, of the business, or as they hold in one store."""
    maps: Maps = {}
    for place in dict.fromkeys((EVERYWHERE, store)):
        for kind, entity_id, text in state.rows(
            "SELECT kind, entity_id, map FROM visibilities WHERE brand_id = ? AND branch_id = ?", place
        ):
            maps[kind, entity_id] = json.loads(text)
    return maps


def _read_map(value: object) -> dict[str, bool]:
    if not isinstance(value, dict) or not all(isinstance(shown, bool) for shown in value.values()):
        raise invalid("visibilities must be an object of provider id to boolean")
    strangers = sorted(set(value).difference(map(str, PROVIDERS)))
    if strangers:
        raise invalid(f"visibilities names {len(strangers)} unknown provider ids")
    return value
