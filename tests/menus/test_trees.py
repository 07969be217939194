"""Trees to rows."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.api.menu_wire import decode_menu
from klikit_frames.menus.trees import DTYPES, option_ids, tree_frame
from tests.menus.samples import business_menu, category, item, section, store_menu


def test_rows__entity_under_several_parents() -> None:
    """An entity that stands in several places is one row with all its paths."""
    noodles = category(2, "Noodles", items=[item(3, "Ramen", skuID="R1")])
    tree = store_menu(section(1, "Lunch", categories=[noodles]), section(4, "Dinner", categories=[noodles]))
    frame = tree_frame(decode_menu(tree, store=(5297, 1293)), store=(5297, 1293))
    expected = pd.DataFrame(
        {
            "entity_type": ["section", "category", "item", "section"],
            "entity_id": [1, 2, 3, 4],
            "scope": "store",
            "brand_id": 5297,
            "branch_id": 1293,
            "is_enabled": True,
            "title": ["Lunch", "Noodles", "Ramen", "Dinner"],
            "sku": [None, None, "R1", None],
            "path": [None, "Lunch | Dinner", "Lunch › Noodles | Dinner › Noodles", None],
            "path_ids": [None, "1|4", "1/2|4/2", None],
            "is_item_enabled": [None, None, True, None],
            "is_in_stock": None,
            "is_available": None,
            "visible_on": None,
            "hidden_on": None,
        }
    ).astype(DTYPES)
    pd.testing.assert_frame_equal(frame, expected)


def test_rows__places_that_disagree() -> None:
    """Where the places of an entity differ in a flag, the entity has no one flag, and none is made up."""
    tree = business_menu(
        section(1, "S", categories=[category(2, "A", items=[item(4, "I", enabled=True)])]),
        section(3, "T", categories=[category(5, "B", items=[item(4, "I", enabled=False)])]),
    )
    frame = tree_frame(decode_menu(tree, store=None), store=None)
    assert frame.loc[frame["entity_id"] == 4, ["is_enabled", "is_item_enabled"]].to_numpy().tolist() == [
        [pd.NA, True]
    ]


def test_rows__options_are_left_out() -> None:
    """Modifier options are no rows; their ids are told apart."""
    groups = [{"id": 8, "groupedModifiers": [{"id": 9}]}]
    listed = [item(3, "I", groups=groups), item(6, "Option", onlyModifier=True)]
    nodes = decode_menu(
        business_menu(section(1, "S", categories=[category(2, "C", items=listed)])), store=None
    )
    assert tree_frame(nodes, store=None)["entity_id"].tolist() == [1, 2, 3]
    assert option_ids(nodes) == (6, 9)


def test_rows__empty_menu() -> None:
    """A menu without a section is an empty frame with the right dtypes."""
    frame = tree_frame([], store=None)
    pd.testing.assert_frame_equal(frame, pd.DataFrame({name: [] for name in DTYPES}).astype(DTYPES))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.lists(st.tuples(st.integers(1, 4), st.lists(st.integers(1, 6), max_size=4)), max_size=4),
        ),
        max_size=4,
    )
)
def test_rows__every_entity_once(menu: list[tuple[int, list[tuple[int, list[int]]]]]) -> None:
    """Whatever stands under whatever, every entity is one row, and every path of it is told once."""
    tree = business_menu(
        *(
            section(
                s, "S", categories=[category(c, "C", items=[item(i, "I") for i in ids]) for c, ids in below]
            )
            for s, below in menu
        )
    )
    frame = tree_frame(decode_menu(tree, store=None), store=None)
    told = {(row.entity_type, row.entity_id): row.path_ids for row in frame.itertuples()}
    paths = {("section", s): set() for s, _ in menu}
    for s, below in menu:
        for c, ids in below:
            paths.setdefault(("category", c), set()).add(f"{s}")
            for i in ids:
                paths.setdefault(("item", i), set()).add(f"{s}/{c}")
    assert len(frame) == len(told)
    assert {key: set() if pd.isna(text) else set(text.split("|")) for key, text in told.items()} == paths
