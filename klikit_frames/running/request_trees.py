"""The requests of a plan with the parts that they are split into: bytes, keys, and which goes next."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..api.wire import encode_enable
from .bisection import Evidence, split
from .records import Request, Store, Target, Verdict

if TYPE_CHECKING:
    from ..planning.plan import Plan

# One foreign id refuses all the others with this status; a 400 may be about the size, which no part shares.
_OF_ONE_FLAG = 404


class RequestTree:
    """A request and its parts; owned by one thread at a time."""

    def __init__(self, requests: Iterable[Request], *, held: Set[str] = frozenset()) -> None:
        ordered = sorted(requests, key=lambda request: request.path)
        self._requests = {request.path: request for request in ordered}
        # Depth first, so that the evidence is always about the neighbours of what comes next.
        self._waiting = [
            request.path for request in reversed(ordered) if request.is_open and request.key not in held
        ]
        self._good: Counter[Store] = Counter()
        self._guilty: Counter[Store] = Counter()
        self._n_good = self._n_guilty = 0
        for request in ordered:
            self._learn(request)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests.values())

    @property
    def root(self) -> Request:
        """The plan's own request."""
        return next(iter(self))

    @property
    def is_waiting(self) -> bool:
        """Whether something of it is to be sent."""
        return bool(self._waiting)

    def take(self) -> Request:
        """Return the next request to send; each is handed out once."""
        return self._requests[self._waiting.pop()]

    def note(self, request: Request) -> list[Request]:
        """Take in a request as it stands now, and return the parts that it is cut into, if it is."""
        self._requests[request.path] = request
        self._learn(request)
        if request.verdict is None or request.verdict.word != "split":
            return []
        parts = split(request.target, self._evidence())
        children = [build_request(part, path=(*request.path, n)) for n, part in enumerate(parts)]
        self._requests |= {child.path: child for child in children}
        self._waiting += [child.path for child in reversed(children)]
        return children

    def infer_rejection(self, request: Request) -> Verdict | None:
        """Return the verdict on a part that need not be sent whole: all the other parts were accepted."""
        parent = self._requests.get(request.path[:-1])
        if parent is None or parent.verdict is None or request.attempts or request.target.n_cells == 1:
            return None
        if parent.verdict.http_status != _OF_ONE_FLAG or not self._are_siblings_good(request):
            return None
        return replace(
            parent.verdict, request_id=None, message="cut unsent: its other parts were all accepted"
        )

    def _are_siblings_good(self, request: Request) -> bool:
        above = request.path[:-1]
        siblings = [one for one in self if one.path[:-1] == above and one.path != request.path]
        return bool(siblings) and all(
            one.verdict is not None and one.verdict.word == "applied" for one in siblings
        )

    def _learn(self, request: Request) -> None:
        word = request.verdict.word if request.verdict is not None else None
        if word == "applied":
            self._n_good += request.target.n_cells
            self._good.update(request.target.stores)
        elif word == "rejected":
            self._n_guilty += 1
            self._guilty.update(request.target.stores)

    def _evidence(self) -> Evidence:
        guilty_stores = frozenset(self._guilty.keys() - self._good.keys())
        return Evidence(n_good=self._n_good, n_guilty=self._n_guilty, guilty_stores=guilty_stores)


def group_requests(requests: Iterable[Request], *, held: Set[str] = frozenset()) -> list[RequestTree]:
    """Return requests and their parts, grouped by the plan's request, in sending order.

    Those whose keys are `held` are not handed out to be sent.
    """
    grouped: dict[int, list[Request]] = {}
    for request in requests:
        grouped.setdefault(request.request_no, []).append(request)
    return [RequestTree(grouped[request_no], held=held) for request_no in sorted(grouped)]


def build_request(target: Target, *, path: tuple[int, ...]) -> Request:
    """Return a new request with a key of its own and the bytes that it will send."""
    body = encode_enable(
        target.ids,
        target.stores if target.scope == "store" else None,
        is_enabled=target.is_enabled,
        cascade_to_modifier_groups=target.cascade_to_modifier_groups,
        cascade_brand_ids=target.cascade_brand_ids,
    )
    return Request(path=path, target=target, key=str(uuid.uuid4()), body=body)


def build_requests(plan: Plan) -> list[Request]:
    """Return all requests of a plan, in sending order."""
    return [
        build_request(_target(row), path=(int(row["request_no"]),))
        for row in plan.requests.to_dict("records")
    ]


def _target(row: dict[Hashable, Any]) -> Target:
    return Target(
        entity_type=row["entity_type"],
        scope=row["scope"],
        is_enabled=bool(row["is_enabled"]),
        ids=tuple(row["ids"]),
        stores=tuple(row["stores"]),
        cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
        cascade_brand_ids=tuple(row["cascade_brand_ids"]),
    )
