"""Problems: every kind that a table can have, where they are, the frame that people see, their summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..html import escape, fold_html, paragraph_html, table_html
from ..wording import counted, visible_text
from .frame_codec import text_series
from .schemas import PROBLEM_COLUMNS

Severity = Literal["error", "warning"]
_DIGITS = "Write the id as plain digits."
_AS_TEXT = "Format the column as text where the number was typed, and type the id again."
Positions = npt.NDArray[np.intp]
TextPerRow = Any  # one text for all places, or an array with one for each
_MOST_CASES = 10
_LONGEST_NAME = 40
_MOST_CAUSES = 20
_MOST_ROWS = 1000
# What makes a kind. Rows of several tables count from 1 in each, so each has kinds of its own.
_CAUSE = ("severity", "code", "column", "source")


class ProblemKind(NamedTuple):
    """What a code means: whether its rows are refused, and what the person does about it."""

    severity: Severity
    meaning: str
    hint: str


def _error(meaning: str, hint: str) -> ProblemKind:
    return ProblemKind("error", meaning, hint)


def _warning(meaning: str, hint: str) -> ProblemKind:
    return ProblemKind("warning", meaning, hint)


KINDS: dict[str, ProblemKind] = {
    # The table as a whole; `row` is missing.
    "file_empty": _error("There is nothing to read.", "Put a header line with the column names on top."),
    "folder_empty": _error(
        "There is no table in the folder.", "Put a table into it, or name another folder."
    ),
    "file_unreadable": _error("The file cannot be read as what its name says.", "Save it again as CSV."),
    "column_missing": _error("A column that is needed is not there.", "Add the column."),
    "column_double": _error("Two columns mean the same thing.", "Keep one of them, or rename the other."),
    "column_lookalike": _error("A column is named almost like a known one.", "Correct its name."),
    "column_of_flags": _warning(
        "A column beside the stores holds flags, but its name is no store.",
        "Correct its name if it is a store.",
    ),
    "columns_nested": _error("The column names have several levels.", "Flatten the columns first."),
    # A row as a whole.
    "row_blank": _error("The row says nothing about what to switch.", "Fill it in or take it out."),
    "row_too_long": _error(
        "The row has more cells than the header.",
        "Quote the cell that has the separator in it, or take the surplus cells out.",
    ),
    "quote_unclosed": _error("A quote is opened and never closed.", "Close the quote or take it out."),
    "nul_character": _error("The cell holds a NUL character; the file may be damaged.", "Export it again."),
    "character_cut": _error(
        "The text holds half of a character, as of an emoji cut in two, which nothing can store.",
        "Type the end of the text again.",
    ),
    "json_invalid": _error(
        "The line is not a JSON object with each key once.", 'Write one {"column": value, ...} per line.'
    ),
    # Cells.
    "formula_error": _error(
        "The cell holds the error of a formula.", "Correct the formula in the spreadsheet, or type the value."
    ),
    "value_nested": _error(
        "The value holds lists within lists, too deep to be stored.",
        "Turn it into text, or take the column out.",
    ),
    "entity_type_blank": _error("No level is given.", "Write section, category or item."),
    "entity_type_unknown": _error("The level is not known.", "Write section, category or item."),
    "entity_type_mismatch": _error("The level is not that of the id column.", "Rename the column entity_id."),
    "scope_blank": _error("No scope is given.", "Write store, or business for the business-wide row."),
    "scope_unknown": _error("The scope is not known.", "Write store or business."),
    "flag_blank": _error("No flag is given.", "Write true or false; a blank is never read as off."),
    "flag_unknown": _error("The flag is not known.", "Write true or false."),
    "id_blank": _error("No id is given.", "Fill in the id."),
    "id_not_number": _error("This is not an id.", _DIGITS),
    "id_not_positive": _error("Ids are positive.", "Look the id up again."),
    "id_signed": _error("An id has no sign.", _DIGITS),
    "id_padded": _error("The id has leading zeros, which no id of the API has.", _DIGITS),
    "id_fraction": _error("An id is a whole number and has no decimal point.", _DIGITS),
    "id_exponent": _error("The id is in scientific notation; digits may be lost.", _AS_TEXT),
    "id_separator": _error("The id has separators between its digits.", _DIGITS),
    "id_foreign_digits": _error("The id is not in the digits 0 to 9.", _DIGITS),
    "id_too_large": _error(
        "The id is above 9223372036854775807, the largest there is.", "Look the id up again."
    ),
    "id_imprecise": _error(
        "The number is too long for the program that it came from; its last digits are already lost.",
        _AS_TEXT,
    ),
    "store_missing": _error(
        "No store is given.",
        "Fill in brand_id and branch_id in each row, also where cells were merged, or write business in a"
        " column scope.",
    ),
    "store_half": _error(
        "A store is a brand and a branch; one of the two is blank.", "Fill in the other id."
    ),
    "store_on_business": _error(
        "A business-wide row names a store.", "Clear brand_id and branch_id, or write store as its scope."
    ),
    "store_unreadable": _error("The store is not of the form brand/branch.", "Write it like 5297/1293."),
    "cascade_brands_unreadable": _error("The list of brands cannot be read.", "Write ids like 663|664."),
    "cascade_brands_unused": _error(
        "Brands to cascade to are given, but no cascade.", "Set cascade_to_modifier_groups, or clear them."
    ),
    # Names in place of ids.
    "name_unknown": _error("Nothing has this name.", "Look the name up again, or write the id."),
    "name_ambiguous": _error("Several things have this name.", "Write the id."),
    "name_mismatch": _error("The name is not that of the id beside it.", "Correct the id or the name."),
    # Times of timed rows.
    "time_blank": _error("Neither a start nor an end is given.", "Fill in starts_at, ends_at, or both."),
    "time_unreadable": _error(
        "The time cannot be read.",
        "Write it as 2026-03-09T17:00+07:00, or without the offset and with timezone=; in a spreadsheet "
        "format the cell as a date.",
    ),
    "time_zone_missing": _error(
        "The time has no offset from UTC.",
        "Write +07:00 or the like behind it, or name the clock with timezone='Asia/Jakarta'.",
    ),
    "time_ambiguous": _error("The clock shows this time twice.", "Write the offset from UTC behind it."),
    "time_skipped": _error("The clock skips this time.", "Write the offset from UTC behind it."),
    "end_before_start": _error("The end is not after the start.", "Correct one of the two."),
    "end_past": _error("The end is past already.", "Give an end that is to come, or take the row out."),
    "start_too_late": _error("The start is more than a year ahead.", "Check the year."),
    "promise_overlap": _error(
        "Two promises want opposite flags for one entity and place at one time.",
        "Change the times of one, or cancel it.",
    ),
    # Rows against each other.
    "contradiction": _error(
        "Two rows want opposite flags for one entity and place.", "Keep one of the rows."
    ),
    "contradiction_cascade": _error(
        "Two rows want other cascade options for one entity and place.", "Keep one of the rows."
    ),
    "duplicate": _warning("The row repeats an earlier one.", "Nothing to do: it is planned once."),
    "business_and_store": _warning(
        "The entity has a business row and store rows.",
        "The store rows win in their stores; check that it is meant.",
    ),
    "not_on_menu": _warning(
        "The menu of this place does not have it.",
        "Take the row out if it is not meant: switching it there changes nothing that guests see.",
    ),
    "section_and_item": _warning(
        "A section and an item in it are switched in opposite ways.",
        "An item shows only if its section is on too; check that it is meant.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One kind of problem, at one or many places of a table.

    Attributes
    ----------
    code : str
        A key of ``KINDS``.
    positions : array of int
        Places among the rows of the table; empty if the whole table is meant.
    column, values, messages, hints : str or array of str
        One for all places, or one for each.
    severity : str, optional
        If it is not the code's own.
    """

    code: str
    positions: Positions
    column: TextPerRow = ""
    values: TextPerRow = ""
    messages: TextPerRow = ""
    hints: TextPerRow = ""
    severity: Severity | None = None

    @property
    def is_error(self) -> bool:
        """Whether the rows in question are refused."""
        return (self.severity or KINDS[self.code].severity) == "error"

    @property
    def is_of_table(self) -> bool:
        """Whether the table as a whole is meant."""
        return len(self.positions) == 0

    def without(self, mask: npt.NDArray[np.bool_]) -> Problem:
        """Return this problem at its places that are not in `mask`."""
        return self._where(~mask[self.positions])

    def _where(self, keep: npt.NDArray[np.bool_]) -> Problem:
        words: dict[str, Any] = {
            name: said if isinstance(said, str) else said[keep]
            for name in ("column", "values", "messages", "hints")
            for said in (getattr(self, name),)
        }
        return replace(self, positions=self.positions[keep], **words)

    def below(self, n_rows: int) -> Problem:
        """Return this problem as counted from `n_rows` further down."""
        shifted = self.positions - n_rows
        kept = shifted >= 0
        return replace(self._where(kept), positions=shifted[kept])

    def moved(self, places: Positions) -> Problem:
        """Return this problem with each position looked up in `places`."""
        return replace(self, positions=places[self.positions])


