"""The requests of a plan and the parts they are split into: bytes, keys and their life, order, cuts.

A request that is refused as a whole is halved, first by its ids, then by its stores, and its parts are sent
in turn, until each guilty flag is alone. Every part has at least one flag and every refused part is cut, so
`n` flags never take more than ``2n - 1`` requests.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from .. import edge
from ..api.wire import encode_enable
from ..errors import RequestError, TransportError
from ..model import Cell, Store, Target, cell_of
from .evidence import server_time
from .lifecycle import RequestState
from .records import CHANGED_SINCE, Request, RequestResult

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from .records import Request

_Value = TypeVar("_Value")

# Above this share of guilty flags, asking for each flag alone takes fewer requests than halving.
_MANY = 0.38

# One foreign id refuses all the others with this status; a 400 may be about the size, which no part shares.
_OF_ONE_FLAG = 404
_CELL = [*Cell._fields]
_CHANGED = RequestResult(
    RequestState.KEPT,
    code=CHANGED_SINCE,
    message="it was changed since this undo was planned; it is left as it is",
)
# The API forgets a key after 24 hours (page idempotency); an hour is kept for clocks and slow requests.
KEY_LIFE = timedelta(hours=23)
# An age below zero by more than what clocks differ by proves nothing, so such a key is not trusted.
_DOUBT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parts of one request have shown so far.

    `guilty_stores` are those in which flags were refused and none was accepted.
    """

    n_good: int = 0
    n_guilty: int = 0
    guilty_stores: frozenset[Store] = frozenset()

    @property
    def n_settled(self) -> int:
        """How many flags are known."""
        return self.n_good + self.n_guilty


def split(target: Target, evidence: Evidence) -> list[Target]:
    """Return the parts to send instead of a refused request, in order.

    Parameters
    ----------
    target : Target
        What was refused; more than one flag.
    evidence : Evidence
        What the other parts of the same request have shown.

    Examples
    --------
    >>> from klikit_frames.running.request_trees import Evidence, split
    >>> from klikit_frames.model import Business, Target
    >>> [part.ids for part in split(Target("item", (1, 2, 3, 4), Business(), is_enabled=True), Evidence())]
    [(1, 2), (3, 4)]
    """
    if _are_many(target, evidence):
        return _singles(target)
    guilty = tuple(store for store in target.stores if store in evidence.guilty_stores)
    if guilty and len(guilty) < len(target.stores):
        rest = tuple(store for store in target.stores if store not in evidence.guilty_stores)
        return [target.with_stores(rest), target.with_stores(guilty)]
    if len(target.ids) > 1:
        return [target.with_ids(half) for half in _halves(target.ids)]
    return [target.with_stores(half) for half in _halves(target.stores)]


def _are_many(target: Target, evidence: Evidence) -> bool:
    """Judge by what is known only where that is at least half of what is asked about."""
    is_known_enough = 2 * evidence.n_settled >= target.n_cells
    return is_known_enough and evidence.n_guilty > _MANY * evidence.n_settled


def _singles(target: Target) -> list[Target]:
    parts = [target.with_ids([entity_id]) for entity_id in target.ids]
    return [part.with_stores([store]) for part in parts for store in part.stores] or parts


def _halves(values: tuple[_Value, ...]) -> tuple[tuple[_Value, ...], tuple[_Value, ...]]:
    middle = (len(values) + 1) // 2
    return values[:middle], values[middle:]


