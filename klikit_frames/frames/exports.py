"""Texts that a spreadsheet would run as a formula: harmless on the way out, as they were on the way in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

# A text that begins so is a formula to Excel and its like. Texts that have apostrophes before it of their own
# get one more, so that taking one off is always right.
_FORMULA = r"^('*[=+\-@\t\r])"
_MARKED = r"^'('*[=+\-@\t\r])"
_WITH_TEXT = {"string", "mixed", "mixed-integer"}


def neutralise_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with an apostrophe before every text that begins with ``= + - @``, a tab or a CR.

    Column names are treated likewise. Other cells, dtypes and the index stay as they are. Touches neither
    network nor disk.

    See Also
    --------
    restore_formulas : the inverse.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.exports import neutralise_formulas
    >>> neutralise_formulas(pd.DataFrame({"note": ["=1+1", "lunch"], "delta": [-1, 2]}))
         note  delta
    0   '=1+1     -1
    1   lunch      2
    """
    return _replace(frame, pattern=_FORMULA, by=r"'\1")


def restore_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` without the apostrophes that `neutralise_formulas` put there.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.exports import restore_formulas
    >>> restore_formulas(pd.DataFrame({"note": ["'=1+1", "'quoted'"]}))
           note
    0      =1+1
    1  'quoted'
    """
    return _replace(frame, pattern=_MARKED, by=r"\1")


def _replace(frame: pd.DataFrame, *, pattern: str, by: str) -> pd.DataFrame:
    copy = frame.copy(deep=False)
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        hits = _hits(column, pattern)
        if hits.any():
            copy.isetitem(place, _mend(column, hits, pattern, by))  # type: ignore[arg-type]
    copy.columns = _mend_names(frame.columns, pattern, by)
    return copy


def _hits(column: pd.Series[Any], pattern: str) -> pd.Series[Any]:
    words = column.astype(object)
    if pd.api.types.infer_dtype(words) not in _WITH_TEXT:
        return pd.Series(np.zeros(len(column), dtype=bool), index=column.index)
    return words.str.match(pattern, na=False).astype(bool)


def _mend(column: pd.Series[Any], hits: pd.Series[Any], pattern: str, by: str) -> pd.Series[Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    return column.mask(hits, column.where(hits).str.replace(pattern, by, regex=True))


def _mend_names(names: pd.Index[Any], pattern: str, by: str) -> pd.Index[Any]:
    if not any(isinstance(name, str) and re.match(pattern, name) for name in names):
        return names
    mended = [re.sub(pattern, by, name) if isinstance(name, str) else name for name in names]
    return pd.Index(mended, name=names.name)
