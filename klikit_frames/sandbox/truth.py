"""The truth as a frame: every flag of the business and of each of its stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import flags, snapshots
from .catalogue import KINDS
from .world import World

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title", "is_override")
LINK_COLUMNS = ("brand_id", "branch_id", "modifier_group_id", "modifier_id", "is_enabled")


def state_frame(world: World, *, published: bool = False) -> pd.DataFrame:
    """Return business rows, then each store's entities, with the live flags or those of the cached menus."""
    import pandas as pd

    with world.state.held():
        rows = [*_business_rows(world), *_store_rows(world, published=published)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    ids = dict.fromkeys(("brand_id", "branch_id"), "Int64")
    text = dict.fromkeys(("entity_type", "scope", "title"), pd.Series([""]).dtype)
    return frame.astype(ids | text | {"entity_id": "int64", "is_enabled": "boolean", "is_override": bool})


def _title(titles: dict[str, str]) -> str:
    return titles.get("en") or titles["id"]


def _business_rows(world: World) -> Iterator[tuple[object, ...]]:
    off = flags.business_off(world.state)
    for kind in KINDS:
        for entity_id, titles in world.catalogue.ids[kind].items():
            if kind != "item" or not world.catalogue.items[entity_id].is_modifier:
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


def _store_rows(world: World, *, published: bool) -> Iterator[tuple[object, ...]]:
    inherited = flags.business_off(world.state)
    for store in world.catalogue.stores:
        live = flags.store_flags(world.state, store, inherited=inherited)
        off_now = snapshots.read(world, store).off if published else live.off
        for kind in KINDS:
            titles, off, own = world.catalogue.ids[kind], off_now[kind], live.own[kind]
            for id_ in world.catalogue.brand_entities[store[0]][kind]:
                yield kind, id_, "store", *store, id_ not in off, _title(titles[id_]), id_ in own


def link_frame(world: World) -> pd.DataFrame:
    """Return every modifier link of each brand, then those that a store has of its own."""
    import pandas as pd

    found = world.state.rows(
        "SELECT brand_id, NULL, group_id, option_id, is_enabled FROM modifier_links UNION ALL"
        " SELECT brand_id, branch_id, group_id, option_id, is_enabled FROM store_modifier_link_overrides"
    )
    frame = pd.DataFrame(found, columns=list(LINK_COLUMNS))
    return frame.astype(dict.fromkeys(LINK_COLUMNS, "int64") | {"branch_id": "Int64", "is_enabled": "bool"})
