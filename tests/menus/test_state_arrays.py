"""A state as columns: rows of a menu tree, and flags and names as small codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.api.menu_wire import decode_menu
from klikit_frames.frames.cell_keys import CELL_COLUMNS, match_rows
from klikit_frames.menus.state_arrays import DTYPES, booleans, flags, named, option_ids, tree_frame
from tests.auditing.samples import business, in_store, state_of
from tests.fixtures import wrong
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
    """Modifier options are no rows; their ids are kept apart."""
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
    """Whatever stands under whatever, every entity is one row, and every path of it is listed once."""
    tree = business_menu(
        *(
            section(
                s, "S", categories=[category(c, "C", items=[item(i, "I") for i in ids]) for c, ids in below]
            )
            for s, below in menu
        )
    )
    frame = tree_frame(decode_menu(tree, store=None), store=None)
    listed = {(row.entity_type, row.entity_id): row.path_ids for row in frame.itertuples()}
    paths: dict[tuple[str, int], set[str]] = {("section", s): set() for s, _ in menu}
    for s, below in menu:
        for c, ids in below:
            paths.setdefault(("category", c), set()).add(f"{s}")
            for i in ids:
                paths.setdefault(("item", i), set()).add(f"{s}/{c}")
    assert len(frame) == len(listed)
    seen = {key: set() if pd.isna(text) else set(text.split("|")) for key, text in wrong(listed).items()}
    assert seen == paths


_IDS = st.one_of(st.integers(1, 5), st.integers(1, 2**63 - 1))
_CELLS = st.lists(
    st.tuples(
        st.sampled_from(["section", "category", "item"]), _IDS, st.one_of(st.none(), st.tuples(_IDS, _IDS))
    ),
    max_size=12,
)


def _frame(cells: list[tuple[str, int, tuple[int, int] | None]]) -> pd.DataFrame:
    rows = [
        business(kind, entity_id, True) if store is None else in_store(store, kind, entity_id, True)
        for kind, entity_id, store in cells
    ]
    return state_of(*rows)


@settings(max_examples=150, deadline=None)
@given(_CELLS, _CELLS)
def test_locate__as_a_dict_would(
    wanted: list[tuple[str, int, tuple[int, int] | None]],
    present: list[tuple[str, int, tuple[int, int] | None]],
) -> None:
    """Every cell is found exactly where it is, for ids of any size, and none where it is not."""
    present = list(dict.fromkeys(present))
    places = {cell: place for place, cell in enumerate(present)}
    matches = match_rows(_frame(wanted), within=_frame(present))
    assert matches.tolist() == [places.get(cell, -1) for cell in wanted]


def test_locate__cell_that_stands_twice() -> None:
    """A state that tells one cell twice is refused, since one of the two must be wrong."""
    twice = state_of(business("item", 7, True), business("item", 7, False))
    with pytest.raises(kf.StateError, match="1 cells twice"):
        match_rows(twice, within=twice)


def test_locate__dtypes_of_other_makers() -> None:
    """Text as objects or categories and ids as plain integers are the same cells."""
    state = state_of(in_store((1, 2), "item", 7, True), in_store((1, 2), "section", 7, True))
    other = pd.DataFrame(
        {
            "entity_type": pd.Categorical(["section"]),
            "entity_id": [7],
            "scope": pd.Series(["store"], dtype=object),
            "brand_id": [1],
            "branch_id": [2],
        }
    )
    assert match_rows(other, within=state).tolist() == [1]
    assert list(other.columns) == list(CELL_COLUMNS)


def test_flags__three_values() -> None:
    """Flags are 1, 0 and -1, at any positions, and back."""
    column = pd.Series([True, False, None], dtype="boolean")
    assert flags(column).tolist() == [1, 0, -1]
    assert flags(column, np.array([1, -1, 0])).tolist() == [0, -1, 1]
    assert flags(column.head(0), np.array([-1])).tolist() == [-1]
    pd.testing.assert_series_equal(booleans(flags(column)), column)


def test_named__codes_to_text() -> None:
    """Codes become their names, and -1 a missing one."""
    assert named(np.array([1, -1, 0]), ["a", "b"]).fillna("-").tolist() == ["b", "-", "a"]
