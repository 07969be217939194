"""Delimited text files to source tables: encoding, dialect, header line, and cells exactly as they stand."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd
from charset_normalizer import from_bytes

from ..errors import ConfigError
from .frame_codec import text_series
from .headers import ColumnNames, count_known, find_header
from .problems import Positions, Problem, table_problem
from .source_tables import Grid, Reading, Table, above_note, failed_table, grid_table

# The longer marks first: UTF-32's begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What spreadsheets write where they do not write Unicode.
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp437",
    "cp850",
    "cp874",
    "cp932",
    "gb18030",
    "big5",
]
_USUAL = "cp1252"
_SAMPLE = 1 << 18


def to_utf8(content: bytes, *, encoding: str | None = None) -> tuple[bytes, list[str]]:
    r"""Return `content` as UTF-8 without a byte order mark, and in words what was decided.

    Parameters
    ----------
    content : bytes
        A whole file.
    encoding : str, optional
        What the person says it is; a mark in the file or plain UTF-8 is seen without it.

    Examples
    --------
    >>> from klikit_frames.frames.csv_files import to_utf8
    >>> text, notes = to_utf8("note\nBún chả".encode("utf-16"))
    >>> text.decode(), notes
    ('note\nBún chả', ['Read as utf-16-le, by its byte order mark.'])
    """
    for mark, name in _MARKS:
        if encoding is None and content.startswith(mark):
            return _recode(content[len(mark) :], name), [f"Read as {name}, by its byte order mark."]
    if encoding is not None:
        return _recode(content, _known(encoding)), [f"Read as {encoding}, as asked."]
    if _is_utf8(content):
        return content, ["Read as utf-8."]
    name = _find_encoding(content)
    return _recode(content, name), [
        f"Read as {name}, which is a guess: the file is not UTF-8. Give encoding=... if texts look wrong."
    ]


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(
            f"There is no encoding {encoding!r}; utf-8, utf-16 and cp1252 are the usual ones."
        ) from None


def _is_utf8(content: bytes) -> bool:
    # UTF-16 of plain ASCII is valid UTF-8 too, with a NUL beside every letter.
    if content[:_SAMPLE].count(0) * 3 > len(content[:_SAMPLE]):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _find_encoding(content: bytes) -> str:
    sample = content[:_SAMPLE]
    if sample.count(0) * 3 > len(sample):
        return "utf-16-be" if sample[0::2].count(0) > sample[1::2].count(0) else "utf-16-le"
    matches = from_bytes(sample, cp_isolation=_CANDIDATES)
    best = matches.best()
    if best is None:
        return _USUAL
    ties = {*best.could_be_from_charset}
    ties |= {
        match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)
    }
    # Most languages of cp1250 and cp1252 look alike to a statistic, and the latter is far more frequent.
    return _USUAL if _USUAL in ties else best.encoding


def _recode(content: bytes, encoding: str) -> bytes:
    # Undecodable bytes become U+FFFD: they can only spoil a text, never make an id or a flag.
    text = content.decode(encoding, errors="replace")
    return text.removeprefix("\ufeff").encode(errors="replace")


_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_HEAD_BYTES = 1 << 16
_HEAD_RECORDS = 30


@dataclass(frozen=True, kw_only=True)
class CsvDialect:
    """How a delimited text begins.

    Attributes
    ----------
    separator : str
        What stands between cells.
    line, offset : int
        Line of the header, from 1, and the bytes before it.
    above : list of str
        What stands above the header.
    line_above : list of str
        The cells of the line above the header.
    score : tuple
        How sure this is: known names in the header, then cells.
    """

    separator: str
    line: int
    offset: int
    above: list[str]
    line_above: list[str]
    score: tuple[int, int]


def text_table(content: bytes, reading: Reading) -> Table:
    """Return the table in a CSV, TSV or the like; touches neither network nor disk.

    Parameters
    ----------
    content : bytes
        The whole file.
    reading : Reading
        What the person says about it.
    """
    text, notes = to_utf8(content, encoding=reading.encoding)
    if not text.strip():
        return failed_table(table_problem("file_empty"), notes=notes)
    dialect = find_dialect(text, reading.columns)
    notes += [
        f"Cells are separated by {_SEPARATORS[dialect.separator]}.",
        *above_note(dialect.line, dialect.above),
    ]
    grid = read_records(text[dialect.offset :], separator=dialect.separator, first_line=dialect.line)
    return grid_table(grid, notes=notes, above=dialect.line_above, has_names=reading.has_names)


def find_dialect(text: bytes, columns: ColumnNames | None = None) -> CsvDialect:
    r"""Return the separator and the header line that make the most sense of the first lines.

    Examples
    --------
    >>> from klikit_frames.frames.csv_files import find_dialect
    >>> dialect = find_dialect(b"Lunch off\n\nentity_type;entity_id;is_enabled\nitem;5;no\n")
    >>> dialect.separator, dialect.line, dialect.above
    (';', 3, ['Lunch off'])
    """
    head = text[:_HEAD_BYTES].decode(errors="ignore")
    dialects = [_dialect(head, separator, columns) for separator in _SEPARATORS]
    return max(dialects, key=lambda dialect: dialect.score)


def _dialect(head: str, separator: str, columns: ColumnNames | None) -> CsvDialect:
    records = list(islice(_records(head, separator), _HEAD_RECORDS)) or [(1, [])]
    header = find_header([cells for _, cells in records], columns)
    line, cells = records[header]
    lines = io.StringIO(head, newline="")
    return CsvDialect(
        separator=separator,
        line=line,
        offset=len("".join(islice(lines, line - 1)).encode()),
        above=[separator.join(cells) for _, cells in records[:header]],
        line_above=records[header - 1][1] if header else [],
        score=(count_known(cells, columns), len(cells)),
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


# Surplus cells are shown to a person; beyond these nobody wants to see them.
_MOST_SURPLUS = 50
_NEWLINE = r"\r\n|\r|\n"


def read_records(text: bytes, *, separator: str, first_line: int) -> Grid:
    """Return the cells of `text`, whose first record is the header and gives the width.

    Parameters
    ----------
    text : bytes
        UTF-8, from the header on.
    separator : str
        What stands between cells.
    first_line : int
        The header's line in the whole file.
    """
    cells = None if b"\0" in text else _read_sound(text, separator)
    if cells is not None:
        return Grid(cells=cells, lines=first_line + _lines_before(cells, text))
    sizes = _count_cells(text, separator) if _is_simple(text) else None
    if sizes is not None and sizes.max() <= sizes[0] + _MOST_SURPLUS:
        cells = _read_simple(text, separator, int(sizes.max()))
        lines = first_line + np.arange(len(cells), dtype=np.int64)
        return Grid(cells=cells.iloc[:, : sizes[0]], lines=lines, problems=_long_rows(cells, sizes))
    return _read_unsound(text.decode(), separator=separator, first_line=first_line)


def _read_sound(text: bytes, separator: str) -> pd.DataFrame | None:
    """Read in one go; None if a row has surplus cells or a quote is never closed.

    Older parsers cut a cell at a NUL without a word, so text with one is not for them.
    """
    try:
        return pd.read_csv(
            io.BytesIO(text),
            sep=separator,
            header=None,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            encoding="utf-8",
        )
    except pd.errors.ParserError:
        return None


def _lines_before(cells: pd.DataFrame, text: bytes) -> npt.NDArray[np.int64]:
    """Count the lines before each record; a quoted cell may span several."""
    n_lines = (
        text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n") + (not text.endswith((b"\n", b"\r")))
    )
    if n_lines == len(cells):
        return np.arange(len(cells), dtype=np.int64)
    spans = np.ones(len(cells), dtype=np.int64)
    for name in cells.columns:
        spans += cells[name].str.count(_NEWLINE).to_numpy(dtype=np.int64)
    return np.cumsum(spans) - spans


def _nul_problems(cells: pd.DataFrame) -> list[Problem]:
    problems = []
    for place, name in enumerate(cells.columns):
        positions = np.flatnonzero(cells[name].str.contains("\0", regex=False).to_numpy(dtype=bool))
        if len(positions):
            values = cells[name].to_numpy(dtype=object)[positions]
            column = str(cells.iat[0, place])
            problems.append(Problem(code="nul_character", positions=positions, column=column, values=values))
    return problems


def _is_simple(text: bytes) -> bool:
    """Tell whether every separator separates and every line is a row."""
    return not any(sign in text for sign in (b'"', b"\0")) and text.count(b"\r") == text.count(b"\r\n")


def _count_cells(text: bytes, separator: str) -> Positions:
    """Return how many cells each line of simple text has."""
    signs = np.frombuffer(text.removesuffix(b"\n") + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    return np.add.reduceat(signs == ord(separator), starts, dtype=np.intp) + 1


def _read_simple(text: bytes, separator: str, width: int) -> pd.DataFrame:
    """Read simple text of which some rows have up to `width` cells."""
    return pd.read_csv(
        io.BytesIO(text),
        sep=separator,
        header=None,
        names=range(width),
        index_col=False,
        dtype=str,
        na_filter=False,
        skip_blank_lines=False,
        quoting=csv.QUOTE_NONE,
        encoding="utf-8",
    )


def _long_rows(every: pd.DataFrame, sizes: Positions) -> list[Problem]:
    """Say which rows have more cells than the header, the first row; `sizes` are the cells of each."""
    width = int(sizes[0])
    positions = np.flatnonzero(sizes > width)
    if not len(positions):
        return []
    surplus = every.iloc[positions, width:]
    values = surplus.iloc[:, 0].str.cat(surplus.iloc[:, 1:], sep="|").str.rstrip("|")
    places, distinct = pd.factorize(sizes[positions])
    messages = [f"The row has {size} cells, the header {width}." for size in distinct]
    return [
        Problem(
            code="row_too_long",
            positions=positions,
            values=values.to_numpy(dtype=object),
            messages=np.array(messages, dtype=object)[places],
        )
    ]


def _read_unsound(text: str, *, separator: str, first_line: int) -> Grid:
    """Read row by row what the quick way gave up on."""
    rows, starts, is_unclosed = _split(text, separator)
    sizes = np.fromiter(map(len, rows), dtype=np.intp, count=len(rows))
    blanks = [""] * min(int(sizes.max()), int(sizes[0]) + _MOST_SURPLUS)
    columns = zip(*(row[: len(blanks)] + blanks[len(row) :] for row in rows), strict=True)
    every = pd.DataFrame({place: text_series(column) for place, column in enumerate(columns)})
    cells = every.iloc[:, : sizes[0]]
    problems = [_unclosed(rows)] if is_unclosed else []
    sizes[len(rows) - is_unclosed :] = 0  # an open quote swallows what comes after it
    problems += [*_long_rows(every, sizes), *(_nul_problems(cells) if "\0" in text else [])]
    return Grid(cells=cells, lines=first_line - 1 + np.array(starts, dtype=np.int64), problems=problems)


def _split(text: str, separator: str) -> tuple[list[list[str]], list[int], bool]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    starts = [1]
    try:
        for row in reader:
            rows.append(row)
            starts.append(reader.line_num + 1)
    except csv.Error:
        # An open quote swallows the rest of the file, until it outgrows the largest cell there may be.
        rows.append([""])
        return rows, starts, True
    return rows, starts[:-1], '"' in text and _is_open(text, starts, separator)


def _is_open(text: str, starts: list[int], separator: str) -> bool:
    """Tell whether the last record ends inside a quote."""
    tail = list(io.StringIO(text, newline=""))[starts[-2] - 1 :]
    try:
        list(csv.reader(tail, delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _unclosed(rows: list[list[str]]) -> Problem:
    return Problem(
        code="quote_unclosed",
        positions=np.array([len(rows) - 1]),
        values=rows[-1][-1][:80] if rows[-1] else "",
    )
