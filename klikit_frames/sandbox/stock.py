"""Item availability by the partner's own id: out of stock, which is not the same as off."""

from __future__ import annotations

from .calls import Call, read_object
from .refusals import Refusal, invalid
from .state import State
from .world import World


def set_availability(world: World, call: Call) -> object:
    """Carry out ``PATCH /items/{partner_item_id}/availability``."""
    sku = call.params["partner_item_id"]
    is_available = read_object(call, fields=["available"]).get("available")
    if not isinstance(is_available, bool):
        raise invalid("available must be a boolean")
    if sku not in world.catalogue.skus:
        raise Refusal("resource_unmapped", "no item is mapped to this partner item id")
    item_id = world.catalogue.skus[sku]
    world.state.write("INSERT OR REPLACE INTO stock VALUES (?, ?)", (item_id, is_available))
    return {"partner_item_id": sku, "available": is_available}


def out_of_stock(state: State) -> set[int]:
    """Return the ids of items that are out of stock."""
    return {item_id for (item_id,) in state.rows("SELECT item_id FROM stock WHERE NOT is_available")}
