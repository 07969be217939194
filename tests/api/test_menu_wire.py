"""The API's spelling of menus, after the examples of its documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from klikit_frames.api import menu_wire
from klikit_frames.api.menu_wire import Branch, BranchPage, Brand, PublishCounts
from klikit_frames.errors import RequestError
from tests.menus.samples import business_menu, category, item, section, store_menu


def _flags(data: dict[str, Any]) -> list[tuple[str, int, bool | None]]:
    return [
        (node.entity_type, node.entity_id, node.is_enabled)
        for node in menu_wire.decode_menu(data, store=None)
    ]


def _grouped(groups: Any) -> dict[str, Any]:
    return business_menu(section(1, "S", categories=[category(2, "C", items=[item(3, "I", groups=groups)])]))


def test_brands__array_around_one_object() -> None:
    """Brands are found inside the array that the API wraps around them."""
    data = [{"brands": [{"id": 1100, "business_id": 398, "title": "Kitchen"}], "business": {"id": 398}}]
    assert menu_wire.decode_brands(data) == (Brand(1100, "Kitchen"),)


def test_branches__one_page() -> None:
    """A page tells its branches and how many there are in all; brand_titles are not looked at."""
    result = {
        "id": 5913,
        "title": "Buleleng",
        "brand_ids": [1100, 1615],
        "brand_titles": ["Z", "A"],
        "city_id": 4,
    }
    data = {"page": 1, "size": 1000, "total": 9, "results": [result]}
    branch = Branch(5913, "Buleleng", (1100, 1615), "4", None, None)
    assert menu_wire.decode_branches(data) == BranchPage((branch,), 9)


@pytest.mark.parametrize(
    ("city", "expected"), [("Bogor", "Bogor"), (4, "4"), ({"en": "Bogor"}, None), (True, None)]
)
def test_branches__city(city: Any, expected: str | None) -> None:
    """A city is a name, or an id as text; what is neither is missing."""
    data = {"total": 1, "results": [{"id": 7, "brand_ids": [1], "city": city}]}
    assert menu_wire.decode_branches(data).branches == (Branch(7, None, (1,), expected, None, None),)


def test_branches__brand_id_that_no_column_holds() -> None:
    """A brand's id of more than 64 bits is refused with the place."""
    with pytest.raises(RequestError, match="brand_ids should be a list of ids"):
        menu_wire.decode_branches({"results": [{"id": 7, "brand_ids": [2**63]}]})


def test_menu__parents_before_children() -> None:
    """Every place has the ids and titles above it, in the order of the menu."""
    tree = store_menu(
        section(6825, "Lunch", categories=[category(39118, "Beef", items=[item(289379, "Cimol")])])
    )
    nodes = menu_wire.decode_menu(tree, store=(5297, 1293))
    assert [(node.entity_type, node.entity_id, node.parents, node.parent_titles) for node in nodes] == [
        ("section", 6825, (), ()),
        ("category", 39118, (6825,), ("Lunch",)),
        ("item", 289379, (6825, 39118), ("Lunch", "Beef")),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"isEnabled": False, "enabled": True}, False),
        ({"enabled": False}, False),
        ({"enabled": None}, None),
        ({"isEnabled": None, "enabled": True}, None),
        ({"enabled": "false"}, None),
        ({"enabled": 1}, None),
    ],
)
def test_flag__never_guessed(fields: dict[str, Any], expected: bool | None) -> None:
    """The field isEnabled counts before enabled, and what is no boolean is missing."""
    bare = {"id": 1, "title": {"en": "Lunch"}, "categories": []} | fields
    assert _flags(business_menu(bare)) == [("section", 1, expected)]


def test_flag__absent() -> None:
    """A node without any flag has none, and is still listed."""
    assert _flags(business_menu({"id": 1, "categories": []})) == [("section", 1, None)]


def test_node__all_that_the_tree_tells() -> None:
    """Stock, visibility, the item's own flag and its SKU are kept apart from the flag of its place."""
    tea = item(
        7,
        "Tea",
        itemIsEnabled=False,
        skuID="T1",
        oos={"available": False},
        isAvailable=True,
        visibilities={"9": False, "1": True},
    )
    *_, node = menu_wire.decode_menu(
        store_menu(section(1, "S", categories=[category(2, "C", items=[tea])])), store=None
    )
    assert (node.is_enabled, node.is_item_enabled, node.is_in_stock, node.is_available) == (
        True,
        False,
        False,
        True,
    )
    assert (node.sku, node.visible_on, node.hidden_on) == ("T1", "1", "9")


