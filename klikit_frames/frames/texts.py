"""Delimited text to a table: separator, header line, and cells exactly as they stand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from klikit_frames.frames.encodings import to_utf8
from klikit_frames.frames.findings import table_finding
from klikit_frames.frames.grids import above_note, grid_table
from klikit_frames.frames.headers import count_known
from klikit_frames.frames.records import read_records
from klikit_frames.frames.tables import Table, failed_table

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_HEAD_BYTES = 1 << 16
_HEAD_RECORDS = 30


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a delimited text begins.

    Attributes
    ----------
    separator : str
        What stands between cells.
    line, offset : int
        Line of the header, from 1, and the bytes before it.
    above : list of str
        What stands above the header.
    score : tuple
        How sure this is: known names in the header, then cells.
    """

    separator: str
    line: int
    offset: int
    above: list[str]
    score: tuple[int, int]


def text_table(content: bytes, *, encoding: str | None = None) -> Table:
    """Return the table in a CSV, TSV or the like; touches neither network nor disk.

    Parameters
    ----------
    content : bytes
        The whole file.
    encoding : str, optional
        See `to_utf8`.
    """
    text, notes = to_utf8(content, encoding=encoding)
    if not text.strip():
        return failed_table(table_finding("file_empty"), notes=notes)
    layout = find_layout(text)
    notes += [
        f"Cells are separated by {_SEPARATORS[layout.separator]}.",
        *above_note(layout.line, layout.above),
    ]
    grid = read_records(text[layout.offset :], separator=layout.separator, first_line=layout.line)
    return grid_table(grid, notes=notes)


def find_layout(text: bytes) -> Layout:
    r"""Return the separator and the header line that make the most sense of the first lines.

    Examples
    --------
    >>> from klikit_frames.frames.texts import find_layout
    >>> layout = find_layout(b"Lunch off\n\nentity_type;entity_id;is_enabled\nitem;5;no\n")
    >>> layout.separator, layout.line, layout.above
    (';', 3, ['Lunch off'])
    """
    head = text[:_HEAD_BYTES].decode(errors="ignore")
    layouts = [_layout(head, separator) for separator in _SEPARATORS]
    return max(layouts, key=lambda layout: layout.score)


def _layout(head: str, separator: str) -> Layout:
    records = list(islice(_records(head, separator), _HEAD_RECORDS)) or [(1, [])]
    header = max(range(len(records)), key=lambda place: (count_known(records[place][1]), -place))
    line, cells = records[header]
    lines = io.StringIO(head, newline="")
    return Layout(
        separator=separator,
        line=line,
        offset=len("".join(islice(lines, line - 1)).encode()),
        above=[separator.join(cells) for _, cells in records[:header]],
        score=(count_known(cells), len(cells)),
    )


def _records(head: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with its first line; a text cut inside a quote ends early."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        return
