"""What is said beside a control: one line of HTML that a screen reader announces. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def note_html(text: str) -> str:
    """Return `text` as a status line; no text, no line.

    Examples
    --------
    >>> from klikit_frames.forms.notes import note_html
    >>> note_html("3 ticked")
    '<p role="status" style="margin:0.2em 0">3 ticked</p>'
    """
    return f'<p role="status" style="margin:0.2em 0">{escape(text)}</p>' if text else ""


def block_html(html: str) -> str:
    """Return `html` with lines as close as in the rest of the page, and scrolled where it is too wide.

    Examples
    --------
    >>> from klikit_frames.forms.notes import block_html
    >>> block_html("<p>3 rows</p>")
    '<div style="line-height:1.4;overflow-x:auto"><p>3 rows</p></div>'
    """
    return f'<div style="line-height:1.4;overflow-x:auto">{html}</div>' if html else ""


def heading_html(text: str) -> str:
    """Return `text` as a heading within a form.

    Examples
    --------
    >>> from klikit_frames.forms.notes import heading_html
    >>> heading_html("Where")
    '<h4 style="margin:0.6em 0 0">Where</h4>'
    """
    return f'<h4 style="margin:0.6em 0 0">{escape(text)}</h4>'


def complaint_html(text: str) -> str:
    """Return `text` as something that is in the way; no text, no line.

    Examples
    --------
    >>> from klikit_frames.forms.notes import complaint_html
    >>> complaint_html("Tick a store.")
    '<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ Tick a store.</p>'
    """
    return f'<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ {escape(text)}</p>' if text else ""


def brief_table_html(head: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> str:
    """Return a table without a style of its own: it is saved with the notebook, so every byte counts.

    Examples
    --------
    >>> from klikit_frames.forms.notes import brief_table_html
    >>> brief_table_html(["Id"], [["7"]], caption="One")
    '<table><caption>One</caption><tr><th scope="col">Id</th></tr><tr><td>7</td></tr></table>'
    """
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{first}</tr>{body}</table>"
