"""The cells of frames: found in one another, as numbers in order, and which flag of a cell is live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import StateError
from .schemas import ENTITY_TYPES, SCOPES

Ints = npt.NDArray[np.int64]

# Values whose range is at most so many times their number are looked up in a table instead of hashed.
MOST_PLACES = 16


def whole_numbers(column: pd.Series, *, blank: int) -> Ints:
    """Return a column of ids, `blank` where there is none; only that takes a copy.

    Examples
    --------
    >>> from klikit_frames.frames.cell_keys import whole_numbers
    >>> whole_numbers(pd.Series([7, None], dtype="Int64"), blank=-1).tolist()
    [7, -1]
    """
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy(dtype=np.int64)
    return column.to_numpy(dtype=np.int64, na_value=blank)


def rank_values(values: npt.NDArray[Any], *, dtype: Any = np.int64) -> tuple[Ints, Ints]:
    """Return the sorted unique values, and for each value its rank among them, as `dtype`.

    Examples
    --------
    >>> from klikit_frames.frames.cell_keys import rank_values
    >>> uniques, ranks = rank_values(np.array([7, 5, 7]))
    >>> uniques.tolist(), ranks.tolist()
    ([5, 7], [1, 0, 1])
    """
    low = _table_start(values)
    if low is not None:
        is_there = _presence(values, low)
        uniques: Ints = np.flatnonzero(is_there) + low
        places = np.cumsum(is_there, dtype=index_dtype(len(uniques)))
        places -= 1
        return uniques, places[_from(values, low)].astype(dtype, copy=False)
    codes, distinct_values = pd.factorize(values)
    order = np.argsort(distinct_values, kind="stable")
    ranks = np.empty(len(order), dtype=dtype)
    ranks[order] = np.arange(len(order))
    return distinct_values[order], ranks[codes]


def index_dtype(size: int) -> Any:
    """Return the smaller type of whole numbers that can count to `size`: half the memory for millions."""
    return np.int32 if size < 2**31 else np.int64


def distinct(values: npt.NDArray[Any]) -> Ints:
    """Return the sorted unique values; quicker by far than ``np.unique`` at a million."""
    low = _table_start(values)
    if low is not None:
        present: Ints = np.flatnonzero(_presence(values, low)) + low
        return present
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def find_repeated(values: Ints) -> npt.NDArray[np.intp]:
    """Return where the values are that are there more than once, in order.

    Examples
    --------
    >>> from klikit_frames.frames.cell_keys import find_repeated
    >>> find_repeated(np.array([7, 5, 7, 6])).tolist()
    [0, 2]
    """
    low = _table_start(values)
    if low is not None and np.count_nonzero(_presence(values, low)) == len(values):
        return np.empty(0, dtype=np.intp)
    ordered = np.sort(values)
    twice = distinct(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return np.empty(0, dtype=np.intp)
    nearest = np.minimum(np.searchsorted(twice, values), len(twice) - 1)
    return np.flatnonzero(twice[nearest] == values)


def _table_start(values: npt.NDArray[Any]) -> int | None:
    """Return the number that a table of the values begins with; None if most of it would be empty."""
    if not len(values):
        return None
    low, high, most = int(values.min()), int(values.max()), MOST_PLACES * len(values)
    if low >= 0 and high < most:
        return 0
    return low if high - low < most else None


def _presence(values: npt.NDArray[Any], low: int) -> npt.NDArray[np.bool_]:
    is_there = np.zeros(int(values.max()) - low + 1, dtype=bool)
    is_there[_from(values, low)] = True
    return is_there


def _from(values: npt.NDArray[Any], low: int) -> npt.NDArray[Any]:
    return values - low if low else values


CELL_COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id")
Codes = npt.NDArray[Any]


def match_rows(cells: pd.DataFrame, *, within: pd.DataFrame, columns: Sequence[str] = CELL_COLUMNS) -> Codes:
    """Return for each row of `cells` the position in `within` of the row with equal `columns`, or -1.

    Parameters
    ----------
    cells, within : DataFrame
        Both with `columns`; `within` has each combination of them once, or always with the same flag.
    columns : sequence of str, optional
        What makes two rows the same; a cell, if nothing else is said.

    Raises
    ------
    StateError
        `within` has a combination twice, with two flags.
    """
    wanted, available = encode_keys([cells, within], columns=columns)
    index = pd.Index(available)
    if index.is_unique:
        positions: Codes = index.get_indexer(pd.Index(wanted))
        return positions
    _check_agreement(within, available, columns=columns)
    places = np.flatnonzero(~index.duplicated())
    positions = index[places].get_indexer(pd.Index(wanted))
    return np.where(positions < 0, -1, places[positions])


def _check_agreement(within: pd.DataFrame, keys: Codes, *, columns: Sequence[str]) -> None:
    """Refuse a state in which one cell has two flags: which of them holds, nobody can tell."""
    flags = within["is_enabled"].astype("boolean").astype("Int8").fillna(-1)
    is_torn = (flags.groupby(keys).transform("nunique") > 1).to_numpy(dtype=bool)
    n_torn = pd.Index(keys[is_torn]).nunique()
    if n_torn:
        twice = within.loc[is_torn, list(columns)].drop_duplicates().head(10)
        raise StateError(f"The state has {n_torn:,} cells twice, such as:\n{twice}")


def encode_keys(frames: Sequence[pd.DataFrame], *, columns: Sequence[str]) -> list[Codes]:
    """Return an int64 per row of each frame; two rows have the same exactly if they agree in `columns`."""
    packed = [np.zeros(len(frame), dtype=np.int64) for frame in frames]
    room = 1
    for name in columns:
        parts, span = _codes([frame[name] for frame in frames])
        if room * span >= 2**63:
            packed, room = _squeezed(packed)
            parts, span = _squeezed(parts)
        packed = [above * span + part for above, part in zip(packed, parts, strict=True)]
        room *= span
    return packed


def _codes(columns: Sequence[pd.Series]) -> tuple[list[Codes], int]:
    """Return small non-negative codes for the values of several columns, and how many there may be."""
    names = {"entity_type": ENTITY_TYPES, "scope": SCOPES}.get(str(columns[0].name))
    if names:
        return [_name_codes(column, names) for column in columns], len(names) + 1
    numbers = [column.astype("Int64").to_numpy(dtype=np.int64, na_value=0) for column in columns]
    filled = [part for part in numbers if len(part)]
    if not filled:
        return numbers, 1
    low = min(int(part.min()) for part in filled)
    span = max(int(part.max()) for part in filled) - low + 1
    return ([part - low for part in numbers], span) if span < 2**62 else _squeezed(numbers)


def _name_codes(column: pd.Series, names: Sequence[str]) -> Codes:
    codes = np.full(len(column), len(names), dtype=np.int64)
    for code, name in enumerate(names):
        codes[(column == name).to_numpy(dtype=bool, na_value=False)] = code
    return codes


def _squeezed(parts: Sequence[Codes]) -> tuple[list[Codes], int]:
    """Return the codes of values that are spread too widely to be packed as they are."""
    codes, values = pd.factorize(np.concatenate(list(parts)))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(codes.astype(np.int64), ends), max(len(values), 1)


def live_flags(state: pd.DataFrame) -> pd.Series:
    """Return the flag that each cell of a state has, as boolean; missing where it is not known.

    It is ``pending`` where that is there, missing where ``is_unsettled`` says so, else what the menu shows.

    Examples
    --------
    >>> from klikit_frames.frames.cell_keys import live_flags
    >>> state = pd.DataFrame({"is_enabled": [True, True, True], "pending": [pd.NA, False, pd.NA]})
    >>> live_flags(state.assign(is_unsettled=[False, False, True])).tolist()
    [True, False, <NA>]
    """
    live = state["is_enabled"].astype("boolean")
    if "is_unsettled" in state.columns:
        live = live.mask(state["is_unsettled"].astype("boolean").fillna(value=False).astype(bool))
    if "pending" in state.columns:
        pending = state["pending"].astype("boolean")
        live = pending.where(pending.notna(), live)
    return live
