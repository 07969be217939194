"""The on/off flags: business rows, store overrides over them, and modifier links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from .demo_data import KINDS, Catalogue
from .state import State

Store = tuple[int, int]
Link = tuple[int, int]


_REPLACE = {
    "section": "INSERT OR REPLACE INTO store_section_overrides VALUES (?, ?, ?, ?)",
    "category": "INSERT OR REPLACE INTO store_category_overrides VALUES (?, ?, ?, ?)",
    "item": "INSERT OR REPLACE INTO store_item_overrides VALUES (?, ?, ?, ?)",
}
_SELECT = {
    "section": "SELECT entity_id, is_enabled FROM store_section_overrides"
    " WHERE brand_id = ? AND branch_id = ?",
    "category": "SELECT entity_id, is_enabled FROM store_category_overrides"
    " WHERE brand_id = ? AND branch_id = ?",
    "item": "SELECT entity_id, is_enabled FROM store_item_overrides WHERE brand_id = ? AND branch_id = ?",
}


@dataclass(frozen=True)
class StoreFlags:
    """What is off in one store, and which of its flags are rows of its own."""

    off: dict[str, set[int]]
    own: dict[str, set[int]]
    links_off: set[Link]


def seed_flags(state: State, catalogue: Catalogue) -> None:
    """Write the flags of the first day."""
    off = set(catalogue.first_off())
    state.write_many(
        "INSERT INTO flags VALUES (?, ?, ?)",
        ((kind, id_, (kind, id_) not in off) for kind in KINDS for id_ in catalogue.ids[kind]),
    )
    state.write_many("INSERT INTO modifier_links VALUES (?, ?, ?, 1)", _every_link(catalogue))
    for kind, entity_id, brand_id, branch_id in catalogue.first_overrides():
        write_store_flags(
            state, kind, ids=[entity_id], stores=[(brand_id, branch_id)], is_enabled=(kind, entity_id) in off
        )


def _every_link(catalogue: Catalogue) -> Iterator[tuple[int, int, int]]:
    for brand_id, group_ids in catalogue.brand_groups.items():
        for group_id in group_ids:
            yield from ((brand_id, group_id, option) for option in catalogue.groups[group_id].option_ids)


def write_business_flags(state: State, kind: str, *, ids: Iterable[int], is_enabled: bool) -> None:
    """Flip business rows; store overrides stay as they are."""
    state.write_many(
        "UPDATE flags SET is_enabled = ? WHERE kind = ? AND entity_id = ?",
        ((is_enabled, kind, i) for i in ids),
    )


def write_store_flags(
    state: State, kind: str, *, ids: Sequence[int], stores: Iterable[Store], is_enabled: bool
) -> None:
    """Write or replace an override row for every id in every store."""
    state.write_many(
        _REPLACE[kind],
        ((brand, branch, entity, is_enabled) for (brand, branch), entity in product(stores, ids)),
    )


def write_links(state: State, *, brand_ids: Iterable[int], links: Sequence[Link], is_enabled: bool) -> None:
    """Flip modifier links of whole brands."""
    state.write_many(
        "UPDATE modifier_links SET is_enabled = ? WHERE brand_id = ? AND group_id = ? AND option_id = ?",
        ((is_enabled, brand, group, option) for brand, (group, option) in product(brand_ids, links)),
    )


def write_store_links(
    state: State, *, stores: Iterable[Store], links: Sequence[Link], is_enabled: bool
) -> None:
    """Write or replace the override of every modifier link in every store."""
    state.write_many(
        "INSERT OR REPLACE INTO store_modifier_link_overrides VALUES (?, ?, ?, ?, ?)",
        ((*store, group, option, is_enabled) for store, (group, option) in product(stores, links)),
    )


def business_off(state: State) -> dict[str, set[int]]:
    """Return the ids that are off at business level, by kind."""
    off: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for kind, entity_id in state.rows("SELECT kind, entity_id FROM flags WHERE NOT is_enabled"):
        off[kind].add(entity_id)
    return off


def links_off(state: State) -> dict[int, set[Link]]:
    """Return the modifier links that are off at business level, by brand."""
    off: dict[int, set[Link]] = {}
    for brand, group, option in state.rows(
        "SELECT brand_id, group_id, option_id FROM modifier_links WHERE NOT is_enabled"
    ):
        off.setdefault(brand, set()).add((group, option))
    return off


def store_flags(state: State, store: Store, *, inherited: dict[str, set[int]] | None = None) -> StoreFlags:
    """Return the live flags of one store: its own rows where it has them, else the business's."""
    off = {kind: set(ids) for kind, ids in (inherited or business_off(state)).items()}
    own: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for kind in KINDS:
        for entity_id, is_enabled in state.rows(_SELECT[kind], store):
            own[kind].add(entity_id)
            (off[kind].discard if is_enabled else off[kind].add)(entity_id)
    return StoreFlags(off, own, _store_links_off(state, store))


def _store_links_off(state: State, store: Store) -> set[Link]:
    off = {
        (group, option)
        for group, option in state.rows(
            "SELECT group_id, option_id FROM modifier_links WHERE NOT is_enabled AND brand_id = ?", store[:1]
        )
    }
    for group, option, is_enabled in state.rows(
        "SELECT group_id, option_id, is_enabled FROM store_modifier_link_overrides"
        " WHERE brand_id = ? AND branch_id = ?",
        store,
    ):
        (off.discard if is_enabled else off.add)((group, option))
    return off
