"""Halves of characters in texts, such as an emoji cut in two: no file, request or journal can hold them."""

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


def replace_surrogates(text: str) -> str:
    r"""Return `text` with the sign U+FFFD for each half of a character.

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

    A frame without any is handed back as it is. Touches neither network nor disk.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.lone_surrogates import replace_in_frame
    >>> frame = pd.DataFrame({"note": pd.Series(["cut \ud83d", "whole"], dtype=object)})
    >>> repaired, problems = replace_in_frame(frame)
    >>> repaired["note"].tolist() == ["cut \ufffd", "whole"], problems[0].positions.tolist()
    (True, [0])
    """
    cut = [place for place in range(frame.shape[1]) if _has_surrogates(frame.iloc[:, place])]
    repaired = frame.copy(deep=False) if cut else frame
    problems = []
    for place in cut:
        cells, positions = _mend_cells(frame.iloc[:, place])
        repaired.isetitem(place, pd.Series(cells, index=frame.index, dtype=object))  # type: ignore[arg-type]
        problems.append(_problem(cells, positions, column=str(replace_in_name(frame.columns[place]))))
    names = [replace_in_name(name) for name in frame.columns]
    return (repaired if names == list(frame.columns) else repaired.set_axis(names, axis=1)), problems


def _has_surrogates(column: pd.Series[Any]) -> bool:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _has_surrogates(pd.Series(column.cat.categories, dtype=column.cat.categories.dtype))
    # Arrow keeps text as UTF-8, which has no place for them.
    if dtype.kind != "O" or isinstance(dtype, pd.ArrowDtype) or getattr(dtype, "storage", "") == "pyarrow":
        return False
    kind = pd.api.types.infer_dtype(column)
    if kind == "string":
        return not _is_whole("".join(column.dropna().tolist()))
    return kind.startswith("mixed") and not _is_whole(_unique_values(column))


def _unique_values(column: pd.Series[Any]) -> list[Any]:
    """Return the texts and lists of a column, each once: many are the same."""
    cells: Collection[Any]
    try:
        cells = set(column.to_numpy())
    except TypeError:
        cells = {id(value): value for value in column}.values()
    return [value for value in cells if isinstance(value, (str, *_NESTED))]


def _is_whole(value: Any) -> bool:
    try:
        "".join(_texts(value)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, _NESTED):
        for member in value:
            yield from _texts(member)


def _mend_cells(column: pd.Series[Any]) -> tuple[list[Any], list[int]]:
    cells = list(column)
    positions = [place for place, value in enumerate(cells) if not _is_whole(value)]
    for place in positions:
        cells[place] = _mend_value(cells[place])
    return cells, positions


def _mend_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_mend_value(key): _mend_value(member) for key, member in value.items()}
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(_mend_value(member) for member in value)
    return replace_surrogates(value) if isinstance(value, str) else value


def _problem(cells: list[Any], positions: list[int], *, column: str) -> Problem:
    values = [str(cells[place])[:80] for place in positions]
    places = np.array(positions, dtype=np.intp)
    return Problem(
        code="character_cut", positions=places, column=column, values=np.array(values, dtype=object)
    )
