"""What came in and what it changed: the requests that tests look at, and each change of a flag."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from .calls import Call
from .flags import Store

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


# Ids and stores of all events together; the oldest events go first.
KEPT_NUMBERS = 4_000_000
EVENT_COLUMNS = (
    "no",
    "time",
    "event",
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "by",
    "key",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One write of flags, or one copy of store menus; no stores in a write is the business."""

    no: int
    time: float
    stores: tuple[Store, ...]
    kind: str | None = None
    ids: tuple[int, ...] = ()
    is_enabled: bool | None = None
    by: str | None = None
    key: str | None = None

    @property
    def size(self) -> int:
        """How many numbers it keeps."""
        return len(self.ids) + 2 * len(self.stores) + 1

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield one row for each cell written, or for each store copied."""
        time = datetime.fromtimestamp(self.time, UTC)
        if self.kind is None:
            yield from (
                (self.no, time, "copy", None, None, "store", *store, None, None, None)
                for store in self.stores
            )
            return
        scope = "store" if self.stores else "business"
        for (brand_id, branch_id), entity_id in product(self.stores or [(None, None)], self.ids):
            cell = (self.kind, entity_id, scope, brand_id, branch_id, self.is_enabled)
            yield self.no, time, "write", *cell, self.by, self.key


class History:
    """The events of a sandbox since its start or reset, numbered; any thread may read them."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._n_numbers = 0
        self.n_events = 0

    def note_write(
        self,
        kind: str,
        *,
        ids: Iterable[int],
        stores: Iterable[Store],
        is_enabled: bool,
        time: float,
        by: str,
        key: str | None = None,
    ) -> None:
        """Note that flags were written: `by` is a partner key, or ``others``."""
        self._append(Event(self.n_events + 1, time, tuple(stores), kind, tuple(ids), is_enabled, by, key))

    def note_copy(self, stores: Sequence[Store], *, time: float) -> None:
        """Note that the menus of stores were copied from what was live."""
        if stores:
            self._append(Event(self.n_events + 1, time, tuple(stores)))

    def _append(self, event: Event) -> None:
        self.n_events += 1
        self._n_numbers += event.size
        self._events.append(event)
        while self._n_numbers > KEPT_NUMBERS and len(self._events) > 1:
            self._n_numbers -= self._events.popleft().size

    def truncate(self, n_events: int) -> None:
        """Take back the events after the first `n_events`: their transaction was rolled back."""
        while self._events and self._events[-1].no > n_events:
            self._n_numbers -= self._events.pop().size
        self.n_events = n_events

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self._n_numbers = self.n_events = 0

    def frame(self, *, since: int = 0) -> pd.DataFrame:
        """Return one row per cell written and per store copied, in order."""
        import pandas as pd

        events = list(islice(self._events, None))
        rows = [row for event in events if event.no > since for row in event.rows()]
        frame = pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
        kinds: dict[str, Any] = dict.fromkeys(("entity_id", "brand_id", "branch_id"), "Int64")
        kinds |= {"no": "int64", "is_enabled": "boolean", "time": "datetime64[us, UTC]"}
        kinds |= dict.fromkeys(("event", "entity_type", "scope", "by", "key"), pd.Series([""]).dtype)
        return frame.astype(kinds)
