"""Columns of any dtype to text, once per different value."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.cells import Texts

_EXACT_BELOW = float(2**53)


def text_column(column: pd.Series[Any], *, whole_floats: bool = False) -> Texts:
    """Return a column as text, whatever its dtype.

    Parameters
    ----------
    column : pandas.Series
        Object, text, category, numpy, nullable or Arrow dtype.
    whole_floats : bool
        Whether a float that is a whole number below 2**53 is the text of that number, as for ids that pandas
        turned into floats. Otherwise it stays what it is, ``1.0``.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.intp)
        inner = text_column(column.cat.categories.to_series(), whole_floats=whole_floats)
        return Texts(np.append(inner.places, -1)[codes], inner.words)
    if _is_mixed(column):
        column = pd.Series([_say(value, whole_floats=whole_floats) for value in column], dtype=object)
    places, distinct = pd.factorize(column)
    return _without_blanks(places, _say_all(pd.Series(distinct), whole_floats=whole_floats))


def has_whole_floats(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds floats, as pandas makes of whole numbers with blanks between them."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.categories.dtype.kind == "f"
    return dtype.kind == "f" or pd.api.types.infer_dtype(column) in {"floating", "mixed-integer-float"}


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "O" and pd.api.types.infer_dtype(column) not in {"string", "empty"}


def _say_all(distinct: pd.Series[Any], *, whole_floats: bool) -> npt.NDArray[np.object_]:
    if distinct.dtype.kind in "iu":
        distinct = distinct.astype(str)
    words = distinct.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(words) not in {"string", "empty"}:
        words = np.array([_say(word, whole_floats=whole_floats) for word in words], dtype=object)
    return words


def _without_blanks(places: npt.NDArray[np.intp], words: npt.NDArray[np.object_]) -> Texts:
    is_blank = np.array([not word or word.isspace() for word in words], dtype=bool)
    if not is_blank.any():
        return Texts(places, words)
    kept = np.where(is_blank, -1, np.cumsum(~is_blank) - 1)
    return Texts(np.append(kept, -1)[places], words[~is_blank])


def _say(value: object, *, whole_floats: bool) -> str:
    """Say one cell as a person would have typed it; never turn one kind of value into another."""
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list, set, frozenset, np.ndarray)):
        return "|".join(_say(member, whole_floats=False) for member in value)
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    if whole_floats and isinstance(value, (float, np.floating)) and _is_exact(float(value)):
        return str(int(value))
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _is_exact(number: float) -> bool:
    return number.is_integer() and abs(number) < _EXACT_BELOW
