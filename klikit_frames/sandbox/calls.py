"""Calls: read strictly, the errors that refuse one, and the log of what came in and what it changed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar
from urllib.parse import parse_qsl

from .state import Store

if TYPE_CHECKING:
    import pandas as pd

    from .app_context import AppContext

# lower spelling -> HTTP status, upper spelling; the two tables of the documentation, merged
CODES = {
    "auth_missing": (401, "MISSING_AUTH"),
    "auth_invalid_credential": (401, "INVALID_CREDENTIALS"),
    "auth_revoked": (403, "INVALID_CREDENTIALS"),
    "auth_forbidden": (403, "FORBIDDEN_SCOPE"),
    "request_invalid": (400, "REQUEST_INVALID"),
    "request_missing_idempotency_key": (400, "REQUEST_MISSING_IDEMPOTENCY_KEY"),
    "request_invalid_range": (400, "REQUEST_INVALID_RANGE"),
    "resource_not_found": (404, "RESOURCE_NOT_FOUND"),
    "not_found": (404, "NOT_FOUND"),
    "resource_unmapped": (404, "RESOURCE_UNMAPPED"),
    "state_invalid_transition": (409, "INVALID_TRANSITION"),
    "state_idempotency_conflict": (409, "IDEMPOTENCY_KEY_CONFLICT"),
    "rate_limit_exceeded": (429, "RATE_LIMITED"),
    "downstream_unavailable": (502, "DOWNSTREAM_UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}


class ApiError(Exception):
    """One error answer of the API.

    Parameters
    ----------
    code : str
        The code in its lower spelling.
    message : str
        What the caller reads.
    status : int, optional
        HTTP status, if not the usual one of the code.
    headers : dict, optional
        Further headers of the answer.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or CODES[code][0]
        self.headers = headers or {}


def invalid(message: str) -> ApiError:
    """Return the error of a request that is malformed."""
    return ApiError("request_invalid", message)


MAX_BODY = 16 * 1024 * 1024
_MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Call:
    """A request: method, path below the API's base, query, headers in lower case, and body."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    partner_key: str = ""

    @property
    def idempotency_key(self) -> str | None:
        """The key of a write, if one was sent."""
        return self.headers.get("idempotency-key")

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def arguments(self) -> dict[str, str]:
        """The query's parameters; of one given twice, the last value."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


def read_number(text: str, *, name: str) -> int:
    """Return an id or a count from a query or a path."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid(f"{name} must be an integer")
    return int(text)


def read_object(call: Call, *, fields: Iterable[str]) -> dict[str, object]:
    """Return the body, which must be a JSON object of known fields; a `business_id` is ignored."""
    if len(call.body) > MAX_BODY:
        raise invalid(f"body is larger than {MAX_BODY} bytes")
    try:
        body = json.loads(call.body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise invalid("body is not valid JSON") from None
    if not isinstance(body, dict):
        raise invalid("body must be a JSON object")
    refuse_unknown(body, known={*fields, "business_id"}, place="body")
    return body


def refuse_unknown(names: Iterable[str], *, known: Collection[str], place: str) -> None:
    """Refuse what the API does not know; a misspelt field must not pass for one that was left out."""
    unknown = sorted(name for name in names if name not in known)
    if unknown:
        shown = ", ".join(repr(name[:50]) for name in unknown[:3])
        raise invalid(f"{place} has {len(unknown)} unknown: {shown}; known: {', '.join(sorted(known))}")


def read_ids(body: Mapping[str, object], name: str) -> list[int]:
    """Return a list of ids; absent or null is empty."""
    values = body.get(name)
    if values is None:
        return []
    if not isinstance(values, list) or not all(is_id(value) for value in values):
        raise invalid(f"{name} must be an array of integers")
    return values


def read_flag(body: Mapping[str, object], name: str) -> bool:
    """Return a boolean; absent or null is false, as documented for isEnabled."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be a boolean")
    return bool(value)


