"""Prices of cells near to the dual values of the fractional cover within the caps, by column generation.

The prices are the highest under which no block of a pool is worth more than 1, found by multiplicative steps:
cells that dear blocks hold too often become cheaper, the others dearer. The method is that of the packing
algorithms of Plotkin, Shmoys and Tardos (1995). Pricing then finds blocks that are worth more than 1, which
join the pool, and what it leaves is a lower bound at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .pricing import CountedBlock, Pricing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .pricing import Worths
    from .reductions import Bits

    Values = NDArray[np.float64]

_FIRST_STEPS, _NEXT_STEPS = 150, 100
_CHECK_CLOCK_EVERY = 16
_LEAST_PRICE = 1e-9
_STEEPEST = 30.0
# Rounding cannot add up to this share of the sum.
_ROUNDING = 1e-7
_MOST_INCIDENCES = 6_000_000
_QUICK_ROUNDS = 4
_MOST_ROUNDS = 40
# A quick round that widened the pool by less is the last.
_MUCH_WIDER = 1.02
# The pool's own bound and the proven one this near are as good as the same.
_NEAR = 0.002
# The steps may stop so far below what the pool allows.
_LEEWAY = 0.03
_OPERATIONS = 30.0
_SHARE_OF_PROVEN = 0.5


class DualPrices:
    """Prices of a table's cells, and the bound that they prove.

    Parameters
    ----------
    cells, asked : array of bool
        The table, of classes of equal lines, and those of its cells that must be covered.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    limits : Limits
        The caps.

    Attributes
    ----------
    blocks : list of CountedBlock
        The pool.
    proven : array of float64, shape (rows, columns)
        Prices of each single cell of the best bound; no request is worth more than 1.
    """

    def __init__(self, cells: Bits, asked: Bits, weights: tuple[Indexes, Indexes], limits: Limits) -> None:
        self._asked, self._weights, self._limits = asked, weights, limits
        self._pricing = Pricing(cells, weights, limits)
        self._numbers = np.full(cells.shape, -1, dtype=np.int64)
        self._numbers[asked] = np.arange(int(asked.sum()))
        self._sizes = np.multiply.outer(*weights)[asked].astype(np.float64)
        self._pool = _BlockPool(self._numbers)
        self._prices: Values = np.full(len(self._sizes), np.inf)
        self.proven: Worths = np.zeros(cells.shape)

    @property
    def blocks(self) -> list[CountedBlock]:
        """The blocks met so far."""
        return self._pool.blocks

    @property
    def bound(self) -> int:
        """No cover within the caps has fewer requests."""
        return int(np.ceil(self._sum(self.proven[self._asked]) * (1 - _ROUNDING)))

    @property
    def worths(self) -> Values:
        """What each block of the pool is worth under the present prices."""
        return self._pool.sum_cells(self._prices)

    @property
    def table(self) -> Worths:
        """The present prices, of single cells, as a table."""
        prices = np.zeros(self._asked.shape)
        prices[self._asked] = self._prices
        return prices

    def improve(
        self,
        blocks: Iterable[CountedBlock],
        budget: SearchBudget,
        *,
        enough: int,
        suggest: Callable[[Worths, SearchBudget], list[CountedBlock]],
    ) -> None:
        """Raise the bound as long as that goes on, starting from a cover and other blocks.

        Parameters
        ----------
        blocks : iterable of CountedBlock
            Together they hold every cell that must be covered.
        budget : SearchBudget
            When to stop.
        enough : int
            A bound that is as good as can be.
        suggest : callable
            Returns blocks that are dear under prices, quickly; it need not find all.
        """
        self._pool.add(blocks)
        budget.charge(STEP / 3 * len(self.blocks))
        self._prices = self._pool.share_out()
        self._raise(_FIRST_STEPS, budget)
        for _ in range(_QUICK_ROUNDS):
            n_before = len(self.blocks)
            self._pool.add(suggest(self.table, budget))
            if budget.is_over or len(self.blocks) < _MUCH_WIDER * n_before:
                break
            self._raise(_NEXT_STEPS, budget)
        share = 0.0
        for _ in range(_MOST_ROUNDS):
            if budget.is_over or self._pool.n_incidences > _MOST_INCIDENCES:
                return
            hoped = self._sum(self._prices)
            lowered = self._pricing.lower(share * self.proven + (1 - share) * self.table, budget)
            if self._sum(lowered[self._asked]) > self._sum(self.proven[self._asked]):
                self.proven = lowered.copy()
            reached = self._sum(self.proven[self._asked])
            dear = self._pricing.dear
            # More than the pool hopes for cannot be proven, and a bound is a whole number.
            best = min(enough, int(np.ceil(hoped * (1 + _LEEWAY))))
            if self.bound >= best or reached >= (1 - _NEAR) * hoped or not (dear or share):
                return
            # Between the proven prices and those of the pool alone: the latter swing from round to round.
            share = _SHARE_OF_PROVEN if dear else 0.0
            self._pool.add(dear)
            budget.charge(STEP / 3 * len(dear))
            self._raise(_NEXT_STEPS, budget)

    def _sum(self, prices: Values) -> float:
        return float(prices @ self._sizes)

    def _raise(self, n_steps: int, budget: SearchBudget) -> None:
        """Take multiplicative steps, ever smaller and ever stricter, then make no block worth more than 1."""
        is_first = n_steps == _FIRST_STEPS
        prices = self._pool.evened(self._evened_twice(self._prices)) if is_first else self._prices
        strictness = np.geomspace(8 if is_first else 40, 150, n_steps)
        strides = np.geomspace(0.5 if is_first else 0.15, 0.03, n_steps)
        for step, (strict, stride) in enumerate(zip(strictness.tolist(), strides.tolist(), strict=True)):
            if step % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                break
            worths = self._pool.sum_cells(prices)
            pulls = np.exp(np.minimum(strict * (worths - 1), _STEEPEST))
            slopes = np.clip(1 - self._pool.count_blocks(pulls) / self._sizes, -1, 1)
            prices = np.maximum(prices * np.exp(stride * slopes), _LEAST_PRICE)
            budget.charge(_OPERATIONS * self._pool.n_incidences + STEP / 3)
        self._prices = self._evened_twice(prices)

    def _evened_twice(self, prices: Values) -> Values:
        return self._pool.evened(self._pool.evened(prices))


class _BlockPool:
    """Blocks as lists of cells, with how many single cells of each class of them a block has."""

    def __init__(self, numbers: Indexes) -> None:
        self._cell_numbers = numbers
        self.blocks: list[CountedBlock] = []
        self._seen: set[bytes] = set()
        nothing = np.empty(0, dtype=np.int64)
        self._cells, self._counts, self._lengths = nothing, nothing.astype(np.float64), nothing
        self.n_incidences = 0

    def add(self, blocks: Iterable[CountedBlock]) -> None:
        """Add those that are new and hold any cell that must be covered."""
        cells, counts, lengths = [self._cells], [self._counts], [self._lengths]
        for block in blocks:
            key = b"|".join(part.tobytes() for part in block)
            own = self._cell_numbers[block.rows[:, None], block.columns].ravel()
            held = own >= 0
            if key in self._seen or not held.any():
                continue
            self._seen.add(key)
            self.blocks.append(block)
            cells.append(own[held])
            counts.append(np.multiply.outer(block.heights, block.widths).ravel()[held].astype(np.float64))
            lengths.append(held.sum(keepdims=True))
        self._cells, self._lengths = np.concatenate(cells), np.concatenate(lengths)
        self._counts = np.concatenate(counts)
        self._starts: Indexes = np.cumsum(self._lengths) - self._lengths
        self._owners = np.repeat(np.arange(len(self._lengths)), self._lengths)
        self.n_incidences = len(self._cells)

    def share_out(self) -> Values:
        """Spread 1 over the cells of each block; a cell takes the least that it is offered."""
        shares = 1 / np.add.reduceat(self._counts, self._starts)
        return self._extreme(np.minimum, shares, np.inf)

    def evened(self, prices: Values) -> Values:
        """Divide each price by what the dearest block that has the cell is worth."""
        return prices / np.maximum(self._extreme(np.maximum, self.sum_cells(prices), 0.0), 1e-12)

    def sum_cells(self, prices: Values) -> Values:
        """Return for each block what its cells are worth."""
        sums: Values = np.add.reduceat(prices[self._cells] * self._counts, self._starts)
        return sums

    def count_blocks(self, pulls: Values) -> Values:
        """Return for each class of cells how often the blocks, as often as given, have its single cells."""
        n_cells = int(self._cell_numbers.max()) + 1
        weights = pulls[self._owners] * self._counts
        return np.bincount(self._cells, weights=weights, minlength=n_cells).astype(np.float64)

    def _extreme(self, choose: np.ufunc, values: Values, start: float) -> Values:
        found = np.full(int(self._cell_numbers.max()) + 1, start)
        choose.at(found, self._cells, values[self._owners])
        return found
