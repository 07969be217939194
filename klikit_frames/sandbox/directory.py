"""Brands, branches, providers, and which dishes are in stock and for sale."""

from __future__ import annotations

import json

from .app_context import AppContext
from .calls import ApiError, Call, invalid, page_of, read_number, read_object, read_zone
from .demo_data import BUSINESS_ID, BUSINESS_TITLE
from .demo_names import Branch
from .flags import Store
from .state import State

PROVIDERS = {1: "klikit", 6: "grabfood", 9: "gofood", 11: "shopeefood", 16: "foodpanda", 17: "airasia_food"}
WHOLE_DAY = {
    str(day): {"disabled": False, "slots": [{"start_time": 0, "end_time": 2359}]} for day in range(7)
}


def list_brands(app: AppContext, call: Call) -> object:
    """Return the brands in their old shape: an array of one object, with the business beside them."""
    brands = [
        {
            "id": brand.id,
            "business_id": BUSINESS_ID,
            "title": brand.title,
            "logo": f"/images/brands/{brand.id}/logo.png",
            "banner": f"/images/brands/{brand.id}/banner.png",
        }
        for brand in app.catalogue.brands.values()
    ]
    business = {
        "id": BUSINESS_ID,
        "title": BUSINESS_TITLE,
        "address": "Menara Klikit, Jl. Jend. Sudirman, Jakarta",
    }
    return [{"brands": brands, "business": business}]


def list_branches(app: AppContext, call: Call) -> object:
    """Return one page of the branches; pages start at 1 and hold 1000 if nothing else is asked."""
    page = page_of(list(app.catalogue.branches.values()), call)
    return page.numbers | {"results": [_branch(app, branch) for branch in page.entries]}


def list_providers(app: AppContext, call: Call) -> object:
    """Return the marketplaces that a menu can be shipped to."""
    return [{"id": id_, "title": title} for id_, title in PROVIDERS.items()]


def _branch(app: AppContext, branch: Branch) -> dict[str, object]:
    # Sorted by title, so it does not go by the order of brand_ids; the real API does the same.
    titles = sorted(app.catalogue.brands[brand_id].title for brand_id in branch.brand_ids)
    return {
        "id": branch.id,
        "title": branch.title,
        "address": branch.address,
        "phone": f"+62812{branch.id:07d}",
        "secondary_phone": "",
        "lat": branch.lat,
        "lon": branch.lon,
        "business_id": BUSINESS_ID,
        "business_title": BUSINESS_TITLE,
        "business_vat_label": "PPN",
        "business_vat_percentage": 11,
        "brand_ids": list(branch.brand_ids),
        "brand_titles": titles,
        "city_id": branch.city_id,
    } | _COUNTRY


_COUNTRY: dict[str, object] = {
    "country_id": 4,
    "country_code": "ID",
    "currency_id": 4,
    "currency_code": "IDR",
    "currency_symbol": "Rp",
    "language_id": "3",
    "language_code": "id",
    "language_title": "Indonesian",
    "availability_mask": 127,
    "day_availability": [0, 1, 2, 3, 4, 5, 6],
    "available_times": WHOLE_DAY,
}


# The store columns of a business row.
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
    """Return the maps that were replaced at some time: the business's, or those that hold in one store."""
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
