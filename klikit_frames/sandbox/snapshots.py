"""The cached store menus (`store_full_menus`): what a store showed when it was last published."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import flags
from .catalogue import KINDS
from .flags import Store, StoreFlags

if TYPE_CHECKING:
    from .world import World


def rebuild(world: World, stores: Iterable[Store]) -> None:
    """Take what is live in each store as its cached menu."""
    inherited = flags.business_off(world.state)
    world.state.write_many(
        "INSERT OR REPLACE INTO store_full_menus VALUES (?, ?, ?)",
        [(*store, _dump(world, store, inherited=inherited)) for store in stores],
    )


def read_flags(world: World, store: Store) -> StoreFlags:
    """Return the flags that a store's menu shows: those of its last publish, or the live ones if so switched."""
    if world.switches.store_read == "live":
        return flags.store_flags(world.state, store)
    ((text,),) = world.state.rows(
        "SELECT snapshot FROM store_full_menus WHERE brand_id = ? AND branch_id = ?", store
    )
    snapshot = json.loads(text)
    off = {kind: set(snapshot[kind]) for kind in KINDS}
    off["item"].update(snapshot["options"])
    return StoreFlags(off, {kind: set() for kind in KINDS}, {(g, o) for g, o in snapshot["links"]})


def _dump(world: World, store: Store, *, inherited: dict[str, set[int]]) -> str:
    live = flags.store_flags(world.state, store, inherited=inherited)
    menu = world.catalogue.brand_entities[store[0]]
    off: dict[str, object] = {kind: [i for i in menu[kind] if i in live.off[kind]] for kind in KINDS}
    options = world.catalogue.brand_options[store[0]]
    off["options"] = [option for option in options if option in live.off["item"]]
    return json.dumps(off | {"links": sorted(live.links_off)})
