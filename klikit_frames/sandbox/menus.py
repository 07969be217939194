"""The menus: one store's tree or the business's, flat lists of entities, and the three enable endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from . import publishing, small_endpoints, state
from .app_context import AppContext
from .calls import ApiError, Call, invalid, page_of, read_flag, read_ids, read_number, read_object, read_zone
from .demo_data import BUSINESS_ID, BUSINESS_TITLE, Catalogue, Category, Group, Item, Section
from .publishing import Shown
from .small_endpoints import PROVIDERS
from .state import Link, Store

Node = dict[str, object]


@dataclass(frozen=True)
class View:
    """Whose tree it is: one store's, or the business's."""

    app: AppContext
    shown: Shown
    out_of_stock: set[int]
    is_store: bool

    def marks(self, kind: str, entity_id: int) -> Node:
        """Return an entity's flag, under the name that it has in this tree, and its visibility."""
        is_enabled = entity_id not in self.shown.off[kind]
        maps: Node = {"visibilities": self.shown.maps.get((kind, entity_id), VISIBLE)}
        if not self.is_store:
            return maps | {self.app.switches.tree_flag: is_enabled}
        is_available = kind != "item" or entity_id not in self.out_of_stock
        tracked = {"isAvailable": is_available, "stockEnabled": False, "attachedWithStore": True}
        return maps | {"enabled": is_enabled} | tracked


def read_menu(app: AppContext, call: Call) -> object:
    """Return the tree of one store (brand_id and branch_id) or of the business (neither)."""
    arguments = call.arguments
    given = [name for name in ("brand_id", "branch_id") if name in arguments]
    if len(given) == 1:
        raise invalid("brand_id and branch_id must be passed together or omitted together")
    if not given:
        return {"menu": _business_tree(app)}
    brand_id, branch_id = (read_number(arguments[name], name=name) for name in ("brand_id", "branch_id"))
    app.require_stores([(brand_id, branch_id)])
    return {"menu": _store_tree(app, (brand_id, branch_id))}


def business_views(app: AppContext) -> dict[int, View]:
    """Return the live rows of the business, for each brand with the modifier links of that brand."""
    off, maps = state.business_off(app.state), small_endpoints.read_maps(app.state)
    links_off, out_of_stock = state.links_off(app.state), small_endpoints.out_of_stock(app.state)
    return {
        brand_id: View(
            app, Shown(off, links_off.get(brand_id, set()), maps, {}), out_of_stock, is_store=False
        )
        for brand_id in app.catalogue.brands
    }


def _store_tree(app: AppContext, store: state.Store) -> Node:
    view = View(app, publishing.read(app, store), small_endpoints.out_of_stock(app.state), is_store=True)
    info = {"branchID": store[1], "brandID": store[0], "providerIDs": ",".join(map(str, PROVIDERS))}
    return {"branchInfo": info | _BUSINESS, "sections": _sections(view, store[0])}


def _business_tree(app: AppContext) -> Node:
    sections = [
        section for brand_id, view in business_views(app).items() for section in _sections(view, brand_id)
    ]
    return {"businessInfo": {"title": BUSINESS_TITLE} | _BUSINESS, "sections": sections}


def _sections(view: View, brand_id: int) -> list[Node]:
    catalogue = view.app.catalogue
    ids = catalogue.brand_sections[brand_id]
    return [_section(view, catalogue.sections[id_], sequence=place) for place, id_ in enumerate(ids, 1)]


def _section(view: View, section: Section, *, sequence: int) -> Node:
    categories = view.app.catalogue.categories
    node = section_row(view, section, sequence=sequence)
    node["categories"] = [
        category_row(view, categories[id_], sequence=place) | {"items": _items(view, categories[id_])}
        for place, id_ in enumerate(section.category_ids, 1)
    ]
    return node


def _items(view: View, category: Category) -> list[Node]:
    items, groups = view.app.catalogue.items, view.app.catalogue.groups
    # Most dishes of a category share their groups, which make up most of a menu.
    ids = dict.fromkeys(group for id_ in category.item_ids for group in items[id_].group_ids)
    made = {group: group_row(view, groups[group]) for group in ids}
    return [
        item_row(view, items[id_], sequence=place)
        | {"groups": [made[group] for group in items[id_].group_ids]}
        for place, id_ in enumerate(category.item_ids, 1)
    ]


