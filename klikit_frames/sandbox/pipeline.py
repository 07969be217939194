"""How a call becomes an answer: its endpoint, the scope that needs, its key, and faults on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from starlette.routing import compile_path

from . import credentials, menus, publishing, small_endpoints
from .app_context import AppContext
from .calls import CODES, ApiError, Call, halve, invalid, refuse_unknown
from .faults import Fault
from .small_endpoints import show

Handler = Callable[[AppContext, Call], object]
# Stands for the scope of menu writes: the documentation does not name it, a switch does.
WRITE = "<write>"
PAGE = ("page", "size")
_FAILURES = {
    "error_500": ("internal", 500),
    "error_502": ("downstream_unavailable", 502),
    "error_503": ("downstream_unavailable", 503),
    "error_504": ("downstream_unavailable", 504),
}
_PAGES = {
    "html_502": (502, "502 Bad Gateway"),
    "html_200": (200, "Sign in to this network"),
}


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API."""

    method: str
    path: str
    handler: Handler
    scope: str
    query: tuple[str, ...] = ()

    @property
    def is_write(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


ENDPOINTS = (
    Endpoint("GET", "/brands", small_endpoints.list_brands, "brands:read"),
    Endpoint("GET", "/branches", small_endpoints.list_branches, "brands:read", PAGE),
    Endpoint("GET", "/providers", small_endpoints.list_providers, "menus:read"),
    Endpoint("GET", "/menus", menus.read_menu, "menus:read", ("brand_id", "branch_id")),
    Endpoint("GET", "/menus/sections", menus.list_sections, "menus:read", PAGE),
    Endpoint("GET", "/menus/categories", menus.list_categories, "menus:read", PAGE),
    Endpoint("GET", "/menus/items", menus.list_items, "menus:read", PAGE),
    Endpoint("GET", "/menus/modifier-groups", menus.list_groups, "menus:read", PAGE),
    Endpoint("PATCH", "/menus/sections/enable", partial(menus.enable, kind="section"), WRITE),
    Endpoint("PATCH", "/menus/categories/enable", partial(menus.enable, kind="category"), WRITE),
    Endpoint("PATCH", "/menus/items/enable", partial(menus.enable, kind="item"), WRITE),
    Endpoint("PATCH", "/menus/sections/{entity_id}/visibilities", partial(show, kind="section"), WRITE),
    Endpoint("PATCH", "/menus/categories/{entity_id}/visibilities", partial(show, kind="category"), WRITE),
    Endpoint("PATCH", "/menus/items/{entity_id}/visibilities", partial(show, kind="item"), WRITE),
    Endpoint("POST", "/menus/publish", publishing.publish, WRITE),
    Endpoint("POST", "/menus/sync", publishing.sync, WRITE),
    Endpoint("PATCH", "/items/{partner_item_id}/availability", small_endpoints.set_availability, "menus:oos"),
    Endpoint("GET", "/orders", small_endpoints.list_orders, "orders:read", ("start_date", "end_date", *PAGE)),
    Endpoint("GET", "/orders/{order_id}", small_endpoints.read_order, "orders:read"),
    Endpoint("PATCH", "/orders/{order_id}/status", small_endpoints.change_status, "orders:write"),
)


class Routes:
    """The endpoints by path, and of each path by method."""

    def __init__(self, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> None:
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            self._fixed.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        variable = [path for path in self._fixed if "{" in path]
        self._compiled = [(compile_path(path)[0], self._fixed.pop(path)) for path in variable]

    def match(self, path: str) -> tuple[Mapping[str, Endpoint], dict[str, str]]:
        """Return the endpoints of a path by method, and what its variable parts say."""
        if path in self._fixed:
            return self._fixed[path], {}
        for regex, methods in self._compiled:
            if match := regex.match(path):
                return methods, match.groupdict()
        return {}, {}


@dataclass
class RequestContext:
    """One call on its way through the pipeline, and what its answer carries besides the body."""

    call: Call
    failure: ApiError | None = None
    written: str = "all"
    keeps_key: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    is_replay: bool = False


class Pipeline:
    """Answers one call at a time."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._routes = Routes()
        # A sandbox that is started on an old store repeats no request id: the same id twice means a replay.
        seed = f"request ids {app.catalogue.seed} {app.state.n_openings}"
        self._draw = random.Random(seed)  # noqa: S311 - ids, not secrets

    def answer(self, request: RequestContext) -> Recorded:
        """Return the answer to a call; `failure` is what a write ends in, and keeps under its key."""
        try:
            return self._answer(request)
        except ApiError as error:
            request.headers.update(error.headers)
            return self.error_answer(error)

    def error_answer(self, error: ApiError) -> Recorded:
        """Return the envelope of an error."""
        upper = CODES[error.code][1]
        code = upper if self._app.switches.code_spelling == "upper" else error.code
        return self._envelope(error.status, "error", {"code": code, "message": error.message, "details": {}})

    def _answer(self, request: RequestContext) -> Recorded:
        call = request.call
        partner_key, scopes = credentials.check(self._app, call.headers.get("authorization"))
        request.call = replace(call, partner_key=partner_key)
        self._count(request)
        endpoint = self._find(request)
        self._check_scope(endpoint, scopes)
        refuse_unknown(call.arguments, known=(*endpoint.query, "business_id"), place="query")
        if endpoint.is_write:
            return self._write(endpoint, request)
        if request.failure:
            raise request.failure
        return self._done(endpoint.handler(self._app, request.call))

    def _count(self, request: RequestContext) -> None:
        switches, is_write = self._app.switches, request.call.method != "GET"
        cap = switches.writes_per_minute if is_write else switches.reads_per_minute
        if cap is None:
            return
        kind, now = switches.rate_window, self._app.clock.now()
        limits_of = (request.call.partner_key, is_write, kind, cap)
        reading = self._app.limits.take(limits_of, now=now)
        request.headers |= credentials.cap_headers(reading, cap=cap, now=now)
        if not reading.is_allowed:
            raise self.too_many(switches.retry_after, wait_s=reading.wait_s)

    def too_many(self, form: str, *, wait_s: float) -> ApiError:
        """Return the error of one request too many."""
        date = self._app.clock.http_date(after_s=wait_s + 1)
        return ApiError(
            "rate_limit_exceeded",
            "rate limit exceeded for this credential",
            headers=credentials.retry_after(form, wait_s=wait_s, date=date),
        )

    def _find(self, request: RequestContext) -> Endpoint:
        call = request.call
        methods, params = self._routes.match(call.path)
        if not methods:
            raise ApiError("resource_not_found", "no such route")
        if call.method not in methods:
            allow = {"allow": ", ".join(methods)}
            raise ApiError("request_invalid", "method is not allowed here", status=405, headers=allow)
        request.call = replace(call, params=params)
        return methods[call.method]

    def _check_scope(self, endpoint: Endpoint, scopes: frozenset[str]) -> None:
        scope = self._app.switches.write_scope if endpoint.scope == WRITE else endpoint.scope
        if scope is not None and scope not in scopes:
            raise ApiError("auth_forbidden", f"credential is not scoped for {scope}")

    def _write(self, endpoint: Endpoint, request: RequestContext) -> Recorded:
        check_key(self._app, request.call)
        honours_keys = self._app.switches.enable_keys == "honoured" or not endpoint.path.endswith("/enable")
        recorded = recorded_answer(self._app, request.call) if honours_keys else None
        if recorded:
            request.is_replay = True
            return recorded
        # The write and the record of its answer stand or fall together.
        with publishing.write_transaction(self._app):
            answer = self._carry_out(endpoint, request)
            is_final = answer.status < 300 or request.failure or self._app.switches.stored_answers == "all"
            has_key = honours_keys and request.keeps_key and request.call.idempotency_key is not None
            if is_final and has_key:
                record_answer(self._app, request.call, answer=answer)
        return answer

    def _carry_out(self, endpoint: Endpoint, request: RequestContext) -> Recorded:
        """Carry out what a fault lets through; answer as if all were done, or with the failure."""
        if request.failure and request.written == "none":
            return self.error_answer(request.failure)
        with self._app.attempt() as attempt:
            answer = self._call_handler(endpoint, request.call)
            attempt.is_kept = request.written == "all" or answer.status >= 300
        half = halve(request.call) if request.written == "half" and answer.status < 300 else None
        if half:
            self._call_handler(endpoint, half)
        return self.error_answer(request.failure) if request.failure else answer

    def _call_handler(self, endpoint: Endpoint, call: Call) -> Recorded:
        try:
            data = endpoint.handler(self._app, call)
        except ApiError as error:
            return self.error_answer(error)
        return self.error_answer(data) if isinstance(data, ApiError) else self._done(data)

    def _done(self, data: object) -> Recorded:
        return self._envelope(200, "data", data)

    def _envelope(self, status: int, member: str, value: object) -> Recorded:
        request_id = f"{self._draw.getrandbits(128):032x}"
        body = json.dumps({"request_id": request_id, member: value}, separators=(",", ":")).encode()
        return Recorded(status, body, request_id)


def reaches_api(fault: Fault) -> bool:
    """Tell whether a call goes through to the API under a fault."""
    if fault.name in ("redirect", "rate_limit"):
        return False
    return fault.written_part != "none" or not (fault.name in _FAILURES or fault.name in _PAGES)


def prepare(request: RequestContext, *, fault: Fault) -> None:
    """Tell a call what of it is to be made, and make it end in a failure that its key keeps, if so."""
    request.written = fault.written_part
    request.keeps_key = fault.written_part == "all" or fault.name in ("unwritten_200", "stored_502")
    if fault.name == "stored_502":
        request.failure = ApiError("downstream_unavailable", "downstream_unavailable on call, and stored")


def answer_instead(pipeline: Pipeline, request: RequestContext, *, fault: Fault) -> Recorded | None:
    """Return the answer that a fault gives in place of the API's, or None if that stands."""
    if fault.name in _PAGES:
        status, title = _PAGES[fault.name]
        request.headers["content-type"] = "text/html"
        html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return Recorded(status, html.encode(), "")
    if fault.name == "redirect":
        request.headers["location"] = f"/elsewhere{request.call.path}"
        return Recorded(307, b"", "")
    if fault.name == "rate_limit":
        error = pipeline.too_many(fault.retry_after, wait_s=fault.length_s)
        request.headers |= error.headers
        return pipeline.error_answer(error)
    if fault.name in _FAILURES:
        code, status = _FAILURES[fault.name]
        return pipeline.error_answer(ApiError(code, f"{code} on call", status=status))
    return None


def alter_answer(request: RequestContext, answer: Recorded, *, fault: Fault) -> Recorded:
    """Return the answer as a fault garbles it."""
    if fault.name == "wrong_content_type":
        request.headers["content-type"] = "text/plain"
    if fault.name == "no_request_id":
        envelope = json.loads(answer.body)
        del envelope["request_id"]
        return replace(answer, body=json.dumps(envelope).encode(), request_id="")
    if answer.status >= 300:
        return answer
    if fault.name == "empty_200":
        return Recorded(200, b"", "")
    if fault.name == "no_content_204":
        return Recorded(204, b"", "")
    if fault.name == "multi_status_207":
        return _as_multi_status(request.call, answer)
    return answer


def _as_multi_status(call: Call, answer: Recorded) -> Recorded:
    """Return the answer that tells of each id, or of each store, how it went: the first half well."""
    body = json.loads(call.body or b"{}")
    names = body.get("ids") or body.get("stores") or []
    results = [
        {"target": name, "status": 200 if place < len(names) // 2 else 500}
        for place, name in enumerate(names)
    ]
    envelope = {"request_id": answer.request_id, "data": {"results": results}}
    return replace(answer, status=207, body=json.dumps(envelope).encode())


KEY_KEPT_S = 24 * 60 * 60
MAX_KEY_LENGTH = 64


@dataclass(frozen=True)
class Recorded:
    """An answer as it left: status, body and its request id."""

    status: int
    body: bytes
    request_id: str


def check_key(app: AppContext, call: Call) -> None:
    """Refuse a key that is empty or too long, or a write without one where that is switched on."""
    key = call.idempotency_key
    if key is None and app.switches.missing_key == "reject":
        raise ApiError("request_missing_idempotency_key", "write endpoint called without Idempotency-Key")
    if key is not None and not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise invalid(f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters")


def recorded_answer(app: AppContext, call: Call) -> Recorded | None:
    """Return the answer recorded for a call's key; refuse a key that was used for another request."""
    rows = app.state.rows(
        "SELECT fingerprint, status, answer, request_id FROM idempotency_keys"
        " WHERE partner_key = ? AND key = ? AND stored_at > ?",
        (call.partner_key, call.idempotency_key, app.clock.now() - KEY_KEPT_S),
    )
    if not rows:
        return None
    fingerprint, *answer = rows[0]
    if fingerprint != _fingerprint(call):
        raise ApiError("state_idempotency_conflict", "Idempotency-Key was used with another request")
    return Recorded(*answer)


def record_answer(app: AppContext, call: Call, *, answer: Recorded) -> None:
    """Record the answer of a call under its key."""
    app.state.write(
        "INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            call.partner_key,
            call.idempotency_key,
            _fingerprint(call),
            answer.status,
            answer.body,
            answer.request_id,
            app.clock.now(),
        ),
    )


def _fingerprint(call: Call) -> bytes:
    return hashlib.sha256(f"{call.method} {call.path}\n".encode() + call.body).digest()


class KeyLocks:
    """One lock for each key of a request that is under way."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str | None, str], asyncio.Lock] = {}
        self._users: Counter[tuple[str | None, str]] = Counter()

    @asynccontextmanager
    async def take(self, app: AppContext, call: Call) -> AsyncIterator[None]:
        """Wait until no other request with this key is under way, or refuse, as switched."""
        if call.idempotency_key is None or call.method == "GET":
            yield
            return
        place = (call.headers.get("authorization"), call.idempotency_key)
        if place in self._locks and app.switches.same_key == "conflict":
            raise ApiError("state_idempotency_conflict", "a request with this Idempotency-Key is under way")
        self._users[place] += 1
        try:
            async with self._locks.setdefault(place, asyncio.Lock()):
                yield
        finally:
            self._leave(place)

    def _leave(self, place: tuple[str | None, str]) -> None:
        self._users[place] -= 1
        if not self._users[place]:
            del self._users[place], self._locks[place]
