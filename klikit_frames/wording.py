"""Words for people: counts with their nouns, short ids, relative times."""

from __future__ import annotations

import re
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# What entities are called in sentences, dishes first.
PLURALS = {
    "item": ("dish", "dishes"),
    "category": ("category", "categories"),
    "section": ("section", "sections"),
}


def counted(n: int, singular: str, *, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> from klikit_frames.wording import counted
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "entity", many="entities")
    ('1 row', '1,200 rows', '2 entities')
    """
    return f"{n:,} {singular if n == 1 else many or singular + 's'}"


def count_each(column: pd.Series[Any]) -> pd.Series[int]:
    """Return how often each value stands: the most frequent first, equally frequent ones as they come.

    pandas before 3 leaves the order of the equally frequent to the processor.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.wording import count_each
    >>> count_each(pd.Series(["b", "c", "a", "c"])).to_dict()
    {'c': 2, 'b': 1, 'a': 1}
    """
    return column.value_counts(sort=False).sort_values(ascending=False, kind="stable")


def outcome_words(outcome: str, *, n: int) -> str:
    """Return an outcome or a proof as a sentence about so many rows says it.

    Examples
    --------
    >>> from klikit_frames.wording import outcome_words
    >>> outcome_words("not_sent", n=2), outcome_words("differs", n=1), outcome_words("differs", n=2)
    ('not sent', 'differs', 'differ')
    """
    return "differ" if outcome == "differs" and n != 1 else outcome.replace("_", " ")


def plain_number(value: float) -> str:
    """Return a number as people write it, never with an exponent.

    Examples
    --------
    >>> from klikit_frames.wording import plain_number
    >>> plain_number(300.0), plain_number(1e6), plain_number(0.5)
    ('300', '1,000,000', '0.5')
    """
    return f"{value:,.15g}"


def duration(seconds: float) -> str:
    """Return how long something takes, rounded up.

    Examples
    --------
    >>> from klikit_frames.wording import duration
    >>> duration(0.2), duration(400), duration(9000)
    ('1 s', '7 min', '2.5 h')
    """
    if seconds < 120:
        return f"{ceil(seconds)} s"
    if seconds < 7200:
        return f"{ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


# How many digits of a long id are shown; any prefix that is the only one of its kind is taken back.
SHORT_ID = 8


def time_ago(moment: datetime, *, now: datetime) -> str:
    """Return how long ago a moment was; the day, beyond a month.

    Examples
    --------
    >>> from datetime import datetime, timedelta, UTC
    >>> from klikit_frames.wording import time_ago
    >>> now = datetime(2026, 3, 9, 12, tzinfo=UTC)
    >>> [time_ago(now - timedelta(seconds=s), now=now) for s in (5, 300, 7200, 200_000, 9_000_000)]
    ['just now', '5 min ago', '2 h ago', '2 days ago', '2025-11-25']
    """
    seconds = (now - moment).total_seconds()
    if seconds < 0 or seconds >= 31 * 86_400:
        return moment.strftime("%Y-%m-%d")
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {'day' if (unit, n) == ('days', 1) else unit} ago"
    return "just now"


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
    >>> from klikit_frames.wording import visible_text
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
