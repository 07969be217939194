"""Idempotency keys: the answer of a write, kept for 24 hours and given again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .calls import Call
from .refusals import Refusal, invalid
from .world import World

KEPT_S = 24 * 60 * 60
MAX_LENGTH = 64


@dataclass(frozen=True)
class Recorded:
    """An answer as it left: status, body and its request id."""

    status: int
    body: bytes
    request_id: str


def check_key(world: World, call: Call) -> None:
    """Refuse a key that is empty or too long, or a write without one where that is switched on."""
    key = call.idempotency_key
    if key is None and world.switches.missing_key == "reject":
        raise Refusal("request_missing_idempotency_key", "write endpoint called without Idempotency-Key")
    if key is not None and not 1 <= len(key) <= MAX_LENGTH:
        raise invalid(f"Idempotency-Key must have 1 to {MAX_LENGTH} characters")


def find(world: World, call: Call) -> Recorded | None:
    """Return the answer recorded for a call's key; refuse a key that was used for another request."""
    found = world.state.rows(
        "SELECT fingerprint, status, answer, request_id FROM idempotency_keys"
        " WHERE partner_key = ? AND key = ? AND stored_at > ?",
        (call.partner_key, call.idempotency_key, world.clock.now() - KEPT_S),
    )
    if not found:
        return None
    fingerprint, *answer = found[0]
    if fingerprint != _fingerprint(call):
        raise Refusal("state_idempotency_conflict", "Idempotency-Key was used with another request")
    return Recorded(*answer)


def store(world: World, call: Call, *, answer: Recorded) -> None:
    """Record the answer of a call under its key."""
    world.state.write(
        "INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            call.partner_key,
            call.idempotency_key,
            _fingerprint(call),
            answer.status,
            answer.body,
            answer.request_id,
            world.clock.now(),
        ),
    )


def _fingerprint(call: Call) -> bytes:
    return hashlib.sha256(f"{call.method} {call.path}\n".encode() + call.body).digest()
