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
_PLACE = ["entity_id", "brand_id", "branch_id"]
_MOST_CASES = 10
# Keys are packed into whole numbers below this.
_MOST_ROOM = 2**63
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
    is_sent = rows["skipped_as"].isna().to_numpy(dtype=bool)
    rows = rows[[*_SHARED, *_PLACE]]
    asked, sent = _cell_keys(rows if is_sent.all() else rows[is_sent], requests)
    wanted, carried = _distinct(asked), _distinct(sent)
    if not np.array_equal(wanted, carried):
        _refuse_cells(requests, asked, sent, wanted, carried)


class _Numbers(NamedTuple):
    """A whole number from 0, and below `room`, for each row, and for each part of the requests."""

    of_rows: Keys
    of_requests: Keys
    room: int


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
    if rows["skipped_as"].isna().all():
        return
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


def _refuse_cells(requests: pd.DataFrame, asked: Keys, sent: Keys, wanted: Keys, carried: Keys) -> None:
    lost = np.flatnonzero(~np.isin(asked, carried))
    if len(lost):
        raise PlanError(
            f"The plan is broken: row {_cases(lost + 1)} of those to be sent is in no request. {_ADVICE}"
        )
    n_cells = _lengths(requests["ids"]) * np.maximum(_lengths(requests["stores"]), 1)
    request_nos = np.repeat(requests["request_no"].to_numpy(), n_cells)
    guilty = np.unique(request_nos[~np.isin(sent, wanted)])
    raise PlanError(f"The plan is broken: request {_cases(guilty)} touches what no row asks for. {_ADVICE}")


def _cases(numbers: Keys) -> str:
    shown = ", ".join(str(number) for number in numbers[:_MOST_CASES])
    return shown if len(numbers) <= _MOST_CASES else f"{shown} and {len(numbers) - _MOST_CASES:,} more"


def _distinct(keys: Keys) -> Keys:
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _lengths(lists: pd.Series) -> Keys:
    return np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))


def _cell_keys(rows: pd.DataFrame, requests: pd.DataFrame) -> tuple[Keys, Keys]:
    """Return one number for the cell of each row, and for each cell of each request, in their order."""
    n_ids, n_stores = _lengths(requests["ids"]), np.maximum(_lengths(requests["stores"]), 1)
    ids = np.fromiter(chain.from_iterable(requests["ids"]), dtype=np.int64)
    flat = [number for stores in requests["stores"] for pair in stores or _NO_STORE for number in pair]
    pairs = np.array(flat, dtype=np.int64).reshape(-1, 2)
    kinds = _kinds(rows, requests)
    kinds = kinds._replace(of_requests=np.repeat(kinds.of_requests, n_ids))
    targets = _joined(kinds, _ids(rows["entity_id"], ids))
    stores = _joined(_ids(rows["brand_id"], pairs[:, 0]), _ids(rows["branch_id"], pairs[:, 1]))
    if targets.room * stores.room >= _MOST_ROOM:
        targets, stores = _coded(targets), _coded(stores)
    sent = _products(targets.of_requests * stores.room, n_ids, stores.of_requests, n_stores)
    return targets.of_rows * stores.room + stores.of_rows, sent


def _products(ids: Keys, n_ids: Keys, stores: Keys, n_stores: Keys) -> Keys:
    """Return the sums of each request's ids with each of its stores, request by request."""
    ends = np.cumsum(n_ids), np.cumsum(n_stores)
    sums = np.empty(int((n_ids * n_stores).sum()), dtype=np.int64)
    start, sizes = 0, (n_ids * n_stores).tolist()
    parts = zip(n_ids.tolist(), ends[0].tolist(), n_stores.tolist(), ends[1].tolist(), sizes, strict=True)
    for height, last_id, width, last_store, size in parts:
        table = sums[start : start + size].reshape(height, width)
        np.add(ids[last_id - height : last_id, None], stores[last_store - width : last_store], out=table)
        start += size
    return sums


def _ids(column: pd.Series, of_requests: Keys) -> _Numbers:
    """Return ids counted from the lowest; -1 stands for none."""
    of_rows = (
        column.to_numpy(dtype="int64", na_value=-1) if column.hasnans else column.to_numpy(dtype="int64")
    )
    ends = [int(end) for part in (of_rows, of_requests) if len(part) for end in (part.min(), part.max())]
    low, high = min(ends, default=0), max(ends, default=0)
    if high - low + 1 >= _MOST_ROOM:
        return _coded(_Numbers(of_rows, of_requests, _MOST_ROOM))
    return _Numbers(of_rows - low, of_requests - low, high - low + 1)


def _coded(numbers: _Numbers) -> _Numbers:
    """Return numbers below the count of rows; one that only requests have becomes the next after the last."""
    codes, values = pd.factorize(numbers.of_rows)
    positions = pd.Index(values).get_indexer(pd.Index(numbers.of_requests))
    return _Numbers(codes, np.where(positions < 0, len(values), positions), len(values) + 1)


def _joined(left: _Numbers, right: _Numbers) -> _Numbers:
    """Give numbers to the pairs of two numberings."""
    if left.room * right.room >= _MOST_ROOM:
        left, right = _coded(left), _coded(right)
    room = right.room
    return _Numbers(
        left.of_rows * room + right.of_rows, left.of_requests * room + right.of_requests, left.room * room
    )


def _kinds(rows: pd.DataFrame, requests: pd.DataFrame) -> _Numbers:
    """Give numbers to what all rows of one request must share."""
    joined = _Numbers(np.zeros(len(rows), dtype=np.int64), np.zeros(len(requests), dtype=np.int64), 1)
    for name in _SHARED:
        codes, values = _factorized(rows[name])
        number = {value: no for no, value in enumerate(values)}
        of_requests = np.array([number.get(value, len(values)) for value in requests[name]], dtype=np.int64)
        joined = _joined(joined, _Numbers(codes, of_requests, len(values) + 1))
    return joined


def _factorized(column: pd.Series) -> tuple[Keys, list[object]]:
    """Return a code for each cell, and the value of each code."""
    if column.dtype != np.dtype(object):
        codes, uniques = pd.factorize(column)
        return codes, list(uniques)
    # Tuples are mostly the very same few objects.
    addresses, first = pd.factorize(np.frombuffer(np.ascontiguousarray(column.to_numpy()), dtype=np.intp))
    objects = {id(value): value for value in column.to_numpy()[_first_places(addresses, len(first))]}
    codes, values = pd.factorize(np.fromiter(objects.values(), dtype=object, count=len(objects)))
    return codes[addresses], list(values)


def _first_places(codes: Keys, n_codes: int) -> Keys:
    first = np.empty(n_codes, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first