class RequestTree:
    """A request and its parts; owned by one thread at a time."""

    def __init__(self, requests: Iterable[Request], *, held_keys: Set[str] = frozenset()) -> None:
        ordered = sorted(requests, key=lambda request: request.path)
        self._requests = {request.path: request for request in ordered}
        # Depth first, so that the evidence is always about the neighbours of what comes next.
        self._waiting = [
            request.path
            for request in reversed(ordered)
            if request.state.is_open and request.key not in held_keys
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
    def n_waiting(self) -> int:
        """How many requests of it are to be sent, as far as is known."""
        return len(self._waiting)

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
        if request.state is not RequestState.SPLIT:
            return []
        parts = split(request.target, self._evidence())
        children = [build_part(request, part, n=n) for n, part in enumerate(parts)]
        self._requests |= {child.path: child for child in children}
        self._waiting += [child.path for child in reversed(children)]
        return children

    def infer_rejection(self, request: Request) -> RequestResult | None:
        """Return the result on a part that need not be sent whole: all the other parts were accepted."""
        parent = self._requests.get(request.path[:-1])
        if parent is None or parent.result is None or request.attempts or request.target.n_cells == 1:
            return None
        if parent.result.http_status != _OF_ONE_FLAG or not self._are_siblings_good(request):
            return None
        return replace(
            parent.result, request_id=None, message="cut unsent: its other parts were all accepted"
        )

    def _are_siblings_good(self, request: Request) -> bool:
        above = request.path[:-1]
        siblings = [
            sibling for sibling in self if sibling.path[:-1] == above and sibling.path != request.path
        ]
        return bool(siblings) and all(request.state is RequestState.APPLIED for request in siblings)

    def _learn(self, request: Request) -> None:
        if request.state is RequestState.APPLIED:
            self._n_good += request.target.n_cells
            self._good.update(request.target.stores)
        elif request.state is RequestState.REJECTED:
            self._n_guilty += 1
            self._guilty.update(request.target.stores)

    def _evidence(self) -> Evidence:
        guilty_stores = frozenset(self._guilty.keys() - self._good.keys())
        return Evidence(n_good=self._n_good, n_guilty=self._n_guilty, guilty_stores=guilty_stores)


def group_requests(requests: Iterable[Request], *, held_keys: Set[str] = frozenset()) -> list[RequestTree]:
    """Return requests and their parts, grouped by the plan's request, in sending order.

    Those whose keys are `held_keys` are not handed out to be sent.
    """
    grouped: dict[int, list[Request]] = {}
    for request in requests:
        grouped.setdefault(request.request_no, []).append(request)
    return [RequestTree(grouped[request_no], held_keys=held_keys) for request_no in sorted(grouped)]


def build_request(target: Target, *, path: tuple[int, ...]) -> Request:
    """Return a new request with a key of its own and the bytes that it will send."""
    body = encode_enable(
        target.ids,
        target.stores or None,
        is_enabled=target.is_enabled,
        cascade_to_modifier_groups=target.cascade_to_modifier_groups,
        cascade_brand_ids=target.cascade_brand_ids,
    )
    return Request(path=path, target=target, key=str(edge.draw_uuid()), body=body)


def build_part(request: Request, target: Target, *, n: int) -> Request:
    """Return a part of a refused request; its key is derived from the whole's key and its own body.

    Whoever goes on from a copy of the journal that lacks the part makes the same one.
    """
    part = build_request(target, path=(*request.path, n))
    name = f"{request.key} {'.'.join(map(str, part.path))} {part.body.decode()}"
    return replace(part, key=str(uuid.uuid5(uuid.NAMESPACE_OID, name)))


def build_requests(plan: Plan) -> list[Request]:
    """Return all requests of a plan, in sending order."""
    return [build_request(target, path=(no,)) for no, target in enumerate(plan.targets, start=1)]


def spare(request: Request, changed: Set[Cell]) -> list[Request]:
    """Return a request and its parts, so that no cell in `changed` is written."""
    kept = changed & set(request.target.cells())
    if not kept:
        return [request]
    if len(kept) == request.target.n_cells:
        return [request.settle(_CHANGED)]
    split_request = request.settle(replace(_CHANGED, status=RequestState.SPLIT))
    parts = [
        (build_request(target, path=(*request.path, n)), is_kept)
        for n, (target, is_kept) in enumerate(_part(request.target, kept))
    ]
    return [split_request, *(part.settle(_CHANGED) if is_kept else part for part, is_kept in parts)]


def _part(target: Target, kept: Set[Cell]) -> Iterator[tuple[Target, bool]]:
    """Cut a target into rectangles of cells that are all kept, or all to be written."""
    places: dict[frozenset[int], list[Store]] = {}
    for store in target.stores or (None,):
        ids = frozenset(cell.entity_id for cell in kept if cell.store == store)
        places.setdefault(ids, []).extend([store] if store else [])
    for ids, stores in places.items():
        here = target.with_stores(stores) if stores else target
        for is_kept in (False, True):
            if some := [entity_id for entity_id in target.ids if (entity_id in ids) is is_kept]:
                yield here.with_ids(some), is_kept


class RowCounter:
    """Counts the rows of a plan that a request, or a part of one, decides."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        requests = plan.requests
        self._whole = dict(zip(requests["request_no"].tolist(), requests["n_rows"].tolist(), strict=True))
        self._by_cell: dict[int, Counter[Cell]] = {}

    def __call__(self, request: Request) -> int:
        """Return how many rows of the plan have this request as their owner."""
        if len(request.path) == 1:
            return int(self._whole[request.request_no])
        cells = self._cells(request.request_no)
        return sum(cells[cell] for cell in request.target.cells())

    def _cells(self, request_no: int) -> Counter[Cell]:
        if request_no not in self._by_cell:
            rows = self._plan.rows
            rows_of_request = rows.loc[rows["request_no"] == request_no, _CELL]
            self._by_cell[request_no] = Counter(
                cell_of(*row) for row in rows_of_request.itertuples(index=False, name=None)
            )
        return self._by_cell[request_no]


def is_key_expired(request: Request, *, server_now: datetime) -> bool:
    """Tell whether the API may have forgotten the key of a request that may have reached it.

    Parameters
    ----------
    request : Request
        As the journal has it: its time by this machine's clock, and how far the server's was ahead. Where no
        answer showed that, this machine's clock is taken to have been right.
    server_now : datetime
        The present by the server's clock.
    """
    if not is_in_doubt(request) or request.sent_at is None:
        return False
    age = server_now - (request.sent_at + timedelta(seconds=request.clock_offset_s or 0.0))
    return not -_DOUBT < age < KEY_LIFE


def is_in_doubt(request: Request) -> bool:
    """Tell whether the API may know a request that is still open."""
    return request.state.is_open and request.state.may_have_arrived


def ask_server_time(client: Client) -> datetime | None:
    """Return the present by the server's clock, as it tells it now; None if nobody answers.

    An earlier answer's date is not good enough: this machine's clock may have been set since. A server that
    answers without a date is taken to have the time of this machine.
    """
    try:
        client.read("/brands")
    except TransportError:
        return None
    except RequestError:
        # A refusal tells the time as well as any other answer.
        pass
    return server_time(client)
