"""The demo business: what it sells, where, and what is off on the first day.

Ids and titles are fixed, so that files written against them stay true; the seed only draws prices, what
is off at first and which stores differ from their business.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from . import demo_names
from .demo_names import KITCHENS, MODIFIER_GROUPS, Branch, Brand, Kitchen

BUSINESS_ID = 398
BUSINESS_TITLE = "(DEMO) klikit Indonesia"
KINDS = ("section", "category", "item")

_FIRST_SECTION_ID = 6801
_FIRST_GROUP_ID = 6801
# In the range of the category ids on purpose: each kind has its own ids, and real ones collide too.
_FIRST_OPTION_ID = 39100
_DRINKS_SKU = "KSJ"
_DRINKS_GUESTS = ("AGN", "KDS", "KND")
# title by locale, opening and closing time, the brand's categories (7 is its best sellers)
_SECTIONS = (
    ({"en": "{brand} Master Menu"}, 0, 2359, (7, 0, 1, 2, 3, 4)),
    ({"en": "Breakfast", "id": "Sarapan"}, 600, 1030, (5, 0)),
    ({"en": "Lunch", "id": "Makan Siang"}, 1100, 1500, (6, 1, 2)),
    ({"id": "Makan Malam"}, 1700, 2200, (6, 3)),
)

Titles = dict[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a brand's menu with hours of its own."""

    id: int
    titles: Titles
    hours: tuple[int, int]
    category_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A group of items; it may stand in several sections."""

    id: int
    titles: Titles
    item_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A dish, or a modifier option; a dish may stand in several categories."""

    id: int
    titles: Titles
    sku: str
    price: int
    group_ids: tuple[int, ...] = ()
    is_modifier: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A modifier group and its options; it may hang on many items."""

    id: int
    titles: Titles
    option_ids: tuple[int, ...]


@dataclass(frozen=True)
class Catalogue:
    """All that never changes while a sandbox runs, and the flags of its first day."""

    seed: int
    scale: str
    brands: dict[int, Brand]
    branches: dict[int, Branch]
    brand_sections: dict[int, tuple[int, ...]] = field(default_factory=dict)
    sections: dict[int, Section] = field(default_factory=dict)
    categories: dict[int, Category] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)

    @cached_property
    def stores(self) -> tuple[tuple[int, int], ...]:
        """Every (brand, branch) pair, by branch and brand."""
        return tuple((brand, branch.id) for branch in self.branches.values() for brand in branch.brand_ids)

    @cached_property
    def store_set(self) -> frozenset[tuple[int, int]]:
        """The same pairs, to look one up."""
        return frozenset(self.stores)

    @cached_property
    def ids(self) -> dict[str, dict[int, Titles]]:
        """Titles by kind and id; items include the modifier options."""
        return {
            "section": {section.id: section.titles for section in self.sections.values()},
            "category": {category.id: category.titles for category in self.categories.values()},
            "item": {item.id: item.titles for item in self.items.values()},
        }

    @cached_property
    def brand_entities(self) -> dict[int, dict[str, tuple[int, ...]]]:
        """For each brand the ids of its menu by kind, each once, in the menu's order."""
        return {
            brand_id: self._entities(section_ids) for brand_id, section_ids in self.brand_sections.items()
        }

    def _entities(self, section_ids: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        categories = dict.fromkeys(c for s in section_ids for c in self.sections[s].category_ids)
        items = dict.fromkeys(i for c in categories for i in self.categories[c].item_ids)
        return {"section": section_ids, "category": tuple(categories), "item": tuple(items)}

    @cached_property
    def brand_groups(self) -> dict[int, tuple[int, ...]]:
        """For each brand the modifier groups that hang on items of its menu."""
        return {
            brand_id: tuple(dict.fromkeys(g for i in kinds["item"] for g in self.items[i].group_ids))
            for brand_id, kinds in self.brand_entities.items()
        }

    @cached_property
    def brand_options(self) -> dict[int, tuple[int, ...]]:
        """For each brand the modifier options of those groups."""
        return {
            brand_id: tuple(dict.fromkeys(o for g in group_ids for o in self.groups[g].option_ids))
            for brand_id, group_ids in self.brand_groups.items()
        }

    @cached_property
    def skus(self) -> dict[str, int]:
        """Item id by the partner's own id."""
        return {item.sku: item.id for item in self.items.values()}

    def items_under(self, kind: str, entity_id: int) -> tuple[int, ...]:
        """Return the items that stand under one entity, itself included."""
        if kind == "item":
            return (entity_id,)
        if kind == "category":
            return self.categories[entity_id].item_ids
        return tuple(
            dict.fromkeys(
                i for c in self.sections[entity_id].category_ids for i in self.categories[c].item_ids
            )
        )

    def first_off(self) -> Iterator[tuple[str, int]]:
        """Yield what is off at business level on the first day."""
        draw = random.Random(f"off {self.seed}")  # noqa: S311 - a demo, not a secret
        masters = {section_ids[0] for section_ids in self.brand_sections.values()}
        for kind, share in zip(KINDS, (0.12, 0.05, 0.04), strict=True):
            drawn = [entity_id for entity_id in self.ids[kind] if draw.random() < share]
            yield from ((kind, id_) for id_ in drawn if kind != "section" or id_ not in masters)

    def first_overrides(self) -> Iterator[tuple[str, int, int, int]]:
        """Yield (kind, id, brand, branch) of the store rows that differ from the business at first."""
        draw = random.Random(f"overrides {self.seed}")  # noqa: S311
        for brand, branch in self.stores:
            for kind, share in zip(KINDS, (0.03, 0.02, 0.01), strict=True):
                ids = self.brand_entities[brand][kind]
                yield from ((kind, entity_id, brand, branch) for entity_id in ids if draw.random() < share)


def build_catalogue(*, seed: int, scale: str) -> Catalogue:
    """Return the demo business: 8 brands, 25 branches, 60 stores, 600 items; or the large one."""
    if scale not in ("demo", "large"):
        raise ValueError(f'scale is "demo" or "large", not {scale!r}')
    brands = demo_names.DEMO_BRANDS if scale == "demo" else demo_names.large_brands()
    branches = demo_names.demo_branches() if scale == "demo" else demo_names.large_branches()
    catalogue = Catalogue(
        seed, scale, {brand.id: brand for brand in brands}, {branch.id: branch for branch in branches}
    )
    groups = _add_groups(catalogue)
    draw = random.Random(f"prices {seed}")  # noqa: S311
    for index, brand in enumerate(brands):
        _add_menu(catalogue, brand, index=index, groups=groups[KITCHENS[index % 8].sku_prefix], draw=draw)
    return catalogue


def _add_groups(catalogue: Catalogue) -> dict[str, list[int]]:
    """Make the modifier groups and options; return the group ids by kitchen."""
    option_ids: dict[str, int] = {}
    by_kitchen: dict[str, list[int]] = {kitchen.sku_prefix: [] for kitchen in KITCHENS}
    for number, (title, kitchens, options) in enumerate(MODIFIER_GROUPS):
        names = options.split(", ")
        for name in names:
            option_ids.setdefault(name, _FIRST_OPTION_ID + len(option_ids))
            catalogue.items[option_ids[name]] = _option(option_ids[name], name)
        group_id = _FIRST_GROUP_ID + number
        catalogue.groups[group_id] = Group(group_id, {"id": title}, tuple(option_ids[name] for name in names))
        for kitchen in kitchens:
            by_kitchen[kitchen].append(group_id)
    return by_kitchen


def _option(option_id: int, title: str) -> Item:
    number = option_id - _FIRST_OPTION_ID
    return Item(option_id, {"id": title}, f"MOD{number + 1:03d}", 1_000 * (number % 6), is_modifier=True)


def _add_menu(
    catalogue: Catalogue, brand: Brand, *, index: int, groups: list[int], draw: random.Random
) -> None:
    kitchen = KITCHENS[index % 8]
    item_ids = _add_items(catalogue, kitchen, index=index, groups=groups, draw=draw)
    first = kitchen.first_category_id if catalogue.scale == "demo" else 50_001 + 10 * index
    for offset, (title, ids) in enumerate(item_ids.items()):
        catalogue.categories[first + offset] = Category(first + offset, {"en": title, "id": title}, ids)
    best = tuple(ids[0] for ids in item_ids.values())
    catalogue.categories[first + 7] = Category(first + 7, {"en": "Best Sellers", "id": "Terlaris"}, best)
    first_section = _FIRST_SECTION_ID + len(_SECTIONS) * index
    for offset in range(len(_SECTIONS)):
        _add_section(catalogue, brand, section_id=first_section + offset, first_category_id=first)
    catalogue.brand_sections[brand.id] = tuple(range(first_section, first_section + len(_SECTIONS)))


def _add_items(
    catalogue: Catalogue, kitchen: Kitchen, *, index: int, groups: list[int], draw: random.Random
) -> dict[str, tuple[int, ...]]:
    """Make a brand's items; return their ids by category title."""
    is_demo = catalogue.scale == "demo"
    portions = kitchen.portions if is_demo else _many_portions(kitchen)
    first_id = kitchen.first_item_id if is_demo else 400_001 + 500 * index
    prefix = kitchen.sku_prefix if is_demo else f"{kitchen.sku_prefix}{index:02d}-"
    by_category: dict[str, tuple[int, ...]] = {}
    for number, (title, dish, portion) in enumerate(_portioned(kitchen, portions)):
        price, item_id = kitchen.price + 500 * int(draw.random() * 40), first_id + number
        hung = tuple(groups[: 1 + number % len(groups)]) if number % 4 else ()
        titles, sku = _titles(f"{dish} {portion}", number + 1), f"{prefix}{number + 1:03d}"
        catalogue.items[item_id] = Item(item_id, titles, sku, price, hung)
        by_category[title] = (*by_category.get(title, ()), item_id)
    return by_category


def _portioned(kitchen: Kitchen, portions: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for title, dishes in kitchen.dishes.items():
        yield from ((title, dish, portion) for dish, portion in product(dishes, portions))


def _titles(name: str, number: int) -> Titles:
    """Return the title by locale; every fifth dish has no English one, as in real menus."""
    return {"id": name} if number % 5 == 0 else {"en": name, "id": name}


def _many_portions(kitchen: Kitchen) -> tuple[str, ...]:
    return tuple(f"{kitchen.portions[n % 3]} {n // 3 + 1}" for n in range(20))


def _add_section(catalogue: Catalogue, brand: Brand, *, section_id: int, first_category_id: int) -> None:
    place = (section_id - _FIRST_SECTION_ID) % len(_SECTIONS)
    titles, opens, closes, offsets = _SECTIONS[place]
    name = brand.title.removeprefix("(DEMO) ").removeprefix("TEST - ")
    branded = {locale: text.format(brand=name) for locale, text in titles.items()}
    category_ids = tuple(first_category_id + offset for offset in offsets)
    guest = _shared_drinks(catalogue, section_id) if "Lunch" in titles.values() else ()
    catalogue.sections[section_id] = Section(section_id, branded, (opens, closes), category_ids + guest)


def _shared_drinks(catalogue: Catalogue, section_id: int) -> tuple[int, ...]:
    """Return the coffee brand's fresh drinks for the lunch of those brands that sell them too."""
    index = (section_id - _FIRST_SECTION_ID) // len(_SECTIONS)
    if KITCHENS[index % 8].sku_prefix not in _DRINKS_GUESTS:
        return ()
    host = next(number for number, kitchen in enumerate(KITCHENS) if kitchen.sku_prefix == _DRINKS_SKU)
    first = KITCHENS[host].first_category_id if catalogue.scale == "demo" else 50_001 + 10 * host
    return (first + 6,)
