"""Any source to a table: its kind recognised; DataFrames, Parquet and JSON Lines read."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import narwhals as nw
import numpy as np
import pandas as pd

from .. import edge
from ..errors import ConfigError
from .csv_files import find_dialect, text_table, to_utf8
from .excel_files import workbook_table
from .problems import Problem, table_problem
from .source_tables import Reading, Table, failed_table
from .unsafe_text import replace_in_frame, replace_in_name, replace_surrogates

Source = Any

_PLAIN = Reading()

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"

# What begins so is no table, though it may look like JSON or text: what it is, and what to do.
_NO_TABLES = (
    (
        re.compile(rb'\s*\{"checksum":"[0-9a-f]{64}","format":"klikit_frames plan"'),
        "This is a plan, not a table.",
        "Give the table that it was made of; kf.run carries a plan out.",
    ),
    (
        re.compile(rb"SQLite format 3\0"),
        "This is a journal, or another SQLite file, and not a table.",
        "Give a CSV, an XLSX or a Parquet file.",
    ),
    (re.compile(rb"%PDF-"), "This is a PDF, not a table.", "Save the table that it was made of as CSV."),
)

# A line with so many known column names between separators is the header of a CSV.
_KNOWN_OF_CSV = 2
# Longer integers stay text, since Python refuses to convert thousands of digits. Fractions stay text as well,
# since 5297.0 must not become 5297.
_MOST_DIGITS = 60
# Beyond some hundred levels of nesting the decoder gives up with a RecursionError.
_DECODE_ERRORS = (json.JSONDecodeError, RecursionError)


class _NoTableError(ConfigError, TypeError):
    """What was given is of no kind that tables come in."""


def read_table(source: Source, reading: Reading = _PLAIN) -> Table:
    """Return the table that `source` holds, recognised by its content and never by its name.

    Reads the disk if `source` is a path, and standard input if it is ``"-"``; never the network.

    Parameters
    ----------
    source : path, "-", bytes, file object, frame of any library, dict or list of dicts
        What the person has.
    reading : Reading
        What the person says about it.
    """
    return replace(_read_source(source, reading), columns=reading.columns)


def _read_source(source: Source, reading: Reading) -> Table:
    if isinstance(source, pd.DataFrame):
        return frame_table(source)
    if isinstance(source, (Mapping, list)):
        return records_table(source)
    if isinstance(source, (str, bytes, os.PathLike)) or hasattr(source, "read"):
        return _bytes_table(_read_bytes(source), reading)
    if is_foreign(source) and not isinstance(source, pd.Series):
        return foreign_table(source)
    given = type(source).__name__
    raise _NoTableError(f"A {given} is not a table: give a path, a file object or a DataFrame.")


def _read_bytes(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, os.PathLike)) and str(source) != "-":
        return _read_file(Path(source))
    stream: IO[Any] = sys.stdin.buffer if isinstance(source, str) else source
    content = stream.read()
    return content.encode(errors="replace") if isinstance(content, str) else content


def _read_file(path: Path) -> bytes:
    try:
        return edge.read_file(path.expanduser())
    except ValueError as error:
        # A NUL, or a character that the file system cannot encode. UnicodeEncodeError is a ValueError.
        raise ConfigError(f"{str(path)!a:.80} is no path of a file: {error}.") from None


def _bytes_table(content: bytes, reading: Reading) -> Table:
    if content.startswith(_GZIP):
        return _gzip_table(content, reading)
    if content.startswith(_WORKBOOKS):
        return workbook_table(content, reading)
    if content.startswith(_PARQUET):
        return parquet_table(content)
    for beginning, message, hint in _NO_TABLES:
        if beginning.match(content):
            return failed_table(table_problem("file_unreadable", message=message, hint=hint))
    if is_json(content):
        return json_table(content, encoding=reading.encoding)
    return text_table(content, reading)


def _gzip_table(content: bytes, reading: Reading) -> Table:
    try:
        plain = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        return failed_table(table_problem("file_unreadable", message=f"The gzip file is damaged: {error}."))
    return _bytes_table(plain, reading)


def frame_table(frame: pd.DataFrame, *, notes: list[str] | None = None) -> Table:
    """Return a table of a frame that a person has in memory; it is not changed."""
    repaired, problems = replace_in_frame(frame)
    rows = np.arange(1, len(frame) + 1)
    return Table(frame=repaired, rows=rows, notes=list(notes or []), problems=problems)


def records_table(records: Any, *, index: Any = None) -> Table:
    """Return a table of plain Python values, in which a whole number beside a blank stays a whole number."""
    try:
        frame = pd.DataFrame(records, dtype=object, index=index)
    except UnicodeEncodeError:
        frame = pd.DataFrame(_mend_names(records), dtype=object, index=index)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "A table of plain values is a dict with a list for each column, or a list with a dict for each "
            f"row: {error}."
        ) from None
    table = frame_table(frame)
    return replace(table, frame=_infer_types(table.frame))


def _mend_names(records: Any) -> Any:
    if isinstance(records, Mapping):
        return {replace_in_name(name): cells for name, cells in records.items()}
    return [_mend_names(record) if isinstance(record, Mapping) else record for record in records]


def _infer_types(frame: pd.DataFrame) -> pd.DataFrame:
    inferred = frame.infer_objects()
    for name in inferred.columns[inferred.dtypes == "float64"]:
        if pd.api.types.infer_dtype(frame[name], skipna=True) != "floating":
            inferred[name] = frame[name]
    return inferred


def parquet_table(content: bytes) -> Table:
    """Return the table in a Parquet file; touches neither network nor disk."""
    _import_pyarrow()
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        arrow = pq.read_table(io.BytesIO(content))
    except (OSError, ValueError) as error:
        return failed_table(
            table_problem("file_unreadable", message=f"The Parquet file is damaged: {error}.")
        )
    return frame_table(_to_pandas(arrow), notes=["Read as Parquet."])


def is_foreign(source: object) -> bool:
    """Tell whether this is a frame of another library."""
    return hasattr(source, "__arrow_c_stream__") or nw.from_native(source, pass_through=True) is not source


def foreign_table(source: Any) -> Table:
    """Return the table in a frame of polars, pyarrow, DuckDB, Dask or the like."""
    name = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    arrow = source if hasattr(source, "__arrow_c_stream__") else _collect(source)
    frame = _to_pandas(_import_pyarrow().table(arrow))
    return frame_table(frame, notes=[f"A {name} was taken over as a pandas frame."])


def _collect(source: Any) -> Any:
    frame = nw.from_native(source)
    return (frame.collect() if isinstance(frame, nw.LazyFrame) else frame).to_arrow()


def _import_pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError("This source needs an extra: pip install 'klikit-frames[parquet]'") from error
    return pyarrow


def _to_pandas(arrow: Any) -> pd.DataFrame:
    """Turn whole numbers and flags into nullable ones; NumPy would make floats and objects of blanks."""
    pa = _import_pyarrow()
    kinds = {pa.bool_(): pd.BooleanDtype()}
    for bits in (8, 16, 32, 64):
        kinds[getattr(pa, f"int{bits}")()] = getattr(pd, f"Int{bits}Dtype")()
        kinds[getattr(pa, f"uint{bits}")()] = getattr(pd, f"UInt{bits}Dtype")()
    frame: pd.DataFrame = arrow.to_pandas(types_mapper=kinds.get)
    return frame.reset_index(drop=True)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object as a dict; one that says a key twice stays a list, which is a problem."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else pairs


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=str, parse_constant=str, object_pairs_hook=_object
)


def is_json(content: bytes) -> bool:
    """Tell whether a file is JSON, and not a CSV whose first header begins with a bracket.

    Examples
    --------
    >>> from klikit_frames.frames.readers import is_json
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
