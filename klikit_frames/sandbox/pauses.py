"""The waits that faults ask for; they all end when the sandbox does."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Pauses:
    """Waits that can be cut short together."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait some seconds, or until the end."""
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), seconds)

    def end(self) -> None:
        """Let nobody wait any more; called on the event loop."""
        self._over.set()
