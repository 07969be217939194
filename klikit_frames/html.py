"""HTML for people: plain tables that inherit the page's colours and need no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MISSING = {"None", "nan", "NaT", "<NA>"}
_CELL = "padding:0.2em 0.8em;text-align:left;vertical-align:top;border-bottom:1px solid currentColor"


def table_html(frame: pd.DataFrame, *, caption: str, limit: int = 20) -> str:
    """Return `frame` as an accessible HTML table of at most `limit` rows, and a sentence on the rest.

    Everything is escaped. Colours come from the page, so light and dark both work.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(str(name))}</th>' for name in frame.columns)
    body = "".join(_row_html(row) for row in frame.head(limit).itertuples(index=False, name=None))
    table = (
        '<table style="border-collapse:collapse;table-layout:auto;color:inherit;background:transparent">'
        f'<caption style="text-align:left;font-weight:bold;color:inherit">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return table + _rest_html(len(frame), limit)


def paragraph_html(text: str) -> str:
    """Return one escaped paragraph."""
    return f"<p>{escape(text)}</p>"


def _row_html(row: tuple[object, ...]) -> str:
    return "<tr>" + "".join(f'<td style="{_CELL}">{escape(_text(value))}</td>' for value in row) + "</tr>"


def _rest_html(n_rows: int, limit: int) -> str:
    if n_rows <= limit:
        return ""
    return paragraph_html(f"The first {limit} of {n_rows:,} rows are shown.")


def _text(value: object) -> str:
    """Say a missing cell as nothing, and a long list by its first few members."""
    if isinstance(value, (tuple, list)):
        shown = ", ".join(str(member) for member in value[:5])
        return f"{shown} and {len(value) - 5:,} more" if len(value) > 5 else shown
    return "" if str(value) in _MISSING else str(value)
