"""What a journal holds, as frozen values: a run, its requests, and what is known of single cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from .lifecycle import RequestState, check_step

Store = tuple[int, int]


class Cell(NamedTuple):
    """One flag: an entity, everywhere (no store) or in one store."""

    entity_type: str
    entity_id: int
    brand_id: int | None
    branch_id: int | None

    @property
    def store(self) -> Store | None:
        """Its store; None for everywhere."""
        if self.brand_id is None or self.branch_id is None:
            return None
        return self.brand_id, self.branch_id


@dataclass(frozen=True, slots=True)
class Target:
    """What one request writes: `ids` times `stores`, or the business rows where `stores` is empty."""

    entity_type: str
    scope: str
    is_enabled: bool
    ids: tuple[int, ...]
    stores: tuple[Store, ...]
    cascade_to_modifier_groups: bool = False
    cascade_brand_ids: tuple[int, ...] = ()

    @property
    def n_cells(self) -> int:
        """How many flags it writes."""
        return len(self.ids) * max(len(self.stores), 1)

    def narrow(
        self, *, ids: tuple[int, ...] | None = None, stores: tuple[Store, ...] | None = None
    ) -> Target:
        """Return the part of it with these ids, or these stores, or both."""
        kept = self.ids if ids is None else ids
        return replace(self, ids=kept, stores=self.stores if stores is None else stores)

    def cells(self) -> list[Cell]:
        """Return its flags, by id and then by store."""
        stores: tuple[Store | tuple[None, None], ...] = self.stores or ((None, None),)
        return [Cell(self.entity_type, entity_id, *store) for entity_id in self.ids for store in stores]


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What became of one request: the state that it is in, and the answer that led there."""

    status: RequestState
    code: str | None = None
    http_status: int | None = None
    message: str | None = None
    request_id: str | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a run, with the bytes that it sends.

    `path` is its place: ``(3,)`` is the plan's third request, ``(3, 0)`` the first part of it after it was
    refused as a whole. `clock_offset_s` is how far the server's clock was ahead when it was first sent.
    """

    path: tuple[int, ...]
    target: Target
    key: str
    body: bytes
    attempts: int = 0
    sent_at: datetime | None = None
    result: RequestResult | None = None
    clock_offset_s: float | None = None

    @property
    def request_no(self) -> int:
        """The number of the plan's request that it is, or is a part of."""
        return self.path[0]

    @property
    def state(self) -> RequestState:
        """Where it stands."""
        if self.result is not None:
            return self.result.status
        return RequestState.IN_FLIGHT if self.attempts else RequestState.RECORDED

    def begin_attempt(self, attempts: int) -> Request:
        """Return it as it is noted just before it leaves, after so many attempts."""
        check_step(self.state, RequestState.IN_FLIGHT)
        return replace(self, attempts=attempts, result=None)

    def settle(self, result: RequestResult) -> Request:
        """Return it with what became of it.

        Raises
        ------
        ValueError
            The table of transitions has no such step: a mistake in the program.
        """
        check_step(self.state, result.status)
        return replace(self, result=result)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a plan.

    `account` tells host and partner key apart from others without naming them; it is empty for a run of a
    version that did not record it. `rules` are the options that a resume keeps.
    """

    run_id: str
    plan_id: str
    plan_digest: str
    host: str
    user: str
    machine: str
    started_at: datetime
    n_rows: int
    n_requests: int
    status: str = "running"
    ended_at: datetime | None = None
    account: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publish:
    """One publish call: the stores whose menus were asked to be made anew, and what came of it.

    `run_id` is the run that it belongs to, if any. `status` is ``published``, ``failed`` or ``unknown``;
    None until an answer is recorded.
    """

    publish_id: str
    account: str
    host: str
    stores: tuple[Store, ...]
    key: str
    run_id: str | None = None
    provider_ids: tuple[int, ...] | None = None
    attempts: int = 0
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    clock_offset_s: float | None = None
    status: str | None = None
    http_status: int | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    n_success: int | None = None
    n_failed: int | None = None


class CellFlag(NamedTuple):
    """What one cell was seen to hold; None if the menu does not tell."""

    cell: Cell
    is_enabled: bool | None


def cell_of(entity_type: str, entity_id: int, brand_id: int | None, branch_id: int | None) -> Cell:
    """Return the cell of a row of a frame, where a store that is not there may be any missing value."""
    if pd.isna(brand_id) or pd.isna(branch_id):
        return Cell(entity_type, int(entity_id), None, None)
    return Cell(entity_type, int(entity_id), int(brand_id), int(branch_id))
