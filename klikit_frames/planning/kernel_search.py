"""The search for the fewest maximal rectangles that cover one kernel: quick steps first, dear ones last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .bounds import FoolingSet, bound_by_antichains, bound_by_prices
from .budget import STEP, SearchBudget
from .candidates import (
    GROWTH_PRODUCTS,
    greedy_cover,
    grow_both_ways,
    grow_from_cells,
    join_pools,
    pair_intersections,
    row_and_column_closures,
    shared_columns,
)
from .exact_covers import (
    all_rectangles,
    cover_by_antichains,
    has_solver,
    prove_smallest,
    solve_prices,
    solve_set_cover,
    suits_antichains,
)
from .set_cover import LocalSearch, choose_greedily, drop_redundant, incidence_of, price_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .candidates import CandidatePool, Weights
    from .groups import Indexes
    from .reductions import Bits, Kernel
    from .set_cover import Incidence, Prices

_SEED = 20_090_616
_MOST_INCIDENCES = 40_000_000
_MOST_RECTANGLES = 3_000
_MOST_PAIRS = 3_000
# Operations that a table of rectangles and needed cells takes for each pair of them.
_WRITING_OUT = 40.0
_COMPLETE_STEPS = 200
_MOST_NODES = 100_000
# Trying all covers is hopeless where the bound is further from the best.
_NEAR = 1
_PRICING_ROUNDS = 16
_REPAIR_ROUNDS = 60
_WORTH_ADDING = 1.001


class KernelSearch:
    """The best cover of a kernel so far, and the best bound.

    Parameters
    ----------
    kernel : Kernel
        What to cover.
    budget : SearchBudget
        How long the first bound may take.

    Attributes
    ----------
    bound : int
        No cover has fewer rectangles.
    columns : array of bool
        One line per rectangle of the best cover.
    is_cut : bool
        Whether the budget ended `quick_cover` before it was done.
    prices : array of int64, or None
        What each needed cell is worth, where that bounds the covers as well as anything that was tried.
    """

    def __init__(self, kernel: Kernel, budget: SearchBudget) -> None:
        self._kernel = kernel
        self._draw = np.random.default_rng(_SEED)
        # One rectangle per row, or one per column, is always a cover.
        by_row, by_column = row_and_column_closures(kernel)
        self.columns = min(by_row, by_column, key=len)
        self.bound = bound_by_antichains(kernel.cells, kernel.asked)
        self._fooling = FoolingSet(kernel, draw=self._draw, budget=budget)
        self._raise_bound(self._fooling.size)
        self._pool = join_pools(kernel.cells, [by_row, by_column])
        self._is_complete = False
        self._indexed: tuple[CandidatePool, Incidence] | None = None
        self.is_cut = False
        self.prices: NDArray[np.int64] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the best cover is proven to be the smallest."""
        return len(self.columns) <= self.bound

    @property
    def pool(self) -> Bits:
        """The columns of all rectangles met so far."""
        return self._pool.columns

    @property
    def apart(self) -> tuple[Indexes, Indexes]:
        """Rows and columns of needed cells no two of which fit into one rectangle."""
        return self._fooling.places

    def quick_cover(self, budget: SearchBudget) -> None:
        """Find a good cover quickly."""
        for stage in (self._grow_from_fooling_set, self._cover_all_greedily, self._choose_greedily):
            self.is_cut = not self.is_settled and budget.is_over
            if self.is_settled or self.is_cut:
                return
            stage(budget)

    def improve(self, budget: SearchBudget) -> None:
        """Improve cover and bound until they meet, or the budget is over."""
        for stage in (
            self._try_antichains,
            self._complete,
            self._price,
            self._swap_rectangles,
            self.improve_bound,
            self._price_exactly,
            self._prove,
            self._destroy_and_repair,
            self._solve,
            self._prove,
        ):
            if self.is_settled or budget.is_over:
                return
            before = len(self.columns)
            stage(budget)
            budget.saved += before - len(self.columns)

    @property
    def _covers(self) -> Bits:
        return self._pool.covers(self._kernel)

    @property
    def _incidence(self) -> Incidence:
        if self._indexed is None or self._indexed[0] is not self._pool:
            self._indexed = self._pool, incidence_of(self._covers)
        return self._indexed[1]

    @property
    def _is_narrow(self) -> bool:
        """Whether the table of rectangles and needed cells is small enough to be written out."""
        return len(self._pool) * int(self._kernel.needed.sum()) <= _MOST_INCIDENCES

    def _raise_bound(self, bound: int) -> None:
        self.bound = max(self.bound, bound)

    def _add(self, columns: list[Bits]) -> None:
        joined = join_pools(self._kernel.cells, [self._pool.columns, *columns])
        if len(joined) > len(self._pool):
            self._pool = joined

    def _update_best(self, columns: Bits) -> None:
        if len(columns) < len(self.columns):
            self.columns = columns

    def _choose(self, chosen: list[int]) -> None:
        self._update_best(self._pool.columns[chosen])

    def _chosen(self) -> list[int]:
        """Return the best cover as numbers in the pool."""
        self._add([self.columns])
        closed = join_pools(self._kernel.cells, [self.columns]).columns
        number = {line.tobytes(): no for no, line in enumerate(self._pool.columns)}
        return drop_redundant(self._incidence, [number[line.tobytes()] for line in closed])

    def improve_bound(self, budget: SearchBudget) -> None:
        """Improve the bound alone."""
        self._fooling.improve(n_steps=2_000, target=len(self.columns), budget=budget)
        self._raise_bound(self._fooling.size)

    def _try_antichains(self, budget: SearchBudget) -> None:
        if suits_antichains(self._kernel):
            cover = cover_by_antichains(
                self._kernel, least=self.bound, best=len(self.columns), draw=self._draw, budget=budget
            )
            if cover is not None:
                self._update_best(cover)
                self._add([cover])

    def _complete(self, budget: SearchBudget) -> None:
        """Where all maximal rectangles can be listed, the best choice among them is the best there is."""
        everything = all_rectangles(self._kernel, most=_MOST_RECTANGLES)
        if everything is None:
            return
        self._pool, self._is_complete = everything, True
        if not self._is_narrow:
            return
        prices = price_cells(
            self._incidence, best=len(self.columns), prices=None, budget=budget, n_steps=_COMPLETE_STEPS
        )
        self._bound_by(prices)

    def _price_exactly(self, budget: SearchBudget) -> None:
        """Raise the bound by the best prices there are."""
        if self._is_complete and self._is_narrow and has_solver():
            self._bound_by(solve_prices(self._incidence, budget))

    def _prove(self, budget: SearchBudget) -> None:
        """Try all covers, where all maximal rectangles are known."""
        is_near = len(self.columns) - self.bound <= _NEAR
        if not (is_near and self._is_complete and self._is_narrow):
            return
        prices = None if self.prices is None else self.prices[self._kernel.needed]
        best, is_proven = prove_smallest(
            self._covers, self._chosen(), n_nodes=_MOST_NODES, budget=budget.reserve(2), prices=prices
        )
        self._choose(best)
        if is_proven:
            self._raise_bound(len(self.columns))

    def _price(self, budget: SearchBudget) -> None:
        """Add rectangles that the prices of the cells ask for, until they ask for none."""
        if self._is_complete or not self._is_narrow:
            return
        self._add(pair_intersections(self._kernel, most=_MOST_PAIRS))
        prices = None
        for turn in range(_PRICING_ROUNDS):
            if budget.is_over or not self._is_narrow:
                return
            incidence = self._incidence
            budget.charge(_WRITING_OUT * incidence.n_rectangles * incidence.n_cells)
            prices = price_cells(incidence, best=len(self.columns), prices=prices, budget=budget)
            size = len(self._pool)
            self._add([self._grow(prices, is_shaken=turn % 2 == 1, budget=budget)])
            if len(self._pool) == size and turn % 2:
                return

    def _grow(self, prices: Prices, *, is_shaken: bool, budget: SearchBudget) -> Bits:
        weights = np.zeros(self._kernel.cells.shape, dtype=np.float32)
        weights[self._kernel.needed] = prices
        columns, values = grow_both_ways(
            self._kernel, weights, n_seeds=512, draw=self._draw, is_shaken=is_shaken
        )
        budget.charge(5.0 * self._kernel.cells.size * len(columns) + STEP)
        return columns[values > _WORTH_ADDING]

    def _swap_rectangles(self, budget: SearchBudget) -> None:
        if not self._is_narrow:
            return
        for start in (self._chosen(), choose_greedily(self._incidence)):
            local_search = LocalSearch(self._incidence, draw=self._draw)
            self._choose(local_search.improve(start, n_steps=2_000, target=self.bound, budget=budget))

    def _destroy_and_repair(self, budget: SearchBudget) -> None:
        """Remove some rectangles and cover the gap again, with fewer if possible."""
        idle = 0
        for _ in range(_REPAIR_ROUNDS):
            if self.is_settled or budget.is_over or idle > 12:
                return
            before = len(self.columns)
            self._destroy_and_repair_once(budget)
            idle = 0 if len(self.columns) < before else idle + 1
            budget.saved += before - len(self.columns)
            if self._is_narrow and (idle % 6 == 5):
                self._swap_rectangles(budget)

    def _destroy_and_repair_once(self, budget: SearchBudget) -> None:
        n_best = len(self.columns)
        kept = self.columns[self._draw.permutation(n_best)[: n_best - max(2, n_best // 4)]]
        self._cover_greedily(self._gap(kept), kept=kept, is_shaken=True, budget=budget)

    def _gap(self, columns: Bits) -> Weights:
        """Return 1 for each needed cell that no maximal rectangle with one of these sets of columns has."""
        rows = shared_columns(self._kernel.cells.T, columns)
        is_held = rows.T.astype(np.float32) @ columns.astype(np.float32) > 0.5
        gap: Weights = (self._kernel.needed & ~is_held).astype(np.float32)
        return gap

    def _grow_from_fooling_set(self, budget: SearchBudget) -> None:
        """Grow one rectangle from each cell of the fooling set, and cover greedily what these leave."""
        operations = 2.0 * GROWTH_PRODUCTS * self._fooling.size * self._kernel.cells.size
        if self._fooling.size < 2 or not budget.can_afford(operations):
            return
        grown = grow_from_cells(self._kernel, self._fooling.places)
        grown = grown[grown.any(axis=1)]
        budget.charge(operations / 8 + STEP * len(grown))
        gap = self._gap(grown)
        if not gap.any():
            self._update_best(grown)
        else:
            self._cover_greedily(gap, kept=grown, is_shaken=False, budget=budget)

    def _cover_all_greedily(self, budget: SearchBudget) -> None:
        everything = self._kernel.needed.astype(np.float32)
        self._cover_greedily(everything, kept=self.columns[:0], is_shaken=False, budget=budget)

    def _choose_greedily(self, _: SearchBudget) -> None:
        if self._is_narrow:
            self._choose(choose_greedily(self._incidence))

    def _cover_greedily(self, weights: Weights, *, kept: Bits, is_shaken: bool, budget: SearchBudget) -> None:
        n_seeds = max(4, min(64, 4_000_000 // self._kernel.cells.size))
        chosen, seen = greedy_cover(
            self._kernel,
            weights,
            n_seeds=n_seeds,
            draw=self._draw,
            is_shaken=is_shaken,
            most=len(self.columns) - len(kept),
            budget=budget,
        )
        if self._is_narrow and not self._is_complete:
            self._add([seen])
        if chosen is not None:
            self._update_best(np.concatenate([kept, np.array(chosen).reshape(-1, kept.shape[1])]))

    def _solve(self, budget: SearchBudget) -> None:
        if not has_solver() or not self._is_narrow:
            return
        self._choose(solve_set_cover(self._incidence, best=self._chosen(), budget=budget))

    def _bound_by(self, prices: Prices) -> None:
        """Raise the bound by prices of the needed cells, if all rectangles there are obey them."""
        bound, whole = bound_by_prices(self._incidence, prices)
        if bound >= self.bound:
            self.bound, self.prices = bound, np.zeros(self._kernel.cells.shape, dtype=np.int64)
            self.prices[self._kernel.needed] = whole
