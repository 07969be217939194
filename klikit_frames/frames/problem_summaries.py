"""Problems in words: grouped by cause, ten cases at most and then the count."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from ..html import fold_html, paragraph_html, table_html
from ..wording import counted

_MOST_CASES = 10
_MOST_CAUSES = 20
_MOST_ROWS = 1000
# What makes a kind. Rows of several tables count from 1 in each, so the kinds of each are told apart.
_CAUSE = ("severity", "code", "column", "source")


def problems_text(problems: pd.DataFrame) -> str:
    """Return the problems grouped by cause, as text for a terminal or an exception.

    Examples
    --------
    >>> from klikit_frames.frames.problem_summaries import problems_text
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


def cause_title(cause: Any) -> str:
    """Return how often a kind of problem comes, and where: for a person, who knows no codes.

    `cause` is a row of `group_problems`.
    """
    table = f"{cause.source}: " if getattr(cause, "source", "") else ""
    where = f" in {cause.column}" if cause.column else ""
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
    causes["rows"] = [_say_numbers(group["row"], "row") for _, group in groups]
    causes["lines"] = [_say_numbers(group["line"], "line") for _, group in groups]
    return causes.sort_values(["severity", "n"], ascending=[True, False], kind="stable", ignore_index=True)


def _say_first(group: pd.DataFrame) -> str:
    """Return the first message of a cause, with its row if other rows have others."""
    row, message = group["row"].iloc[0], str(group["message"].iloc[0])
    is_shared = pd.isna(row) or (group["message"] == message).all()
    return message if is_shared else f"Row {row}: {message}"


def _title(cause: Any) -> str:
    where = f" in {cause.column}" if cause.column else ""
    rows = f", {cause.rows}" if cause.rows else ""
    lines = f" ({cause.lines})" if cause.lines else ""
    warning = " (warning)" if cause.severity == "warning" else ""
    source = getattr(cause, "source", "")
    table = f"{source}: " if source else ""
    return f"{table}{cause.code}{warning}{where}{rows}{lines}"


def _rows(causes: pd.DataFrame) -> Iterable[Any]:
    return causes.itertuples(index=False)


def _say_numbers(numbers: pd.Series[Any], word: str) -> str:
    known = numbers.dropna().unique()
    if not len(known):
        return ""
    said = ", ".join(str(number) for number in known[:_MOST_CASES])
    more = f" and {len(known) - _MOST_CASES:,} more" if len(known) > _MOST_CASES else ""
    return f"{word if len(known) == 1 else word + 's'} {said}{more}"
