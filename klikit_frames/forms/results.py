"""A result for people, and as files to take along without a server. Pure, but for a temporary file."""

from __future__ import annotations

import base64
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from .notes import note_html

if TYPE_CHECKING:
    from ..running.results import Result

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
    >>> from klikit_frames.forms.results import download_html
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
