"""The shared words: places, targets, cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klikit_frames.frames.schemas import OUTCOMES
from klikit_frames.model import Business, Cell, Outcome, Stores, Target

STORES = ((663, 1062), (663, 1063))


def test_stores__are_at_least_one() -> None:
    """An empty list of stores cannot be made, so it is never read as everywhere."""
    with pytest.raises(ValueError, match="at least one"):
        Stores(())


def test_target__business_level_has_one_cell_an_id() -> None:
    """A business-wide write touches one flag of each entity, without a store."""
    target = Target("item", (1, 2), Business(), is_enabled=False)
    assert list(target.cells()) == [Cell("item", 1, None, None), Cell("item", 2, None, None)]
    assert (target.n_cells, target.stores, target.scope.name) == (2, (), "business")


def test_target__stores_are_crossed_with_ids() -> None:
    """A write to stores touches each entity in each of them, by id and then by store."""
    target = Target("item", (1, 2), Stores(STORES), is_enabled=False)
    expected = [Cell("item", entity_id, *store) for entity_id in (1, 2) for store in STORES]
    assert list(target.cells()) == expected
    assert (target.stores, target.scope.name) == (STORES, "store")


def test_target__cannot_lose_all_its_stores() -> None:
    """Narrowing to no store is an error, not a write everywhere."""
    with pytest.raises(ValueError, match="at least one"):
        Target("item", (1,), Stores(STORES), is_enabled=True).with_stores([])


@given(
    ids=st.lists(st.integers(1, 10**9), min_size=1, unique=True),
    stores=st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1, unique=True),
)
def test_target__counts_its_cells(ids: list[int], stores: list[tuple[int, int]]) -> None:
    """The number of cells is the number that is handed out, whole and in part."""
    target = Target("section", tuple(ids), Stores(tuple(stores)), is_enabled=True)
    for part in (target, target.with_ids(ids[:1]), target.with_stores(stores[:1])):
        assert part.n_cells == len(set(part.cells()))
        assert set(part.cells()) <= set(target.cells())


def test_outcome__words_are_those_of_results() -> None:
    """The enum and the column of results know the same six words, in one order."""
    assert tuple(Outcome) == OUTCOMES
