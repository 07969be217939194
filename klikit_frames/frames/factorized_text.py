"""Columns of any dtype as factorized text: each different text once, and a code for every row."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class FactorizedText:
    """A column as text: its unique texts, and for each row the place of its text among them.

    Attributes
    ----------
    codes : array of int
        One per row; -1 where the cell is blank.
    uniques : array of str
        Each text once.
    has_floats : bool
        Whether the column held floats.
    """

    codes: npt.NDArray[np.intp]
    uniques: npt.NDArray[np.object_]
    has_floats: bool = False

    @property
    def is_blank(self) -> npt.NDArray[np.bool_]:
        """Which rows are blank."""
        return self.codes < 0

    def take(self, values: npt.NDArray[Any], *, blank: object) -> npt.NDArray[Any]:
        """Return one value per row, from `values` with one per unique text; `blank` for blank rows."""
        lookup = np.empty(len(values) + 1, dtype=values.dtype)
        lookup[:-1] = values
        lookup[-1:].fill(blank)  # code -1 is the last place
        return lookup[self.codes]


def text_column(column: pd.Series[Any], *, whole_floats: bool = False) -> FactorizedText:
    """Return a column as text, whatever its dtype.

    Parameters
    ----------
    column : pandas.Series
        Object, text, category, numpy, nullable or Arrow dtype.
    whole_floats : bool
        Whether a float that is a whole number, and small enough to be exact (below 2**53 for float64), is the
        text of that number, as for ids that pandas turned into floats. Otherwise it stays ``1.0``.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.intp)
        inner = text_column(column.cat.categories.to_series(), whole_floats=whole_floats)
        return FactorizedText(np.append(inner.codes, -1)[codes], inner.uniques, inner.has_floats)
    bound = _exact_below(column.dtype) if whole_floats else 0
    has_floats = column.dtype.kind == "f"
    if _is_mixed(column):
        has_floats = any(isinstance(value, float) and value == value for value in column)  # noqa: PLR0124
        column = pd.Series(_say_each(column, bound), dtype=object)
    places, distinct = pd.factorize(column)
    return _without_blanks(places, _say_all(pd.Series(distinct), bound), has_floats=has_floats)


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "O" and pd.api.types.infer_dtype(column) not in {"string", "empty"}


def _exact_below(dtype: Any) -> int:
    """Return the bound below which floats of a dtype are every whole number."""
    if dtype.kind != "f":
        return 2**53
    kind = np.finfo(getattr(dtype, "numpy_dtype", dtype))
    return 1 << int(kind.nmant) + 1


def _say_all(distinct: pd.Series[Any], bound: int) -> npt.NDArray[np.object_]:
    if distinct.dtype.kind in "iu":
        distinct = distinct.astype(str)
    words = distinct.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(words) not in {"string", "empty"}:
        words = np.array([_say(word, bound) for word in words], dtype=object)
    return words


def _without_blanks(
    places: npt.NDArray[np.intp], words: npt.NDArray[np.object_], *, has_floats: bool
) -> FactorizedText:
    is_blank = np.array([not word or word.isspace() for word in words], dtype=bool)
    if not is_blank.any():
        return FactorizedText(places, words, has_floats)
    kept = np.where(is_blank, -1, np.cumsum(~is_blank) - 1)
    return FactorizedText(np.append(kept, -1)[places], words[~is_blank], has_floats)


def _say_each(column: pd.Series[Any], bound: int) -> list[str]:
    """Say every cell, once per object: a column of lists is mostly the very same few objects."""
    cells = {id(value): value for value in column}
    words = {number: _say(value, bound) for number, value in cells.items()}
    return [words[id(value)] for value in column]


def _say(value: Any, bound: int) -> str:
    """Say one cell as a person would have typed it; never turn one kind of value into another.

    Floats that are whole numbers below `bound` are said as these.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list, set, frozenset, np.ndarray)):
        return "|".join(_say(member, 0) for member in value)
    if pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)) and _is_whole(float(value), bound):
        return str(int(value))
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _is_whole(number: float, bound: int) -> bool:
    return number.is_integer() and abs(number) < bound
