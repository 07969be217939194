"""JSON Lines to a table: one object per line, numbers as they are written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from .csv_files import to_utf8
from .dataframes import records_table
from .lone_surrogates import replace_surrogates
from .problems import Problem
from .source_tables import Table


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object as a dict; one that says a key twice stays a list, which is a problem."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else pairs


# Fractions stay text, so that 5297.0 is not taken for 5297.
_DECODER = json.JSONDecoder(parse_float=str, parse_constant=str, object_pairs_hook=_object)


def json_table(content: bytes, *, encoding: str | None = None) -> Table:
    """Return the table in JSON Lines, or in one JSON array of objects; touches neither network nor disk.

    Parameters
    ----------
    content : bytes
        The whole file.
    encoding : str, optional
        See `to_utf8`.
    """
    text, notes = to_utf8(content, encoding=encoding)
    records, lines = _read_array(text.decode()) or _read_lines(text.decode())
    objects = [record if isinstance(record, dict) else {} for record in records]
    is_bad = np.array([not isinstance(record, dict) for record in records], dtype=bool)
    positions = np.flatnonzero(is_bad)
    values = np.array(
        [replace_surrogates(str(record)[:80]) for record, bad in zip(records, is_bad, strict=True) if bad],
        dtype=object,
    )
    table = records_table(objects, index=range(len(objects)))
    invalid = Problem(code="json_invalid", positions=positions, values=values)
    return replace(
        table,
        rows=np.arange(1, len(records) + 1) if lines is None else np.array(lines, dtype=np.int64),
        lines=None if lines is None else np.array(lines, dtype=np.int64),
        notes=[*notes, "Read as JSON."],
        problems=[*table.problems, invalid] if len(positions) else table.problems,
    )


def _read_array(text: str) -> tuple[list[Any], None] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        return _DECODER.decode(text), None
    except json.JSONDecodeError:
        return None


def _read_lines(text: str) -> tuple[list[Any], list[int]]:
    numbered = [(place, line) for place, line in enumerate(text.split("\n"), 1) if line.strip()]
    return _decode([line for _, line in numbered]), [place for place, _ in numbered]


def _decode(lines: list[str]) -> list[Any]:
    """Decode all lines in one go; one by one only if a line is bad."""
    try:
        records = _DECODER.decode("[" + ",\n".join(lines) + "]")
    except json.JSONDecodeError:
        records = []
    return records if len(records) == len(lines) else [_decode_line(line) for line in lines]


def _decode_line(line: str) -> Any:
    try:
        return _DECODER.decode(line.strip())
    except json.JSONDecodeError:
        return line
