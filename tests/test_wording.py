"""Text that came from elsewhere, made visible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klikit_frames.wording import visible_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb\tc\nd", r"a\rb\tc\nd"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp", r"\u202egnp"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\u2028b", r"a\u2028b"),
        ("cut \ud83d", r"cut \ud83d"),
        ("a\u3164b", r"a\u3164b"),
        ("a\u200db", r"a\u200db"),
        ("\U000e0041", r"\U000e0041"),
    ],
    ids=ascii,
)
def test_visible_text__escapes_what_is_obeyed_or_hidden(text: str, shown: str) -> None:
    """Controls, bidirectional marks, invisible characters and halves of characters become escapes."""
    assert visible_text(text) == shown


@pytest.mark.parametrize(
    "text", ["Bún chả 5\u00a0€", "👨\u200d🍳 Chef’s", "❤\ufe0f", "مي\u200cخواهم", "中华", ""]
)
def test_visible_text__leaves_ordinary_text(text: str) -> None:
    """Titles in any script, emoji and spaces stay as they are."""
    assert visible_text(text) == text


def test_visible_text__keeps_lines_if_asked() -> None:
    """A text of several lines keeps its line feeds, and nothing else that moves the cursor."""
    assert visible_text("a\nb\r\x1b", multiline=True) == "a\nb\\r\\x1b"


@given(st.text(st.characters()))
def test_visible_text__is_printable_and_stable(text: str) -> None:
    """What comes out holds no control or surrogate character, and does not change a second time."""
    shown = visible_text(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert visible_text(shown) == shown
