"""CSV injection: texts that a spreadsheet would run as formulas, made harmless and restored."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd

# Excel and other spreadsheets read a text that begins like this as a formula. They skip invisible characters
# before the sign, and take the full-width signs of East Asian keyboards as well. A text that already has
# apostrophes there gets one more, so that removing one is always right.
_UNSEEN = r"[\s\x00-\x1f\x7f\xad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
_SIGN = "[-=+@＝＋－＠﹦﹢﹣﹫]"
_FORMULA = re.compile(rf"'*(?:{_UNSEEN}*{_SIGN}|[\t\r\n])")
_MARK = "'"
_WITH_TEXT = {"string", "mixed", "mixed-integer"}

Change = Callable[[str], str]


def neutralise_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with an apostrophe before every text that begins with ``= + - @``, a tab or a new line.

    So do texts that begin with blanks or invisible signs and then ``= + - @``, and these signs in full width.
    Column names are treated likewise. Other cells, dtypes and the index stay as they are. Touches neither
    network nor disk.

    See Also
    --------
    restore_formulas : the inverse.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.csv_injection import neutralise_formulas
    >>> neutralise_formulas(pd.DataFrame({"note": ["=1+1", "lunch"], "delta": [-1, 2]}))
         note  delta
    0   '=1+1     -1
    1   lunch      2
    """
    return _replace(frame, _neutralised)


def restore_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` without the apostrophes that `neutralise_formulas` put there.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.csv_injection import restore_formulas
    >>> restore_formulas(pd.DataFrame({"note": ["'=1+1", "'quoted'"]}))
           note
    0      =1+1
    1  'quoted'
    """
    return _replace(frame, _restored)


def safe_csv(frame: pd.DataFrame, *, separator: str = ",") -> str:
    r"""Return `frame` as CSV without its index, formulas made harmless, also those behind a carriage return.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.csv_injection import safe_csv
    >>> safe_csv(pd.DataFrame({"note": ["=1+1", "a\r=1+1"]}))
    '"note"\n"\'=1+1"\n"a\r=1+1"\n'
    """
    plain = neutralise_formulas(frame)
    # The csv module leaves a lone CR unquoted, and readers take it for the end of a line.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if _has_returns(plain) else csv.QUOTE_MINIMAL
    return plain.to_csv(index=False, sep=separator, quoting=quoting, lineterminator="\n")


def _has_returns(frame: pd.DataFrame) -> bool:
    columns = (frame.iloc[:, place].astype(object) for place in range(frame.shape[1]))
    return any(isinstance(value, str) and "\r" in value for column in columns for value in column)


def _neutralised(text: str) -> str:
    return _MARK + text if _FORMULA.match(text) else text


def _restored(text: str) -> str:
    return text[1:] if text.startswith(_MARK) and _FORMULA.match(text[1:]) else text


def _replace(frame: pd.DataFrame, change: Change) -> pd.DataFrame:
    copy = frame.copy(deep=False)
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        changed = _changed(column, change)
        if changed is not None:
            copy.isetitem(place, changed)  # type: ignore[arg-type]
    names = [change(name) if isinstance(name, str) else name for name in frame.columns]
    if names != list(frame.columns):
        copy.columns = pd.Index(names, name=frame.columns.name)
    return copy


def _changed(column: pd.Series[Any], change: Change) -> pd.Series[Any] | None:
    """Return a column with its texts changed, or None if that makes no difference to any."""
    words = column.astype(object)
    if pd.api.types.infer_dtype(words) not in _WITH_TEXT:
        return None
    cells = [change(cell) if isinstance(cell, str) else cell for cell in words]
    if all(cell is word for cell, word in zip(cells, words, strict=True)):
        return None
    dtype = object if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return pd.Series(cells, index=column.index, dtype=dtype, name=column.name)
