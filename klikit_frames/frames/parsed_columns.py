"""Columns of text to columns of values, each distinct text once; what cannot be read is a problem."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .cell_keys import whole_numbers
from .cell_values import (
    ENTITY_TYPE_WORDS,
    FLAG_WORDS,
    SCOPE_WORDS,
    FactorizedText,
    find_id_fault,
    guess_words,
    is_formula_error,
    parse_id_lists,
    parse_ids,
    parse_words,
    text_column,
)
from .frame_codec import text_series
from .headers import Header
from .problems import KINDS, Positions, Problem, TextPerRow, rows_with_errors
from .schemas import TOGGLE_COLUMNS
from .source_tables import Table

# A spreadsheet keeps 15 digits of a number; text that was never a number is not rounded.
_EXACT_DIGITS = 15
_NONE_TOO_LONG = 1_000
_FORMULA_MESSAGE = "The cell holds {!r}, the error of a formula."


@dataclass(frozen=True, kw_only=True)
class ParsedColumn:
    """What became of one column.

    Attributes
    ----------
    values : array or Categorical
        One per row, words as categories; a harmless value where the cell is blank or bad.
    is_blank : array of bool
        Which rows have nothing.
    problems : list of Problem
        The bad cells.
    notes : list of str
        What was understood that was not said.
    is_constant : bool
        Whether there is no such column.
    is_plain : bool
        Whether the column of the table has these very values already, in the dtype of toggles.
    """

    values: Any
    is_blank: npt.NDArray[np.bool_]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_constant: bool = False
    is_plain: bool = False


def read_levels(column: pd.Series[Any], *, implied: str | None = None) -> ParsedColumn:
    """Read ``entity_type``; a blank means `implied`, the type that the id column's name says."""
    result = _read_words(column, name="entity_type", table=ENTITY_TYPE_WORDS, code="entity_type_unknown")
    if implied is None:
        return result
    words, levels = _categories(ENTITY_TYPE_WORDS), result.values.codes.copy()
    levels[result.is_blank] = words.index(implied)
    wrong = np.flatnonzero((levels != words.index(implied)) & (levels != words.index("")))
    mismatch = Problem(
        code="entity_type_mismatch",
        positions=wrong,
        column="entity_type",
        values=np.array(words, dtype=object)[levels[wrong]],
        messages=f"The id column is one of {implied} ids, but the row says another level.",
    )
    problems = [*result.problems, mismatch] if len(wrong) else result.problems
    values = _categorical(levels, words)
    return replace(result, values=values, is_blank=np.zeros(len(levels), dtype=bool), problems=problems)


def read_scopes(column: pd.Series[Any]) -> ParsedColumn:
    """Read ``scope``."""
    return _read_words(column, name="scope", table=SCOPE_WORDS, code="scope_unknown")


def read_flags(column: pd.Series[Any], *, name: str) -> ParsedColumn:
    """Read a column of flags; a blank one is False here and for the caller to judge."""
    if column.dtype == np.dtype(bool):
        values = column.to_numpy()
        return ParsedColumn(values=values, is_blank=np.zeros(len(values), dtype=bool), is_plain=True)
    texts, flags, problems = _look_up(column, name=name, table=FLAG_WORDS, code="flag_unknown")
    values = texts.take(flags == True, blank=False)  # noqa: E712 - by element; None is no flag
    return ParsedColumn(values=values, is_blank=texts.is_blank, problems=problems)


def read_ids(column: pd.Series[Any], *, name: str, has_floats: bool = False) -> ParsedColumn:
    """Read a column of ids; 0 stands for a blank or bad one.

    `has_floats` tells that the texts come from a program that keeps numbers as floats.
    """
    plain = _plain_ids(column)
    if plain is not None:
        return plain
    texts = text_column(column, whole_floats=True)
    ids = parse_ids(texts.uniques)
    is_float = has_floats or texts.has_floats
    float_digits = _NONE_TOO_LONG if not is_float else 0 if column.dtype.kind == "f" else _EXACT_DIGITS
    return ParsedColumn(
        values=texts.take(ids, blank=0),
        is_blank=texts.is_blank,
        problems=_bad_ids(texts, ids, name, float_digits=float_digits),
        notes=[_float_note(name)] if texts.has_floats and (ids > 0).any() else [],
    )


