"""HTML for people: tables and folds that inherit the page's colours and need no script."""

from __future__ import annotations

import html as _html
from typing import TYPE_CHECKING, Any

from .wording import counted, outcome_words, visible_text

if TYPE_CHECKING:
    import pandas as pd

    from .overview import Overview

_MISSING = {"None", "nan", "NaT", "<NA>"}
_TABLE = "border-collapse:collapse;table-layout:auto;color:inherit;background:transparent"
_CELL = "padding:0.2em 0.8em;text-align:left;vertical-align:top;border-bottom:1px solid currentColor"
# Once a table, not in each cell: of 2,000 rows it would be most of the page.
TABLE_STYLE = f"<style>table.kf-table th, table.kf-table td {{{_CELL}}}</style>"
# Folded lines stand apart, or what is open runs into the next.
_APART = ' style="margin:0.4em 0"'
# More causes than this are counted, not read.
_MOST_CAUSES = 10


def escape(text: str) -> str:
    """Return text from anywhere for a page: no markup, and nothing hidden or that turns around what is read.

    Examples
    --------
    >>> from klikit_frames.html import escape
    >>> print(escape("<b>Soup \u202e"))
    &lt;b&gt;Soup \u202e
    """
    return _html.escape(visible_text(text, multiline=True))


def table_html(frame: pd.DataFrame, *, caption: str, limit: int = 20) -> str:
    """Return `frame` as an accessible HTML table of at most `limit` rows, and a sentence on the rest.

    Everything is escaped. Colours come from the page, so light and dark both work.
    """
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    body = "".join(_row_html(row) for row in frame.head(limit).itertuples(index=False, name=None))
    table = (
        f'{TABLE_STYLE}<div style="overflow-x:auto"><table class="kf-table" style="{_TABLE}">'
        f'<caption style="text-align:left;font-weight:bold;color:inherit">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return table + _rest_html(len(frame), limit)


def paragraph_html(text: str) -> str:
    """Return one escaped paragraph."""
    return f"<p>{escape(text)}</p>"


def fold_html(summary: str, body: str, *, is_open: bool = False) -> str:
    """Return what folds away under an escaped line; `body` is HTML already."""
    return (
        f"<details{' open' if is_open else ''}{_APART}><summary>{escape(summary)}</summary>{body}</details>"
    )


def overview_html(view: Overview, *, limit: int | None = 20) -> str:
    """Return the human view: the headline, what went wrong, then brand by brand what changes and where.

    Parameters
    ----------
    view : Overview
        What to draw.
    limit : int or None
        Most brands, and most rows of each table; None shows all.
    """
    parts = [f"<p><strong>{escape(view.headline)}.</strong></p>", *map(paragraph_html, view.facts)]
    if len(view.trouble):
        parts.append(trouble_html(view))
    brands = view.by_brand
    shown = brands if limit is None else brands.head(limit)
    parts += [_brand_html(view, brand, limit=limit) for brand in shown.itertuples()]
    if len(shown) < len(brands):
        parts.append(paragraph_html(f"And {counted(len(brands) - len(shown), 'brand')} more."))
    return "".join(parts)


def trouble_html(view: Overview) -> str:
    """Return what went wrong, a paragraph a cause: how many rows, what was said, which, and what to do.

    No table: on a phone the cure would stand beyond its edge.
    """
    shown = view.trouble.head(_MOST_CAUSES)
    parts = ["<p><strong>Not done, or not known:</strong></p>", *map(_cause_html, shown.itertuples())]
    n_more = len(view.trouble) - len(shown)
    if n_more:
        parts.append(paragraph_html(f"And {counted(n_more, 'more cause')}."))
    return f'<div style="overflow-wrap:anywhere">{"".join(parts)}</div>'


def _cause_html(cause: Any) -> str:
    what = f"{counted(cause.n_rows, 'row')} {outcome_words(str(cause.outcome), n=cause.n_rows)}"
    said = ": ".join(escape(str(part)) for part in (cause.code, cause.message) if part)
    lines = [f"<strong>{escape(what)}</strong>", said, escape(f"{cause.which}."), escape(cause.cure)]
    return f"<p>{'<br>'.join(filter(None, lines))}</p>"


def _brand_html(view: Overview, brand: Any, *, limit: int | None) -> str:
    """Return one brand, folded: its dishes in words, then its stores in numbers."""
    dishes = view.entities.loc[view.entities["brand"] == brand.brand, ["title", "where"]]
    body = _table_html(dishes.rename(columns={"title": "what"}), caption="By name", limit=limit)
    if brand.brand != brand.store:
        places = view.places[view.places["brand"] == brand.brand].drop(columns="brand")
        places = places.rename(columns={"n_off": "off", "n_on": "on", "n_trouble": "not done"})
        empty = [name for name in ("off", "on", "not done") if not places[name].any()]
        body += _table_html(places.drop(columns=empty), caption="By store", limit=limit)
    return fold_html(brand_line(brand), body)


def brand_line(brand: Any) -> str:
    """Return a row of ``Overview.by_brand`` as one line."""
    trouble = [f"{brand.n_trouble:,} not done"] if brand.n_trouble else []
    counts = [f"{n:,} {flag}" for n, flag in ((brand.n_off, "off"), (brand.n_on, "on")) if n]
    place = [brand.brand.capitalize()] if brand.brand == brand.store else [brand.brand, brand.store]
    return " · ".join([*place, ", ".join([*counts, *trouble])])


def _table_html(frame: pd.DataFrame, *, caption: str, limit: int | None) -> str:
    if frame.empty:
        return ""
    return table_html(frame, caption=caption, limit=len(frame) if limit is None else limit)


def _row_html(row: tuple[object, ...]) -> str:
    return "<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in row) + "</tr>"


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
