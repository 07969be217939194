"""Words for people: counts with their nouns, and short ids."""

from __future__ import annotations

# What entities are called in sentences, dishes first.
PLURALS = {
    "item": ("dish", "dishes"),
    "category": ("category", "categories"),
    "section": ("section", "sections"),
}


def counted(n: int, one: str, *, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> from klikit_frames.wording import counted
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "entity", many="entities")
    ('1 row', '1,200 rows', '2 entities')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