def _plain_ids(column: pd.Series[Any]) -> ParsedColumn | None:
    """Return a column of whole numbers that are ids as they are; None where each has to be looked at."""
    is_nullable = isinstance(column.array, pd.arrays.IntegerArray)
    if column.dtype.kind != "i" or not (is_nullable or isinstance(column.dtype, np.dtype)):
        return None
    ids, is_blank = whole_numbers(column, blank=0), column.isna().to_numpy()
    if np.count_nonzero(ids > 0) + np.count_nonzero(is_blank) < len(ids):
        return None
    return ParsedColumn(values=ids, is_blank=is_blank, is_plain=True)


def read_id_lists(column: pd.Series[Any], *, name: str) -> ParsedColumn:
    """Read a column of lists of ids, each as a sorted tuple without doubles; an empty or bad one is blank."""
    texts = text_column(column, whole_floats=True, with_lists=True)
    lists = parse_id_lists(texts.uniques)
    is_bad = np.array([value is None for value in lists], dtype=bool)
    message = "{!r} is not a list of brand ids."
    problems = _bad_texts(texts, is_bad, name=name, code="cascade_brands_unreadable", message=message)
    values = np.fromiter((value or () for value in lists), dtype=object, count=len(lists))
    notes = [_float_note(name)] if texts.has_floats and any(values) else []
    is_empty = np.array([not value for value in values], dtype=bool)
    return ParsedColumn(
        values=texts.take(values, blank=()),
        is_blank=texts.take(is_empty, blank=True),
        problems=problems,
        notes=notes,
    )


def read_stores(column: pd.Series[Any]) -> tuple[ParsedColumn, ParsedColumn]:
    """Read a column of brand/branch pairs, such as ``5297/1293``, as two columns of ids."""
    texts = text_column(column)
    parts = [word.partition("/") for word in texts.uniques]
    brands, branches = (parse_ids(np.array([part[side] for part in parts], dtype=object)) for side in (0, 2))
    is_bad = (brands == 0) | (branches == 0)
    message = "{!r} is not a store."
    problems = _bad_texts(texts, is_bad, name="store", code="store_unreadable", message=message)
    passes = [
        ParsedColumn(
            values=texts.take(np.where(is_bad, 0, ids), blank=0),
            is_blank=texts.is_blank,
            problems=column_problems,
        )
        for ids, column_problems in ((brands, problems), (branches, []))
    ]
    return passes[0], passes[1]


def _read_words(column: pd.Series[Any], *, name: str, table: dict[str, Any], code: str) -> ParsedColumn:
    texts, values, problems = _look_up(column, name=name, table=table, code=code)
    words = _categories(table)
    codes = np.array([words.index(value or "") for value in values], dtype=np.int8)
    is_plain = column.dtype == text_series([""]).dtype and (texts.uniques == values).all()
    return ParsedColumn(
        values=_categorical(texts.take(codes, blank=words.index("")), words),
        is_blank=texts.is_blank,
        problems=problems,
        is_plain=bool(is_plain) and not texts.is_blank.any(),
    )


def _categories(table: dict[str, Any]) -> list[str]:
    """Return the words that a column can say, and the one for what is blank or bad."""
    return [*dict.fromkeys(table.values()), ""]


def _categorical(codes: npt.NDArray[Any], words: list[str]) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(codes, pd.Index(words, dtype=object))


