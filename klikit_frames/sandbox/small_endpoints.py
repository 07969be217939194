"""The small endpoints: brands, branches, providers, stock, and orders for the errors that only those have."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta

from .app_context import AppContext
from .calls import ApiError, Call, invalid, page_of, read_number, read_object, read_zone
from .demo_data import BUSINESS_ID, BUSINESS_TITLE, Catalogue
from .demo_names import Branch
from .state import State, Store

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
    } | _N_ORDERSRY


_N_ORDERSRY: dict[str, object] = {
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


FIRST_ORDER_ID = 7_400_001
_N_ORDERS = 40
_MOST_DAYS = 90
_NEXT_STATUS = {
    "placed": ("accepted", "cancelled"),
    "accepted": ("ready", "cancelled"),
    "ready": ("delivered",),
    "delivered": (),
    "cancelled": (),
}


def seed_orders(state: State, catalogue: Catalogue, *, now: datetime) -> None:
    """Write the orders of the last days."""
    draw = random.Random(f"orders {catalogue.seed}")  # noqa: S311 - a demo, not a secret
    statuses = list(_NEXT_STATUS)
    state.write_many(
        "INSERT INTO orders VALUES (?, ?, ?)",
        (
            # The first one is always fresh, the rest are in any state.
            (
                FIRST_ORDER_ID + n,
                statuses[int(draw.random() * 5)] if n else "placed",
                _stamp(now, hours=7 * n),
            )
            for n in range(_N_ORDERS)
        ),
    )


def list_orders(app: AppContext, call: Call) -> object:
    """Return the orders from `start_date` to `end_date`, 90 days at most; the last 30 if not given."""
    start, end = _range(app, call)
    rows = app.state.rows(
        "SELECT id, status, created_at FROM orders WHERE substr(created_at, 1, 10) BETWEEN ? AND ?"
        " ORDER BY created_at DESC, id",
        (start.isoformat(), end.isoformat()),
    )
    page = page_of(rows, call)
    return page.numbers | {"orders": [_order(app, row) for row in page.entries]}


def read_order(app: AppContext, call: Call) -> object:
    """Return one order."""
    return _order(app, _find_order(app, call))


def change_status(app: AppContext, call: Call) -> object:
    """Bring an order to its next status; the only write that cannot do without a key."""
    if call.idempotency_key is None:
        raise ApiError("request_missing_idempotency_key", "write endpoint called without Idempotency-Key")
    wanted = read_object(call, fields=["status"]).get("status")
    if not isinstance(wanted, str) or wanted not in _NEXT_STATUS:
        raise invalid(f"status must be one of {', '.join(_NEXT_STATUS)}")
    order_id, status, created_at = _find_order(app, call)
    if wanted not in _NEXT_STATUS[status]:
        code = app.switches.transition_status
        raise ApiError("state_invalid_transition", f"order cannot go from {status} to {wanted}", status=code)
    app.state.write("UPDATE orders SET status = ? WHERE id = ?", (wanted, order_id))
    return _order(app, (order_id, wanted, created_at))


def _find_order(app: AppContext, call: Call) -> tuple[int, str, str]:
    order_id = read_number(call.params["order_id"], name="order_id")
    rows = app.state.rows("SELECT id, status, created_at FROM orders WHERE id = ?", (order_id,))
    if not rows:
        raise ApiError("resource_not_found", f"order not found: {order_id}")
    return rows[0][0], rows[0][1], rows[0][2]


def _order(app: AppContext, row: tuple[int, str, str]) -> dict[str, object]:
    order_id, status, created_at = row
    stores = app.catalogue.stores
    brand_id, branch_id = stores[(order_id * 7) % len(stores)]
    item_ids = app.catalogue.brand_entities[brand_id]["item"]
    item = app.catalogue.items[item_ids[order_id % len(item_ids)]]
    return {
        "id": order_id,
        "business_id": BUSINESS_ID,
        "brand_id": brand_id,
        "branch_id": branch_id,
        "status": status,
        "created_at": created_at,
        "items": [{"id": item.id, "sku": item.sku, "quantity": 1 + order_id % 3, "price": item.price}],
    }


def _range(app: AppContext, call: Call) -> tuple[date, date]:
    today = app.clock.moment().date()
    end = _day(call, "end_date", default=today)
    start = _day(call, "start_date", default=end - timedelta(days=min(30, (end - date.min).days)))
    if start > end:
        raise invalid("start_date must not be after end_date")
    if (end - start).days > _MOST_DAYS:
        raise ApiError("request_invalid_range", f"date range must not exceed {_MOST_DAYS} days")
    return start, end


def _day(call: Call, name: str, *, default: date) -> date:
    text = call.arguments.get(name)
    try:
        return default if text is None else datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        raise invalid(f"{name} must be a date such as 2026-11-23") from None


def _stamp(now: datetime, *, hours: int) -> str:
    return (now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
