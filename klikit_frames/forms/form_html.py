"""What a form says, as HTML: notes for a screen reader, small tables, results and files to download. Pure."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..running.results import Result


def note_html(text: str) -> str:
    """Return `text` as a status line; no text, no line.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import note_html
    >>> note_html("3 ticked")
    '<p role="status" style="margin:0.2em 0">3 ticked</p>'
    """
    return f'<p role="status" style="margin:0.2em 0">{escape(text)}</p>' if text else ""


def block_html(html: str) -> str:
    """Return `html` with lines as close as in the rest of the page, and scrolled where it is too wide.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import block_html
    >>> block_html("<p>3 rows</p>")
    '<div style="line-height:1.4;overflow-x:auto"><p>3 rows</p></div>'
    """
    return f'<div style="line-height:1.4;overflow-x:auto">{html}</div>' if html else ""


def heading_html(text: str) -> str:
    """Return `text` as a heading within a form.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import heading_html
    >>> heading_html("Where")
    '<h4 style="margin:0.6em 0 0">Where</h4>'
    """
    return f'<h4 style="margin:0.6em 0 0">{escape(text)}</h4>'


def error_html(text: str) -> str:
    """Return `text` as something that is in the way; no text, no line.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import error_html
    >>> error_html("Tick a store.")
    '<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ Tick a store.</p>'
    """
    return f'<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ {escape(text)}</p>' if text else ""


def brief_table_html(head: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> str:
    """Return a table without a style of its own: it is saved with the notebook, so every byte counts.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import brief_table_html
    >>> brief_table_html(["Id"], [["7"]], caption="One")
    '<table><caption>One</caption><tr><th scope="col">Id</th></tr><tr><td>7</td></tr></table>'
    """
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{first}</tr>{body}</table>"


MOST_BYTES = 2_000_000


def result_html(result: Result) -> str:
    """Return the result with failures first, its run_id, and its whole table to download."""
    link = download_html(
        _csv(result), name=f"result-{result.run_id[:8]}.csv", text="Download the result (CSV)"
    )
    return f"{note_html(f'Run {result.run_id}')}{link}{result._repr_html_()}"


def download_html(content: bytes, *, name: str, text: str) -> str:
    """Return a link that holds `content` itself; a file too large for that is said to be so.

    Examples
    --------
    >>> from klikit_frames.forms.form_html import download_html
    >>> download_html(b"a", name="a.csv", text="Get it")
    '<p><a class="kf-download" download="a.csv" href="data:text/csv;base64,YQ==">Get it</a></p>'
    """
    if len(content) > MOST_BYTES:
        return note_html(
            f"{name} is too large for a link here ({len(content):,} bytes): use to_csv in Python."
        )
    data = base64.b64encode(content).decode()
    link = f'class="kf-download" download="{escape(name)}" href="data:text/csv;base64,{data}"'
    return f"<p><a {link}>{escape(text)}</a></p>"


def _csv(result: Result) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return result.to_csv(Path(folder) / "result.csv").read_bytes()
