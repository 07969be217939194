"""What a page without widgets shows of a form, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


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
