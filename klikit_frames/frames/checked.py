"""Checked toggles: what is good, what is not and why, and the mark that spares a second check."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import InvalidToggles
from ..html import paragraph_html
from .frame_codec import COPIES_ON_WRITE, text_series
from .headers import Header, lookalike_columns, missing_columns, read_header
from .parsed_columns import ParsedTable, check_columns
from .problems import (
    Problem,
    count_rows,
    problems_frame,
    problems_html,
    problems_text,
    rows_with_errors,
    table_problem,
)
from .row_checks import ValidRows, menu_problems, row_problems
from .schemas import RESULT_COLUMNS, TOGGLE_COLUMNS, WORD_COLUMNS, validate_toggles
from .source_tables import Table

# Cells of other types can change in place, where no fingerprint of their frame would see it.
_IMMUTABLE = {str, int, float, bool, bytes, type(None), type(pd.NA)}
# Cells that are hashed together.
_PART = 1 << 17


class _Mark:
    """What a frame was like when it was checked.

    The objects and texts in its cells are held, so that an equal address later is the very same object.
    """

    def __init__(self, frame: pd.DataFrame, objects: list[object]) -> None:
        self.frame = weakref.ref(frame)
        self._held = [*objects, *(_arrow(column) for _, column in frame.items())]
        self.fingerprint = _fingerprint(frame)


MARKS: dict[int, _Mark] = {}


def mark_checked(frame: pd.DataFrame) -> None:
    """Remember that `frame` is what `read_toggles` returns, as it is now."""
    objects = [value for column in _object_columns(frame) for value in _distinct_objects(column)]
    if not all(map(_is_immutable, objects)):
        return
    key = id(frame)
    mark = MARKS[key] = _Mark(frame, objects)
    weakref.finalize(frame, _forget, key, mark)


def is_checked(frame: pd.DataFrame) -> bool:
    """Tell whether `frame` is the very frame that was marked, and no cell, name or index of it has changed.

    Examples
    --------
    >>> from klikit_frames.frames.checked import is_checked
    >>> toggles = kf.read_toggles([{"item_id": 5, "store": "663/1062", "is_enabled": "off"}])
    >>> is_checked(toggles), is_checked(toggles.copy())
    (True, False)
    >>> toggles.loc[0, "entity_id"] = 6
    >>> is_checked(toggles)
    False
    """
    mark = MARKS.get(id(frame))
    return mark is not None and mark.frame() is frame and mark.fingerprint == _fingerprint(frame)


def _forget(key: int, mark: _Mark) -> None:
    # The address may have been given to another frame, which has a mark of its own.
    if MARKS.get(key) is mark:
        del MARKS[key]


def _fingerprint(frame: pd.DataFrame) -> tuple[object, ...]:
    shape = (repr([*frame.columns]), tuple(map(str, frame.dtypes)), len(frame))
    columns = (_content(frame.iloc[:, place]) for place in range(frame.shape[1]))
    return (*shape, _content(frame.index), *columns)


def _content(values: Any) -> object:
    """Return what is equal for equal values; of objects and of Arrow's texts it is their addresses."""
    if isinstance(values, pd.RangeIndex):
        return repr(values)
    arrow = _arrow(values)
    if arrow is not None:
        return [
            (len(chunk), chunk.offset, *(part and (part.address, part.size) for part in chunk.buffers()))
            for chunk in arrow.chunks
        ]
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        codes, uniques = pd.factorize(values)
        hashes = pd.util.hash_array(np.asarray(uniques, dtype=object), categorize=False)
        return _hashes(codes), _hashes(hashes)
    if dtype == "Int64":
        return _hashes(values.to_numpy(dtype="int64", na_value=0)), _hashes(values.isna().to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind in "biufO":
        return _hashes(values.to_numpy())
    return _hashes(np.asarray(pd.util.hash_pandas_object(values, index=False)))


def _arrow(values: Any) -> Any:
    """Return the texts that Arrow holds, which never change in place; None for other values."""
    is_arrow = isinstance(values.dtype, pd.StringDtype) and values.dtype.storage == "pyarrow"
    return values.array.__arrow_array__() if is_arrow else None


def _hashes(array: npt.NDArray[Any]) -> tuple[int, ...]:
    # Python's own hash of bytes is keyed, 64 bits wide, and quicker than those of hashlib. A part at a time
    # stays in the processor's cache.
    starts = range(0, len(array), _PART)
    return tuple(hash(array[start : start + _PART].tobytes()) for start in starts)


def _object_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    return [column for _, column in frame.items() if column.dtype == np.dtype(object)]


def _distinct_objects(column: pd.Series[Any]) -> list[Any]:
    cells = np.ascontiguousarray(column.to_numpy())
    addresses = pd.Series(np.frombuffer(cells, dtype=np.intp))
    return list(cells[addresses.drop_duplicates().index])


def _is_immutable(value: object) -> bool:
    members = value if type(value) is tuple else (value,)
    return all(type(member) in _IMMUTABLE for member in members)


class RowNumbers(NamedTuple):
    """How the person counts rows: their numbers, and their lines in a file."""

    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None

    def take(self, chosen: npt.NDArray[np.bool_]) -> RowNumbers:
        """Return the numbers of the chosen rows."""
        if chosen.all():
            return self
        return RowNumbers(self.rows[chosen], None if self.lines is None else self.lines[chosen])

    def labels(self) -> list[str]:
        """Return each row as the person counts it."""
        rows = self.rows.tolist()
        if self.lines is None:
            return [str(row) for row in rows]
        return [f"{row} (line {line})" for row, line in zip(rows, self.lines.tolist(), strict=True)]


@dataclass(frozen=True, repr=False, eq=False)
class CheckedToggles:
    """What `check_toggles` found in a table.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The good rows, one toggle per row, in the order and with all columns of the input; see `read_toggles`.
    problems : pandas.DataFrame
        One row per problem, in the order of the rows: ``row`` (1 is the first data row, blank lines inside
        count), ``line`` (as the file shows it; missing for a frame), ``column, value, code, message, hint``,
        and ``severity``: ``error`` or ``warning``. A problem of the whole table has no row.
    notes : list of str
        Every choice that the reader made, in words.

    Examples
    --------
    >>> checked = kf.check_toggles([{"item_id": 5, "store": "663/1062", "is_enabled": "off"}])
    >>> checked.is_valid, len(checked.toggles), checked.problems.empty
    (True, 1, True)
    """

    toggles: pd.DataFrame
    problems: pd.DataFrame
    notes: list[str]
    _table: Table
    _n_rows: int
    _numbers: RowNumbers

    @property
    def numbers(self) -> RowNumbers:
        """How the person counts each of `toggles`."""
        return self._numbers

    def problems_with(self, later: Sequence[Problem]) -> pd.DataFrame:
        """Return all problems with those that a later check found; `positions` are those of `toggles`.

        Touches neither network nor disk.

        Examples
        --------
        >>> checked = kf.check_toggles([{"item_id": 5, "store": "663/1062", "is_enabled": "off"}])
        >>> checked.problems_with([]).empty
        True
        """
        if not later:
            return self.problems
        frame = problems_frame(later, rows=self._numbers.rows, lines=self._numbers.lines)
        every = pd.concat([self.problems, frame]) if len(self.problems) else frame
        return every.sort_values("row", kind="stable", na_position="first", ignore_index=True)

    def row_labels(self) -> list[str]:
        r"""Return each of `toggles` as the person counts it: its row, and the line of a file.

        Touches neither network nor disk.

        Examples
        --------
        >>> kf.check_toggles(b"item_id,store,is_enabled\n5,663/1062,off\n").row_labels()
        ['1 (line 2)']
        """
        return self._numbers.labels()

    @property
    def is_valid(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return not (self.problems["severity"] == "error").any()

    @property
    def annotated(self) -> pd.DataFrame:
        """The input as it came, with a last column ``problem``, blank for good rows.

        A column ``problem`` of an earlier check is replaced. Touches neither network nor disk.

        Examples
        --------
        >>> rows = [{"item_id": "5", "brand_id": 1, "branch_id": 2, "is_enabled": "mabye"}]
        >>> kf.check_toggles(rows).annotated["problem"].tolist()
        ["is_enabled: 'mabye' is not known. Write one of: false, true."]
        """
        return annotate(self._table, self.problems)

    def __repr__(self) -> str:
        return f"{self._counted()}\n{problems_text(self.problems)}"

    def _repr_html_(self) -> str:
        return paragraph_html(self._counted()) + problems_html(self.problems, notes=self.notes)

    def _counted(self) -> str:
        return f"{len(self.toggles):,} of {count_rows(self._n_rows)} can be planned."


def check_table(
    table: Table, *, source: Table | None = None, state: pd.DataFrame | None = None
) -> CheckedToggles:
    """Return what `check_toggles` returns, of a table that was read before.

    Parameters
    ----------
    table : Table
        One toggle per row.
    source : Table, optional
        What the person has, if `table` was made of it: its cells, and its problems, are shown to them.
    state : DataFrame, optional
        See `check_toggles`.
    """
    named, header, parsed = _understand(table)
    toggles = assemble_toggles(named, header, parsed)
    problems = parsed.problems + _conflicts(named, toggles, parsed, state)
    notes = [*named.notes, *header.notes, *parsed.notes]
    del named, parsed
    good = ~rows_with_errors(problems, n_rows=len(toggles))
    frame = problems_frame(problems, rows=table.rows, lines=table.lines)
    return CheckedToggles(
        toggles=validate_toggles(toggles if good.all() else toggles[good]),
        problems=frame if source is None else _with_source_problems(frame, source),
        notes=notes,
        _table=table if source is None else source,
        _n_rows=len(toggles),
        _numbers=RowNumbers(table.rows, table.lines).take(good),
    )


def _with_source_problems(problems: pd.DataFrame, source: Table) -> pd.DataFrame:
    """Return `problems` and those of the source, each once: a row of the source may be many toggles."""
    of_source = problems_frame(source.problems, rows=source.rows, lines=source.lines)
    every = pd.concat([of_source, problems]) if len(of_source) else problems
    return every.drop_duplicates().sort_values("row", kind="stable", na_position="first", ignore_index=True)


def raise_for_errors(problems: pd.DataFrame) -> None:
    """Raise `InvalidToggles` if there is an error among `problems`."""
    if (problems["severity"] == "error").any():
        raise InvalidToggles(f"{problems_text(problems)}\nNothing was sent.", problems)


def _understand(table: Table) -> tuple[Table, Header, ParsedTable]:
    """Name the columns, read them, and put all that is wrong with either together."""
    header = read_header(table.names, table.columns)
    table = replace(table, problems=[*_nul_names(table), *harmless_as_warnings(table)])
    named = rename_columns(table, header)
    checked = check_columns(table, header)
    if any(problem.is_of_table for problem in table.problems):
        return named, header, checked
    needs_stores = "scope" not in header.places or bool((checked.values["scope"] == "store").any())
    missing = missing_columns(header, table, needs_stores=needs_stores)
    checked.problems[:0] = [*header.problems, *missing, *lookalike_columns(header, table)]
    return named, header, checked


def _nul_names(table: Table) -> list[Problem]:
    return [
        table_problem(
            "nul_character",
            column=name.replace("\0", "\ufffd"),
            message=f"The name of column {place} holds a NUL character; the file may be damaged.",
        )
        for place, name in enumerate(table.names, 1)
        if isinstance(name, str) and "\0" in name
    ]


def harmless_as_warnings(table: Table) -> list[Problem]:
    """Return the problems of `table`; half a character in an own column is a warning, since no id is lost."""
    places = read_header(table.names, table.columns).places
    known_names = {str(table.names[place]) for place in places.values()}
    hint = "U+FFFD was put in its place; type the end of the text again."
    return [
        replace(problem, severity="warning", hints=hint)
        if problem.code == "character_cut" and problem.column not in known_names
        else problem
        for problem in table.problems
    ]


def _conflicts(
    table: Table, toggles: pd.DataFrame, parsed: ParsedTable, state: pd.DataFrame | None
) -> list[Problem]:
    valid_rows = ValidRows(
        toggles=toggles,
        positions=np.arange(len(toggles)),
        rows=table.rows,
        lines=table.lines,
        words={name: parsed.values[name].codes for name in WORD_COLUMNS},
    )
    is_bad = rows_with_errors(parsed.problems, n_rows=len(toggles))
    if is_bad.any():
        valid_rows = valid_rows.take(np.flatnonzero(~is_bad))
    if not len(valid_rows.toggles):
        return []
    of_menu = [] if state is None else menu_problems(valid_rows, state)
    return row_problems(valid_rows) + of_menu


_PROBLEM = "problem"
_MOST_RENAMED = 20


def rename_columns(table: Table, header: Header) -> Table:
    """Return `table` with the package's own names for known columns, and no name twice.

    An own column with the name of a result column becomes ``input_<name>``; one with the name of a known
    column that is another's, or that is there twice, gets a number.
    """
    known_names = {place: name for name, place in header.places.items() if name != "store"}
    free_names = _FreeNames(taken=known_names.values(), reserved={*table.names, *TOGGLE_COLUMNS})
    names = [known_names.get(place) or free_names.draw(name) for place, name in enumerate(table.names)]
    renamed = [
        f"Your own column {before!r} came back as {after!r}."
        for place, (before, after) in enumerate(zip(table.names, names, strict=True))
        if before != after and place not in known_names
    ]
    frame = table.frame.set_axis(names, axis=1)
    return replace(table, frame=frame, notes=[*table.notes, *_shortened(renamed)])


class _FreeNames:
    """Names for own columns, each given out once.

    Parameters
    ----------
    taken : iterable of str
        Names that are in use.
    reserved : set
        Names that no column may be given in place of its own.
    """

    def __init__(self, *, taken: Iterable[str], reserved: set[Hashable]) -> None:
        self._taken: set[Hashable] = set(taken)
        self._reserved = reserved
        self._counters: dict[Hashable, Iterator[int]] = {}

    def draw(self, name: Hashable) -> Hashable:
        """Return `name` if it is free, else the next one made of it."""
        if name in self._taken or name in RESULT_COLUMNS:
            # One counter a name: counting from 1 for each of thousands of equal headers would be quadratic.
            numbers = self._counters.setdefault(name, count(0 if name in RESULT_COLUMNS else 1))
            candidates = (_numbered(name, number) for number in numbers)
            name = next(free for free in candidates if free not in self._taken and free not in self._reserved)
        self._taken.add(name)
        return name


def _numbered(name: Hashable, number: int) -> str:
    base = f"input_{name}" if name in RESULT_COLUMNS else f"{name}"
    return base if name in RESULT_COLUMNS and number == 0 else f"{base}_{number + 1}"


def _shortened(notes: list[str]) -> list[str]:
    rest = len(notes) - _MOST_RENAMED
    return notes if rest <= 0 else [*notes[:_MOST_RENAMED], f"So did {rest:,} more columns."]


def assemble_toggles(table: Table, header: Header, parsed: ParsedTable) -> pd.DataFrame:
    """Return all rows as toggles, in the input's own column order; known columns that it lacks come last.

    `table` has the package's own names already. Its other columns are shared, not copied; so are known ones
    that are as they should be, where pandas copies on write.
    """
    toggles = pd.DataFrame(table.frame, copy=False).copy(deep=False)
    toggles.attrs = {}
    for name in TOGGLE_COLUMNS:
        if name in parsed.plain and COPIES_ON_WRITE:
            continue
        column = _toggle_column(name, parsed, index=toggles.index)
        if name in header.places:
            toggles.isetitem(header.places[name], column)  # type: ignore[arg-type]
        else:
            toggles.insert(toggles.shape[1], name, column)
    return toggles


def _toggle_column(name: str, parsed: ParsedTable, *, index: pd.Index[Any]) -> pd.Series[Any]:
    values = parsed.values[name]
    if name in WORD_COLUMNS:
        values = text_series(list(values.categories)).array.take(values.codes)
    # What is the table's own must not be shared with it; what was made for this is not copied again.
    return pd.Series(values, index=index, copy=name in parsed.plain)


def annotate(table: Table, problems: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it came, with what is wrong in each row as a last column."""
    said = problems["column"] + ": " + problems["message"] + " " + problems["hint"]
    said = said.str.removeprefix(": ").groupby(problems["row"]).agg(" ".join)
    texts = pd.Series(table.rows).map(said).astype(object).fillna("")
    frame = table.frame.drop(columns=[_PROBLEM], errors="ignore")
    n_levels = frame.columns.nlevels
    name = _PROBLEM if n_levels == 1 else (_PROBLEM, *[""] * (n_levels - 1))
    frame[name] = texts.to_numpy(dtype=object)
    return frame
