"""The way of a request: credential, route, scope, key, endpoint, envelope."""

from __future__ import annotations

import json
import random
from dataclasses import replace

from . import credentials, idempotency
from .calls import Call
from .endpoints import WRITE, Endpoint, Routes
from .idempotency import Recorded
from .refusals import CODES, Refusal
from .world import World


class Gate:
    """Answers one call at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._routes = Routes()
        self._draw = random.Random(f"request ids {world.catalogue.seed}")  # noqa: S311 - ids, not secrets

    def request_id(self) -> str:
        """Return a fresh id of 32 hex digits."""
        return f"{self._draw.getrandbits(128):032x}"

    def answer(self, call: Call) -> tuple[Recorded, dict[str, str], bool]:
        """Return the answer, its further headers, and whether it is a replay."""
        try:
            endpoint, call = self._admit(call)
            if endpoint.is_write:
                return self._write(endpoint, call)
            return self._done(endpoint.handler(self.world, call)), {}, False
        except Refusal as refusal:
            return self.refuse(refusal), refusal.headers, False

    def refuse(self, refusal: Refusal) -> Recorded:
        """Return the envelope of an error."""
        upper = CODES[refusal.code][1]
        code = upper if self.world.switches.code_spelling == "upper" else refusal.code
        return self._envelope(
            refusal.status, "error", {"code": code, "message": refusal.message, "details": {}}
        )

    def _admit(self, call: Call) -> tuple[Endpoint, Call]:
        partner_key, scopes = credentials.check(self.world, call.headers.get("authorization"))
        methods, params = self._routes.match(call.path)
        if not methods:
            raise Refusal("resource_not_found", f"no such route: {call.method} {call.path}")
        if call.method not in methods:
            allow = {"allow": ", ".join(methods)}
            raise Refusal("request_invalid", f"{call.method} is not allowed here", status=405, headers=allow)
        endpoint = methods[call.method]
        scope = self.world.switches.write_scope if endpoint.scope == WRITE else endpoint.scope
        if scope is not None and scope not in scopes:
            raise Refusal("auth_forbidden", f"credential is not scoped for {scope}")
        return endpoint, replace(call, params=params, partner_key=partner_key)

    def _write(self, endpoint: Endpoint, call: Call) -> tuple[Recorded, dict[str, str], bool]:
        idempotency.check_key(self.world, call)
        if call.idempotency_key is None:
            return self._done(endpoint.handler(self.world, call)), {}, False
        recorded = idempotency.find(self.world, call)
        if recorded:
            return recorded, {}, True
        answer = self._done(endpoint.handler(self.world, call))
        idempotency.store(self.world, call, answer=answer)
        return answer, {}, False

    def _done(self, data: object) -> Recorded:
        return self._envelope(200, "data", data)

    def _envelope(self, status: int, member: str, value: object) -> Recorded:
        request_id = self.request_id()
        body = json.dumps({"request_id": request_id, member: value}, separators=(",", ":")).encode()
        return Recorded(status, body, request_id)
