"""What is said beside a control: one line of HTML that a screen reader announces. Pure."""

from __future__ import annotations

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


def complaint_html(text: str) -> str:
    """Return `text` as something that is in the way; no text, no line.

    Examples
    --------
    >>> from klikit_frames.forms.notes import complaint_html
    >>> complaint_html("Tick a store.")
    '<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ Tick a store.</p>'
    """
    return f'<p role="alert" style="margin:0.2em 0;font-weight:600">⚠ {escape(text)}</p>' if text else ""
