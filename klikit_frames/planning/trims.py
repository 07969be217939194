"""The same cover with less overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from klikit_frames.planning.groups import Indexes
    from klikit_frames.planning.kernels import Bits

    Counts = NDArray[np.int32]


class Block(NamedTuple):
    """Rows times columns of one table, by their numbers."""

    rows: Indexes
    columns: Indexes

    @property
    def inside(self) -> tuple[Indexes, Indexes]:
        """An index for the block's cells."""
        return self.rows[:, None], self.columns

    @property
    def n_cells(self) -> int:
        """How many cells the block has."""
        return len(self.rows) * len(self.columns)


def trim_overlap(blocks: list[Block], shape: tuple[int, int]) -> list[Block]:
    """Return the cover without the rows and columns of blocks that other blocks have.

    The block with the most overlap gives first; a block left with nothing is dropped.

    Parameters
    ----------
    blocks : list of Block
        A cover.
    shape : tuple of int
        Of the table.
    """
    times = np.zeros(shape, dtype=np.int32)
    for block in blocks:
        times[block.inside] += 1
    surplus = [int((times[block.inside] > 1).sum()) for block in blocks]
    trimmed = list(blocks)
    for number in sorted(range(len(blocks)), key=lambda each: -surplus[each]):
        if surplus[number]:
            trimmed[number] = _trimmed(blocks[number], times)
    return [block for block in trimmed if len(block.rows) and len(block.columns)]


def _trimmed(block: Block, times: Counts) -> Block:
    """Take rows first or columns first, whichever leaves less, and note it in `times`."""
    is_spare = times[block.inside] > 1
    by_rows = _spared(is_spare)
    by_columns = _spared(is_spare.T)[::-1]
    rows, columns = min(by_rows, by_columns, key=lambda kept: int(kept[0].sum()) * int(kept[1].sum()))
    left = Block(block.rows[rows], block.columns[columns])
    times[block.inside] -= 1
    times[left.inside] += 1
    return left


def _spared(is_spare: Bits) -> tuple[Bits, Bits]:
    """Drop the rows that are spare as a whole, then the columns that are spare in the rows left."""
    rows: Bits = ~np.all(is_spare, axis=1)
    columns: Bits = ~np.all(is_spare[rows], axis=0)
    return rows, columns
