"""What proves that a table takes so many rectangles and no fewer; to be read in a minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pair = tuple[int, int]


def is_cover(cells: set[Pair], rectangles: Iterable[tuple[Iterable[int], Iterable[int]]]) -> bool:
    """Whether the rectangles hold exactly the cells, so that no more of them are needed."""
    return {(row, column) for rows, columns in rectangles for row in rows for column in columns} == cells


def is_fooling_set(cells: set[Pair], chosen: list[Pair]) -> bool:
    """Whether no two of the chosen cells fit into one rectangle, so that no fewer rectangles can do."""
    return set(chosen) <= cells and not any(
        (row, other_column) in cells and (other_row, column) in cells
        for number, (row, column) in enumerate(chosen)
        for other_row, other_column in chosen[:number]
    )


def bound_by_prices(cells: set[Pair], prices: Mapping[Pair, int], required: set[Pair] | None = None) -> int:
    """Return how few rectangles cover the required cells, by prices of some of them; 0 if others have one.

    Cells fit into one rectangle if any two of them do. A cover is worth the sum of the prices, so it has at
    least this sum divided by what the dearest rectangle is worth; cells no chain of fits joins count apart.
    """
    if not set(prices) <= (cells if required is None else required) or min(prices.values(), default=0) < 1:
        return 0
    fits = {
        (row, column): {other for other in prices if (row, other[1]) in cells and (other[0], column) in cells}
        for row, column in prices
    }
    bound, left = 0, set(prices)
    while left:
        part, fresh = set(), {left.pop()}
        while fresh:
            part |= fresh
            fresh = set().union(*(fits[pair] for pair in fresh)) - part
        left -= part
        bound -= -sum(prices[pair] for pair in part) // _dearest(part, fits, prices, 0, 0)
    return bound


def _dearest(
    left: set[Pair], fits: Mapping[Pair, set[Pair]], prices: Mapping[Pair, int], worth: int, best: int
) -> int:
    """Return what the dearest set of cells is worth, any two of which fit; `worth` is taken already."""
    left, best = set(left), max(best, worth)
    if left and worth + sum(prices[pair] for pair in left) > best:
        most = max(left, key=lambda pair: len(fits[pair] & left))
        # Whatever fits with all the others takes this one too: so it is tried, and what does not fit with it.
        for cell in [most, *(left - fits[most])]:
            left.remove(cell)
            best = _dearest(left & fits[cell], fits, prices, worth + prices[cell], best)
    return best


def are_sound_prices(cells: set[Pair], prices: Mapping[Pair, float], limits: tuple[int, int, int]) -> bool:
    """Whether no request within the caps is worth more than 1, so that no fewer than their sum can do.

    `limits` are the most rows, columns and cells of a request; tries all sets of rows that share a column.
    """
    shared: dict[frozenset[int], set[int]] = {frozenset(): {column for _, column in cells}}
    for row in sorted({row for row, _ in cells}):
        of_row = {column for column in shared[frozenset()] if (row, column) in cells}
        shared |= {rows | {row}: both for rows, columns in shared.items() if (both := columns & of_row)}
    for rows, columns in shared.items():
        worths = sorted((sum(prices[row, column] for row in rows) for column in columns), reverse=True)
        n_columns = min(limits[1], limits[2] // max(len(rows), 1))
        if len(rows) <= limits[0] and sum(worths[:n_columns]) > 1 + 1e-9:
            return False
    return set(prices) <= cells
