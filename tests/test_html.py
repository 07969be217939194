"""HTML views: escaped, capped, in the page's own colours."""

from __future__ import annotations

import pandas as pd

from klikit_frames.html import paragraph_html, table_html


def test_table__escapes_every_text() -> None:
    """Headers, cells and captions cannot smuggle markup in."""
    html = table_html(pd.DataFrame({"<a>": ["<script>x</script>"]}), caption="<b>")
    assert "<script" not in html
    assert "<a>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html


def test_table__shows_what_is_hidden_or_turns_text_around() -> None:
    """A title with bidirectional marks or terminal escapes is shown with them, and reverses nothing."""
    html = table_html(pd.DataFrame({"title": ["Sate \u202effo\x1b[2J"]}), caption="a\u2066")
    assert r"Sate \u202effo\x1b[2J" in html
    assert r"a\u2066" in html
    assert html.replace("\n", "").isprintable()


def test_table__shows_twenty_rows_and_says_how_many_there_are() -> None:
    """A long frame is capped, with a sentence on the rest."""
    html = table_html(pd.DataFrame({"n": range(1234)}), caption="numbers")
    assert html.count("<tr>") == 21
    assert "The first 20 of 1,234 rows are shown." in html


def test_table__scopes_its_headers_and_has_a_caption() -> None:
    """A screen reader finds the caption and the column of each cell."""
    html = table_html(pd.DataFrame({"n": [1]}), caption="numbers")
    assert '<th scope="col"' in html
    assert "<caption" in html


def test_table__says_missing_as_nothing_and_long_lists_short() -> None:
    """A missing cell is blank; a list shows five members and the count of the others."""
    frame = pd.DataFrame({"a": [None, pd.NA], "ids": [tuple(range(8)), (1, 2)]})
    html = table_html(frame, caption="x")
    assert "NA" not in html
    assert "None" not in html
    assert "0, 1, 2, 3, 4 and 3 more" in html
    assert "1, 2" in html


def test_views__take_the_pages_colours() -> None:
    """No colour is fixed, so a dark page stays readable."""
    html = table_html(pd.DataFrame({"n": [1]}), caption="numbers")
    assert "#" not in html.replace("&#", "")
    assert "color:inherit" in html


def test_paragraph__escapes() -> None:
    """A paragraph is text."""
    assert paragraph_html("a < b") == "<p>a &lt; b</p>"
