"""Marks on checked frames: a frame that was checked and not touched since need not be parsed again."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pandas as pd

# Cells of other types can change in place, where no fingerprint of their frame would see it.
_IMMUTABLE = {str, int, float, bool, bytes, type(None), type(pd.NA)}


class _Mark:
    """What a frame was like when it was checked.

    The objects in its cells are held, so that an equal address later is the very same object.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = weakref.ref(frame)
        self.objects = [column.to_numpy().copy() for column in _object_columns(frame)]
        self.fingerprint = _fingerprint(frame)


_MARKS: dict[int, _Mark] = {}


def mark_checked(frame: pd.DataFrame) -> None:
    """Remember that `frame` is what `read_toggles` returns, as it is now."""
    if not all(_is_immutable(column) for column in _object_columns(frame)):
        return
    key = id(frame)
    mark = _MARKS[key] = _Mark(frame)
    weakref.finalize(frame, _forget, key, mark)


def is_checked(frame: pd.DataFrame) -> bool:
    """Tell whether `frame` is the very frame that was marked, and no cell, name or index of it has changed.

    Examples
    --------
    >>> from klikit_frames.frames.checked_marks import is_checked
    >>> toggles = kf.read_toggles([{"item_id": 5, "store": "663/1062", "is_enabled": "off"}])
    >>> is_checked(toggles), is_checked(toggles.copy())
    (True, False)
    >>> toggles.loc[0, "entity_id"] = 6
    >>> is_checked(toggles)
    False
    """
    mark = _MARKS.get(id(frame))
    return mark is not None and mark.frame() is frame and mark.fingerprint == _fingerprint(frame)


def _forget(key: int, mark: _Mark) -> None:
    # The address may have been given to another frame, which has a mark of its own.
    if _MARKS.get(key) is mark:
        del _MARKS[key]


def _fingerprint(frame: pd.DataFrame) -> tuple[object, ...]:
    shape = (repr([*frame.columns]), tuple(map(str, frame.dtypes)), len(frame))
    contents = (_content(frame.index), *(_content(frame.iloc[:, place]) for place in range(frame.shape[1])))
    # Python's own hash of bytes is keyed, 64 bits wide, and quicker than those of hashlib.
    return (*shape, *map(hash, contents))


def _content(values: Any) -> bytes:
    """Return bytes that are equal for equal values; of objects their addresses."""
    if isinstance(values, pd.RangeIndex):
        return repr(values).encode()
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        codes, uniques = pd.factorize(values)
        hashes = pd.util.hash_array(np.asarray(uniques, dtype=object), categorize=False)
        return bytes(codes.tobytes() + hashes.tobytes())
    if dtype == "Int64":
        return bytes(
            values.to_numpy(dtype="int64", na_value=0).tobytes() + values.isna().to_numpy().tobytes()
        )
    if isinstance(dtype, np.dtype) and dtype.kind in "biufO":
        return bytes(values.to_numpy().tobytes())
    return np.asarray(pd.util.hash_pandas_object(values, index=False)).tobytes()


def _object_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    return [column for _, column in frame.items() if column.dtype == np.dtype(object)]


def _is_immutable(column: pd.Series[Any]) -> bool:
    cells = column.to_numpy()
    addresses = pd.Series(np.frombuffer(cells.tobytes(), dtype=np.intp))
    distinct = cells[addresses.drop_duplicates().index]
    return all(
        type(member) in _IMMUTABLE
        for value in distinct
        for member in (value if type(value) is tuple else (value,))
    )
