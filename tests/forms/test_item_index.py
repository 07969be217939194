"""Frames as indexes of items."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.forms.item_index import entity_index, store_index
from tests.forms.sample_states import business_state, store_state


def test_entity_index__one_row_per_entity() -> None:
    """Rows of many stores are one row here, which says where it is off and where on."""
    index = entity_index(store_state())
    assert index.keys == [("item", 7), ("item", 8)]
    assert index.columns["flag"].texts == ["off in 1/12; on in 1/11, 2/11", "off"]
    assert index.facets["brand"].members == [frozenset({"1", "2"}), frozenset({"1", "2"})]


def test_entity_index__columns_and_filters() -> None:
    """SKU and place are columns where the state tells them; an entity is in all sections it is placed in."""
    index = entity_index(business_state())
    assert list(index.columns) == ["title", "type", "id", "sku", "flag", "path"]
    assert index.facets["section"].members[1] == frozenset({"Lunch", "Dinner"})
    assert index.facets["flag"].choices == ["off", "on", "unknown"]
    assert "brand" not in index.facets


@pytest.mark.parametrize("text", ["rice", "R-1", "7", "lunch mains rice"])
def test_entity_index__searched_over_all(text: str) -> None:
    """A search looks into title, SKU, id and place."""
    index = entity_index(business_state())
    assert index.search(text).tolist() == [False, True, False, False]


def test_entity_index__ids_sort_as_numbers() -> None:
    """Ids are ordered as numbers, not as text."""
    state = business_state().assign(entity_id=[100, 20, 3, 9])
    assert entity_index(state).columns["id"].order == [2, 3, 1, 0]


def test_entity_index__missing_column() -> None:
    """A frame without a needed column is refused, with its name and where such a frame comes from."""
    with pytest.raises(kf.ConfigError, match=r"no column title\. Hand over what kf\.read_state"):
        entity_index(business_state().drop(columns="title"))


def test_store_index__names_and_filters() -> None:
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
    index = store_index(stores)
    assert index.keys == [(1, 11), (1, 12)]
    assert index.facets["brand"].choices == ["Dimsum (1)"]
    assert index.search("1/12").tolist() == [False, True]


def test_store_index__plain_pairs() -> None:
    """Pairs without names are enough."""
    index = store_index(pd.DataFrame({"brand_id": [1, 1], "branch_id": [11, 11]}))
    assert (index.keys, list(index.columns)) == ([(1, 11)], ["brand", "branch", "store"])


def test_store_index__cities_as_people_sort_them() -> None:
    """Cities stand in the order of people, and one without a name is known by its branches."""
    titles = {"K. Kuta": "10", "K. Ubud Raya": "9", "K. Ubud Kaja": "9", "K. Sanur": "8", "K. Renon": "8"}
    stores = pd.DataFrame({"branch_title": [*titles, "A", "B"], "city": [*titles.values(), "élan", "Zoo"]})
    index = store_index(stores.assign(brand_id=1, branch_id=range(7)))
    cities = ["élan", "K. Kuta (10)", "K. Renon, K. Sanur (8)", "K. Ubud … (9)", "Zoo"]
    assert index.facets["city"].choices == cities


def test_entity_index__flags_by_store() -> None:
    """A flag that differs from store to store says where; one that guests do not see yet is marked."""
    state = store_state().assign(pending=pd.array([None, None, None, None, True], dtype="boolean"))
    index = entity_index(state)
    assert index.columns["flag"].texts == ["off in 1/12; on in 1/11, 2/11", "on, not published"]
    assert index.facets["flag"].choices == ["mixed", "not published", "on"]
    assert index.with_flags(state.iloc[:2]).columns["flag"].texts == [
        "off in 1/12; on in 1/11",
        "not sold there",
    ]
