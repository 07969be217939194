"""The menu tree: of one store from its cached menu, of the business from the live rows."""

from __future__ import annotations

from dataclasses import dataclass

from . import flags, snapshots
from .calls import Call, read_number
from .catalogue import BUSINESS_ID, BUSINESS_TITLE, Category, Group, Item, Section
from .directory import PROVIDERS
from .flags import Link
from .refusals import Refusal, invalid
from .world import World

Node = dict[str, object]


@dataclass(frozen=True)
class View:
    """From where a tree is looked at: one store, or the business."""

    world: World
    off: dict[str, set[int]]
    links_off: set[Link]
    store: flags.Store | None = None

    def flag(self, kind: str, entity_id: int) -> Node:
        """Return an entity's flag under the name it has in this tree."""
        is_enabled = entity_id not in self.off[kind]
        if self.store is None:
            return {self.world.switches.tree_flag: is_enabled}
        return {"enabled": is_enabled, "isAvailable": True, "stockEnabled": False, "attachedWithStore": True}


def read_menu(world: World, call: Call) -> object:
    """Return the tree of one store (brand_id and branch_id) or of the business (neither)."""
    arguments = call.arguments
    given = [name for name in ("brand_id", "branch_id") if name in arguments]
    if len(given) == 1:
        raise invalid("brand_id and branch_id must be passed together or omitted together")
    if not given:
        return {"menu": _business_tree(world)}
    brand_id, branch_id = (read_number(arguments[name], name=name) for name in ("brand_id", "branch_id"))
    if (brand_id, branch_id) not in world.catalogue.stores:
        raise Refusal("resource_not_found", f"store not found: brand {brand_id} at branch {branch_id}")
    return {"menu": _store_tree(world, (brand_id, branch_id))}


def _store_tree(world: World, store: flags.Store) -> Node:
    shown = snapshots.read_flags(world, store)
    view = View(world, shown.off, shown.links_off, store)
    info = {"branchID": store[1], "brandID": store[0], "providerIDs": ",".join(map(str, PROVIDERS))}
    return {"branchInfo": info | _BUSINESS, "sections": _sections(view, store[0])}


def _business_tree(world: World) -> Node:
    off, links_off = flags.business_off(world.state), flags.links_off(world.state)
    sections: list[Node] = []
    for brand_id in world.catalogue.brands:
        view = View(world, off, links_off.get(brand_id, set()))
        sections += _sections(view, brand_id)
    return {"businessInfo": {"title": BUSINESS_TITLE} | _BUSINESS, "sections": sections}


def _sections(view: View, brand_id: int) -> list[Node]:
    catalogue = view.world.catalogue
    ids = catalogue.brand_sections[brand_id]
    return [_section(view, catalogue.sections[id_], sequence=place) for place, id_ in enumerate(ids, 1)]


def _section(view: View, section: Section, *, sequence: int) -> Node:
    categories = view.world.catalogue.categories
    opens, closes = section.hours
    slots = [{"startTime": opens, "endTime": closes}]
    node = _node(view, "section", section.id, titles=section.titles, sequence=sequence)
    node |= {"image": "", "isMealForOne": False}
    node["availableTimes"] = {str(day): {"disabled": False, "slots": slots} for day in range(7)}
    if view.store is None:
        node["linkedCategories"] = list(section.category_ids)
    node["categories"] = [
        _category(view, categories[id_], sequence=place) for place, id_ in enumerate(section.category_ids, 1)
    ]
    return node


def _category(view: View, category: Category, *, sequence: int) -> Node:
    items = view.world.catalogue.items
    node = _node(view, "category", category.id, titles=category.titles, sequence=sequence)
    node |= {"isPopularCategory": category.titles.get("en") == "Best Sellers", "alcBeverages": False}
    node["items"] = [
        _item(view, items[id_], sequence=place) for place, id_ in enumerate(category.item_ids, 1)
    ]
    return node


def _item(view: View, item: Item, *, sequence: int) -> Node:
    node = _node(view, "item", item.id, titles=item.titles, sequence=sequence)
    price = {"price": item.price, "takeAwayPrice": item.price}
    node |= {"vat": 11, "skuID": item.sku, "resources": [], "prices": {"1": {"IDR": price}}}
    node["itemIsEnabled"] = item.id not in view.off["item"]
    node["oos"] = {"available": True}
    groups = view.world.catalogue.groups
    node["groups"] = [_group(view, groups[id_]) for id_ in item.group_ids]
    return node


def _group(view: View, group: Group) -> Node:
    node = {"id": group.id, "businessID": BUSINESS_ID, "title": group.titles, "description": {}}
    node |= {"visibilities": _VISIBLE, "isEnabled": True}
    node["groupedModifiers"] = [
        _modifier(view, (group.id, id_), sequence=place) for place, id_ in enumerate(group.option_ids, 1)
    ]
    return node


def _modifier(view: View, link: Link, *, sequence: int) -> Node:
    option = view.world.catalogue.items[link[1]]
    node: Node = {"id": option.id, "title": option.titles, "description": {}, "visibilities": _VISIBLE}
    return node | {"isEnabled": link not in view.links_off, "sequence": sequence}


def _node(view: View, kind: str, entity_id: int, *, titles: dict[str, str], sequence: int) -> Node:
    node: Node = {"id": entity_id, "sequence": sequence, "title": titles, "description": {}}
    return node | view.flag(kind, entity_id) | {"visibilities": _VISIBLE}


_VISIBLE = {str(provider): True for provider in PROVIDERS}
_BUSINESS: Node = {
    "businessID": BUSINESS_ID,
    "countryID": 4,
    "currencyCode": "IDR",
    "currencyID": 4,
    "currencySymbol": "",
    "languageCode": "id",
}
