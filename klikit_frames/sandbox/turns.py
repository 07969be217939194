"""Requests with one idempotency key take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .calls import Call
from .refusals import Refusal
from .world import World


class Turns:
    """One lock for each key that is under way."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str | None, str], asyncio.Lock] = {}
        self._users: Counter[tuple[str | None, str]] = Counter()

    @asynccontextmanager
    async def take(self, world: World, call: Call) -> AsyncIterator[None]:
        """Wait until no other request with this key is under way, or refuse, as switched."""
        if call.idempotency_key is None or call.method == "GET":
            yield
            return
        place = (call.headers.get("authorization"), call.idempotency_key)
        if place in self._locks and world.switches.same_key == "conflict":
            raise Refusal("state_idempotency_conflict", "a request with this Idempotency-Key is under way")
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
