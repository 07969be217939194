"""The truth as a frame: every flag of the business and of each of its stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import flags, snapshots
from .app_context import AppContext
from .demo_data import KINDS

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title", "is_override")
LINK_COLUMNS = ("brand_id", "branch_id", "modifier_group_id", "modifier_id", "is_enabled")


def state_frame(app: AppContext, *, published: bool = False) -> pd.DataFrame:
    """Return business rows, then each store's entities, with the live flags or those of the cached menus."""
    import pandas as pd

    with app.state.held():
        rows = [*_business_rows(app), *_store_rows(app, published=published)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    ids = dict.fromkeys(("brand_id", "branch_id"), "Int64")
    text = dict.fromkeys(("entity_type", "scope", "title"), pd.Series([""]).dtype)
    return frame.astype(ids | text | {"entity_id": "int64", "is_enabled": "boolean", "is_override": bool})


def _title(titles: dict[str, str]) -> str:
    return titles.get("en") or titles["id"]


def _business_rows(app: AppContext) -> Iterator[tuple[object, ...]]:
    off = flags.business_off(app.state)
    for kind in KINDS:
        for entity_id, titles in app.catalogue.ids[kind].items():
            if kind != "item" or not app.catalogue.items[entity_id].is_modifier:
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


def _store_rows(app: AppContext, *, published: bool) -> Iterator[tuple[object, ...]]:
    inherited = flags.business_off(app.state)
    for store in app.catalogue.stores:
        live = flags.store_flags(app.state, store, inherited=inherited)
        off_now = snapshots.read(app, store).off if published else live.off
        for kind in KINDS:
            titles, off, own = app.catalogue.ids[kind], off_now[kind], live.own[kind]
            for id_ in app.catalogue.brand_entities[store[0]][kind]:
                yield kind, id_, "store", *store, id_ not in off, _title(titles[id_]), id_ in own


def link_frame(app: AppContext) -> pd.DataFrame:
    """Return every modifier link of each brand, then those that a store has of its own."""
    import pandas as pd

    found = app.state.rows(
        "SELECT brand_id, NULL, group_id, option_id, is_enabled FROM modifier_links UNION ALL"
        " SELECT brand_id, branch_id, group_id, option_id, is_enabled FROM store_modifier_link_overrides"
    )
    frame = pd.DataFrame(found, columns=list(LINK_COLUMNS))
    return frame.astype(dict.fromkeys(LINK_COLUMNS, "int64") | {"branch_id": "Int64", "is_enabled": "bool"})
