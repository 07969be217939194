"""Stores held against each other, and made alike."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import TOGGLE_COLUMNS
from tests.auditing.samples import business, frame_of, in_store, state_of

A, B, C = (1, 1), (1, 2), (2, 2)
STATE = state_of(
    business("item", 7, True),
    business("item", 8, True),
    in_store(A, "item", 7, True),
    in_store(A, "item", 8, True),
    in_store(B, "item", 7, False),
    in_store(B, "item", 8, True),
    in_store(C, "item", 7, True),
    in_store(C, "item", 8, None),
    in_store(C, "item", 9, True),
)


def test_mixed__on_here_off_there() -> None:
    """Only entities that differ between stores are told, with the smaller side in words."""
    expected = frame_of(
        [("item", 7, "item 7", 2, 1, 3, "off in 1 of 3 stores")],
        ["entity_type", "entity_id", "title", "n_on", "n_off", "n_stores", "where"],
    )
    pd.testing.assert_frame_equal(kf.mixed(STATE), expected)


def test_mixed__most_divided_first() -> None:
    """The most divided entity comes first; where few are on, that is what is said."""
    stores = [(1, n) for n in range(1, 6)]
    rows = [in_store(store, "item", 1, place > 0) for place, store in enumerate(stores)]
    rows += [in_store(store, "item", 2, place < 2) for place, store in enumerate(stores)]
    assert kf.mixed(state_of(*rows))[["entity_id", "where"]].to_numpy().tolist() == [
        [2, "on in 2 of 5 stores"],
        [1, "off in 1 of 5 stores"],
    ]


def test_mixed__business_rows_alone() -> None:
    """Without store rows nothing is mixed."""
    assert kf.mixed(state_of(business("item", 7, True))).empty


def test_overrides__differ_from_the_business() -> None:
    """Store rows that differ from the business row are told with its flag; unknown ones are not."""
    told = kf.overrides(STATE)
    expected = STATE.iloc[[4]].assign(business_is_enabled=pd.array([True], dtype="boolean"))
    pd.testing.assert_frame_equal(told, expected)


def test_overrides__without_business_rows() -> None:
    """Without business rows there is nothing to hold against, and the way to get them is named."""
    with pytest.raises(kf.StateError, match="with_business=True"):
        kf.overrides(state_of(in_store(A, "item", 7, True)))


def test_compare__two_stores() -> None:
    """Entities with other flags, and those of one menu only, are told; equal ones are not."""
    told = kf.compare_stores(STATE, store=B, other=C)
    expected = frame_of(
        [
            ("item", 7, "item 7", False, True, "differs"),
            ("item", 8, "item 8", True, None, "differs"),
            ("item", 9, "item 9", None, True, "only_other"),
        ],
        ["entity_type", "entity_id", "title", "is_enabled", "other_is_enabled", "difference"],
    ).astype({"other_is_enabled": "boolean"})
    pd.testing.assert_frame_equal(told, expected, check_dtype=False)


def test_compare__store_that_was_not_read() -> None:
    """A store without rows in the state is named."""
    with pytest.raises(kf.StateError, match="no rows of store 9/9"):
        kf.compare_stores(STATE, store=A, other=(9, 9))


MENUS = state_of(
    business("item", 7, False),
    business("item", 8, True),
    in_store(A, "item", 7, True),
    in_store(A, "item", 8, True),
    in_store(B, "item", 7, False),
    in_store(B, "item", 8, None),
    in_store(B, "item", 9, False),
)


def _cells(toggles: pd.DataFrame) -> list[list[object]]:
    return (
        toggles[["entity_id", "scope", "brand_id", "branch_id", "is_enabled"]]
        .astype(object)
        .to_numpy()
        .tolist()
    )


def test_align__like_a_store() -> None:
    """Other stores take the pattern's flags, where both are known and differ."""
    assert _cells(kf.align(MENUS, like=A)) == [[7, "store", 1, 2, True]]


def test_align__like_the_business() -> None:
    """Stores take the business row's flags; business rows are left alone."""
    assert _cells(kf.align(MENUS, like="business")) == [[7, "store", 1, 1, False]]


def test_align__like_a_snapshot() -> None:
    """Every row, business rows included, takes the flag that it had in the snapshot."""
    earlier = MENUS.assign(is_enabled=~MENUS["is_enabled"]).iloc[[0, 2, 6]]
    assert _cells(kf.align(MENUS, like=earlier)) == [
        [7, "business", pd.NA, pd.NA, True],
        [7, "store", 1, 1, False],
        [9, "store", 1, 2, True],
    ]


def test_align__is_ready_for_a_plan() -> None:
    """What comes out is toggles, read as they are."""
    toggles = kf.align(MENUS, like=A)
    assert list(toggles.columns) == [*TOGGLE_COLUMNS, "title"]
    pd.testing.assert_frame_equal(kf.read_toggles(toggles), toggles)


def test_align__nothing_to_do() -> None:
    """States that are alike already need no toggle, and an empty plan can be made of none."""
    toggles = kf.align(MENUS, like=MENUS)
    assert toggles.empty
    assert kf.plan(toggles).n_requests == 0


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ((9, 9), "no rows of store 9/9"),
        ("buisness", "or 'business'"),
        (pd.DataFrame(), "A state is needed"),
        (7, "not a store"),
    ],
)
def test_align__no_pattern(like: object, said: str) -> None:
    """A pattern that is none is refused with what could be given."""
    with pytest.raises(kf.StateError, match=said):
        kf.align(MENUS, like=like)
