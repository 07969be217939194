"""The choice of rectangles as an integer programme, for HiGHS; it comes with the extra `[optimal]`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .set_cover import Incidence

_SETTINGS = {
    "threads": 1,
    "random_seed": 0,
    "mip_max_nodes": 5_000,
    "mip_rel_gap": 0.0,
    # Covers are counted in whole rectangles: a gap below one is none.
    "mip_abs_gap": 0.999,
}


class Solved(NamedTuple):
    """What the solver came to.

    Attributes
    ----------
    chosen : list of int
        The best cover; the one handed in if no better one was found.
    bound : int
        No cover from this pool has fewer.
    """

    chosen: list[int]
    bound: int


def has_solver() -> bool:
    """Whether HiGHS is installed."""
    return find_spec("highspy") is not None


def solve_set_cover(incidence: Incidence, *, best: list[int], budget: SearchBudget) -> Solved:
    """Return the smallest cover from a pool, or the best one found in time.

    Parameters
    ----------
    incidence : Incidence
        Which rectangle of the pool has which cell.
    best : list of int
        A cover to beat. The solver is not told of it: HiGHS 1.16 may hand back its start unimproved although
        it reports the smaller objective.
    budget : SearchBudget
        When to stop by the clock.
    """
    solver = _solver(incidence, budget.left_s)
    _run(solver, budget)
    info = solver.getInfo()
    found = np.flatnonzero(np.array(solver.getSolution().col_value) > 0.5).tolist()
    bound = int(np.ceil(info.mip_dual_bound - 1e-6)) if np.isfinite(info.mip_dual_bound) else 1
    solver.clear()
    is_better = 0 < len(found) < len(best) and _is_cover(incidence, found)
    return Solved(found if is_better else best, bound)


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


def _distinct_lists(incidence: Incidence) -> list[Indexes]:
    """Return the cells of each rectangle, without cells that the same rectangles have as another.

    The sets are compared by sums of random numbers: cells that are taken for equal by chance could only make
    the bound weaker, and the cover is checked against all cells.
    """
    marks = np.random.default_rng(0).random(incidence.n_rectangles)
    sums = np.zeros(incidence.n_cells)
    for number in range(incidence.n_rectangles):
        sums[incidence.cells_of(number)] += marks[number]
    _, first = np.unique(sums, return_index=True)
    numbers = np.full(incidence.n_cells, -1, dtype=np.int64)
    numbers[np.sort(first)] = np.arange(len(first))
    lists = (numbers[incidence.cells_of(each)] for each in range(incidence.n_rectangles))
    return [each[each >= 0] for each in lists]


def _solver(incidence: Incidence, time_limit_s: float) -> Any:
    import highspy  # optional, and slow to load

    class Quiet(highspy.Highs):
        """HiGHS that is silent before it enables its callbacks, which is when it prints its banner."""

        def enableCallbacks(self) -> None:  # noqa: N802 - their name
            self.silent()
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    solver = Quiet()  # type: ignore[no-untyped-call]
    for name, value in {**_SETTINGS, "time_limit": max(0.05, time_limit_s)}.items():
        solver.setOptionValue(name, value)
    solver.passModel(_model(highspy, _distinct_lists(incidence)))
    solver.HandleUserInterrupt = True
    return solver


def _model(highspy: Any, lists: list[Indexes]) -> Any:
    cells = np.concatenate(lists)
    n_rectangles, n_cells = len(lists), int(cells.max()) + 1
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = n_rectangles, n_cells
    model.col_cost_ = np.ones(n_rectangles)
    model.col_lower_, model.col_upper_ = np.zeros(n_rectangles), np.ones(n_rectangles)
    model.row_lower_, model.row_upper_ = np.ones(n_cells), np.full(n_cells, highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(each) for each in lists])])
    model.a_matrix_.index_ = cells
    model.a_matrix_.value_ = np.ones(len(cells))
    model.integrality_ = [highspy.HighsVarType.kInteger] * n_rectangles
    return model