def _look_up(
    column: pd.Series[Any], *, name: str, table: dict[str, Any], code: str
) -> tuple[FactorizedText, npt.NDArray[np.object_], list[Problem]]:
    """Return a column as text, what `table` says of each different text, if anything, and the bad cells."""
    texts = text_column(column)
    values = parse_words(texts, table)
    is_bad = np.array([value is None for value in values], dtype=bool)
    hints = guess_words(texts.uniques[is_bad], table)
    message = "{!r} is not known."
    return texts, values, _bad_texts(texts, is_bad, name=name, code=code, message=message, hints=hints)


def _bad_texts(
    texts: FactorizedText,
    is_bad: npt.NDArray[np.bool_],
    *,
    name: str,
    code: str,
    message: str,
    hints: list[str] | None = None,
) -> list[Problem]:
    """Return problems for the rows with a bad text; `message` and `hints` are made once per unique text.

    The error of a formula, such as ``#DIV/0!``, has a code of its own.
    """
    is_error = is_bad.copy()
    is_error[is_bad] = [is_formula_error(text) for text in texts.uniques[is_bad]]
    other_hints = None if hints is None else list(compress(hints, ~is_error[is_bad]))
    return [
        *_text_problems(texts, is_error, name=name, code="formula_error", message=_FORMULA_MESSAGE),
        *_text_problems(texts, is_bad & ~is_error, name=name, code=code, message=message, hints=other_hints),
    ]


def _text_problems(
    texts: FactorizedText,
    is_bad: npt.NDArray[np.bool_],
    *,
    name: str,
    code: str,
    message: str,
    hints: list[str] | None = None,
) -> list[Problem]:
    if not is_bad.any():
        return []
    positions, places = _where(texts, is_bad)
    uniques = texts.uniques[is_bad]
    messages = np.array([message.format(_short(text)) for text in uniques], dtype=object)
    return [
        Problem(
            code=code,
            positions=positions,
            column=name,
            values=uniques[places],
            messages=messages[places],
            hints=np.array(hints, dtype=object)[places] if hints else "",
        )
    ]


