"""Unsafe text: formulas that a spreadsheet would run, and halves of characters, which no file can hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from .problems import Problem

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
    >>> from klikit_frames.frames.unsafe_text import neutralise_formulas
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
    >>> from klikit_frames.frames.unsafe_text import restore_formulas
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
    >>> from klikit_frames.frames.unsafe_text import safe_csv
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


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_NESTED = (list, tuple, set, dict)
# JSON, and so plan files and journals, can hold some hundred levels; a person never means more than a few.
_MOST_LEVELS = 50


class _NestedTooDeepError(ValueError):
    """A value has more levels than can be stored."""


def replace_surrogates(text: str) -> str:
    r"""Return `text` with U+FFFD for each half of a character.

    Examples
    --------
    >>> from klikit_frames.frames.unsafe_text import replace_surrogates
    >>> replace_surrogates("cut \ud83d") == "cut \ufffd"
    True
    """
    return _LONE_SURROGATE.sub(_REPLACEMENT, text)


def replace_in_name(name: Hashable) -> Hashable:
    """Return the name of a column without halves of characters."""
    return replace_surrogates(name) if isinstance(name, str) else name


def replace_in_frame(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    r"""Return `frame` with U+FFFD for each half of a character, and a problem for each column that had any.

    Values that are nested too deep to be stored are replaced as well. A frame without either is handed back
    as it is. Touches neither network nor disk.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.unsafe_text import replace_in_frame
    >>> frame = pd.DataFrame({"note": pd.Series(["cut \ud83d", "whole"], dtype=object)})
    >>> repaired, problems = replace_in_frame(frame)
    >>> repaired["note"].tolist() == ["cut \ufffd", "whole"], problems[0].positions.tolist()
    (True, [0])
    """
    broken = [place for place, (_, column) in enumerate(frame.items()) if not _is_sound_column(column)]
    repaired = frame.copy(deep=False) if broken else frame
    problems = []
    for place in broken:
        column = str(replace_in_name(frame.columns[place]))
        cells, deep, cut = _repair_cells(frame.iloc[:, place])
        repaired.isetitem(place, pd.Series(cells, index=frame.index, dtype=object))  # type: ignore[arg-type]
        problems += _cell_problems("value_nested", cells, deep, column=column)
        problems += _cell_problems("character_cut", cells, cut, column=column)
    names = [replace_in_name(name) for name in frame.columns]
    return (repaired if names == list(frame.columns) else repaired.set_axis(names, axis=1)), problems


def _is_sound_column(column: pd.Series[Any]) -> bool:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _is_sound_column(pd.Series(column.cat.categories, dtype=column.cat.categories.dtype))
    # Arrow keeps text as UTF-8, which has no place for surrogates.
    if dtype.kind != "O" or isinstance(dtype, pd.ArrowDtype) or getattr(dtype, "storage", "") == "pyarrow":
        return True
    kind = pd.api.types.infer_dtype(column)
    if kind == "string":
        return _can_encode("".join(column.dropna().tolist()))
    try:
        return not kind.startswith("mixed") or _is_whole(_unique_values(column))
    except _NestedTooDeepError:
        return False


def _unique_values(column: pd.Series[Any]) -> list[Any]:
    """Return the texts and lists of a column, each once: many are the same."""
    cells: Collection[Any]
    try:
        cells = set(column.to_numpy())
    except (TypeError, ValueError, RecursionError):  # not every object has a hash
        cells = {id(value): value for value in column}.values()
    return [value for value in cells if isinstance(value, (str, *_NESTED))]


def _is_whole(value: Any) -> bool:
    return _can_encode("".join(_texts(value)))


def _can_encode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value; a stack in place of recursion, since values can be nested without end."""
    stack = [(value, 0)]
    while stack:
        member, level = stack.pop()
        if isinstance(member, str):
            yield member
        elif isinstance(member, _NESTED):
            if level > _MOST_LEVELS:
                raise _NestedTooDeepError
            children = member.items() if isinstance(member, dict) else member
            stack += [(child, level + 1) for child in children]


def _repair_cells(column: pd.Series[Any]) -> tuple[list[Any], list[int], list[int]]:
    """Return the cells repaired, the places of those nested too deep, and of those with surrogates."""
    cells = list(column)
    deep, cut = [], []
    for place, value in enumerate(cells):
        try:
            if not _is_whole(value):
                cells[place] = _replace_in_value(value)
                cut.append(place)
        except _NestedTooDeepError:
            cells[place] = f"{type(value).__name__} of more than {_MOST_LEVELS} levels"
            deep.append(place)
    return cells, deep, cut


def _replace_in_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_replace_in_value(key): _replace_in_value(member) for key, member in value.items()}
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(_replace_in_value(member) for member in value)
    return replace_surrogates(value) if isinstance(value, str) else value


def _cell_problems(code: str, cells: list[Any], places: list[int], *, column: str) -> list[Problem]:
    if not places:
        return []
    values = np.array([str(cells[place])[:80] for place in places], dtype=object)
    return [Problem(code=code, positions=np.array(places, dtype=np.intp), column=column, values=values)]
