"""Toggles that make stores alike."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import TOGGLE_COLUMNS
from tests.auditing.samples import business, in_store, state_of

A, B = (1, 1), (1, 2)
STATE = state_of(
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
    assert _cells(kf.align(STATE, like=A)) == [[7, "store", 1, 2, True]]


def test_align__like_the_business() -> None:
    """Stores take the business row's flags; business rows are left alone."""
    assert _cells(kf.align(STATE, like="business")) == [[7, "store", 1, 1, False]]


def test_align__like_a_snapshot() -> None:
    """Every row, business rows included, takes the flag that it had in the snapshot."""
    earlier = STATE.assign(is_enabled=~STATE["is_enabled"]).iloc[[0, 2, 6]]
    assert _cells(kf.align(STATE, like=earlier)) == [
        [7, "business", pd.NA, pd.NA, True],
        [7, "store", 1, 1, False],
        [9, "store", 1, 2, True],
    ]


def test_align__is_ready_for_a_plan() -> None:
    """What comes out is toggles, read as they are."""
    toggles = kf.align(STATE, like=A)
    assert list(toggles.columns) == [*TOGGLE_COLUMNS, "title"]
    pd.testing.assert_frame_equal(kf.read_toggles(toggles), toggles)


def test_align__nothing_to_do() -> None:
    """States that are alike already need no toggle, and an empty plan can be made of none."""
    toggles = kf.align(STATE, like=STATE)
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
        kf.align(STATE, like=like)  # type: ignore[arg-type]
