"""What can be ticked: the rows of a picker, each with the words to find it by. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError

Key = tuple[str | int, int]
Mask = npt.NDArray[np.bool_]
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """Return `text` as searched: case and accents aside.

    Examples
    --------
    >>> from klikit_frames.forms.listings import fold
    >>> fold("Crème BRÛLÉE")
    'creme brulee'
    """
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def token(key: Key) -> str:
    """Return `key` as the page names it; an id above 2^53 would not survive as a number there.

    Examples
    --------
    >>> from klikit_frames.forms.listings import token
    >>> token(("item", 289379))
    'item:289379'
    """
    return f"{key[0]}:{key[1]}"


@dataclass(frozen=True, eq=False)
class Column:
    """One shown column: its label, a text per row, and what to sort it by."""

    label: str
    texts: Sequence[str]
    ranks: Sequence[object] | None = None

    @cached_property
    def order(self) -> list[int]:
        """Row positions in this column's order; equal rows keep theirs."""
        ranks: Sequence[object] = self.ranks or [fold(text) for text in self.texts]
        rank: Callable[[int], object] = ranks.__getitem__
        return sorted(range(len(ranks)), key=rank)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Facet:
    """One filter: its label, and per row the choices that the row belongs to."""

    label: str
    members: Sequence[frozenset[str]]
    masks: dict[str, Mask] = field(default_factory=dict)

    @cached_property
    def choices(self) -> list[str]:
        """Every choice, in reading order."""
        return sorted(set().union(*self.members), key=fold)

    def mask(self, choice: str) -> Mask:
        """Return which rows belong to `choice`."""
        if choice not in self.masks:
            found = (choice in member for member in self.members)
            self.masks[choice] = np.fromiter(found, dtype=bool, count=len(self.members))
        return self.masks[choice]


@dataclass(frozen=True, eq=False)
class Listing:
    """The rows of one picker.

    Parameters
    ----------
    noun : str
        What the rows are, in the plural.
    keys : sequence of tuple
        Identity of each row; unique.
    columns : mapping of str to Column
    facets : mapping of str to Facet
    words : sequence of str
        Folded text per row that a search looks into.
    """

    noun: str
    keys: Sequence[Key]
    columns: Mapping[str, Column]
    facets: Mapping[str, Facet]
    words: Sequence[str]

    @cached_property
    def positions(self) -> dict[Key, int]:
        """Where each key stands."""
        return {key: position for position, key in enumerate(self.keys)}

    @cached_property
    def by_token(self) -> dict[str, Key]:
        """The key that each of the page's tokens means."""
        return {token(key): key for key in self.keys}

    def search(self, text: str) -> Mask:
        """Return which rows hold every word of `text`."""
        wanted = fold(text).split()
        found = (all(word in line for word in wanted) for line in self.words)
        return np.fromiter(found, dtype=bool, count=len(self.words))


def check_page_size(size: int) -> int:
    """Return `size` if a page can have so many rows, else raise `ConfigError`."""
    if size < 1:
        raise ConfigError(f"A page has 1 row or more, not {size!r}.")
    return size


def search_words(columns: Iterable[Sequence[str]]) -> list[str]:
    """Return one folded line per row, out of all `columns`."""
    return [fold(" ".join(texts)) for texts in zip(*columns, strict=True)]