def read_stores(body: Mapping[str, object], name: str) -> list[tuple[int, int]] | None:
    """Return a list of (brand, branch) pairs, or None where the field is absent or null."""
    values = body.get(name)
    if values is None:
        return None
    if not isinstance(values, list):
        raise invalid(f"{name} must be an array of objects")
    return [_store(value, name=name) for value in values]


def halve(call: Call) -> Call | None:
    """Return a write of the first half of its ids, or of its stores if it has one id; None for one cell."""
    body = json.loads(call.body)
    for name in ("ids", "stores", "zoneStores"):
        values = body.get(name)
        if isinstance(values, list) and len(values) > 1:
            return replace(call, body=json.dumps(body | {name: values[: len(values) // 2]}).encode())
    return None


def is_id(value: object) -> bool:
    """Tell whether a JSON value is an integer that can be an id; true and 1.0 are not."""
    return type(value) is int and abs(value) <= _MAX_ID


def _store(value: object, *, name: str) -> tuple[int, int]:
    if not isinstance(value, dict) or not (is_id(value.get("brandID")) and is_id(value.get("branchID"))):
        raise invalid(f"each of {name} must have an integer brandID and an integer branchID")
    refuse_unknown(value, known=("brandID", "branchID"), place=name)
    return value["brandID"], value["branchID"]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page and its place in the whole."""

    number: int
    size: int
    total: int
    entries: Sequence[T]

    @property
    def numbers(self) -> dict[str, object]:
        """What the envelope tells of the page."""
        return {"page": self.number, "size": self.size, "total": self.total}


def page_of(entries: Sequence[T], call: Call) -> Page[T]:
    """Return the page that a call asks for by `page` and `size`."""
    number, size = _from_one(call, "page", default=1), _from_one(call, "size", default=1000)
    return Page(number, size, len(entries), entries[(number - 1) * size : number * size])


def _from_one(call: Call, name: str, *, default: int) -> int:
    text = call.arguments.get(name)
    number = default if text is None else read_number(text, name=name)
    if number < 1:
        raise invalid(f"{name} must be at least 1")
    return number


def read_zone(app: AppContext, body: Mapping[str, object]) -> list[Store]:
    """Return the stores of a body, each once; none at all means the business."""
    stores = read_stores(body, "zoneStores")
    if stores == [] and app.switches.empty_stores == "reject":
        raise invalid("zoneStores must hold at least one store, or be left out")
    app.require_stores(stores or [])
    return list(dict.fromkeys(stores or []))


KEPT_CALLS = 100_000
KEPT_CHARACTERS = 128 * 2**20
CALL_COLUMNS = ("time", "method", "path", "body", "key", "status", "request_id", "replayed")


@dataclass
class LoggedRequest:
    """One request, and what it was answered; status and request id stay None if no answer left."""

    time: datetime
    method: str
    path: str
    body: str
    key: str | None
    status: int | None = None
    request_id: str | None = None
    replayed: bool = False


class RequestLog:
    """The last 100,000 requests, fewer if their bodies are long; any thread may read them."""

    def __init__(self) -> None:
        self._kept: deque[LoggedRequest] = deque()
        self._n_characters = 0

    def open(self, call: Call, *, time: datetime) -> LoggedRequest:
        """Note a request on arrival; its answer is filled in later."""
        logged = LoggedRequest(
            time, call.method, call.target, call.body.decode(errors="replace"), call.idempotency_key
        )
        self._n_characters += len(logged.body)
        while len(self._kept) >= KEPT_CALLS or (self._kept and self._n_characters > KEPT_CHARACTERS):
            self._n_characters -= len(self._kept.popleft().body)
        self._kept.append(logged)
        return logged

    def last(self, count: int) -> list[LoggedRequest]:
        """Return the newest requests, newest first."""
        return list(self._kept)[::-1][:count]

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()
        self._n_characters = 0

    def frame(self) -> pd.DataFrame:
        """Return one row per request: ``time, method, path, body, key, status, request_id, replayed``."""
        import pandas as pd

        # Copied at once, for requests arrive meanwhile.
        rows = [[getattr(logged, name) for name in CALL_COLUMNS] for logged in list(self._kept)]
        frame = pd.DataFrame(rows, columns=list(CALL_COLUMNS))
        # What pandas takes for text by itself: object in pandas 2, str in pandas 3.
        text = dict.fromkeys(("method", "path", "body", "key", "request_id"), pd.Series([""]).dtype)
        return frame.astype(text | {"status": "Int64", "replayed": bool, "time": "datetime64[us, UTC]"})


# Ids and stores of all events together; the oldest events go first.
KEPT_NUMBERS = 4_000_000
EVENT_COLUMNS = (
    "no",
    "time",
    "event",
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "by",
    "key",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One write of flags, or one copy of store menus; no stores in a write is the business."""

    no: int
    time: float
    stores: tuple[Store, ...]
    kind: str | None = None
    ids: tuple[int, ...] = ()
    is_enabled: bool | None = None
    by: str | None = None
    key: str | None = None

    @property
    def size(self) -> int:
        """How many numbers it keeps."""
        return len(self.ids) + 2 * len(self.stores) + 1

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield one row for each cell written, or for each store copied."""
        time = datetime.fromtimestamp(self.time, UTC)
        if self.kind is None:
            yield from (
                (self.no, time, "copy", None, None, "store", *store, None, None, None)
                for store in self.stores
            )
            return
        scope = "store" if self.stores else "business"
        for (brand_id, branch_id), entity_id in product(self.stores or [(None, None)], self.ids):
            cell = (self.kind, entity_id, scope, brand_id, branch_id, self.is_enabled)
            yield self.no, time, "write", *cell, self.by, self.key


class History:
    """The events of a sandbox since its start or reset, numbered; any thread may read them."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._n_numbers = 0
        self.n_events = 0

    def note_write(
        self,
        kind: str,
        *,
        ids: Iterable[int],
        stores: Iterable[Store],
        is_enabled: bool,
        time: float,
        by: str,
        key: str | None = None,
    ) -> None:
        """Note that flags were written: `by` is a partner key, or ``others``."""
        self._append(Event(self.n_events + 1, time, tuple(stores), kind, tuple(ids), is_enabled, by, key))

    def note_copy(self, stores: Sequence[Store], *, time: float) -> None:
        """Note that the menus of stores were copied from what was live."""
        if stores:
            self._append(Event(self.n_events + 1, time, tuple(stores)))

    def _append(self, event: Event) -> None:
        self.n_events += 1
        self._n_numbers += event.size
        self._events.append(event)
        while self._n_numbers > KEPT_NUMBERS and len(self._events) > 1:
            self._n_numbers -= self._events.popleft().size

    def truncate(self, n_events: int) -> None:
        """Take back the events after the first `n_events`: their transaction was rolled back."""
        while self._events and self._events[-1].no > n_events:
            self._n_numbers -= self._events.pop().size
        self.n_events = n_events

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self._n_numbers = self.n_events = 0

    def frame(self, *, since: int = 0) -> pd.DataFrame:
        """Return one row per cell written and per store copied, in order."""
        import pandas as pd

        events = list(islice(self._events, None))
        rows = [row for event in events if event.no > since for row in event.rows()]
        frame = pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
        kinds: dict[str, Any] = dict.fromkeys(("entity_id", "brand_id", "branch_id"), "Int64")
        kinds |= {"no": "int64", "is_enabled": "boolean", "time": "datetime64[us, UTC]"}
        kinds |= dict.fromkeys(("event", "entity_type", "scope", "by", "key"), pd.Series([""]).dtype)
        return frame.astype(kinds)
