"""Text for a terminal: characters that a terminal obeys or does not show, as visible escapes."""

from __future__ import annotations

import re

# Letters and marks that Unicode counts as printable and no font draws: fillers, selectors, joiners.
_BLANK_PRINTABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
# A joiner belongs to the text between two emoji or two letters of the scripts that use it.
_JOINERS = "\u200c\u200d"


def visible_text(text: str, *, multiline: bool = False) -> str:
    r"""Return `text` with every control, bidirectional or invisible character as an escape such as ``\x1b``.

    A title or a message from elsewhere can then neither move the cursor, nor colour, erase or forge lines,
    nor reverse what is read. Printable text, spaces and emoji stay as they are, and text that was made
    visible once does not change again. Touches neither network nor disk.

    Parameters
    ----------
    text : str
        One cell, title or message.
    multiline : bool
        Whether line feeds stay, for a text of several lines that this package wrote itself.

    Examples
    --------
    >>> from klikit_frames.terminal_text import visible_text
    >>> print(visible_text("Bakso \x1b[31mPedas\n"))
    Bakso \x1b[31mPedas\n
    >>> print(visible_text("abc\u202ecba"))
    abc\u202ecba
    """
    if text.isprintable() and not _BLANK_PRINTABLE.search(text):
        return text
    return "".join(
        char if _is_visible(text, place) or (multiline and char == "\n") else _escape(char)
        for place, char in enumerate(text)
    )


def _is_visible(text: str, place: int) -> bool:
    char = text[place]
    if char in _JOINERS:
        neighbours = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
        return len(neighbours) == 2 and not any(map(str.isascii, neighbours)) and neighbours.isprintable()
    return (char.isprintable() or _is_wide_space(char)) and not _BLANK_PRINTABLE.match(char)


def _is_wide_space(char: str) -> bool:
    """Tell whether this is a space of another width; line and paragraph separators are none."""
    return char.isspace() and char not in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
