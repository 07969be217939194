"""Plans with what proves their bounds, held against checkers that share no code with the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

import numpy as np

import klikit_frames as kf
from klikit_frames.planning import planner
from tests.planning.capped_certificates import (
    UNIT,
    Caps,
    bound_by_blocks_apart,
    bound_by_counting,
    bound_by_prices_under_caps,
)
from tests.planning.certificates import Pair, bound_by_prices, is_cover, is_fooling_set

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from klikit_frames.planning.bounds import BoundEvidence, PricedTable
    from klikit_frames.planning.budget import SearchBudget

_MOST_CELLS = 2**40
_KINDS = "fooling set", "counting", "blocks apart", "prices"


class Proof(NamedTuple):
    """A bound that was checked, and by what."""

    bound: int
    kind: str


def plan_with_proofs(
    toggles: pd.DataFrame, cells: np.ndarray, *, limits: kf.Limits, budget_s: float
) -> tuple[kf.Plan, list[BoundEvidence]]:
    """Plan a table of one group; also return what proves the bound of each part, as lines of `cells`."""
    covers: list[planner.GroupCover] = []

    def search(groups: list[planner.GroupCover], budget: SearchBudget, **options: Any) -> None:
        covers.extend(groups)
        search_groups(groups, budget, **options)

    search_groups = planner.search_groups
    with patch.object(planner, "search_groups", search):
        plan = kf.plan(toggles, limits=limits, time_budget_s=budget_s)
    # Every line of the table has a cell, so that entities and stores have its numbers.
    assert [(len(cover.group.ids), len(cover.group.stores)) for cover in covers] == [cells.shape]
    return plan, [component.evidence for cover in covers for component in cover.components]


def check_bound(cells: np.ndarray, parts: list[BoundEvidence], limits: kf.Limits) -> Proof:
    """Return how few requests are proven, by the best evidence of each part: parts share no request."""
    places = {(row, column) for row, column in np.argwhere(cells).tolist()}
    best = [_check_part(cells, places, part, limits) for part in parts]
    kinds = dict.fromkeys(proof.kind for proof in sorted(best, reverse=True))
    return Proof(sum(proof.bound for proof in best), ", ".join(kinds))


def _check_part(cells: np.ndarray, places: set[Pair], part: BoundEvidence, limits: kf.Limits) -> Proof:
    caps = min(limits.ids, len(cells)), min(limits.stores, cells.shape[1]), min(limits.cells, _MOST_CELLS)
    proofs = [_check(cells, places, table, caps) for table in part.priced]
    proofs += [
        Proof(bound_by_blocks_apart(cells, [(*block,) for block in blocks], caps), "blocks apart")
        for blocks in part.apart
        if limits.cost(*cells.shape) > 1
    ]
    inside = cells[np.ix_(part.entities, part.stores)]
    proofs.append(Proof(bound_by_counting(inside, caps), "counting"))
    # Of equals the one that is easiest to look at.
    return max(proofs, key=lambda proof: (proof.bound, -_KINDS.index(proof.kind)))


def is_plan_cover(cells: np.ndarray, plan: kf.Plan) -> bool:
    """Whether the requests of a plan for `toggles_of` a table hold its cells, and no others."""
    places = {(row, column) for row, column in np.argwhere(cells).tolist()}
    rectangles = [
        ([entity_id - 101 for entity_id in target.ids], [branch - 11 for _, branch in target.stores])
        for target in plan.targets
    ]
    return is_cover(places, rectangles)


def _check(cells: np.ndarray, places: set[Pair], table: PricedTable, caps: Caps) -> Proof:
    if table.prices.dtype != np.int64:
        return check_prices_under_caps(cells, table, caps)
    prices: dict[Pair, int] = {
        (int(table.entities[row][0]), int(table.stores[column][0])): int(table.prices[row, column])
        for row, column in np.argwhere(table.prices).tolist()
    }
    if set(prices.values()) == {1} and is_fooling_set(places, list(prices)):
        return Proof(len(prices), "fooling set")
    return Proof(bound_by_prices(places, prices), "prices")


def check_prices_under_caps(cells: np.ndarray, table: PricedTable, caps: Caps) -> Proof:
    """Hold the prices against the table of classes, after it was held against the whole one."""
    sizes = (np.array([len(line) for line in lines]) for lines in (table.entities, table.stores))
    heights, widths = sizes
    whole = cells[np.ix_(np.concatenate(table.entities), np.concatenate(table.stores))]
    classes = whole[np.ix_(np.cumsum(heights) - heights, np.cumsum(widths) - widths)]
    if not np.array_equal(classes.repeat(heights, axis=0).repeat(widths, axis=1), whole):
        return Proof(0, "prices")
    prices = np.floor(table.prices * UNIT).astype(np.int64)
    return Proof(bound_by_prices_under_caps(classes, prices, (heights, widths), caps), "prices")
