"""Whatever a person has, to a table: the one place that tells kinds of sources apart."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pandas as pd

from ..errors import ConfigError
from .csv_files import text_table
from .dataframes import foreign_table, frame_table, is_foreign, parquet_table, records_table
from .excel_files import workbook_table
from .json_lines import is_json, json_table
from .problems import table_problem
from .source_tables import Reading, Table, failed_table

Source = Any

_PLAIN = Reading()

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"


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
    raise TypeError(f"A {type(source).__name__} is not a table: give a path, a file object or a DataFrame.")


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
        return path.expanduser().read_bytes()
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
    if is_json(content):
        return json_table(content, encoding=reading.encoding)
    return text_table(content, reading)


def _gzip_table(content: bytes, reading: Reading) -> Table:
    try:
        plain = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        return failed_table(table_problem("file_unreadable", message=f"The gzip file is damaged: {error}."))
    return _bytes_table(plain, reading)
