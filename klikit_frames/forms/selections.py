"""What is ticked, apart from what is shown: search, filters, order and page never change it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from .item_index import ItemIndex, Key, check_page_size, token

UNDO_DEPTH = 100


@dataclass(frozen=True)
class View:
    """How the rows are shown: search, filters, order and page."""

    text: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    is_descending: bool = False
    page: int = 1


class Selection:
    """A set of keys out of an index, and one view of that index.

    Touches neither network nor disk.

    Parameters
    ----------
    index : ItemIndex
        What can be ticked.
    page_size : int
        Rows on one page.

    Examples
    --------
    >>> from klikit_frames.forms.item_index import Column, ItemIndex
    >>> index = ItemIndex("fruit", [("item", 1), ("item", 2)], {"title": Column("Title", ["Fig", "Pear"])},
    ...                   {}, ["fig", "pear"])
    >>> selection = Selection(index)
    >>> selection.search("pear")
    >>> selection.tick_matching()
    >>> selection.ticked
    {('item', 2)}
    """

    def __init__(self, index: ItemIndex, *, page_size: int = 25) -> None:
        self.index = index
        self.page_size = check_page_size(page_size)
        self.ticked: set[Key] = set()
        self.n_changes = 0
        self._changes: deque[frozenset[Key]] = deque(maxlen=UNDO_DEPTH)
        self._view = View()
        self._matching = self._match()

    @property
    def view(self) -> View:
        """How the rows are shown now."""
        return self._view

    @property
    def n_matching(self) -> int:
        """Rows that pass the search and every filter."""
        return len(self._matching)

    @property
    def n_pages(self) -> int:
        """How many pages the matching rows fill, at least one."""
        return max(1, -(-len(self._matching) // self.page_size))

    @property
    def n_hidden(self) -> int:
        """Ticked rows that the search or a filter hides."""
        return len(self.ticked) - len(self.ticked & self._matching_keys)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._changes)

    @property
    def in_order(self) -> list[Key]:
        """The ticked keys, in the index's own order."""
        return sorted(self.ticked, key=self.index.positions.__getitem__)

    @property
    def page_positions(self) -> list[int]:
        """The index's positions on the page that is shown."""
        start = (self._view.page - 1) * self.page_size
        return self._matching[start : start + self.page_size]

    @property
    def _page_keys(self) -> set[Key]:
        return {self.index.keys[position] for position in self.page_positions}

    def search(self, text: str) -> None:
        """Show only rows that hold every word of `text`."""
        self._look(text=text, page=1)

    def narrow(self, facet: str, *, choice: str) -> None:
        """Show only rows of `choice`; an empty choice lifts the filter."""
        filters = {**dict(self._view.filters), facet: choice}
        kept = tuple((name, value) for name, value in filters.items() if value and name in self.index.facets)
        self._look(filters=kept, page=1)

    def sort(self, column: str) -> None:
        """Order the rows by `column`; a second time turns the order round."""
        if column in self.index.columns:
            again = column == self._view.sort and not self._view.is_descending
            self._look(sort=column, is_descending=again, page=1)

    def turn(self, page: int) -> None:
        """Show another page; numbers outside the pages mean the nearest one."""
        self._view = replace(self._view, page=min(max(page, 1), self.n_pages))

    def tick(self, key: Key, *, is_ticked: bool) -> None:
        """Tick or untick one row; a key that is not listed changes nothing."""
        if key in self.index.positions and (key in self.ticked) != is_ticked:
            self._change({key})

    def tick_page(self) -> None:
        """Tick every row of this page."""
        self._change(self._page_keys - self.ticked)

    def tick_matching(self) -> None:
        """Tick every row that matches, on all pages."""
        self._change(self._matching_keys - self.ticked)

    def invert(self) -> None:
        """Tick what matches and is not ticked, untick what matches and is; hidden rows stay as they are."""
        self._change(self._matching_keys)

    def clear(self) -> None:
        """Untick everything, hidden rows included."""
        self._change(self.ticked)

    def replace(self, keys: Iterable[Key]) -> None:
        """Tick exactly `keys`; those that are not listed are left out."""
        self._change(self.ticked ^ (set(keys) & self.index.positions.keys()))

    def set_index(self, index: ItemIndex) -> None:
        """Show other texts and filters of the same rows; what is ticked and the view stay."""
        self.index = index
        self._look()
        self.turn(self._view.page)

    def undo(self) -> None:
        """Take back the last change of what is ticked; the view stays."""
        if self._changes:
            self._flip(self._changes.pop())

    def _change(self, keys: Iterable[Key]) -> None:
        changed = frozenset(keys)
        if changed:
            self._changes.append(changed)
            self._flip(changed)

    def _flip(self, keys: frozenset[Key]) -> None:
        self.ticked = self.ticked ^ keys
        self.n_changes += 1

    def _look(self, **changes: object) -> None:
        self._view = replace(self._view, **changes)  # type: ignore[arg-type]
        self._matching = self._match()

    def _match(self) -> list[int]:
        mask = self.index.search(self._view.text)
        for name, choice in self._view.filters:
            mask &= self.index.facets[name].mask(choice)
        self._matching_keys = {self.index.keys[position] for position in np.flatnonzero(mask).tolist()}
        return self._arrange(mask.tolist())

    def _arrange(self, mask: list[bool]) -> list[int]:
        if not self._view.sort:
            return [position for position, is_in in enumerate(mask) if is_in]
        order = self.index.columns[self._view.sort].order
        turned = reversed(order) if self._view.is_descending else order
        return [position for position in turned if mask[position]]


def page_rows(selection: Selection) -> list[dict[str, object]]:
    """Return the rows of the shown page as plain values: token, texts, and a mark if ticked."""
    index = selection.index
    return [
        {
            "key": token(index.keys[position]),
            "cells": [column.texts[position] for column in index.columns.values()],
            **({"ticked": True} if index.keys[position] in selection.ticked else {}),
        }
        for position in selection.page_positions
    ]


def view_dict(selection: Selection) -> dict[str, object]:
    """Return the view of `selection` as plain values."""
    view = vars(selection.view) | {"filters": dict(selection.view.filters)}
    counts = {"n_pages": selection.n_pages, "n_matching": selection.n_matching}
    return {**view, **counts, "can_undo": selection.can_undo}


def summary(selection: Selection) -> str:
    """Say in one sentence how much is ticked, how much of that is hidden, and how much matches."""
    index = selection.index
    elsewhere = len(selection.ticked) - selection.n_hidden - len(selection.ticked & selection._page_keys)
    hidden = f", {selection.n_hidden:,} of them hidden by the search or filters" if selection.n_hidden else ""
    other = f", {elsewhere:,} on other pages" if elsewhere else ""
    ticked = f"{len(selection.ticked):,} ticked{hidden}{other}"
    if not index.keys:
        return f"There are no {index.noun} to tick."
    if not selection.n_matching:
        return f"{ticked}. No {index.noun} match: change the search or a filter."
    return f"{ticked}. {selection.n_matching:,} of {len(index.keys):,} {index.noun} match."
