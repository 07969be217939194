"""Tables of cells as frames of toggles, and the families of tables that the planner is measured on."""

from __future__ import annotations

import numpy as np
import pandas as pd


def toggles_of(cells: np.ndarray, *, entity_type: str = "item", is_enabled: bool = False) -> pd.DataFrame:
    """Return one toggle per true cell: rows are entities 101, 102 ..., columns are stores."""
    rows, columns = np.nonzero(cells)
    return pd.DataFrame(
        {
            "entity_type": pd.Series([entity_type] * len(rows), dtype="str"),
            "entity_id": rows + 101,
            "scope": pd.Series(["store"] * len(rows), dtype="str"),
            "brand_id": pd.array(columns // 10 + 1, dtype="Int64"),
            "branch_id": pd.array(columns + 11, dtype="Int64"),
            "is_enabled": np.full(len(rows), is_enabled),
        }
    )


def planted(n_rows: int, n_columns: int, count: int, *, share: float, seed: int) -> np.ndarray:
    """Return the union of `count` random rectangles, each of about `share` of the rows and columns."""
    draw = np.random.default_rng(seed)
    cells = np.zeros((n_rows, n_columns), dtype=bool)
    for _ in range(count):
        sides = [
            draw.choice(length, max(2, int(length * share * draw.uniform(0.4, 1.6))), replace=False)
            for length in (n_rows, n_columns)
        ]
        cells[np.ix_(*sides)] = True
    return cells


def chain(n_stores: int, n_entities: int, *, edits: float, seed: int, n_cities: int = 12) -> np.ndarray:
    """Return menus of stores that share their city's menu, with a share of cells edited locally."""
    draw = np.random.default_rng(seed)
    base = draw.random(n_entities) < 0.5
    menus = base ^ (draw.random((n_cities, n_entities)) < 0.15)
    cells = menus[draw.integers(n_cities, size=n_stores)]
    return (cells ^ (draw.random(cells.shape) < edits)).T


def stock_outs(n_stores: int, n_entities: int, *, seed: int, per_store: float = 10) -> np.ndarray:
    """Return dishes out of stock: a few a store, popular ones more often."""
    draw = np.random.default_rng(seed)
    shares = 1 / np.arange(1, n_entities + 1)
    cells = np.zeros((n_entities, n_stores), dtype=bool)
    for store in range(n_stores):
        size = max(1, draw.poisson(per_store))
        cells[draw.choice(n_entities, size, replace=False, p=shares / shares.sum()), store] = True
    return cells


def with_holes(n_rows: int, n_columns: int, count: int, *, seed: int) -> np.ndarray:
    """Return a full table without `count` random cells."""
    cells = np.ones((n_rows, n_columns), dtype=bool)
    cells.flat[np.random.default_rng(seed).choice(cells.size, count, replace=False)] = False
    return cells


def roles(n_users: int, n_permissions: int, count: int, *, seed: int) -> np.ndarray:
    """Return users by permissions as role-mining benchmarks make them: each user has some random roles."""
    draw = np.random.default_rng(seed)
    permissions = [draw.choice(n_permissions, draw.integers(3, 14), replace=False) for _ in range(count)]
    cells = np.zeros((n_users, n_permissions), dtype=bool)
    for user in range(n_users):
        for role in draw.choice(count, draw.integers(2, 10), replace=False):
            cells[user, permissions[role]] = True
    return cells


def planted_densely(n_rows: int, n_columns: int, count: int, *, side: int, seed: int) -> np.ndarray:
    """Return the union of `count` random rectangles of about `side` x `side`, most of them overlapping."""
    draw = np.random.default_rng(seed)
    cells = np.zeros((n_rows, n_columns), dtype=bool)
    for _ in range(count):
        high, wide = draw.integers(side // 2, side * 3 // 2 + 1, size=2)
        rows = draw.choice(n_rows, high, replace=False)
        cells[np.ix_(rows, draw.choice(n_columns, wide, replace=False))] = True
    return cells
