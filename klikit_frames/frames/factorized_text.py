"""Columns of any dtype as factorized text: each different text once, and a code for every row."""

from __future__ import annotations

import datetime as dt
import numbers
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# Types whose text is what a person would type. The text of others can look like a number: Period("2024").
_PLAIN_TYPES = (numbers.Integral, float, np.floating, np.bool_, Decimal)

# Python refuses to print integers of thousands of digits; no id has more than 63 bits.
_MOST_BITS = 1_000


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


def text_column(
    column: pd.Series[Any], *, whole_floats: bool = False, with_lists: bool = False
) -> FactorizedText:
    """Return a column as text, whatever its dtype.

    Parameters
    ----------
    column : pandas.Series
        Object, text, category, numpy, nullable or Arrow dtype.
    whole_floats : bool
        Whether a float that is a whole number, and small enough to be exact (below 2**53 for float64), is the
        text of that number, as for ids that pandas turned into floats. Otherwise it stays ``1.0``.
    with_lists : bool
        Whether a cell may be a list, tuple, set or array of values; its text is then ``663|664``.

    Notes
    -----
    Text, numbers and flags become what a person would type. Any other value, such as a Period or a Fraction,
    becomes its representation, so that it is never taken for a number.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.intp)
        categories = column.cat.categories.to_series()
        inner = text_column(categories, whole_floats=whole_floats, with_lists=with_lists)
        return FactorizedText(np.append(inner.codes, -1)[codes], inner.uniques, inner.has_floats)
    formatter = _Formatter(bound=_exact_below(column.dtype) if whole_floats else 0, with_lists=with_lists)
    has_floats = column.dtype.kind == "f"
    if _is_mixed(column):
        has_floats = any(isinstance(value, float) and value == value for value in column)  # noqa: PLR0124
        column = pd.Series(_format_cells(column, formatter), dtype=object)
    codes, uniques = pd.factorize(column)
    return _without_blanks(codes, _format_uniques(pd.Series(uniques), formatter), has_floats=has_floats)


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "O" and pd.api.types.infer_dtype(column) not in {"string", "empty"}


def _exact_below(dtype: Any) -> int:
    """Return the bound below which floats of a dtype are every whole number."""
    if dtype.kind != "f":
        return 2**53
    kind = np.finfo(getattr(dtype, "numpy_dtype", dtype))
    return 1 << int(kind.nmant) + 1


def _format_uniques(uniques: pd.Series[Any], formatter: _Formatter) -> npt.NDArray[np.object_]:
    if uniques.dtype.kind in "iu":
        uniques = uniques.astype(str)
    texts = uniques.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(texts) not in {"string", "empty"}:
        texts = np.array([formatter.format(value) for value in texts], dtype=object)
    return texts


def _without_blanks(
    codes: npt.NDArray[np.intp], uniques: npt.NDArray[np.object_], *, has_floats: bool
) -> FactorizedText:
    is_blank = np.array([not text or text.isspace() for text in uniques], dtype=bool)
    if not is_blank.any():
        return FactorizedText(codes, uniques, has_floats)
    kept = np.where(is_blank, -1, np.cumsum(~is_blank) - 1)
    return FactorizedText(np.append(kept, -1)[codes], uniques[~is_blank], has_floats)


def _format_cells(column: pd.Series[Any], formatter: _Formatter) -> list[str]:
    """Return the text of every cell, formatted once per object: many cells are the same object."""
    cells = list(column)  # some arrays make new objects each time they are iterated
    objects = {id(value): value for value in cells}
    texts = {key: formatter.format(value) for key, value in objects.items()}
    return [texts[id(value)] for value in cells]


@dataclass(frozen=True, kw_only=True)
class _Formatter:
    """Formats one value as text.

    Attributes
    ----------
    bound : int
        A float that is a whole number below it is formatted without decimal point.
    with_lists : bool
        See `text_column`.
    """

    bound: int
    with_lists: bool

    def format(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if self.with_lists and _is_list(value):
            members = _Formatter(bound=0, with_lists=False)
            return "|".join(map(members.format, value))
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return ""
        if isinstance(value, (float, np.floating)) and _is_whole(float(value), self.bound):
            return str(int(value))
        return _format_other(value)


def _format_other(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)
    return str(value) if isinstance(value, _PLAIN_TYPES) else f"{type(value).__name__} {value!r}"


def _is_list(value: Any) -> bool:
    return isinstance(value, (tuple, list, set, frozenset)) or (
        isinstance(value, np.ndarray) and value.ndim == 1
    )


def _is_whole(number: float, bound: int) -> bool:
    return number.is_integer() and abs(number) < bound
