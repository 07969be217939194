"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from klikit_frames.planning.candidates import close_columns
from klikit_frames.planning.trims import Block, trim_overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from klikit_frames.planning.efforts import Effort
    from klikit_frames.planning.groups import Indexes
    from klikit_frames.planning.kernels import Bits
    from klikit_frames.planning.limits import Limits

    Gains = NDArray[np.float32]

_CHECK_CLOCK_EVERY = 16


def cover_capped(
    cells: Bits, weights: tuple[Indexes, Indexes], columns: Bits, *, limits: Limits, effort: Effort, most: int
) -> list[Block] | None:
    """Return blocks within the caps that cover the table, greedily by the cells that each one adds.

    Parameters
    ----------
    cells : array of bool
        The table; no row or column weighs more than the caps allow.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    columns : array of bool
        Column sets of rectangles to take the blocks from; together they cover the table.
    limits : Limits
        The caps.
    effort : Effort
        Gives up when it is over.
    most : int
        Gives up above so many blocks.
    """
    pool = close_columns(cells, columns)
    left = np.multiply.outer(*weights).astype(np.float32) * cells
    wholes = [Block(np.flatnonzero(rows), np.flatnonzero(held)) for rows, held in zip(*pool, strict=True)]
    heap = [(-float(left[whole.inside].sum()), number) for number, whole in enumerate(wholes)]
    heapq.heapify(heap)
    found: list[Block] = []
    while heap and left.any():
        if len(found) >= most or (len(found) % _CHECK_CLOCK_EVERY == 0 and effort.is_over):
            return None
        number = heapq.heappop(heap)[1]
        block, gain = _best_inside(wholes[number], left, weights, limits)
        effort.work(20.0 * wholes[number].rows.size * wholes[number].columns.size)
        if gain <= 0:
            continue
        # What others can add only shrinks, so whoever still leads after a fresh look is the best.
        if not heap or gain >= -heap[0][0]:
            found.append(block)
            left[block.inside] = 0
        heapq.heappush(heap, (-gain, number))
    return None if left.any() else trim_overlap(found, cells.shape)


def _best_inside(
    whole: Block, left: Gains, weights: tuple[Indexes, Indexes], limits: Limits
) -> tuple[Block, float]:
    """Return the block within the caps, inside a rectangle, that adds the most, and how much that is."""
    gains = left[whole.inside]
    row_weights, column_weights = weights[0][whole.rows], weights[1][whole.columns]
    best, best_gain = Block(whole.rows[:0], whole.columns[:0]), 0.0
    height, width = limits.grid(int(row_weights.sum()), int(column_weights.sum()))
    for rows_first in (True, False):
        if rows_first:
            rows = _heaviest(gains.sum(axis=1), row_weights, height)
            columns = _heaviest(gains[rows].sum(axis=0), column_weights, width)
        else:
            columns = _heaviest(gains.sum(axis=0), column_weights, width)
            rows = _heaviest(gains[:, columns].sum(axis=1), row_weights, height)
        gain = float(gains[rows[:, None], columns].sum())
        if gain > best_gain:
            best, best_gain = Block(whole.rows[rows], whole.columns[columns]), gain
    return best, best_gain


def _heaviest(gains: Gains, weights: Indexes, cap: int) -> Indexes:
    """Return the numbers with the most gain per weight, as many as the cap holds, in order."""
    order = np.argsort(-gains / weights, kind="stable")
    order = order[gains[order] > 0]
    filled = np.cumsum(weights[order])
    return np.sort(order[filled <= cap])
