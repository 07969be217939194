"""Snapshot against snapshot."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.cell_keys import CELL_COLUMNS
from tests.auditing.samples import business, frame_of, in_store, state_of

A, B, C = (1, 1), (1, 2), (2, 2)


def test_drift__every_kind() -> None:
    """Every kind of change is told apart, and what is equal is left out."""
    before = state_of(
        business("item", 1, True),
        in_store(A, "item", 1, True),
        in_store(A, "item", 2, False),
        in_store(A, "item", 3, True),
        in_store(A, "item", 4, True),
        in_store(B, "item", 1, True),
    )
    after = state_of(
        business("item", 1, True),
        in_store(A, "item", 1, False),
        in_store(A, "item", 2, True),
        in_store(A, "item", 3, None),
        in_store(A, "item", 5, True),
        in_store(C, "item", 1, True),
    )
    expected = frame_of(
        [
            ("item", 1, "store", *A, "item 1", True, False, "switched_off"),
            ("item", 2, "store", *A, "item 2", False, True, "switched_on"),
            ("item", 3, "store", *A, "item 3", True, None, "unknown"),
            ("item", 5, "store", *A, "item 5", None, True, "appeared"),
            ("item", 1, "store", *C, "item 1", None, True, "not_read"),
            ("item", 4, "store", *A, "item 4", True, None, "gone"),
            ("item", 1, "store", *B, "item 1", True, None, "not_read"),
        ],
        [*CELL_COLUMNS, "title", "was", "now", "drift"],
    ).astype({"was": "boolean", "now": "boolean"})
    pd.testing.assert_frame_equal(kf.drift(before, after), expected)


def test_drift__of_a_state_with_itself() -> None:
    """Nothing drifts from itself, missing flags included."""
    state = state_of(business("item", 1, True), in_store(A, "item", 1, None))
    assert kf.drift(state, state).empty
    assert kf.drift(state.head(0), state.head(0)).empty


def test_drift__no_state() -> None:
    """A frame that is no state is refused."""
    with pytest.raises(kf.StateError, match="A state is needed"):
        kf.drift(state_of(), pd.DataFrame())
