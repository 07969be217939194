"""Whether prices, blocks apart, or mere counting prove a bound under caps; shares no code with the search."""

from __future__ import annotations

from typing import Any

import numpy as np

# What a request may be worth: prices are whole numbers, so that nothing is rounded.
UNIT = 2**40


Caps = tuple[int, int, int]


def bound_by_counting(cells: np.ndarray, caps: Caps) -> int:
    """Return how few requests hold all cells: each row needs some, and a request holds only so many rows."""
    of_rows, of_columns = -(-cells.sum(axis=1) // caps[1]), -(-cells.sum(axis=0) // caps[0])
    totals = zip((cells.sum(), of_rows.sum(), of_columns.sum()), (caps[2], caps[0], caps[1]), strict=True)
    return max(-(-int(total) // most) for total, most in totals)


def bound_by_blocks_apart(cells: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]], caps: Caps) -> int:
    """Return how few requests hold the blocks, all of them full; 0 if a request may have cells of two."""
    for number, (rows, columns) in enumerate(blocks):
        meets = any(
            cells[np.ix_(rows, other_columns)].any() and cells[np.ix_(other_rows, columns)].any()
            for other_rows, other_columns in blocks[:number]
        )
        if meets or not cells[np.ix_(rows, columns)].all():
            return 0
    return sum(bound_by_counting(cells[np.ix_(*block)], caps) for block in blocks)


def bound_by_prices_under_caps(
    cells: np.ndarray, prices: np.ndarray, sizes: tuple[np.ndarray, np.ndarray], caps: Caps
) -> int:
    """Return how few requests within the caps are needed, by prices of which none may be worth over `UNIT`.

    The table is one of classes of equal lines, `sizes` tells how many lines each class has, and `prices` what
    a single cell is worth; `caps` are the most rows, columns and cells of a request. A request has a first
    row with a price, and so it lies in that row's columns. 0 where some may be worth more.
    """
    order = np.argsort(cells @ sizes[1], kind="stable")
    for number, row in enumerate(order):
        columns = np.flatnonzero(cells[row])
        others = order[number + 1 :]
        rows = np.concatenate([[row], others[prices[np.ix_(others, columns)].any(axis=1)]])
        if prices[row].any() and _has_dear(cells, prices, sizes, caps, (rows, columns)):
            return 0
    total = sum((prices.astype(object) @ sizes[1].astype(object)) * sizes[0].astype(object))
    return -(-int(total) // UNIT) if (prices >= 0).all() and not prices[~cells].any() else 0


def _has_dear(
    cells: np.ndarray,
    prices: np.ndarray,
    sizes: tuple[np.ndarray, np.ndarray],
    caps: Caps,
    region: tuple[np.ndarray, np.ndarray],
) -> bool:
    """Whether a request in these rows, the first among them, and columns may be worth more than `UNIT`."""
    regions: list[Any] = [(*region, 1, min(caps[0], int(sizes[0].sum())))]
    while regions:
        rows, columns, low, high = regions.pop()
        first, wide = rows[0], min(caps[1], caps[2] // low)
        while True:
            inside, worths = cells[np.ix_(rows, columns)], prices[np.ix_(rows, columns)]
            of_rows = _most(worths, sizes[1][columns], wide)
            of_columns = _most(worths.T, sizes[0][rows], high)
            with_row = _most(inside * of_columns, sizes[1][columns], wide)
            with_column = _most(inside.T * of_rows, sizes[0][rows], high)
            keeps = (with_row > UNIT) & (worths.any(axis=1)), (with_column > UNIT) & (worths.any(axis=0))
            if all(kept.all() for kept in keeps):
                break
            rows, columns = rows[keeps[0]], columns[keeps[1]]
        is_out = not inside.size or rows[0] != first
        if is_out or _is_cheap(worths, rows, columns, sizes, caps[2]):
            continue
        if not inside.all():
            by_row = np.minimum(of_rows * np.minimum(sizes[0][rows], high), ~inside @ of_columns)
            by_column = np.minimum(of_columns * np.minimum(sizes[1][columns], wide), of_rows @ ~inside)
            row, column = int(by_row.argmax()), int(by_column.argmax())
            if by_row[row] >= by_column[column]:
                regions += [(np.delete(rows, row), columns, low, high)] if row else []
                regions += [(rows, columns[inside[row]], low, high)]
            else:
                regions += [(rows, np.delete(columns, column), low, high)]
                regions += [(rows[inside[:, column]], columns, low, high)]
        elif low < high and high * wide > caps[2]:
            middle = int(np.sqrt(low * high))
            regions += [(rows, columns, low, middle), (rows, columns, middle + 1, high)]
        else:
            return True
    return False


def _is_cheap(worths: np.ndarray, rows: np.ndarray, columns: np.ndarray, sizes: Any, most: int) -> bool:
    """Whether no so many cells are worth more than `UNIT`, wherever they are."""
    weights = np.multiply.outer(sizes[0][rows], sizes[1][columns]).ravel()
    return bool(_most(worths.reshape(1, -1), weights, most)[0] <= UNIT)


def _most(worths: np.ndarray, weights: np.ndarray, cap: int) -> np.ndarray:
    """Return for each line the most that things of so much weight are worth, taken up to the cap."""
    order = np.argsort(-worths, axis=1)
    heavy = weights[order]
    taken = np.clip(cap - (np.cumsum(heavy, axis=1) - heavy), 0, heavy)
    return (np.take_along_axis(worths, order, axis=1) * taken).sum(axis=1)
