"""The fewest requests for small tables by trying all, and thousands of plans held against it.

Run from the project's folder: ``python -m tests.planning.brute_force COUNT [--seed N]``. Every table has rows
that hold already, equal lines and caps; one that breaks a property ends the run and is printed.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

import klikit_frames as kf
from klikit_frames.planning.plan_checks import check_plan
from klikit_frames.planning.planner import plan_rows
from klikit_frames.planning.row_assignment import find_skips
from tests.planning.tables import chain, toggles_of

NO_CAPS = kf.Limits(None, None, None)


def fewest_requests(places: np.ndarray, limits: kf.Limits = NO_CAPS) -> int:
    """Return the size of the smallest cover within the caps.

    Parameters
    ----------
    places : array of int
        For each place 0: not asked for, 1: holds already, 2: to be changed.
    limits : Limits
        The caps.
    """
    rectangles = _rectangles(places, limits)

    @cache
    def fewest(left: int) -> int:
        if not left:
            return 0
        first = left & -left
        choices = {left & ~rectangle for rectangle in rectangles if rectangle & first}
        # One that covers less than another need not be tried.
        useful = [
            choice
            for choice in choices
            if not any(choice != other and choice & other == other for other in choices)
        ]
        return 1 + min(map(fewest, useful))

    return fewest(_as_bits(places == 2))


def _rectangles(places: np.ndarray, limits: kf.Limits) -> set[int]:
    """Return what each rectangle within the caps has of the places to be changed, as bits."""
    rectangles = set()
    for rows, columns in product(*(product((False, True), repeat=length) for length in places.shape)):
        n_rows, n_columns = sum(rows), sum(columns)
        if not (n_rows and n_columns) or n_rows > limits.ids or n_columns > limits.stores:
            continue
        inside = np.outer(rows, columns)
        if n_rows * n_columns <= limits.cells and places[inside].all():
            rectangles.add(_as_bits(inside & (places == 2)))
    return rectangles


def _as_bits(table: np.ndarray) -> int:
    return sum(1 << number for number, is_one in enumerate(table.ravel().tolist()) if is_one)


def state_of(toggles: pd.DataFrame, differs: np.ndarray) -> pd.DataFrame:
    """Return live flags in which some of the rows hold, and others do not."""
    state = toggles[["entity_type", "entity_id", "scope", "brand_id", "branch_id"]].assign(title="Nasi")
    return state.assign(is_enabled=pd.array(toggles["is_enabled"] ^ differs, dtype="boolean"))  # type: ignore[call-overload]


def plan_places(places: np.ndarray, **options: object) -> kf.Plan:
    """Return the plan for a table of places, after it was checked."""
    toggles = toggles_of(places > 0)
    plan = kf.plan(toggles, state=state_of(toggles, places[places > 0] == 2), **options)  # type: ignore[arg-type]
    check_plan(plan)
    return plan


def plan_chain(limits: kf.Limits, *, operations_per_s: float, time_budget_s: float = 5.0) -> kf.Plan:
    """Plan menus of stores as a machine of this speed would."""
    toggles = kf.read_toggles(toggles_of(chain(20, 24, edits=0.05, seed=1)))
    return plan_rows(
        toggles,
        find_skips(toggles, None, unchanged="optional"),
        state=None,
        limits=limits,
        time_budget_s=time_budget_s,
        operations_per_s=operations_per_s,
    )


def draw_case(draw: np.random.Generator) -> tuple[np.ndarray, kf.Limits]:
    """Draw a small table, some lines of it equal, and caps."""
    shape = draw.integers(1, 5, size=2)
    share = draw.choice([0.2, 0.5, 0.8])
    places = draw.choice(3, size=shape, p=[1 - share, share / 3, share * 2 / 3])
    places = places[draw.integers(shape[0], size=shape[0])] if draw.random() < 0.4 else places
    sides: list[int | None] = [int(draw.integers(1, 5)) if draw.random() < 0.7 else None for _ in range(2)]
    n_cells = int(draw.integers(1, 9)) if draw.random() < 0.4 else None
    return places, kf.Limits(sides[0], sides[1], n_cells)


def main() -> None:
    """Print how many plans were the smallest, and by how many requests the others were not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many tables")
    parser.add_argument("--seed", type=int, default=1, help="of the first table")
    chosen = parser.parse_args()
    above, below = Counter[int](), Counter[int]()
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        places, limits = draw_case(np.random.default_rng(seed))
        plan, fewest = plan_places(places, limits=limits), fewest_requests(places, limits)
        assert plan.lower_bound <= fewest <= plan.n_requests, (seed, places.tolist(), limits)
        above[plan.n_requests - fewest] += 1
        below[fewest - plan.lower_bound] += 1
    print(f"requests above the fewest: {dict(sorted(above.items()))}")
    print(f"bound below the fewest:    {dict(sorted(below.items()))}")


if __name__ == "__main__":
    main()