def table_problem(code: str, *, column: str = "", message: str = "", hint: str = "") -> Problem:
    """Return a problem about the table as a whole.

    Examples
    --------
    >>> from klikit_frames.frames.problems import table_problem
    >>> table_problem("file_empty").is_of_table
    True
    """
    return Problem(
        code=code, positions=np.empty(0, np.intp), column=column, values=column, messages=message, hints=hint
    )


def rows_with_errors(problems: Iterable[Problem], *, n_rows: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows that have an error; all of them if the table itself has one."""
    refused = np.zeros(n_rows, dtype=bool)
    for problem in problems:
        if problem.is_error:
            refused[slice(None) if problem.is_of_table else problem.positions] = True
    return refused


def problems_frame(
    problems: Sequence[Problem], *, rows: npt.NDArray[np.int64], lines: npt.NDArray[np.int64] | None
) -> pd.DataFrame:
    """Return `problems` as the frame of problems: one row per problem, in the order of the table's rows.

    Parameters
    ----------
    problems : sequence of Problem
        What was found, in any order.
    rows : array of int
        The number of each row as the person counts it.
    lines : array of int, or None
        The line of each row in the person's file; None for a frame.
    """
    sizes = [max(len(problem.positions), 1) for problem in problems]
    places = np.concatenate([_places(problem) for problem in problems] or [np.empty(0, np.intp)])
    order = np.argsort(places, kind="stable")
    origins = np.repeat(np.arange(len(problems)), sizes)
    columns: dict[str, Any] = {
        "row": _numbers(places[order], rows),
        "line": _numbers(places[order], lines),
        **{name: _words(problems, name, origins, order).array for name in PROBLEM_COLUMNS[2:]},
    }
    return pd.DataFrame(columns, columns=list(PROBLEM_COLUMNS))


def _places(problem: Problem) -> Positions:
    return np.array([-1], dtype=np.intp) if problem.is_of_table else problem.positions


def _numbers(places: Positions, numbers: npt.NDArray[np.int64] | None) -> pd.arrays.IntegerArray:
    is_missing = np.ones(len(places), dtype=bool) if numbers is None else places < 0
    shown_numbers = np.zeros(len(places), dtype=np.int64)
    if numbers is not None:
        shown_numbers[~is_missing] = numbers[places[~is_missing]]
    return pd.arrays.IntegerArray(shown_numbers, is_missing)


def _words(problems: Sequence[Problem], name: str, origins: Positions, order: Positions) -> pd.Series[Any]:
    """Return one text per problem, in `order`; `origins` are the places of their problems."""
    parts = [_column(problem, name) for problem in problems]
    if all(isinstance(part, str) for part in parts):
        return text_series(parts).take(origins[order])
    sizes = np.bincount(origins)
    texts = [
        np.full(size, part, dtype=object) if isinstance(part, str) else part
        for part, size in zip(parts, sizes, strict=True)
    ]
    return text_series(np.concatenate(texts)[order])


def _column(problem: Problem, name: str) -> TextPerRow:
    kind = KINDS[problem.code]
    said: dict[str, TextPerRow] = {
        "column": problem.column,
        "value": problem.values,
        "code": problem.code,
        "message": problem.messages if len(problem.messages) else kind.meaning,
        "hint": problem.hints if len(problem.hints) else kind.hint,
        "severity": problem.severity or kind.severity,
    }
    return said[name]


def problems_text(problems: pd.DataFrame) -> str:
    """Return the problems grouped by cause, as text for a terminal or an exception.

    Examples
    --------
    >>> from klikit_frames.frames.problems import problems_text
    >>> checked = kf.check_toggles([{"item_id": 5, "store": "663/1", "is_enabled": "maybe"}])
    >>> print(problems_text(checked.problems))
    1 error in 1 row.
    - flag_unknown in is_enabled, row 1: 'maybe' is not known. Write one of: false, true.
    """
    causes = group_problems(problems)
    lines = [f"- {_title(cause)}: {cause.message} {cause.hint}" for cause in _rows(causes.head(_MOST_CASES))]
    rest = len(causes) - _MOST_CASES
    more = [f"- and {rest} more kinds; see .problems for all."] if rest > 0 else []
    return "\n".join([count_problems(problems), *lines, *more])


def problems_html(problems: pd.DataFrame, *, notes: list[str]) -> str:
    """Return the problems grouped by cause as HTML, with what the reader noted."""
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    notes_html = f"<details><summary>How it was read</summary><ul>{said}</ul></details>" if notes else ""
    if problems.empty:
        return paragraph_html(count_problems(problems)) + notes_html
    causes = group_problems(problems)
    keys = [name for name in _CAUSE if name in problems.columns]
    groups = dict(iter(problems.groupby(keys, sort=False)))
    shown = [
        _cause_html(cause, groups[tuple(getattr(cause, name) for name in keys)])
        for cause in _rows(causes.head(_MOST_CAUSES))
    ]
    rest = len(causes) - _MOST_CAUSES
    more = [paragraph_html(f"And {counted(rest, 'more kind')}, in the list of all.")] if rest > 0 else []
    whole = table_html(problems, caption="As they stand in the table", limit=_MOST_ROWS)
    every = fold_html(f"All {counted(len(problems), 'problem')}", whole)
    return "".join([f"<p><strong>{count_problems(problems)}</strong></p>", *shown, *more, every, notes_html])


def _cause_html(cause: Any, cases: pd.DataFrame) -> str:
    """Return one kind of problem, folded: how often and where; then its cure and the first cases."""
    columns = [name for name in ("source", "row", "line", "value", "message") if name in cases.columns]
    shown = cases[columns].dropna(axis="columns", how="all")
    body = (paragraph_html(cause.hint) if cause.hint else "") + table_html(
        shown, caption="The first cases", limit=_MOST_CASES
    )
    return fold_html(f"{cause_title(cause)}: {cause.message}", body)


def _shortened(name: str) -> str:
    """Return the beginning of a name that is too long to be one: of a file that is no table."""
    shown = visible_text(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


def cause_title(cause: Any) -> str:
    """Return how often a kind of problem comes, and where: for a person, who knows no codes.

    `cause` is a row of `group_problems`.
    """
    table = f"{cause.source}: " if getattr(cause, "source", "") else ""
    where = f" in {_shortened(str(cause.column))}" if cause.column else ""
    rows = f", {cause.rows}" if cause.rows else ""
    lines = f" ({cause.lines})" if cause.lines else ""
    return f"{table}{counted(cause.n, cause.severity)}{where}{rows}{lines}"


def count_problems(problems: pd.DataFrame) -> str:
    """Return how many problems there are, in one sentence."""
    if problems.empty:
        return "No problems."
    n_errors = int((problems["severity"] == "error").sum())
    n_warnings = len(problems) - n_errors
    counts = [counted(n, word) for n, word in ((n_errors, "error"), (n_warnings, "warning")) if n]
    keys = [name for name in ("source", "row") if name in problems.columns]
    n_rows = len(problems.loc[problems["row"].notna(), keys].drop_duplicates())
    return " and ".join(counts) + (f" in {counted(n_rows, 'row')}." if n_rows else ".")


def count_rows(n_rows: int) -> str:
    """Return a number of rows in words."""
    return counted(n_rows, "row")


def group_problems(problems: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cause, errors and the most frequent first, each with an example and its rows."""
    groups = problems.groupby([name for name in _CAUSE if name in problems.columns], sort=False)
    causes = groups.agg(n=("code", "size"), message=("message", "first"), hint=("hint", "first"))
    causes = causes.reset_index()
    causes["message"] = [_say_first(group) for _, group in groups]
    causes["hint"] = [visible_text(str(hint)) for hint in causes["hint"]]
    causes["rows"] = [_say_numbers(group["row"], "row") for _, group in groups]
    causes["lines"] = [_say_numbers(group["line"], "line") for _, group in groups]
    return causes.sort_values(["severity", "n"], ascending=[True, False], kind="stable", ignore_index=True)


def _say_first(group: pd.DataFrame) -> str:
    """Return the first message of a cause, with its row if other rows have others."""
    first = str(group["message"].iloc[0])
    # A line in a cell is no line of this package.
    row, message = group["row"].iloc[0], visible_text(first)
    is_shared = pd.isna(row) or (group["message"] == first).all()
    return message if is_shared else f"Row {row}: {message}"


def _title(cause: Any) -> str:
    where = f" in {_shortened(str(cause.column))}" if cause.column else ""
    rows = f", {cause.rows}" if cause.rows else ""
    lines = f" ({cause.lines})" if cause.lines else ""
    warning = " (warning)" if cause.severity == "warning" else ""
    source = getattr(cause, "source", "")
    table = f"{source}: " if source else ""
    return f"{table}{cause.code}{warning}{where}{rows}{lines}"


def _rows(causes: pd.DataFrame) -> Iterable[Any]:
    return causes.itertuples(index=False)


def _say_numbers(numbers: pd.Series[Any], word: str) -> str:
    distinct = numbers.dropna().unique()
    if not len(distinct):
        return ""
    said = ", ".join(str(number) for number in distinct[:_MOST_CASES])
    more = f" and {len(distinct) - _MOST_CASES:,} more" if len(distinct) > _MOST_CASES else ""
    return f"{word if len(distinct) == 1 else word + 's'} {said}{more}"
