"""The selection: what is ticked is exactly what comes out."""

from __future__ import annotations

import random

import pytest

from klikit_frames.forms.listings import Column, Facet, Key, Listing
from klikit_frames.forms.selections import Selection, page_rows, summary

SIZES = ["small", "large"]


def fruit(n: int) -> Listing:
    titles = [f"fruit {'ab'[i % 2]} {i % 7}" for i in range(n)]
    columns = {
        "title": Column("Title", titles),
        "id": Column("Id", [str(i) for i in range(n)], list(range(n))),
    }
    facets = {"size": Facet("Size", [frozenset({SIZES[i % 3 > 0]}) for i in range(n)])}
    return Listing("fruit", [("item", i) for i in range(n)], columns, facets, titles)


@pytest.fixture
def selection() -> Selection:
    return Selection(fruit(100), page_size=10)


class Model:
    """The same selection as plain as can be: rows as a list of dicts, looked through each time."""

    def __init__(self, listing: Listing, *, page_size: int) -> None:
        self.rows = [
            {
                "key": key,
                "title": listing.words[i],
                "size": next(iter(listing.facets["size"].members[i])),
                "at": i,
            }
            for i, key in enumerate(listing.keys)
        ]
        self.page_size = page_size
        self.text, self.size, self.sort, self.is_descending, self.page = "", "", "", False, 1
        self.history: list[set[Key]] = [set()]

    @property
    def ticked(self) -> set[Key]:
        return self.history[-1]

    @property
    def matching(self) -> list[Key]:
        rows = [r for r in self.rows if all(word in r["title"] for word in self.text.split())]
        rows = [r for r in rows if not self.size or r["size"] == self.size]
        if self.sort:
            key = (lambda r: (r["title"], r["at"])) if self.sort == "title" else (lambda r: r["at"])
            rows.sort(key=key, reverse=self.is_descending)
        return [r["key"] for r in rows]

    @property
    def shown(self) -> list[Key]:
        return self.matching[(self.page - 1) * self.page_size :][: self.page_size]

    def note(self, ticked: set[Key]) -> None:
        if ticked != self.ticked:
            self.history.append(ticked)


def step(selection: Selection, model: Model, *, dice: random.Random) -> None:
    """Do one thing to both."""
    matching, key = set(model.matching), ("item", dice.randrange(-2, 100))
    kind = dice.choice(
        [
            "search",
            "filter",
            "sort",
            "turn",
            "tick",
            "tick",
            "tick",
            "page",
            "all",
            "invert",
            "clear",
            "undo",
            "replace",
        ]
    )
    if kind == "search":
        model.text, model.page = dice.choice(["", "a", "b 3", "fruit 6", "nothing"]), 1
        selection.search(model.text)
    elif kind == "filter":
        model.size, model.page = dice.choice(["", *SIZES]), 1
        selection.narrow("size", choice=model.size)
    elif kind == "sort":
        column = dice.choice(["title", "id"])
        model.is_descending = column == model.sort and not model.is_descending
        model.sort, model.page = column, 1
        selection.sort(column)
    elif kind == "turn":
        page = dice.randrange(-1, 14)
        model.page = min(max(page, 1), max(1, -(-len(matching) // model.page_size)))
        selection.turn(page)
    elif kind == "tick":
        is_ticked = dice.random() < 0.6
        known = {key} & {r["key"] for r in model.rows}
        model.note(model.ticked | known if is_ticked else model.ticked - known)
        selection.tick(key, is_ticked=is_ticked)
    elif kind == "page":
        model.note(model.ticked | set(model.shown))
        selection.tick_page()
    elif kind == "all":
        model.note(model.ticked | matching)
        selection.tick_matching()
    elif kind == "invert":
        model.note(model.ticked ^ matching)
        selection.invert()
    elif kind == "clear":
        model.note(set())
        selection.clear()
    elif kind == "replace":
        some = {("item", dice.randrange(100)) for _ in range(5)}
        model.note(some)
        selection.replace([*some, ("item", 12345)])
    elif len(model.history) > 1:
        model.history.pop()
        selection.undo()


def test_selection__ten_thousand_steps() -> None:
    """After each of 10,000 random steps, what is ticked, shown and hidden is what a plain model says."""
    selection, dice = Selection(fruit(100), page_size=10), random.Random(7)
    model = Model(selection.listing, page_size=10)
    for _ in range(10_000):
        step(selection, model, dice=dice)
        del model.history[:-101]
        assert selection.ticked == model.ticked
        assert [selection.listing.keys[p] for p in selection.page_positions] == model.shown
        assert selection.n_hidden == len(model.ticked - set(model.matching))
        assert selection.n_matching == len(model.matching)


def test_selection__survives_filters(selection: Selection) -> None:
    """A tick stays when its row is filtered away, and the count of hidden ticks says so."""
    selection.tick(("item", 0), is_ticked=True)
    selection.narrow("size", choice="large")
    assert selection.ticked == {("item", 0)}
    assert summary(selection) == "1 ticked, 1 of them hidden by the search or filters. 66 of 100 fruit match."


def test_selection__in_order(selection: Selection) -> None:
    """What comes out keeps the order of the listing, however it was ticked and sorted."""
    selection.sort("id")
    selection.sort("id")
    for number in (70, 3, 41):
        selection.tick(("item", number), is_ticked=True)
    assert selection.in_order == [("item", 3), ("item", 41), ("item", 70)]


def test_selection__search_is_kind(selection: Selection) -> None:
    """A search looks for every word, case and accents aside."""
    selection.search("FRÜIT  3 a")
    assert {selection.listing.words[p] for p in selection.page_positions} == {"fruit a 3"}


def test_summary__nothing_matches(selection: Selection) -> None:
    """A search that matches nothing says so, and what to change."""
    selection.search("nothing of the kind")
    assert summary(selection) == "0 ticked. No fruit match: change the search or a filter."
    assert page_rows(selection) == []


def test_summary__other_pages(selection: Selection) -> None:
    """Ticks that are only on other pages are counted apart from hidden ones."""
    selection.tick(("item", 99), is_ticked=True)
    assert summary(selection) == "1 ticked, 1 on other pages. 100 of 100 fruit match."


def test_selection__unknown_names_change_nothing(selection: Selection) -> None:
    """A column, a filter or a key that is not there changes nothing."""
    before = selection.view
    selection.sort("nope")
    selection.narrow("nope", choice="x")
    selection.tick(("item", 100), is_ticked=True)
    assert (selection.view, selection.ticked) == (before, set())
