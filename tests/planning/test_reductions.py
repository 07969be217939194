"""Twins merged, unconnected parts split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.groups import Group, split_groups
from klikit_frames.planning.reductions import merge_twins, split_components
from tests.planning.tables import toggles_of

tables = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(lambda shape: arrays(bool, shape))


def group_of(cells: np.ndarray) -> Group:
    """Return the one group that a table of cells makes."""
    toggles = kf.read_toggles(toggles_of(cells))
    return split_groups(toggles, np.ones(len(toggles), dtype=bool))[0]


@settings(max_examples=50, deadline=None)
@given(tables.filter(np.any))
def test_merge_twins__exact(cells: np.ndarray) -> None:
    """The merged cells, written out again, are the group's cells; no two classes are equal."""
    group = group_of(cells)
    table = merge_twins(group)
    written = [
        entity * len(group.stores) + store
        for row, column in zip(table.rows, table.columns, strict=True)
        for entity in table.entities.expand(np.array([row]))
        for store in table.stores.expand(np.array([column]))
    ]
    assert sorted(written) == group.cells.tolist()
    merged = np.zeros((len(table.entities.sizes), len(table.stores.sizes)), dtype=bool)
    merged[table.rows, table.columns] = True
    assert len(np.unique(merged, axis=0)) == len(merged)
    assert len(np.unique(merged.T, axis=0)) == len(merged.T)


def test_merge_twins__collision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks that collide, however unlikely, are found out: no cell is ever added."""

    class Constant:
        def __init__(self, _: int) -> None:
            pass

        def integers(self, _: int, *, size: int, dtype: type) -> np.ndarray:
            return np.ones(size, dtype=dtype)

    group = group_of(np.eye(3, dtype=bool))
    monkeypatch.setattr(np.random, "default_rng", Constant)
    with pytest.raises(kf.PlanError, match="their sets collide"):
        merge_twins(group)


def test_split_parts__chain_of_cells() -> None:
    """A long chain is one part, a cell of its own another; parts come in the order of their rows."""
    cells = np.eye(40, 41, dtype=bool) | np.eye(40, 41, k=1, dtype=bool)
    both = np.zeros((41, 42), dtype=bool)
    both[1:, 1:], both[0, 0] = cells, True
    table = merge_twins(group_of(both))
    assert [len(part) for part in split_components(table)] == [1, 80]