def test_node__visibilities_as_a_list() -> None:
    """The older form of visibilities, a list of providers, means the same."""
    older = item(
        7, "Tea", visibilities=[{"providerID": 16, "status": True}, {"providerID": 6, "status": True}]
    )
    *_, node = menu_wire.decode_menu(
        business_menu(section(1, "S", categories=[category(2, "C", items=[older])])), store=None
    )
    assert (node.visible_on, node.hidden_on) == ("6|16", None)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ({"id": "Teh", "en": "Tea"}, "Tea"),
        ({"id": "Teh"}, "Teh"),
        ({"en": 7, "fr": ["Thé"], "id": "Teh"}, "Teh"),
        ({}, None),
        ("Tea", "Tea"),
        (None, None),
        (7, None),
    ],
)
def test_title__locale_map(title: Any, expected: str | None) -> None:
    """English is taken where it is, else whichever language there is."""
    (node,) = menu_wire.decode_menu(business_menu({"id": 1, "title": title, "categories": []}), store=None)
    assert node.title == expected


def test_menu__children_linked_by_id() -> None:
    """What a tree only links is found in its flat lists; what is linked nowhere has no path."""
    tree = business_menu(
        {"id": 1, "title": "S", "isEnabled": True, "linkedCategories": [2]},
        categories=[{"id": 2, "title": "C", "linkedItems": [3]}, {"id": 4, "title": "Loose", "items": []}],
        items=[{"id": 3, "title": "I"}, {"id": 5, "title": "Option", "onlyModifier": True}],
    )
    nodes = menu_wire.decode_menu(tree, store=None)
    assert [(node.entity_id, node.parents, node.is_modifier_option) for node in nodes] == [
        (1, (), False),
        (2, (1,), False),
        (3, (1, 2), False),
        (4, (), False),
        (5, (), True),
    ]


def test_node__visible_on_what_is_no_provider() -> None:
    """A key of visibilities that is no provider's id is left out, however many digits it has."""
    raw_section = {"id": 1, "visibilities": {"1": True, "klikit": True, "5" * 5000: True}, "categories": []}
    (node,) = menu_wire.decode_menu(business_menu(raw_section), store=None)
    assert (node.visible_on, node.hidden_on) == ("1", None)


def test_menu__options_of_groups() -> None:
    """Options inside an item's groups are marked, so that nobody takes them for dishes."""
    groups = [{"id": 8, "groupedModifiers": [{"id": 9, "title": {"en": "Large"}, "isEnabled": True}]}]
    tree = business_menu(section(1, "S", categories=[category(2, "C", items=[item(3, "I", groups=groups)])]))
    assert [(node.entity_id, node.is_modifier_option) for node in menu_wire.decode_menu(tree, store=None)][
        -2:
    ] == [
        (3, False),
        (9, True),
    ]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (None, "data should be an object"),
        ({"menu": []}, "data.menu should be an object"),
        ({"menu": {}}, "data.menu.sections should be a list of objects"),
        ({"menu": {"sections": [7]}}, "data.menu.sections should be a list of objects"),
        (business_menu({"title": "S"}), "section.id should be an integer"),
        (business_menu({"id": "1"}), "section.id should be an integer"),
        (business_menu({"id": True}), "section.id should be an integer"),
        (business_menu({"id": 10**25}), "section.id should be an integer of 64 bits, but is 10000"),
        (business_menu({"id": 1, "categories": {"id": 2}}), "categories of 1.categories should be a list"),
        (business_menu({"id": 1, "linkedCategories": 3}), "linkedCategories of 1 should be a list of ids"),
        (_grouped(3), "item.groups should be a list of objects"),
        (_grouped([None]), "item.groups should be a list of objects"),
        (_grouped([{"groupedModifiers": [7]}]), "item.groups.groupedModifiers should be a list of objects"),
        (_grouped([{"groupedModifiers": [{"id": [1]}]}]), "option.id should be an integer"),
    ],
)
def test_menu__does_not_fit(data: Any, place: str) -> None:
    """A tree that does not fit the documentation is refused with the place."""
    with pytest.raises(RequestError, match=place):
        menu_wire.decode_menu(data, store=None)


def test_menu__of_another_store() -> None:
    """A tree that says it is another store's is refused."""
    with pytest.raises(RequestError, match=r"store 1/2, but is \(5297, 1293\)"):
        menu_wire.decode_menu(store_menu(), store=(1, 2))


def test_publish__body() -> None:
    """The body names stores and providers in the API's spelling."""
    body = menu_wire.encode_publish([(663, 1062)], provider_ids=[6, 1, 6])
    assert json.loads(body) == {"providerIDs": [1, 6], "stores": [{"brandID": 663, "branchID": 1062}]}


@pytest.mark.parametrize(("stores", "provider_ids"), [([], [1]), ([(1, 2)], [])])
def test_publish__names_nothing(stores: list[tuple[int, int]], provider_ids: list[int]) -> None:
    """A body without a store or without a provider is never made."""
    with pytest.raises(ValueError, match="at least one store and one provider"):
        menu_wire.encode_publish(stores, provider_ids=provider_ids)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"success": 2, "failed": 1}, (2, 1)),
        ({}, (None, None)),
        (None, (None, None)),
        ({"success": True}, (None, None)),
    ],
)
def test_publish__counts(data: Any, expected: tuple[int | None, int | None]) -> None:
    """Counts are read as far as the answer has them."""
    assert menu_wire.decode_publish(data) == PublishCounts(*expected)
