"""What a store's menu shows of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from klikit_frames.auditing.visibility import changed_rows, hidden_rows
from tests.auditing.samples import business, in_store, state_of

A, B = (1, 1), (1, 2)


def test_changed__written_and_another_flag_before() -> None:
    """A row is changed if it may have been written and did not hold before, as far as anybody knows."""
    frame = pd.DataFrame(
        {
            "outcome": ["applied", "applied", "applied", "unknown", "failed", "unchanged"],
            "is_enabled": [True, True, True, False, True, True],
        }
    )
    before = pd.Series([False, True, None, True, False, True], dtype="boolean")
    assert changed_rows(frame, before=before).tolist() == [True, False, True, True, False, False]
    assert changed_rows(frame, before=None).tolist() == [True, True, True, True, False, False]


def test_hidden__stores_that_show_nothing_of_it() -> None:
    """A store that shows no change hides all of them, one that shows some hides none."""
    frame = state_of(
        in_store(A, "item", 1, True),
        in_store(A, "item", 2, True),
        in_store(A, "item", 3, True),
        in_store(B, "item", 1, True),
        in_store(B, "item", 2, True),
        business("item", 1, True),
    )
    changed = np.array([True, True, False, True, True, True])
    shown = np.array([False, False, True, True, False, False])
    told = hidden_rows(frame, is_changed=changed, is_shown=shown, is_known=np.ones(6, dtype=bool))
    assert told.tolist() == [True, True, False, False, False, False]


def test_hidden__without_flags_from_before() -> None:
    """Where nobody noted the flags from before, a store counts as published once half of its rows show."""
    frame = state_of(*[in_store(A, "item", n, True) for n in range(1, 4)], in_store(B, "item", 1, True))
    written, unknown = np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    few, most = np.array([True, False, False, False]), np.array([True, True, False, False])
    told = hidden_rows(frame, is_changed=written, is_shown=few, is_known=unknown)
    assert told.tolist() == [True, True, True, True]
    told = hidden_rows(frame, is_changed=written, is_shown=most, is_known=unknown)
    assert told.tolist() == [False, False, False, True]
