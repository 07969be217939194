"""The flat lists of menu entities: business rows, a page at a time, nothing nested."""

from __future__ import annotations

from .calls import Call
from .menus import View, business_views, category_row, group_row, item_row, section_row
from .paging import page_of
from .world import World


def list_sections(world: World, call: Call) -> object:
    """Return a page of the sections."""
    page, view = page_of(list(world.catalogue.sections.values()), call), _any_view(world)
    return page.numbers | {"results": [section_row(view, entry, sequence=1) for entry in page.entries]}


def list_categories(world: World, call: Call) -> object:
    """Return a page of the categories."""
    page, view = page_of(list(world.catalogue.categories.values()), call), _any_view(world)
    return page.numbers | {"results": [category_row(view, entry, sequence=1) for entry in page.entries]}


def list_items(world: World, call: Call) -> object:
    """Return a page of the items, modifier options (`onlyModifier`) included."""
    page, view = page_of(list(world.catalogue.items.values()), call), _any_view(world)
    return page.numbers | {"results": [item_row(view, entry, sequence=1) for entry in page.entries]}


def list_groups(world: World, call: Call) -> object:
    """Return a page of the modifier groups; their links are those of the first brand that has them."""
    page, brands = page_of(list(world.catalogue.groups.values()), call), world.catalogue.brand_groups
    views = business_views(world)
    first = {group_id: brand_id for brand_id in reversed(brands) for group_id in brands[brand_id]}
    return page.numbers | {"results": [group_row(views[first[entry.id]], entry) for entry in page.entries]}


def _any_view(world: World) -> View:
    """Return the view of any brand; flags and visibility are the same in all."""
    return next(iter(business_views(world).values()))