def section_row(view: View, section: Section, *, sequence: int) -> Node:
    """Return a section without what stands under it."""
    node = _node(section.id, titles=section.titles, sequence=sequence) | view.marks("section", section.id)
    opens, closes = section.hours
    week = {
        str(day): {"disabled": False, "slots": [{"startTime": opens, "endTime": closes}]} for day in range(7)
    }
    own_sequence, own_week = view.shown.hours.get(section.id, (None, None))
    node["sequence"] = sequence if own_sequence is None else own_sequence
    node["availableTimes"] = own_week or week
    node |= {"image": "", "isMealForOne": False}
    return node if view.is_store else node | {"linkedCategories": list(section.category_ids)}


def category_row(view: View, category: Category, *, sequence: int) -> Node:
    """Return a category without its items."""
    node = _node(category.id, titles=category.titles, sequence=sequence) | view.marks("category", category.id)
    return node | {"isPopularCategory": category.titles.get("en") == "Best Sellers", "alcBeverages": False}


def item_row(view: View, item: Item, *, sequence: int) -> Node:
    """Return an item without its modifier groups."""
    node = _node(item.id, titles=item.titles, sequence=sequence) | view.marks("item", item.id)
    price = {"price": item.price, "takeAwayPrice": item.price}
    node |= {"vat": 11, "skuID": item.sku, "resources": [], "prices": {"1": {"IDR": price}}}
    node |= {"onlyModifier": item.is_modifier, "itemIsEnabled": item.id not in view.shown.off["item"]}
    return node | {"oos": {"available": item.id not in view.out_of_stock}}


def group_row(view: View, group: Group) -> Node:
    """Return a modifier group with its links to options."""
    node = _node(group.id, titles=group.titles, sequence=1)
    node |= {"businessID": BUSINESS_ID, "visibilities": VISIBLE, "isEnabled": True}
    node["groupedModifiers"] = [
        _modifier(view, (group.id, id_), sequence=place) for place, id_ in enumerate(group.option_ids, 1)
    ]
    return node


def _modifier(view: View, link: Link, *, sequence: int) -> Node:
    option = view.app.catalogue.items[link[1]]
    node = _node(option.id, titles=option.titles, sequence=sequence)
    return node | {"visibilities": VISIBLE, "isEnabled": link not in view.shown.links_off}


def _node(entity_id: int, *, titles: dict[str, str], sequence: int) -> Node:
    return {"id": entity_id, "sequence": sequence, "title": titles, "description": {}}


VISIBLE = {str(provider): True for provider in PROVIDERS}
_BUSINESS: Node = {
    "businessID": BUSINESS_ID,
    "countryID": 4,
    "currencyCode": "IDR",
    "currencyID": 4,
    "currencySymbol": "",
    "languageCode": "id",
}


T = TypeVar("T")


def list_sections(app: AppContext, call: Call) -> object:
    """Return a page of the sections."""
    return _list(app, call, app.catalogue.sections, row=section_row)


def list_categories(app: AppContext, call: Call) -> object:
    """Return a page of the categories."""
    return _list(app, call, app.catalogue.categories, row=category_row)


def list_items(app: AppContext, call: Call) -> object:
    """Return a page of the items, modifier options (`onlyModifier`) included."""
    return _list(app, call, app.catalogue.items, row=item_row)


def list_groups(app: AppContext, call: Call) -> object:
    """Return a page of the modifier groups; their links are those of the first brand that has them."""
    page, brands = page_of(list(app.catalogue.groups.values()), call), app.catalogue.brand_groups
    views = business_views(app)
    first = {group_id: brand_id for brand_id in reversed(brands) for group_id in brands[brand_id]}
    return page.numbers | {"results": [group_row(views[first[entry.id]], entry) for entry in page.entries]}


def _list(app: AppContext, call: Call, entities: dict[int, T], *, row: Callable[..., Node]) -> object:
    page = page_of(list(entities.values()), call)
    # Flags and visibility are the same in every brand.
    view = next(iter(business_views(app).values()))
    return page.numbers | {"results": [row(view, entry, sequence=1) for entry in page.entries]}


_FIELDS = ("ids", "isEnabled", "zoneStores", "isCascadeToModifierGroups", "brandIDsToCascade")
_DATA: dict[str, object] = {"message": {"message": "status updated"}, "null": None, "object": {}, "list": []}


@dataclass(frozen=True)
class EnableRequest:
    """What one enable call asks for."""

    kind: str
    ids: list[int]
    is_enabled: bool
    stores: list[Store]
    is_cascading: bool
    cascade_brand_ids: list[int]


