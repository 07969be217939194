"""Classes of equal lines cut into pieces, so that a request can carry part of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .groups import Indexes
    from .reductions import Bits


class Pieces:
    """The pieces of one side of a table; a piece can be cut further at any time.

    Parameters
    ----------
    sizes : array of int64
        How many members each class has.
    cap : int
        No piece has more.

    Attributes
    ----------
    class_of, starts, sizes : array of int64
        For each piece its class, the first of the class's members that it has, and how many it has.
    parents : list of int
        For each piece the one that it was cut from, or itself.
    """

    def __init__(self, sizes: Indexes, cap: int) -> None:
        places = [
            (number, start, min(cap, size - start))
            for number, size in enumerate(sizes.tolist())
            for start in range(0, size, cap)
        ]
        self.class_of, self.starts, self.sizes = np.array(places, dtype=np.int64).T.copy()
        self.parents = list(range(len(places)))

    def __len__(self) -> int:
        return len(self.parents)

    def cut(self, number: int, size: int) -> None:
        """Leave a piece its first `size` members; the others are a new piece, the last."""
        self.class_of = np.append(self.class_of, self.class_of[number])
        self.starts = np.append(self.starts, self.starts[number] + size)
        self.sizes = np.append(self.sizes, self.sizes[number] - size)
        self.sizes[number] = size
        self.parents.append(number)

    def counted(self, chosen: Indexes) -> tuple[Indexes, Indexes]:
        """Return the classes of the chosen pieces, and how many members of each these have."""
        counts = np.bincount(self.class_of[chosen], weights=self.sizes[chosen]).astype(np.int64)
        classes = np.flatnonzero(counts)
        return classes, counts[classes]

    def fitting(self, classes: Indexes, counts: Indexes) -> Indexes:
        """Return pieces that have no more members of each class than given, as many as fit in order."""
        wanted = np.zeros(int(self.class_of.max()) + 1, dtype=np.int64)
        wanted[classes] = counts
        own = np.flatnonzero(wanted[self.class_of] > 0)
        room = wanted
        chosen = []
        for piece, number, size in zip(
            own.tolist(), self.class_of[own].tolist(), self.sizes[own].tolist(), strict=True
        ):
            if size <= room[number]:
                room[number] -= size
                chosen.append(piece)
        return np.array(chosen, dtype=np.int64)

    def inherited(self, held: Bits, since: Indexes) -> Bits:
        """Return which pieces each line has, with the pieces that were cut off since from those that it has.

        Parameters
        ----------
        held : array of bool, shape (lines, pieces)
            What each line had of the pieces that there were.
        since : array of int64
            For each line, in ascending order, how many pieces there were.
        """
        wide = np.zeros((len(held), len(self)), dtype=bool)
        wide[:, : held.shape[1]] = held
        for piece in range(int(since.min(initial=len(self))), len(self)):
            older = int(np.searchsorted(since, piece, side="right"))
            wide[:older, piece] = wide[:older, self.parents[piece]]
        return wide

    def members(self, chosen: Indexes, members: list[NDArray[np.int64]]) -> Indexes:
        """Return the members that the chosen pieces have, of each class's."""
        parts = [
            members[number][start : start + size]
            for number, start, size in zip(
                self.class_of[chosen].tolist(),
                self.starts[chosen].tolist(),
                self.sizes[chosen].tolist(),
                strict=True,
            )
        ]
        return np.sort(np.concatenate(parts))
