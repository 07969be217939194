"""The demo business is the same for everyone, and as large as promised."""

from __future__ import annotations

from collections.abc import Sized

import pytest

from klikit_frames.sandbox.demo_data import Catalogue, build_catalogue


def sizes(catalogue: Catalogue) -> dict[str, int]:
    """Return how many there are of each."""
    dishes = [item for item in catalogue.items.values() if not item.is_modifier]
    counted: tuple[Sized, ...] = (catalogue.brands, catalogue.branches, catalogue.stores, dishes)
    return dict(zip(("brands", "branches", "stores", "items"), (len(part) for part in counted), strict=True))


def test_demo__has_its_size() -> None:
    """8 brands, 25 branches, exactly 60 stores and 600 items."""
    assert sizes(build_catalogue(seed=7, scale="demo")) == {
        "brands": 8,
        "branches": 25,
        "stores": 60,
        "items": 600,
    }


def test_large__has_its_size() -> None:
    """40 brands, 500 branches, 1,500 stores, 20,000 items, about 500 in each brand's menu."""
    catalogue = build_catalogue(seed=7, scale="large")
    assert sizes(catalogue) == {"brands": 40, "branches": 500, "stores": 1500, "items": 20_000}
    assert {len(kinds["item"]) for kinds in catalogue.brand_entities.values()} == {500, 560}


def test_demo__keeps_the_ids_that_files_are_written_against() -> None:
    """The ids and titles of the documentation's own samples are there."""
    catalogue = build_catalogue(seed=7, scale="demo")
    item = catalogue.items[289379]
    assert (item.titles["en"], item.sku) == ("Cimol Beef Porsi Besar", "CBA001")
    assert catalogue.brands[5297].title == "(DEMO) Cimol Bojot AA"
    assert catalogue.branches[5913].brand_ids == (1100, 1615, 1616, 4111)
    assert catalogue.sections[6825].titles == {"en": "Cimol Bojot AA Master Menu"}
    assert catalogue.categories[39118].titles["en"] == "Cimol Beef"


def test_seed__changes_flags_and_prices_but_neither_ids_nor_titles() -> None:
    """Another seed is another first day of the same business."""
    first, other = (build_catalogue(seed=seed, scale="demo") for seed in (7, 8))
    assert first.ids == other.ids
    assert first.stores == other.stores
    assert list(first.first_off()) != list(other.first_off())
    assert [item.price for item in first.items.values()] != [item.price for item in other.items.values()]


def test_seed__gives_the_same_day_again() -> None:
    """The same seed gives the same flags, overrides and prices."""
    first, again = (build_catalogue(seed=7, scale="demo") for _ in range(2))
    assert first == again
    assert list(first.first_off()) == list(again.first_off())
    assert list(first.first_overrides()) == list(again.first_overrides())


def test_demo__has_entities_under_several_parents() -> None:
    """A category stands in two sections, an item in two categories, one category in menus of two brands."""
    catalogue = build_catalogue(seed=7, scale="demo")
    sections_of_39119 = [s.id for s in catalogue.sections.values() if 39119 in s.category_ids]
    categories_of_289379 = [c.id for c in catalogue.categories.values() if 289379 in c.item_ids]
    brands_of_40316 = [b for b, kinds in catalogue.brand_entities.items() if 40316 in kinds["category"]]
    assert sections_of_39119 == [6825, 6827]
    assert categories_of_289379 == [39118, 39125]
    assert brands_of_40316 == [663, 664, 1615, 1616]


def test_demo__has_ids_that_collide_between_kinds() -> None:
    """Category 39118 is something else as an item: a modifier option."""
    catalogue = build_catalogue(seed=7, scale="demo")
    assert 39118 in catalogue.categories
    assert catalogue.items[39118].is_modifier


def test_scale__must_be_known() -> None:
    """Another word is refused with those that there are."""
    with pytest.raises(ValueError, match='"demo" or "large"'):
        build_catalogue(seed=7, scale="huge")
