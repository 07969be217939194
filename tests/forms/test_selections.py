"""The selection: what is ticked is exactly what comes out."""

from __future__ import annotations

import random

import pytest

from klikit_frames.forms.selections import Selection, page_rows, summary
from tests.forms.selection_oracle import STEPS, Model, fruit


@pytest.fixture
def selection() -> Selection:
    """Hundred rows, ten to a page."""
    return Selection(fruit(100), page_size=10)


def test_selection__ten_thousand_steps() -> None:
    """After each of 10,000 random steps, what is ticked, shown and hidden is what a plain model says."""
    selection, dice = Selection(fruit(100), page_size=10), random.Random(7)
    model = Model(selection.index, page_size=10)
    for _ in range(10_000):
        dice.choice(STEPS)(selection, model, dice)
        assert selection.ticked == model.ticked
        assert [selection.index.keys[p] for p in selection.page_positions] == model.shown
        assert selection.n_hidden == len(model.ticked - set(model.matching))
        assert selection.n_matching == len(model.matching)


def test_selection__survives_filters(selection: Selection) -> None:
    """A tick stays when its row is filtered away, and the count of hidden ticks says so."""
    selection.tick(("item", 0), is_ticked=True)
    selection.narrow("size", choice="large")
    assert selection.ticked == {("item", 0)}
    assert summary(selection) == "1 ticked, 1 of them hidden by the search or filters. 66 of 100 fruit match."


def test_selection__in_order(selection: Selection) -> None:
    """What comes out keeps the order of the index, however it was ticked and sorted."""
    selection.sort("id")
    selection.sort("id")
    for number in (70, 3, 41):
        selection.tick(("item", number), is_ticked=True)
    assert selection.in_order == [("item", 3), ("item", 41), ("item", 70)]


def test_selection__search_is_kind(selection: Selection) -> None:
    """A search looks for every word, case and accents aside."""
    selection.search("FRÜIT  3 a")
    assert {selection.index.words[p] for p in selection.page_positions} == {"fruit a 3"}


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
