"""Lone surrogates: halves of characters, as of an emoji cut in two, which no file or request can hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from .problems import Problem

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
    >>> from klikit_frames.frames.lone_surrogates import replace_surrogates
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
    >>> from klikit_frames.frames.lone_surrogates import replace_in_frame
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