def enable(app: AppContext, call: Call, *, kind: str) -> object:
    """Carry out ``PATCH /menus/…/enable`` of sections, categories or items."""
    order = _read_request(app, call, kind=kind)
    unknown = _check_ids(app, order)
    known_ids = [entity_id for entity_id in dict.fromkeys(order.ids) if entity_id not in unknown]
    _write(app, order, ids=known_ids)
    app.history.note_write(
        kind,
        ids=known_ids,
        stores=order.stores,
        is_enabled=order.is_enabled,
        time=app.clock.now(),
        by=call.partner_key,
        key=call.idempotency_key,
    )
    return _not_found(app, kind, ids=unknown) if unknown else _DATA[app.switches.enable_data]


def edit(app: AppContext, kind: str, *, ids: list[int], stores: list[Store], is_enabled: bool) -> None:
    """Write flags as klikit's own people do in their app: without a request."""
    unknown = sorted(set(ids).difference(app.catalogue.ids[kind]))
    strangers = sorted(set(stores).difference(app.catalogue.store_set))
    if unknown or strangers:
        raise LookupError(f"not of this business: {kind} ids {unknown}, stores {strangers}")
    order = EnableRequest(kind, ids, is_enabled, stores, is_cascading=False, cascade_brand_ids=[])
    with publishing.write_transaction(app):
        _write(app, order, ids=ids)
        app.history.note_write(
            kind, ids=ids, stores=stores, is_enabled=is_enabled, time=app.clock.now(), by="others"
        )


def _read_request(app: AppContext, call: Call, *, kind: str) -> EnableRequest:
    body = read_object(call, fields=_FIELDS)
    order = EnableRequest(
        kind,
        read_ids(body, "ids"),
        read_flag(body, "isEnabled"),
        read_zone(app, body),
        read_flag(body, "isCascadeToModifierGroups"),
        read_ids(body, "brandIDsToCascade"),
    )
    if not order.ids:
        raise invalid("ids must hold at least one id")
    return order


def _check_size(values: list[int] | list[Store], name: str, *, most: int | None) -> None:
    if most is not None and len(values) > most:
        raise invalid(f"{name} holds {len(values)} entries; at most {most} are allowed")


def _check_ids(app: AppContext, order: EnableRequest) -> set[int]:
    """Return the unknown ids if the known ones are written all the same; else refuse the call."""
    catalogue, switches = app.catalogue, app.switches
    _check_size(order.ids, "ids", most=switches.max_ids)
    _check_size(order.stores, "zoneStores", most=switches.max_stores)
    foreign = set(order.cascade_brand_ids).difference(catalogue.brands)
    if foreign:
        raise ApiError("resource_not_found", f"brand not found: {min(foreign)}")
    unknown = set(order.ids).difference(catalogue.ids[order.kind])
    if unknown and switches.unknown_id != "partial":
        raise _not_found(app, order.kind, ids=unknown)
    return unknown


def _not_found(app: AppContext, kind: str, *, ids: set[int]) -> ApiError:
    code = "not_found" if app.switches.unknown_id == "not_found" else "resource_not_found"
    return ApiError(code, f"{len(ids)} of the {kind} ids not found")


def _write(app: AppContext, order: EnableRequest, *, ids: list[int]) -> None:
    links = _links(app.catalogue, order.kind, ids=ids) if order.is_cascading else []
    if not order.stores:
        state.write_business_flags(app.state, order.kind, ids=ids, is_enabled=order.is_enabled)
        brand_ids = order.cascade_brand_ids or list(app.catalogue.brands)
        state.write_links(app.state, brand_ids=brand_ids, links=links, is_enabled=order.is_enabled)
        return
    state.write_store_flags(app.state, order.kind, ids=ids, stores=order.stores, is_enabled=order.is_enabled)
    stores = [s for s in order.stores if not order.cascade_brand_ids or s[0] in order.cascade_brand_ids]
    state.write_store_links(app.state, stores=stores, links=links, is_enabled=order.is_enabled)


def _links(catalogue: Catalogue, kind: str, *, ids: list[int]) -> list[Link]:
    """Return the links between groups and options that are attached to the targets."""
    items = (item for entity_id in ids for item in catalogue.items_under(kind, entity_id))
    groups = dict.fromkeys(group for item in items for group in catalogue.items[item].group_ids)
    return [(group, option) for group in groups for option in catalogue.groups[group].option_ids]