def _where(
    texts: FactorizedText, is_bad: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the bad rows, and the place of each one's text among the bad texts."""
    among_bad = np.cumsum(is_bad) - 1
    positions = np.flatnonzero(np.append(is_bad, False)[texts.codes])
    return positions, among_bad[texts.codes[positions]]


def _bad_ids(
    texts: FactorizedText, ids: npt.NDArray[np.int64], name: str, *, float_digits: int
) -> list[Problem]:
    """Say what is wrong with each text that is no id.

    A whole float of more than `float_digits` digits is one that its program may have rounded.
    """
    faults = {word: _id_fault(word, float_digits) for word in texts.uniques[ids == 0]}
    codes = np.array([faults[word][0] if word in faults else "" for word in texts.uniques], dtype=object)
    problems = []
    for code in sorted({fault[0] for fault in faults.values()}):
        is_code = codes == code
        hints = [faults[word][1] or KINDS[code].hint for word in texts.uniques[is_code]]
        message = "{!r}: " + KINDS[code].meaning
        problems += _bad_texts(texts, is_code, name=name, code=code, message=message, hints=hints)
    return problems


def _id_fault(word: str, float_digits: int) -> tuple[str, str]:
    code, hint = find_id_fault(word)
    whole, _, rest = word.partition(".")
    is_long = len(whole) > float_digits and rest == "0"
    is_scientific = code == "id_exponent" and float_digits < _NONE_TOO_LONG
    return ("id_imprecise", "") if is_long or is_scientific else (code, hint)


def _float_note(name: str) -> str:
    return (
        f"Column {name!r} holds floats, as pandas makes of ids with blanks; all whole ones were read as ids."
    )


def _short(word: str) -> str:
    return word if len(word) <= 60 else word[:57] + "..."


Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ParsedTable:
    """The columns of toggles, row by row, bad rows included with harmless values.

    Attributes
    ----------
    values : dict
        By name; words as categories.
    plain : set of str
        The columns that the table has in these very values and dtypes.
    problems : list of Problem
        The bad cells and rows.
    notes : list of str
        What was understood that was not said.
    """

    values: dict[str, Any]
    plain: set[str]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Columns:
    """A table's columns by what they mean."""

    def __init__(self, table: Table, header: Header) -> None:
        self.n_rows = len(table.frame)
        self.has_floats = table.has_floats
        self._table = table
        self._header = header
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._header.places

    def __getitem__(self, name: str) -> pd.Series[Any]:
        return self._table.frame.iloc[:, self._header.places[name]]

    def take(self, result: ParsedColumn) -> ParsedColumn:
        """Note what a pass found, and return it."""
        self.problems += result.problems
        self.notes += result.notes
        return result

    def find(self, code: str, name: str, mask: Mask, *, value: str = "") -> None:
        """Note a problem about the rows in `mask`, if there are any."""
        self.note(code, name, np.flatnonzero(mask), values=value)

    def note(self, code: str, name: str, positions: Positions, *, values: TextPerRow) -> None:
        """Note a problem about the rows at `positions`, if there are any."""
        if len(positions):
            self.problems.append(Problem(code=code, positions=positions, column=name, values=values))

    def find_blank(self, result: ParsedColumn, *, name: str, code: str) -> None:
        """Note the blank cells of a column."""
        self.find(code, name, result.is_blank)

    def refused(self, name: str) -> Mask:
        """Return the rows whose cell of one column is bad."""
        refusals = [problem for problem in self.problems if problem.column == name]
        return rows_with_errors(refusals, n_rows=self.n_rows)

    def none(self) -> Mask:
        """Return a mask of no rows."""
        return np.zeros(self.n_rows, dtype=bool)

    def constant_word(self, word: str, *, table: dict[str, Any]) -> ParsedColumn:
        """Return what a pass over a column of words that is not there gives: `word` everywhere."""
        words = _categories(table)
        codes = np.full(self.n_rows, words.index(word), dtype=np.int8)
        values = _categorical(codes, words)
        return ParsedColumn(values=values, is_blank=self.none(), is_constant=True)

    def constant(self, value: object) -> ParsedColumn:
        """Return what a pass over a column that is not there gives: `value` everywhere."""
        kind = object if isinstance(value, tuple) else type(value)
        values = np.empty(self.n_rows, dtype=kind)
        values.fill(value)
        return ParsedColumn(values=values, is_blank=self.none(), is_constant=True)


def check_columns(table: Table, header: Header) -> ParsedTable:
    """Return the columns of toggles that a table holds."""
    columns = Columns(table, header)
    level, entity = _read_entities(columns, header)
    scope = _read_scope(columns)
    brand, branch = _read_places(columns, scope)
    flag = _read_flag(columns)
    cascade, brands = _read_cascades(columns)
    parsed = dict(
        zip(TOGGLE_COLUMNS, (level, entity, scope, brand, branch, flag, cascade, brands), strict=True)
    )
    plain = _plain_columns(columns, parsed)
    # What is of another type only may be the table's own memory still.
    values = {
        name: column.values.copy() if column.is_plain and name not in plain else column.values
        for name, column in parsed.items()
    }
    for name in ("brand_id", "branch_id"):
        values[name] = pd.arrays.IntegerArray(values[name], values[name] == 0)
    of_rows = table.problems + _blank_rows(table, [level, entity, brand, branch, flag])
    problems = of_rows + _of_other_rows(columns.problems, of_rows, n_rows=columns.n_rows)
    return ParsedTable(values=values, plain=plain, problems=problems, notes=columns.notes)


def _plain_columns(columns: Columns, parsed: dict[str, ParsedColumn]) -> set[str]:
    """Return the columns that can stay as they are; an id of a narrower type cannot."""
    wide = {"entity_id": "int64", "brand_id": "Int64", "branch_id": "Int64"}
    return {
        name
        for name, column in parsed.items()
        if column.is_plain and str(columns[name].dtype) == wide.get(name, str(columns[name].dtype))
    }


def _read_entities(columns: Columns, header: Header) -> tuple[ParsedColumn, ParsedColumn]:
    implied = header.entity_type
    level = columns.constant_word(implied or "", table=ENTITY_TYPE_WORDS)
    if "entity_type" in columns:
        level = columns.take(read_levels(columns["entity_type"], implied=implied))
        columns.find_blank(level, name="entity_type", code="entity_type_blank")
    entity = columns.constant(0)
    if "entity_id" in columns:
        entity = _read_id(columns, "entity_id")
        columns.find_blank(entity, name="entity_id", code="id_blank")
    return level, entity


def _read_scope(columns: Columns) -> ParsedColumn:
    if "scope" not in columns:
        return columns.constant_word("store", table=SCOPE_WORDS)
    scope = columns.take(read_scopes(columns["scope"]))
    columns.find_blank(scope, name="scope", code="scope_blank")
    return scope


def _read_places(columns: Columns, scope: ParsedColumn) -> tuple[ParsedColumn, ParsedColumn]:
    """Read the store of each row, and hold it against the scope."""
    if "store" in columns:
        brand, branch = map(columns.take, read_stores(columns["store"]))
    else:
        brand, branch = (_read_id(columns, name) for name in ("brand_id", "branch_id"))
    if brand.is_constant or branch.is_constant:
        return brand, branch
    is_store, is_business = scope.values == "store", scope.values == "business"
    columns.find("store_missing", "brand_id", is_store & brand.is_blank & branch.is_blank)
    columns.find("store_half", "brand_id", is_store & brand.is_blank & ~branch.is_blank)
    columns.find("store_half", "branch_id", is_store & branch.is_blank & ~brand.is_blank)
    columns.find(
        "store_on_business", "scope", is_business & ~(brand.is_blank & branch.is_blank), value="business"
    )
    return brand, branch


def _read_id(columns: Columns, name: str) -> ParsedColumn:
    if name not in columns:
        return columns.constant(0)
    return columns.take(read_ids(columns[name], name=name, has_floats=columns.has_floats))


def _read_flag(columns: Columns) -> ParsedColumn:
    if "is_enabled" not in columns:
        return columns.constant(False)  # noqa: FBT003 - it is a value here
    flag = columns.take(read_flags(columns["is_enabled"], name="is_enabled"))
    columns.find_blank(flag, name="is_enabled", code="flag_blank")
    return flag


def _read_cascades(columns: Columns) -> tuple[ParsedColumn, ParsedColumn]:
    name = "cascade_to_modifier_groups"
    cascade, brands = columns.constant(False), columns.constant(())  # noqa: FBT003 - it is a value here
    if name in columns:
        cascade = columns.take(read_flags(columns[name], name=name))
    if "cascade_brand_ids" in columns:
        brands = columns.take(read_id_lists(columns["cascade_brand_ids"], name="cascade_brand_ids"))
        unused = np.flatnonzero(~brands.is_blank & ~cascade.values & ~columns.refused(name))
        said = ["|".join(map(str, ids)) for ids in brands.values[unused]]
        columns.note(
            "cascade_brands_unused", "cascade_brand_ids", unused, values=np.array(said, dtype=object)
        )
    return cascade, brands


def _blank_rows(table: Table, parsed: list[ParsedColumn]) -> list[Problem]:
    """Return a problem about the rows in which every column that is there says nothing."""
    blanks = [column.is_blank for column in parsed if not column.is_constant]
    if not blanks:
        return []
    is_open = ~rows_with_errors(table.problems, n_rows=len(table.frame))
    positions = np.flatnonzero(np.logical_and.reduce([is_open, *blanks]))
    return [Problem(code="row_blank", positions=positions)] if len(positions) else []


def _of_other_rows(problems: list[Problem], of_rows: list[Problem], *, n_rows: int) -> list[Problem]:
    """Return problems about cells, but for the rows that are refused as a whole."""
    refused = rows_with_errors(of_rows, n_rows=n_rows)
    left = [problem.without(refused) for problem in problems]
    return [problem for problem in left if len(problem.positions)]
