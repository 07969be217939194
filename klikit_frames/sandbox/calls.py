"""The contents of a call, read strictly, and the errors that refuse one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from .app_context import AppContext
    from .flags import Store

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
