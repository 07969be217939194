"""`zoneStores`: the stores of a write that can also be of the whole business."""

from __future__ import annotations

from collections.abc import Mapping

from .calls import read_stores
from .flags import Store
from .refusals import invalid
from .world import World


def read_zone(world: World, body: Mapping[str, object]) -> list[Store]:
    """Return the stores of a body, each once; none at all means the business."""
    stores = read_stores(body, "zoneStores")
    if stores == [] and world.switches.empty_stores == "reject":
        raise invalid("zoneStores must hold at least one store, or be left out")
    world.require_stores(stores or [])
    return list(dict.fromkeys(stores or []))
