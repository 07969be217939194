"""On which marketplaces an entity is shown, and what is out of stock."""

from __future__ import annotations

import json

from .api_errors import ApiError, invalid
from .app_context import AppContext
from .calls import Call, read_number, read_object, read_zone
from .directory import PROVIDERS
from .flags import Store
from .state import State

# What a row of the business has in the columns of its store.
EVERYWHERE: Store = (0, 0)
Maps = dict[tuple[str, int], dict[str, bool]]


def show(app: AppContext, call: Call, *, kind: str) -> object:
    """Carry out ``PATCH /menus/…/{id}/visibilities`` of a section, a category or an item."""
    entity_id = read_number(call.params["entity_id"], name="id")
    body = read_object(call, fields=("visibilities", "zoneStores"))
    given, stores = _read_map(body.get("visibilities")), read_zone(app, body)
    if entity_id not in app.catalogue.ids[kind]:
        raise ApiError("resource_not_found", f"{kind} not found: {entity_id}")
    # The map is replaced whole: a provider that it leaves out is hidden.
    whole = json.dumps({str(provider): given.get(str(provider), False) for provider in PROVIDERS})
    app.state.write_many(
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


def set_availability(app: AppContext, call: Call) -> object:
    """Carry out ``PATCH /items/{partner_item_id}/availability``."""
    sku = call.params["partner_item_id"]
    is_available = read_object(call, fields=["available"]).get("available")
    if not isinstance(is_available, bool):
        raise invalid("available must be a boolean")
    if sku not in app.catalogue.skus:
        raise ApiError("resource_unmapped", "no item is mapped to this partner item id")
    item_id = app.catalogue.skus[sku]
    app.state.write("INSERT OR REPLACE INTO stock VALUES (?, ?)", (item_id, is_available))
    return {"partner_item_id": sku, "available": is_available}


def out_of_stock(state: State) -> set[int]:
    """Return the ids of items that are out of stock."""
    return {item_id for (item_id,) in state.rows("SELECT item_id FROM stock WHERE NOT is_available")}
