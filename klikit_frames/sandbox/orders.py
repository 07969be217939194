"""A few orders, so that the errors that only orders have can be met."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from .app_context import AppContext
from .calls import ApiError, Call, invalid, page_of, read_number, read_object
from .demo_data import BUSINESS_ID, Catalogue
from .state import State

FIRST_ID = 7_400_001
_COUNT = 40
_MOST_DAYS = 90
_NEXT = {
    "placed": ("accepted", "cancelled"),
    "accepted": ("ready", "cancelled"),
    "ready": ("delivered",),
    "delivered": (),
    "cancelled": (),
}


def seed_orders(state: State, catalogue: Catalogue, *, now: datetime) -> None:
    """Write the orders of the last days."""
    draw = random.Random(f"orders {catalogue.seed}")  # noqa: S311 - a demo, not a secret
    statuses = list(_NEXT)
    state.write_many(
        "INSERT INTO orders VALUES (?, ?, ?)",
        (
            # The first one is always fresh, the rest are in any state.
            (FIRST_ID + n, statuses[int(draw.random() * 5)] if n else "placed", _stamp(now, hours=7 * n))
            for n in range(_COUNT)
        ),
    )


def list_orders(app: AppContext, call: Call) -> object:
    """Return the orders from `start_date` to `end_date`, 90 days at most; the last 30 if not given."""
    start, end = _range(app, call)
    found = app.state.rows(
        "SELECT id, status, created_at FROM orders WHERE substr(created_at, 1, 10) BETWEEN ? AND ?"
        " ORDER BY created_at DESC, id",
        (start.isoformat(), end.isoformat()),
    )
    page = page_of(found, call)
    return page.numbers | {"orders": [_order(app, row) for row in page.entries]}


def read_order(app: AppContext, call: Call) -> object:
    """Return one order."""
    return _order(app, _find(app, call))


def change_status(app: AppContext, call: Call) -> object:
    """Bring an order to its next status; the only write that cannot do without a key."""
    if call.idempotency_key is None:
        raise ApiError("request_missing_idempotency_key", "write endpoint called without Idempotency-Key")
    wanted = read_object(call, fields=["status"]).get("status")
    if not isinstance(wanted, str) or wanted not in _NEXT:
        raise invalid(f"status must be one of {', '.join(_NEXT)}")
    order_id, status, created_at = _find(app, call)
    if wanted not in _NEXT[status]:
        code = app.switches.transition_status
        raise ApiError("state_invalid_transition", f"order cannot go from {status} to {wanted}", status=code)
    app.state.write("UPDATE orders SET status = ? WHERE id = ?", (wanted, order_id))
    return _order(app, (order_id, wanted, created_at))


def _find(app: AppContext, call: Call) -> tuple[int, str, str]:
    order_id = read_number(call.params["order_id"], name="order_id")
    found = app.state.rows("SELECT id, status, created_at FROM orders WHERE id = ?", (order_id,))
    if not found:
        raise ApiError("resource_not_found", f"order not found: {order_id}")
    return found[0][0], found[0][1], found[0][2]


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
