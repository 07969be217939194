"""Flags and names as small codes, and states that are none; cells are found by `frames.cell_keys`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..errors import StateError
from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, match_rows
from ..frames.schemas import STATE_COLUMNS
from .trees import TEXT

__all__ = ["CELL_COLUMNS", "Codes", "booleans", "check_state", "encode_keys", "flags", "match_rows", "named"]


def flags(column: pd.Series, positions: Codes | None = None) -> Codes:
    """Return a column of flags, or its cells at `positions`, as 1, 0 and -1 for missing."""
    told = column.astype("boolean").to_numpy(dtype=np.int8, na_value=-1)
    if positions is None:
        return told
    return np.where(positions < 0, np.int8(-1), told[positions] if len(told) else np.int8(-1))


def booleans(codes: Codes) -> pd.Series:
    """Return a boolean column from 1, 0 and -1 for missing."""
    return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))


def named(codes: Codes, names: Sequence[str]) -> pd.Series:
    """Return a column of text from codes into `names`; -1 is missing."""
    column = pd.Series([*names], dtype=TEXT)
    return pd.Series(column.array.take(codes, allow_fill=True))


def check_state(state: pd.DataFrame, *, also: Sequence[str] = ()) -> pd.DataFrame:
    """Return `state` if it has the columns of a state, and those of `also`; else say which are missing."""
    missing = [name for name in (*STATE_COLUMNS, *also) if name not in state.columns]
    if missing:
        raise StateError(
            f"A state is needed, as read_state returns it; this frame has no {', '.join(missing)}."
        )
    return state
