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


def are_sound_prices(cells: set[Pair], prices: Mapping[Pair, float], limits: tuple[int, int, int]) -> bool:
    """Whether no request within the caps is worth more than 1, so that no fewer than their sum can do.

    `limits` are the most rows, columns and cells of a request; tries all sets of rows that share a column.
    """
    held: dict[frozenset[int], set[int]] = {frozenset(): {column for _, column in cells}}
    for row in sorted({row for row, _ in cells}):
        own = {column for column in held[frozenset()] if (row, column) in cells}
        held |= {rows | {row}: both for rows, columns in held.items() if (both := columns & own)}
    for rows, columns in held.items():
        worths = sorted((sum(prices[row, column] for row in rows) for column in columns), reverse=True)
        n_columns = min(limits[1], limits[2] // max(len(rows), 1))
        if len(rows) <= limits[0] and sum(worths[:n_columns]) > 1 + 1e-9:
            return False
    return set(prices) <= cells
