"""Frames as listings."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.forms.catalogues import entity_listing, store_listing
from tests.forms.frames import business_state, store_state


def test_entity_listing__one_row_per_entity() -> None:
    """Rows of many stores are one row here: on, off, mixed or unknown."""
    listing = entity_listing(store_state())
    assert listing.keys == [("item", 7), ("item", 8)]
    assert listing.columns["flag"].texts == ["mixed", "off"]
    assert listing.facets["brand"].members == [frozenset({"1", "2"}), frozenset({"1", "2"})]


def test_entity_listing__columns_and_filters() -> None:
    """SKU and place are columns where the state tells them; an entity is in all sections it is placed in."""
    listing = entity_listing(business_state())
    assert list(listing.columns) == ["title", "type", "id", "sku", "flag", "path"]
    assert listing.facets["section"].members[1] == frozenset({"Lunch", "Dinner"})
    assert listing.facets["flag"].choices == ["off", "on", "unknown"]
    assert "brand" not in listing.facets


@pytest.mark.parametrize("text", ["rice", "R-1", "7", "lunch mains rice"])
def test_entity_listing__searched_over_all(text: str) -> None:
    """A search looks into title, SKU, id and place."""
    listing = entity_listing(business_state())
    assert listing.search(text).tolist() == [False, True, False, False]


def test_entity_listing__ids_sort_as_numbers() -> None:
    """Ids are ordered as numbers, not as text."""
    state = business_state().assign(entity_id=[100, 20, 3, 9])
    assert entity_listing(state).columns["id"].order == [2, 3, 1, 0]


def test_entity_listing__missing_column() -> None:
    """A frame without a needed column is refused, with its name and where such a frame comes from."""
    with pytest.raises(kf.ConfigError, match=r"no column title\. Hand over what kf\.read_state"):
        entity_listing(business_state().drop(columns="title"))


def test_store_listing__names_and_filters() -> None:
    """Stores are found by the names of brand, branch and city, and by ids."""
    stores = pd.DataFrame(
        {
            "brand_id": [1, 1],
            "branch_id": [11, 12],
            "brand_title": "Dimsum",
            "branch_title": ["Ubud", "Kuta"],
            "city": "Bali",
        }
    )
    listing = store_listing(stores)
    assert listing.keys == [(1, 11), (1, 12)]
    assert listing.facets["brand"].choices == ["Dimsum (1)"]
    assert listing.search("1/12").tolist() == [False, True]


def test_store_listing__plain_pairs() -> None:
    """Pairs without names are enough."""
    listing = store_listing(pd.DataFrame({"brand_id": [1, 1], "branch_id": [11, 11]}))
    assert (listing.keys, list(listing.columns)) == ([(1, 11)], ["brand", "branch", "store"])
