"""What was received: one line for each request, in the order of arrival."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .calls import Call

if TYPE_CHECKING:
    import pandas as pd


KEPT = 100_000
KEPT_CHARACTERS = 128 * 2**20
COLUMNS = ("time", "method", "path", "body", "key", "status", "request_id", "replayed")


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
        while len(self._kept) >= KEPT or (self._kept and self._n_characters > KEPT_CHARACTERS):
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
        rows = [[getattr(logged, name) for name in COLUMNS] for logged in list(self._kept)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        # What pandas takes for text by itself: object in pandas 2, str in pandas 3.
        text = dict.fromkeys(("method", "path", "body", "key", "request_id"), pd.Series([""]).dtype)
        return frame.astype(text | {"status": "Int64", "replayed": bool, "time": "datetime64[us, UTC]"})
