"""Proof that a plan touches exactly what was asked for, by other means than the planner's.

The planner works on tables of bits. Here every request is written out cell by cell, and the sorted list of
these is held against the sorted list of the rows.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd

from ..errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]

    from .limits import Limits

_SHARED = ["entity_type", "scope", "is_enabled", "cascade_to_modifier_groups", "cascade_brand_ids"]
_MOST_CASES = 10
_NO_STORE = ((-1, -1),)
_ADVICE = "Nothing was sent; plan again."


class PlanFrames(Protocol):
    """What is checked of a plan: its rows and requests as frames, the flags from before, and the caps."""

    @property
    def rows(self) -> pd.DataFrame:
        """As in ``Plan.rows``."""

    @property
    def requests(self) -> pd.DataFrame:
        """As in ``Plan.requests``."""

    @property
    def before(self) -> pd.Series:
        """As in ``Plan.before``."""

    @property
    def limits(self) -> Limits:
        """The caps."""


def check_plan(plan: PlanFrames) -> None:
    """Prove that the plan's requests touch exactly the cells that its rows ask for, and keep its caps.

    Touches neither network nor disk.

    Parameters
    ----------
    plan : Plan
        Any plan, made here or loaded from a file.

    Raises
    ------
    PlanError
        If a cell is missing or was added, or a request is malformed; it names up to ten.

    Examples
    --------
    >>> from klikit_frames.planning.plan_checks import check_plan
    >>> check_plan(kf.plan(kf.business_toggles("section", [5297], is_enabled=False)))
    """
    requests = plan.requests
    _check_shape(requests, plan.limits)
    rows = plan.rows
    _check_unchanged(rows, plan.before)
    asked, sent = _cell_keys(rows[rows["skipped_as"].isna()], requests)
    wanted, found = _distinct(asked), _distinct(sent.keys)
    if not np.array_equal(wanted, found):
        _refuse_cells(asked, sent, wanted, found)


class _Sent(NamedTuple):
    """Every cell of every request, and the request it is from."""

    keys: Keys
    request_nos: Keys


def _check_shape(requests: pd.DataFrame, limits: Limits) -> None:
    """Refuse a request that the API would read otherwise than meant: no ids, no stores, too much."""
    n_ids, n_stores = _lengths(requests["ids"]), _lengths(requests["stores"])
    is_store = (requests["scope"] == "store").to_numpy(dtype=bool)
    is_big = (
        (n_ids > limits.ids) | (n_stores > limits.stores) | (n_ids * np.maximum(n_stores, 1) > limits.cells)
    )
    _refuse_requests(requests, n_ids == 0, "carries no id")
    _refuse_requests(requests, (n_stores > 0) != is_store, "has a store list that does not fit its scope")
    _refuse_requests(requests, is_big, "is above a cap")


def _check_unchanged(rows: pd.DataFrame, before: pd.Series) -> None:
    """Refuse a row that is left out as unchanged although its flag is not known to hold."""
    holds = (before == rows["is_enabled"]).to_numpy(dtype=bool, na_value=False)
    cascades = rows["cascade_to_modifier_groups"].to_numpy(dtype=bool)
    is_unchanged = (rows["skipped_as"] == "unchanged").to_numpy(dtype=bool, na_value=False)
    by_flag_alone = (rows["skipped_as"] == "holds").to_numpy(dtype=bool, na_value=False)
    lost = np.flatnonzero((is_unchanged & ~(holds & ~cascades)) | (by_flag_alone & ~holds))
    if len(lost):
        raise PlanError(
            f"The plan is broken: row {_cases(lost + 1)} is left out although it does not hold. {_ADVICE}"
        )


def _refuse_requests(requests: pd.DataFrame, bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        raise PlanError(
            f"The plan is broken: request {_cases(requests['request_no'].to_numpy()[bad])} {what}. {_ADVICE}"
        )


def _refuse_cells(asked: Keys, sent: _Sent, wanted: Keys, found: Keys) -> None:
    lost = np.flatnonzero(~np.isin(asked, found))
    if len(lost):
        raise PlanError(
            f"The plan is broken: row {_cases(lost + 1)} of those to be sent is in no request. {_ADVICE}"
        )
    guilty = np.unique(sent.request_nos[~np.isin(sent.keys, wanted)])
    raise PlanError(f"The plan is broken: request {_cases(guilty)} touches what no row asks for. {_ADVICE}")


def _cases(numbers: Keys) -> str:
    shown = ", ".join(str(number) for number in numbers[:_MOST_CASES])
    return shown if len(numbers) <= _MOST_CASES else f"{shown} and {len(numbers) - _MOST_CASES:,} more"


def _distinct(keys: Keys) -> Keys:
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _lengths(lists: pd.Series) -> Keys:
    return np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))


def _cell_keys(rows: pd.DataFrame, requests: pd.DataFrame) -> tuple[Keys, _Sent]:
    """Write rows and requests as lists of whole numbers, one number per cell."""
    n_ids, n_stores = _lengths(requests["ids"]), np.maximum(_lengths(requests["stores"]), 1)
    request_of_id = np.repeat(np.arange(len(requests)), n_ids)
    kinds = _coded_kinds(rows, requests)
    ids = _coded(
        _numbers(rows["entity_id"]), np.fromiter(chain.from_iterable(requests["ids"]), dtype=np.int64)
    )
    targets = _joined((kinds[0], kinds[1][request_of_id]), ids)
    pairs = [pair for stores in requests["stores"] for pair in stores or _NO_STORE]
    flat = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    brands = _coded(_numbers(rows["brand_id"]), flat[:, 0])
    stores = _joined(brands, _coded(_numbers(rows["branch_id"]), flat[:, 1]))
    per_id = n_stores[request_of_id]
    first_store = np.repeat((np.cumsum(n_stores) - n_stores)[request_of_id], per_id)
    in_list = np.arange(per_id.sum()) - np.repeat(np.cumsum(per_id) - per_id, per_id)
    cells = _joined(
        (targets[0], np.repeat(targets[1], per_id)), (stores[0], stores[1][first_store + in_list])
    )
    return cells[0], _Sent(cells[1], np.repeat(requests["request_no"].to_numpy()[request_of_id], per_id))


def _numbers(column: pd.Series) -> Keys:
    return column.to_numpy(dtype="int64", na_value=-1)


def _coded(of_rows: Keys, of_requests: Keys) -> tuple[Keys, Keys]:
    """Give numbers to the values of rows; a value that only requests have gets the number after the last."""
    codes, known = pd.factorize(of_rows)
    found = pd.Index(known).get_indexer(pd.Index(of_requests))
    return codes, np.where(found < 0, len(known), found)


def _joined(left: tuple[Keys, Keys], right: tuple[Keys, Keys]) -> tuple[Keys, Keys]:
    """Give numbers to the pairs of two numberings."""
    base = max((int(part.max()) for part in right if len(part)), default=0) + 1
    return _coded(left[0] * base + right[0], left[1] * base + right[1])


def _coded_kinds(rows: pd.DataFrame, requests: pd.DataFrame) -> tuple[Keys, Keys]:
    """Give numbers to what all rows of one request must share."""
    joined = np.zeros(len(rows), dtype=np.int64), np.zeros(len(requests), dtype=np.int64)
    for name in _SHARED:
        codes, known = pd.factorize(rows[name])
        number = {value: no for no, value in enumerate(known)}
        of_requests = np.array([number.get(value, len(known)) for value in requests[name]], dtype=np.int64)
        joined = _joined(joined, (codes, of_requests))
    return joined
