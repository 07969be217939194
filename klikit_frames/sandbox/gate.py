"""The way of a request: credential, cap, route, scope, key, endpoint, envelope."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace

from . import credentials, idempotency, limits, snapshots
from .calls import Call, halve, refuse_unknown
from .endpoints import WRITE, Endpoint, Routes
from .idempotency import Recorded
from .refusals import CODES, Refusal
from .world import World


@dataclass
class Passage:
    """One call on its way through the gate, and what its answer carries besides the body."""

    call: Call
    failure: Refusal | None = None
    written: str = "all"
    keeps_key: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    is_replay: bool = False


class Gate:
    """Answers one call at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes = Routes()
        # A sandbox that goes on with an old store gives no id again: the same one twice means a replay.
        seed = f"request ids {world.catalogue.seed} {world.state.n_openings}"
        self._draw = random.Random(seed)  # noqa: S311 - ids, not secrets

    def answer(self, passage: Passage) -> Recorded:
        """Return the answer to a call; `failure` is what a write ends in, and keeps under its key."""
        try:
            return self._answer(passage)
        except Refusal as refusal:
            passage.headers.update(refusal.headers)
            return self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> Recorded:
        """Return the envelope of an error."""
        upper = CODES[refusal.code][1]
        code = upper if self._world.switches.code_spelling == "upper" else refusal.code
        return self._envelope(
            refusal.status, "error", {"code": code, "message": refusal.message, "details": {}}
        )

    def _answer(self, passage: Passage) -> Recorded:
        call = passage.call
        partner_key, scopes = credentials.check(self._world, call.headers.get("authorization"))
        passage.call = replace(call, partner_key=partner_key)
        self._count(passage)
        endpoint = self._find(passage)
        self._check_scope(endpoint, scopes)
        refuse_unknown(call.arguments, known=(*endpoint.query, "business_id"), place="query")
        if endpoint.is_write:
            return self._write(endpoint, passage)
        if passage.failure:
            raise passage.failure
        return self._done(endpoint.handler(self._world, passage.call))

    def _count(self, passage: Passage) -> None:
        switches, is_write = self._world.switches, passage.call.method != "GET"
        cap = switches.writes_per_minute if is_write else switches.reads_per_minute
        if cap is None:
            return
        kind, now = switches.rate_window, self._world.clock.now()
        limits_of = (passage.call.partner_key, is_write, kind, cap)
        reading = self._world.limits.take(limits_of, now=now)
        passage.headers |= limits.cap_headers(reading, cap=cap, now=now)
        if not reading.is_allowed:
            raise self.too_many(switches.retry_after, wait_s=reading.wait_s)

    def too_many(self, form: str, *, wait_s: float) -> Refusal:
        """Return the refusal of one request too many."""
        date = self._world.clock.http_date(after_s=wait_s + 1)
        return Refusal(
            "rate_limit_exceeded",
            "rate limit exceeded for this credential",
            headers=limits.retry_after(form, wait_s=wait_s, date=date),
        )

    def _find(self, passage: Passage) -> Endpoint:
        call = passage.call
        methods, params = self._routes.match(call.path)
        if not methods:
            raise Refusal("resource_not_found", "no such route")
        if call.method not in methods:
            allow = {"allow": ", ".join(methods)}
            raise Refusal("request_invalid", "method is not allowed here", status=405, headers=allow)
        passage.call = replace(call, params=params)
        return methods[call.method]

    def _check_scope(self, endpoint: Endpoint, scopes: frozenset[str]) -> None:
        scope = self._world.switches.write_scope if endpoint.scope == WRITE else endpoint.scope
        if scope is not None and scope not in scopes:
            raise Refusal("auth_forbidden", f"credential is not scoped for {scope}")

    def _write(self, endpoint: Endpoint, passage: Passage) -> Recorded:
        idempotency.check_key(self._world, passage.call)
        honours_keys = self._world.switches.enable_keys == "honoured" or not endpoint.path.endswith("/enable")
        recorded = idempotency.find(self._world, passage.call) if honours_keys else None
        if recorded:
            passage.is_replay = True
            return recorded
        # The write and the record of its answer stand or fall together.
        with snapshots.write_transaction(self._world):
            answer = self._carry_out(endpoint, passage)
            is_final = answer.status < 300 or passage.failure or self._world.switches.stored_answers == "all"
            has_key = honours_keys and passage.keeps_key and passage.call.idempotency_key is not None
            if is_final and has_key:
                idempotency.store(self._world, passage.call, answer=answer)
        return answer

    def _carry_out(self, endpoint: Endpoint, passage: Passage) -> Recorded:
        """Carry out what a fault lets through; answer as if all were done, or with the failure."""
        if passage.failure and passage.written == "none":
            return self.refuse(passage.failure)
        with self._world.attempt() as attempt:
            answer = self._call_handler(endpoint, passage.call)
            attempt.is_kept = passage.written == "all" or answer.status >= 300
        half = halve(passage.call) if passage.written == "half" and answer.status < 300 else None
        if half:
            self._call_handler(endpoint, half)
        return self.refuse(passage.failure) if passage.failure else answer

    def _call_handler(self, endpoint: Endpoint, call: Call) -> Recorded:
        try:
            data = endpoint.handler(self._world, call)
        except Refusal as refusal:
            return self.refuse(refusal)
        return self.refuse(data) if isinstance(data, Refusal) else self._done(data)

    def _done(self, data: object) -> Recorded:
        return self._envelope(200, "data", data)

    def _envelope(self, status: int, member: str, value: object) -> Recorded:
        request_id = f"{self._draw.getrandbits(128):032x}"
        body = json.dumps({"request_id": request_id, member: value}, separators=(",", ":")).encode()
        return Recorded(status, body, request_id)
