"""JSON Lines to a table: one object per line, numbers as they are written."""

from __future__ import annotations

import codecs
import json
from dataclasses import replace
from typing import Any

import numpy as np

from .csv_files import find_dialect, to_utf8
from .dataframes import records_table
from .lone_surrogates import replace_surrogates
from .problems import Problem
from .source_tables import Table


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object as a dict; one that says a key twice stays a list, which is a problem."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else pairs


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


# A line with so many known column names between separators is the header of a CSV.
_KNOWN_OF_CSV = 2
# Longer integers stay text, since Python refuses to convert thousands of digits. Fractions stay text as well,
# since 5297.0 must not become 5297.
_MOST_DIGITS = 60
_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=str, parse_constant=str, object_pairs_hook=_object
)
# Beyond some hundred levels of nesting the decoder gives up with a RecursionError.
_DECODE_ERRORS = (json.JSONDecodeError, RecursionError)


def is_json(content: bytes) -> bool:
    """Tell whether a file is JSON, and not a CSV whose first header begins with a bracket.

    Examples
    --------
    >>> from klikit_frames.frames.json_lines import is_json
    >>> is_json(b'{"item_id": 5}'), is_json(b"[item_id],store,is_enabled")
    (True, False)
    """
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()
    return start.startswith((b"{", b"[")) and find_dialect(start).score[0] < _KNOWN_OF_CSV


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
    except _DECODE_ERRORS:
        return None


def _read_lines(text: str) -> tuple[list[Any], list[int]]:
    numbered = [(place, line) for place, line in enumerate(text.split("\n"), 1) if line.strip()]
    return _decode([line for _, line in numbered]), [place for place, _ in numbered]


def _decode(lines: list[str]) -> list[Any]:
    """Decode all lines in one go; one by one only if a line is bad."""
    try:
        records = _DECODER.decode("[" + ",\n".join(lines) + "]")
    except _DECODE_ERRORS:
        records = []
    return records if len(records) == len(lines) else [_decode_line(line) for line in lines]


def _decode_line(line: str) -> Any:
    try:
        return _DECODER.decode(line.strip())
    except _DECODE_ERRORS:
        return line
