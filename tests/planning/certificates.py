"""What proves that a table takes so many rectangles and no fewer; to be read in a minute."""

from __future__ import annotations

from collections.abc import Iterable

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
