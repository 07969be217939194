"""Whatever a person has, to a table: the one place that tells kinds of sources apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any

import pandas as pd

from klikit_frames.frames.tables import Table, frame_table
from klikit_frames.frames.texts import text_table

Source = Any


def read_table(source: Source, *, encoding: str | None = None, sheet: str | int | None = None) -> Table:
    """Return the table that `source` holds.

    Reads the disk if `source` is a path, and standard input if it is ``"-"``; never the network.
    """
    if isinstance(source, pd.DataFrame):
        return frame_table(source)
    return text_table(_read_bytes(source), encoding=encoding)


def _read_bytes(source: Source) -> bytes:
    if isinstance(source, (str, os.PathLike)) and str(source) != "-":
        return Path(source).expanduser().read_bytes()
    stream: IO[Any] = sys.stdin.buffer if isinstance(source, str) else source
    content = stream.read()
    return content.encode() if isinstance(content, str) else content
