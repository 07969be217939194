"""A selection as plain as can be, and the steps of the fuzz: each does one thing to both."""

from __future__ import annotations

import random

from klikit_frames.forms.item_index import Column, Facet, ItemIndex, Key
from klikit_frames.forms.selections import Selection

SIZES = ["small", "large"]
TEXTS = ["", "a", "b 3", "fruit 6", "nothing"]


def fruit(n: int) -> ItemIndex:
    """Return `n` rows with repeated titles and two sizes."""
    titles = [f"fruit {'ab'[i % 2]} {i % 7}" for i in range(n)]
    columns = {
        "title": Column("Title", titles),
        "id": Column("Id", [str(i) for i in range(n)], list(range(n))),
    }
    facets = {"size": Facet("Size", [frozenset({SIZES[i % 3 > 0]}) for i in range(n)])}
    return ItemIndex("fruit", [("item", i) for i in range(n)], columns, facets, titles)


class Model:
    """The rows as a list that is looked through each time, and every state that was ever ticked."""

    def __init__(self, index: ItemIndex, *, page_size: int) -> None:
        sizes = [next(iter(member)) for member in index.facets["size"].members]
        self.rows = list(zip(index.keys, index.words, sizes, strict=True))
        self.page_size = page_size
        self.text, self.size, self.sort, self.is_descending, self.page = "", "", "", False, 1
        self.history: list[set[Key]] = [set()]

    @property
    def ticked(self) -> set[Key]:
        """What is ticked now."""
        return self.history[-1]

    @property
    def matching(self) -> list[Key]:
        """What the search and the filter let through, in order."""
        rows = [row for row in self.rows if all(word in row[1] for word in self.text.split())]
        rows = [row for row in rows if not self.size or row[2] == self.size]
        if self.sort:
            rows.sort(
                key=lambda row: (row[1] if self.sort == "title" else "", row[0]), reverse=self.is_descending
            )
        return [row[0] for row in rows]

    @property
    def shown(self) -> list[Key]:
        """What is on the page."""
        return self.matching[(self.page - 1) * self.page_size :][: self.page_size]

    def note(self, ticked: set[Key]) -> None:
        """Take over what is ticked; undo goes back 100 changes."""
        if ticked != self.ticked:
            self.history = [*self.history[-100:], ticked]


def search(selection: Selection, model: Model, dice: random.Random) -> None:
    """Search for something, or for nothing."""
    model.text, model.page = dice.choice(TEXTS), 1
    selection.search(model.text)


def narrow(selection: Selection, model: Model, dice: random.Random) -> None:
    """Filter by a size, or lift the filter."""
    model.size, model.page = dice.choice(["", *SIZES]), 1
    selection.narrow("size", choice=model.size)


def sort(selection: Selection, model: Model, dice: random.Random) -> None:
    """Order by a column."""
    column = dice.choice(["title", "id"])
    model.is_descending = column == model.sort and not model.is_descending
    model.sort, model.page = column, 1
    selection.sort(column)


def turn(selection: Selection, model: Model, dice: random.Random) -> None:
    """Go to a page that is there or not."""
    page = dice.randrange(-1, 14)
    model.page = min(max(page, 1), max(1, -(-len(model.matching) // model.page_size)))
    selection.turn(page)


def tick(selection: Selection, model: Model, dice: random.Random) -> None:
    """Tick or untick a row that is listed or not."""
    key, is_ticked = ("item", dice.randrange(-2, 100)), dice.random() < 0.6
    changed = {key} & {row[0] for row in model.rows}
    model.note(model.ticked | changed if is_ticked else model.ticked - changed)
    selection.tick(key, is_ticked=is_ticked)


def tick_page(selection: Selection, model: Model, _: random.Random) -> None:
    """Tick the page."""
    model.note(model.ticked | set(model.shown))
    selection.tick_page()


def tick_matching(selection: Selection, model: Model, _: random.Random) -> None:
    """Tick all that match."""
    model.note(model.ticked | set(model.matching))
    selection.tick_matching()


def invert(selection: Selection, model: Model, _: random.Random) -> None:
    """Invert what matches."""
    model.note(model.ticked ^ set(model.matching))
    selection.invert()


def clear(selection: Selection, model: Model, _: random.Random) -> None:
    """Untick everything."""
    model.note(set())
    selection.clear()


def replace(selection: Selection, model: Model, dice: random.Random) -> None:
    """Tick exactly some rows, from Python."""
    some: set[Key] = {("item", dice.randrange(100)) for _ in range(5)}
    model.note(some)
    selection.replace([*some, ("item", 12345)])


def undo(selection: Selection, model: Model, _: random.Random) -> None:
    """Take the last change back."""
    model.history = model.history[:-1] or [set()]
    selection.undo()


STEPS = [
    search,
    narrow,
    sort,
    turn,
    tick,
    tick,
    tick,
    tick_page,
    tick_matching,
    invert,
    clear,
    replace,
    undo,
    undo,
]
