"""Problems in words: grouped by cause, ten cases at most and then the count."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from ..html import paragraph_html, table_html

_MOST_CASES = 10
_MOST_CAUSES = 20


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
    table = table_html(group_problems(problems), caption=count_problems(problems), limit=_MOST_CAUSES)
    return table + notes_html


def count_problems(problems: pd.DataFrame) -> str:
    """Return how many problems there are, in one sentence."""
    if problems.empty:
        return "No problems."
    n_errors = int((problems["severity"] == "error").sum())
    n_warnings = len(problems) - n_errors
    counts = [_count(n, word) for n, word in ((n_errors, "error"), (n_warnings, "warning")) if n]
    keys = [name for name in ("source", "row") if name in problems.columns]
    n_rows = len(problems.loc[problems["row"].notna(), keys].drop_duplicates())
    return " and ".join(counts) + (f" in {_count(n_rows, 'row')}." if n_rows else ".")


def count_rows(n_rows: int) -> str:
    """Return a number of rows in words."""
    return _count(n_rows, "row")


def group_problems(problems: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cause, errors and the most frequent first, each with an example and its rows."""
    # Rows of several tables count from 1 in each, so each table has causes of its own.
    tables = [name for name in ("source",) if name in problems.columns]
    groups = problems.groupby(["severity", "code", "column", *tables], sort=False)
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


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _say_numbers(numbers: pd.Series[Any], word: str) -> str:
    known = numbers.dropna().unique()
    if not len(known):
        return ""
    said = ", ".join(str(number) for number in known[:_MOST_CASES])
    more = f" and {len(known) - _MOST_CASES:,} more" if len(known) > _MOST_CASES else ""
    return f"{word if len(known) == 1 else word + 's'} {said}{more}"
