"""The flat lists of menu entities: business rows, a page at a time, nothing nested."""

from __future__ import annotations

from .calls import Call
from .menus import business_view, category_row, group_row, item_row, section_row
from .paging import page_of
from .world import World


def list_sections(world: World, call: Call) -> object:
    """Return a page of the sections."""
    page, view = page_of(list(world.catalogue.sections.values()), call), business_view(world)
    return page.numbers | {"results": [section_row(view, entry, sequence=1) for entry in page.entries]}


def list_categories(world: World, call: Call) -> object:
    """Return a page of the categories."""
    page, view = page_of(list(world.catalogue.categories.values()), call), business_view(world)
    return page.numbers | {"results": [category_row(view, entry, sequence=1) for entry in page.entries]}


def list_items(world: World, call: Call) -> object:
    """Return a page of the items, modifier options (`onlyModifier`) included."""
    page, view = page_of(list(world.catalogue.items.values()), call), business_view(world)
    return page.numbers | {"results": [item_row(view, entry, sequence=1) for entry in page.entries]}


def list_groups(world: World, call: Call) -> object:
    """Return a page of the modifier groups; their links are those of the first brand that has them."""
    page, brands = page_of(list(world.catalogue.groups.values()), call), world.catalogue.brand_groups
    views = {
        group.id: business_view(world, brand_id=next(b for b, ids in brands.items() if group.id in ids))
        for group in page.entries
    }
    return page.numbers | {"results": [group_row(views[entry.id], entry) for entry in page.entries]}
