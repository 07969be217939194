"""A request on its way out: noted before each try, and only so many under way at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..api.wire import ENABLE_PATHS
from .records import Request

if TYPE_CHECKING:
    from ..api.client import Client
    from ..api.retries import Settled

_POLL_S = 0.1


@dataclass(slots=True)
class Departure:
    """Sends one request once it has a seat.

    There are more threads than seats, so that some can wait for the disk while others wait for the server.

    Attributes
    ----------
    client : Client
        What it is sent through.
    seats : Semaphore
        One for each connection; held from the first try to the last.
    stop : Event
        Set when nothing more may leave.
    note : callable
        Puts a try on disk: its number and its time.
    """

    client: Client
    seats: threading.Semaphore
    stop: threading.Event
    note: Callable[[int, datetime], object]
    _is_seated: bool = field(default=False, init=False)

    def send(self, request: Request) -> Settled | None:
        """Return how the sending ended; None if the run was stopped before the request left."""
        try:
            while not self.stop.is_set():
                try:
                    return self._write(request)
                except _HeldBackError:
                    continue
            return None
        finally:
            if self._is_seated:
                self.seats.release()

    def _write(self, request: Request) -> Settled:
        path = ENABLE_PATHS[request.target.entity_type]
        return self.client.write(
            "PATCH", path, request.body, key=request.key, on_attempt=self._leave, stop=self.stop
        )

    def _leave(self, attempt: int, sent_at: datetime) -> None:
        self.note(attempt, sent_at)
        if not self._is_seated:
            self._sit_down()

    def _sit_down(self) -> None:
        while not self.seats.acquire(timeout=_POLL_S):
            if self.stop.is_set():
                raise _HeldBackError
        self._is_seated = True
        # A turn that was given before this wait is void once the run stops or the API wants a rest.
        if self.stop.is_set() or self.client.pacing.paused_s:
            raise _HeldBackError


class _HeldBackError(Exception):
    """A request that was about to leave must not."""
