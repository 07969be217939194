"""Cells found in another frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.menus.matching import CELL_COLUMNS, booleans, flags, match_rows, named
from tests.auditing.samples import business, in_store, state_of

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
    known: list[tuple[str, int, tuple[int, int] | None]],
) -> None:
    """Every cell is found exactly where it is, for ids of any size, and none where it is not."""
    known = list(dict.fromkeys(known))
    places = {cell: place for place, cell in enumerate(known)}
    found = match_rows(_frame(wanted), within=_frame(known))
    assert found.tolist() == [places.get(cell, -1) for cell in wanted]


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
