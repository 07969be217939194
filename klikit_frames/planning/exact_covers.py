"""The smallest cover of a small table, with proof.

Branch and bound for most tables, antichains for almost full ones: if row r is in the rectangles A(r), a
column can at most be in those that none of the rows missing from it is in. So the sets A(r) decide
everything, and for k rectangles the search is for good sets of numbers below k. Where the extra ``[optimal]``
is installed, HiGHS chooses from a pool of rectangles.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from .budget import STEP
from .candidates import CandidatePool, join_pools

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .reductions import Bits, Kernel
    from .set_cover import Incidence, Prices

_CHECK_CLOCK_EVERY = 64
_NODE, _PRICED = STEP / 12, 250.0

_MOST_RECTANGLES = 16
_LEAST_DENSITY = 0.75


def all_rectangles(kernel: Kernel, *, most: int) -> CandidatePool | None:
    """Return every maximal rectangle of the kernel, or None if there are more than `most`.

    Their column sets are the intersections of rows.
    """
    weights = [1 << position for position in range(kernel.cells.shape[1])]
    column_sets: set[int] = set()
    for row in kernel.cells:
        line = sum(weight for weight, is_one in zip(weights, row, strict=True) if is_one)
        column_sets |= {line, *(line & columns for columns in column_sets)}
        if len(column_sets) > most:
            return None
    column_sets.discard(0)
    columns = np.array([[columns & weight != 0 for weight in weights] for columns in sorted(column_sets)])
    return join_pools(kernel.cells, [columns])


def prove_smallest(
    covers: Bits, best: list[int], *, n_nodes: int, budget: SearchBudget, prices: Indexes | None = None
) -> tuple[list[int], bool]:
    """Return the smallest cover from a pool, and whether that is proven.

    Depth first: the cell with the fewest rectangles must be covered by one of them. Cells that no rectangle
    shares, and what the cells left are worth, bound what is still to come.

    Parameters
    ----------
    covers : array of bool
        Which rectangle (first axis) has which cell (second axis).
    best : list of int
        A cover to beat.
    n_nodes : int
        Branches to look at before giving up.
    budget : SearchBudget
        Gives up when it is over.
    prices : array of int64, optional
        What each cell is worth.
    """
    prices = np.zeros(covers.shape[1], dtype=np.int64) if prices is None else prices
    search = _Branching(covers, best, n_nodes=n_nodes, budget=budget, prices=prices)
    search.descend([], (1 << covers.shape[1]) - 1, int(prices.sum()))
    return search.best, search.n_nodes >= 0


class _Branching:
    """Cells as bits of whole numbers: on small pools faster than arrays."""

    def __init__(
        self, covers: Bits, best: list[int], *, n_nodes: int, budget: SearchBudget, prices: Indexes
    ) -> None:
        self._priced = [(cell, price) for cell, price in enumerate(prices.tolist()) if price]
        self._dearest = max(1, int((covers @ prices).max()))
        self._sets = [sum(1 << int(cell) for cell in np.flatnonzero(line)) for line in covers]
        self._holders = [np.flatnonzero(line).tolist() for line in covers.T]
        # Cells that share a rectangle with the cell, itself included.
        self._near = [self._union(holders) for holders in self._holders]
        self._hardest = sorted(range(covers.shape[1]), key=lambda cell: len(self._holders[cell]))
        self.best, self.n_nodes, self._budget = best, n_nodes, budget

    def _union(self, numbers: list[int]) -> int:
        joined = 0
        for number in numbers:
            joined |= self._sets[number]
        return joined

    def descend(self, chosen: list[int], left: int, worth: int) -> None:
        """Try all covers that have the chosen rectangles; the cells left are worth so much."""
        self.n_nodes -= 1
        if self.n_nodes % _CHECK_CLOCK_EVERY == 0 and self._budget.is_over:
            self.n_nodes = -1
        if self.n_nodes < 0:
            return
        if not left:
            self.best = list(chosen)
            return
        self._budget.charge(_NODE + _PRICED * len(self._priced))
        if len(chosen) - (-worth // self._dearest) >= len(self.best):
            return
        apart = self._apart(left)
        if len(chosen) + len(apart) >= len(self.best):
            return
        for number in sorted(
            self._holders[apart[0]], key=lambda number: -(self._sets[number] & left).bit_count()
        ):
            if len(chosen) + 1 < len(self.best):
                paid = self._worth(self._sets[number] & left)
                self.descend([*chosen, number], left & ~self._sets[number], worth - paid)

    def _worth(self, cells: int) -> int:
        return sum(price for cell, price in self._priced if cells >> cell & 1)

    def _apart(self, left: int) -> list[int]:
        """Return cells of `left` no two of which share a rectangle, the hardest first."""
        cells = []
        for cell in self._hardest:
            if left >> cell & 1:
                cells.append(cell)
                left &= ~self._near[cell]
        return cells


def suits_antichains(kernel: Kernel) -> bool:
    """Whether the table is full enough, and large enough, for this search."""
    return min(kernel.cells.shape) > 3 and float(kernel.cells.mean()) >= _LEAST_DENSITY


def cover_by_antichains(
    kernel: Kernel, *, least: int, best: int, draw: np.random.Generator, budget: SearchBudget
) -> Bits | None:
    """Return the columns of a cover of fewer than `best` rectangles, as few as can be found, or None."""
    columns = None
    for count in range(min(best - 1, _MOST_RECTANGLES), least - 1, -1):
        sets = _search_sets(kernel, count, draw=draw, budget=budget)
        if sets is None:
            break
        members = (sets[:, None] >> np.arange(count)) & 1 == 1
        # A column is in a rectangle when it holds all of that rectangle's rows.
        columns = ~(members.T.astype(np.float32) @ (~kernel.cells).astype(np.float32) > 0.5)
    return columns


def _search_sets(
    kernel: Kernel, count: int, *, draw: np.random.Generator, budget: SearchBudget, n_steps: int = 6_000
) -> Indexes | None:
    """Give every row a set, and change the sets of rows around an uncovered cell while that mends more."""
    choices = np.array(
        [sum(1 << member for member in some) for some in combinations(range(count), count // 2)]
    )
    holes = [np.flatnonzero(~line) for line in kernel.cells.T]
    sets = _first_sets(choices, len(kernel.cells), draw)
    bare = _bare(kernel, sets, holes)
    for step in range(n_steps):
        if not len(bare):
            return sets
        if step % 64 == 0 and budget.is_over:
            return None
        budget.charge(10.0 * kernel.cells.size + STEP)
        row = _row_to_change(bare, holes, draw)
        changed = sets.copy()
        changed[row] = draw.choice(choices)
        still_bare = _bare(kernel, changed, holes)
        if len(still_bare) <= len(bare):
            sets, bare = changed, still_bare
    return None


def _first_sets(choices: Indexes, n_rows: int, draw: np.random.Generator) -> Indexes:
    repeats = -(-n_rows // len(choices))
    return np.concatenate([draw.permutation(choices) for _ in range(repeats)])[:n_rows]


def _row_to_change(bare: Indexes, holes: list[Indexes], draw: np.random.Generator) -> int:
    row, column = bare[draw.integers(len(bare))]
    return int(draw.choice([row, *holes[column]]))


def _bare(kernel: Kernel, sets: Indexes, holes: list[Indexes]) -> Indexes:
    """Return the needed cells that no rectangle covers, as pairs of row and column."""
    taken = np.array([np.bitwise_or.reduce(sets[rows]) for rows in holes])
    return np.argwhere(kernel.needed & ((sets[:, None] & ~taken) == 0))


_SETTINGS = {
    "threads": 1,
    "random_seed": 0,
    "mip_max_nodes": 5_000,
    "mip_rel_gap": 0.0,
    # Covers are counted in whole rectangles: a gap below one is none.
    "mip_abs_gap": 0.999,
}


def has_solver() -> bool:
    """Whether HiGHS is installed."""
    return find_spec("highspy") is not None


def solve_set_cover(incidence: Incidence, *, best: list[int], budget: SearchBudget) -> list[int]:
    """Return the smallest cover from a pool that is found in time; the one handed in if none is smaller.

    What the solver says of its bound is not used: it is rounded, and nobody could check it.

    Parameters
    ----------
    incidence : Incidence
        Which rectangle of the pool has which cell.
    best : list of int
        A cover to beat. The solver does not get it: HiGHS 1.16 may hand back its start unimproved although
        it reports the smaller objective.
    budget : SearchBudget
        When to stop by the clock.
    """
    solver = _solver(_distinct_lists(incidence)[0], budget.left_s, is_whole=True)
    _run(solver, budget)
    chosen = np.flatnonzero(np.array(solver.getSolution().col_value) > 0.5).tolist()
    solver.clear()
    is_better = 0 < len(chosen) < len(best) and _is_cover(incidence, chosen)
    return chosen if is_better else best


def solve_prices(incidence: Incidence, budget: SearchBudget) -> Prices:
    """Return prices of the cells that bound the covers from this pool best, as near as the solver comes."""
    lists, chosen = _distinct_lists(incidence)
    solver = _solver(lists, budget.left_s, is_whole=False)
    _run(solver, budget)
    prices = np.zeros(incidence.n_cells)
    duals = np.array(solver.getSolution().row_dual)
    prices[chosen] = duals if len(duals) == len(chosen) else 0
    solver.clear()
    return prices


def _run(solver: Any, budget: SearchBudget) -> None:
    """Solve on a thread of its own, so that Ctrl-C is heard while HiGHS works; then let it end first."""
    solver.startSolve()
    try:
        while not solver.wait(0.05)[0]:
            budget.show()
    except KeyboardInterrupt:
        solver.cancelSolve()
        solver.wait()
        raise


def _is_cover(incidence: Incidence, chosen: list[int]) -> bool:
    is_in = np.zeros(incidence.n_rectangles, dtype=bool)
    is_in[chosen] = True
    return bool((incidence.count_rectangles(is_in) > 0).all())


def _distinct_lists(incidence: Incidence) -> tuple[list[Indexes], Indexes]:
    """Return each rectangle's cells but for those with the same rectangles as another, and which are left.

    The sets are compared by sums of random numbers: cells that are taken for equal by chance could only make
    the bound weaker, and the cover is checked against all cells.
    """
    marks = np.random.default_rng(0).random(incidence.n_rectangles)
    sums = np.zeros(incidence.n_cells)
    for number in range(incidence.n_rectangles):
        sums[incidence.cells_of(number)] += marks[number]
    _, first = np.unique(sums, return_index=True)
    numbers, first = np.full(incidence.n_cells, -1, dtype=np.int64), np.sort(first)
    numbers[first] = np.arange(len(first))
    lists = (numbers[incidence.cells_of(number)] for number in range(incidence.n_rectangles))
    return [cells[cells >= 0] for cells in lists], first


def _solver(lists: list[Indexes], time_limit_s: float, *, is_whole: bool) -> Any:
    import highspy  # optional, and slow to load

    class Quiet(highspy.Highs):
        """HiGHS that is silent before it enables its callbacks, which is when it prints its banner."""

        def enableCallbacks(self) -> None:  # noqa: N802 - their name
            self.silent()
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    solver = Quiet()  # type: ignore[no-untyped-call]
    for name, value in {**_SETTINGS, "time_limit": max(0.05, time_limit_s)}.items():
        solver.setOptionValue(name, value)
    solver.passModel(_model(highspy, lists, is_whole=is_whole))
    solver.HandleUserInterrupt = True
    return solver


def _model(highspy: Any, lists: list[Indexes], *, is_whole: bool) -> Any:
    cells = np.concatenate(lists)
    n_rectangles, n_cells = len(lists), int(cells.max()) + 1
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = n_rectangles, n_cells
    model.col_cost_ = np.ones(n_rectangles)
    # A cap of 1 on fractions would have a price of its own, and the cells' prices would prove nothing.
    most = 1.0 if is_whole else highspy.kHighsInf
    model.col_lower_, model.col_upper_ = np.zeros(n_rectangles), np.full(n_rectangles, most)
    model.row_lower_, model.row_upper_ = np.ones(n_cells), np.full(n_cells, highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(cells) for cells in lists])])
    model.a_matrix_.index_ = cells
    model.a_matrix_.value_ = np.ones(len(cells))
    if is_whole:
        model.integrality_ = [highspy.HighsVarType.kInteger] * n_rectangles
    return model
