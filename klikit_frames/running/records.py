"""What a journal holds, as frozen values: a run, its requests, and what is known of single cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from ..model import Cell, Store, Target
from .lifecycle import RequestState, check_step

# The code of a row that an undo leaves, since somebody changed it after the undo was planned.
CHANGED_SINCE = "changed_since"


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

    @property
    def is_spared(self) -> bool:
        """Whether it was found changed before anything was sent, or was split to spare a part of it."""
        is_unsent_split = self.state is RequestState.SPLIT and self.result.http_status is None  # type: ignore[union-attr]
        return self.state is RequestState.KEPT or is_unsent_split

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
    version that did not record it. `rules` are the options that a resume keeps. `last_machine` is where it
    was resumed last. `copied_at` is when this journal, a copy, last saw it; None once it was resumed here.
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
    last_machine: str | None = None
    copied_at: datetime | None = None
    account: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publish:
    """One publish call: the stores whose menus were to be rebuilt, and the result.

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
