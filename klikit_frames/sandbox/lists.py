"""The flat lists of menu entities: business rows, a page at a time, nothing nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .calls import Call
from .menus import Node, business_views, category_row, group_row, item_row, section_row
from .paging import page_of
from .world import World

T = TypeVar("T")


def list_sections(world: World, call: Call) -> object:
    """Return a page of the sections."""
    return _list(world, call, world.catalogue.sections, row=section_row)


def list_categories(world: World, call: Call) -> object:
    """Return a page of the categories."""
    return _list(world, call, world.catalogue.categories, row=category_row)


def list_items(world: World, call: Call) -> object:
    """Return a page of the items, modifier options (`onlyModifier`) included."""
    return _list(world, call, world.catalogue.items, row=item_row)


def list_groups(world: World, call: Call) -> object:
    """Return a page of the modifier groups; their links are those of the first brand that has them."""
    page, brands = page_of(list(world.catalogue.groups.values()), call), world.catalogue.brand_groups
    views = business_views(world)
    first = {group_id: brand_id for brand_id in reversed(brands) for group_id in brands[brand_id]}
    return page.numbers | {"results": [group_row(views[first[entry.id]], entry) for entry in page.entries]}


def _list(world: World, call: Call, entities: dict[int, T], *, row: Callable[..., Node]) -> object:
    page = page_of(list(entities.values()), call)
    # Flags and visibility are the same in every brand.
    view = next(iter(business_views(world).values()))
    return page.numbers | {"results": [row(view, entry, sequence=1) for entry in page.entries]}
