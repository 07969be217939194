"""Idempotency keys: an answer kept for 24 hours and given again, and one request at a time with a key."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .app_context import AppContext
from .calls import ApiError, Call, invalid

KEPT_S = 24 * 60 * 60
MAX_LENGTH = 64


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
    if key is not None and not 1 <= len(key) <= MAX_LENGTH:
        raise invalid(f"Idempotency-Key must have 1 to {MAX_LENGTH} characters")


def find(app: AppContext, call: Call) -> Recorded | None:
    """Return the answer recorded for a call's key; refuse a key that was used for another request."""
    found = app.state.rows(
        "SELECT fingerprint, status, answer, request_id FROM idempotency_keys"
        " WHERE partner_key = ? AND key = ? AND stored_at > ?",
        (call.partner_key, call.idempotency_key, app.clock.now() - KEPT_S),
    )
    if not found:
        return None
    fingerprint, *answer = found[0]
    if fingerprint != _fingerprint(call):
        raise ApiError("state_idempotency_conflict", "Idempotency-Key was used with another request")
    return Recorded(*answer)


def store(app: AppContext, call: Call, *, answer: Recorded) -> None:
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
