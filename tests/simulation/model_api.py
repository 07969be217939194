"""A model of the Partner API, in memory: written from the contract, apart from the client and the sandbox.

One place of truth for the oracle: every flag, every copy of a menu, and every request that came.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any, NamedTuple

import httpx

from .virtual_clock import VirtualClock

ENTITY_OF_PATH = {"sections": "section", "categories": "category", "items": "item"}
KEY_LIFE_S = 86_400.0
STORES = ((11, 101), (11, 102), (12, 101), (13, 103))
# section -> category -> items
TREE = {6801: {701: (31, 32, 33), 702: (34, 35)}, 6802: {703: (36, 37), 704: (38, 39, 40)}}
ITEMS = tuple(item for categories in TREE.values() for items in categories.values() for item in items)

Store = tuple[int, int]
Cell = tuple[str, int, str, int | None, int | None]


class Write(NamedTuple):
    """One flag that was written: when in the order of all that happened, by whom, and what it was before."""

    no: int
    at_s: float
    cell: Cell
    is_enabled: bool
    was: bool
    key: str | None

    @property
    def is_own(self) -> bool:
        """Whether one of our processes wrote it, and not somebody else."""
        return self.key is not None


class Call(NamedTuple):
    """One request that left: what befell it, and the status that came back, if one did."""

    at_s: float
    method: str
    client_no: int
    key: str | None = None
    accident: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Switches:
    """Where the documentation is silent or contradicts itself, this world says how it is."""

    honours_keys: bool = True
    replays_errors: bool = False
    spells_upper: bool = False
    has_date: bool = True
    skew_s: float = 0.0
    publish_delay_s: float = 0.0
    publish_counts: str = "true"
    # Something before the API refuses what is larger.
    most_cells: int | None = None


class Stored(NamedTuple):
    """What one idempotency key has brought about."""

    body: bytes
    answer: httpx.Response
    at_s: float


class Answer(NamedTuple):
    """Status and envelope, before they are bytes."""

    status: int
    content: dict[str, Any]


@dataclass(slots=True)
class ModelApi:
    """The API of one business with a dozen entities in four stores."""

    clock: VirtualClock
    switches: Switches = field(default_factory=Switches)
    _live: dict[Cell, bool] = field(default_factory=dict)
    _shown: dict[Store, dict[tuple[str, int], bool]] = field(default_factory=dict)
    _queue: list[tuple[float, Store]] = field(default_factory=list)
    _keys: dict[str, Stored] = field(default_factory=dict)
    writes: dict[Cell, list[Write]] = field(default_factory=dict)
    history: list[Write] = field(default_factory=list)
    copied_no: dict[Store, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    new_keys: list[str] = field(default_factory=list)
    asked_by_key: dict[str, Mapping[Cell, Set[bool]]] = field(default_factory=dict)
    # Stores of which a publish was said to be done, and was not.
    untold: set[Store] = field(default_factory=set)
    copied_tables: list[Mapping[Cell, Set[bool]]] = field(default_factory=list)
    overtaken: list[httpx.Request] = field(default_factory=list)
    n_done: Counter[str] = field(default_factory=Counter)
    _no: int = 0
    _n_ids: int = 0

    def __post_init__(self) -> None:
        self._live = {(kind, entity_id, "business", None, None): True for kind, entity_id in _entities()}
        for store in STORES:
            self._copy(store)

    # What the API does.

    def handle(self, request: httpx.Request, *, write_share: float = 1.0) -> httpx.Response:
        """Answer one request; `write_share` of its cells are written, for faults that break off within."""
        response = self._handle(request, write_share=write_share)
        while self.overtaken:
            self._handle(self.overtaken.pop(), write_share=1.0)
        return response

    def _handle(self, request: httpx.Request, *, write_share: float) -> httpx.Response:
        self._publish_due()
        self._n_ids += 1
        request_id = f"{self._n_ids:032x}"
        body, key = request.read(), request.headers.get("Idempotency-Key")
        path = request.url.path.removeprefix("/v1/partner")
        stored = self._stored(key, body) if request.method != "GET" else None
        if isinstance(stored, httpx.Response):
            response = stored
        else:
            answer = self._answer(request, path, body, key=key, write_share=write_share)
            response = self._respond(answer, request_id=request_id)
            # What broke off half-way has come to no answer that could be remembered.
            if key is not None and self.switches.honours_keys and write_share == 1.0:
                self._keys[key] = Stored(body, response, self.server_s)
        return copy_response(response)

    def refuse(
        self,
        request: httpx.Request,
        status: int,
        code: str,
        *,
        headers: Mapping[str, str],
        write_share: float = 0.0,
    ) -> httpx.Response:
        """Answer a request with an error of the server's own, and remember it where errors are replayed.

        `write_share` of its cells are written all the same, unless it was answered before.
        """
        key = request.headers.get("Idempotency-Key")
        is_kept = status >= 500 and self.switches.replays_errors and self.switches.honours_keys
        if key and is_kept and (stored := self._stored(key, request.read())) is not None:
            return copy_response(stored)
        if write_share:
            self.handle(request, write_share=write_share)
        self._n_ids += 1
        answer = self._error(status, code, "this is an accident")
        response = self._respond(answer, request_id=f"{self._n_ids:032x}", headers=headers)
        if key and is_kept:
            self._keys[key] = Stored(request.read(), response, self.server_s)
        return copy_response(response)

    @property
    def server_s(self) -> float:
        """The server's own time, in seconds since 1970."""
        return self.clock.true_s + self.switches.skew_s

    # What other people do.

    def edit(self, kind: str, entity_id: int, store: Store | None, *, is_enabled: bool) -> None:
        """Let somebody else switch one cell in the web app."""
        self._write([self._cell(kind, entity_id, store)], is_enabled=is_enabled, key=None)

    def publish(self, stores: Iterable[Store]) -> None:
        """Let somebody else publish stores, at once."""
        for store in stores:
            self._copy(store)

    # What the oracle looks at.

    def cells(self) -> list[Cell]:
        """Return every cell that there is: business-wide, then in each store."""
        return [
            self._cell(kind, entity_id, store) for store in (None, *STORES) for kind, entity_id in _entities()
        ]

    def live(self, cell: Cell) -> bool | None:
        """Return the flag of a cell as it is; None if there is no such cell."""
        kind, entity_id, scope, brand_id, branch_id = cell
        if (kind, entity_id, "business", None, None) not in self._live:
            return None
        if scope == "business":
            return self._live[cell]
        return self._flag(kind, entity_id, (brand_id, branch_id))  # type: ignore[arg-type]

    def shown(self, cell: Cell) -> bool | None:
        """Return the flag of a cell as a menu shows it."""
        self._publish_due()
        kind, entity_id, scope, brand_id, branch_id = cell
        if scope == "business":
            return self._live.get(cell)
        return self._shown.get((brand_id, branch_id), {}).get((kind, entity_id))  # type: ignore[arg-type]

    def is_copied_since(self, cell: Cell, no: int) -> bool:
        """Tell whether the menu that shows a cell is newer than an event; business rows are always live."""
        return cell[2] == "business" or self.copied_no.get(cell[3:], 0) > no  # type: ignore[arg-type]

    def last_write(self, cell: Cell, *, is_own: bool = False) -> Write | None:
        """Return the last write to a cell: of anybody, or of a client's own."""
        return next(
            (write for write in reversed(self.writes.get(cell, [])) if write.is_own or not is_own), None
        )

    # Inside.

    def _stored(self, key: str | None, body: bytes) -> httpx.Response | None:
        stored = self._keys.get(key or "")
        if stored is None or self.server_s - stored.at_s >= KEY_LIFE_S:
            return None
        if stored.body != body:
            return self._respond(
                self._error(409, "state_idempotency_conflict", "other body"), request_id="f" * 32
            )
        # Whoever sends it says when he does.
        answer = copy_response(stored.answer)
        if self.switches.has_date:
            answer.headers["Date"] = format_datetime(self._server_now(), usegmt=True)
        return answer

    def _answer(
        self, request: httpx.Request, path: str, body: bytes, *, key: str | None, write_share: float
    ) -> Answer:
        if request.method == "PATCH":
            return self._enable(path.split("/")[2], json.loads(body), key=key, write_share=write_share)
        if request.method == "POST":
            return self._publish(json.loads(body), share=write_share)
        reads: dict[str, Callable[[], Any]] = {"/brands": _brands, "/branches": _branches}
        if path in reads:
            return Answer(200, {"data": reads[path]()})
        return self._menu(request.url.params)

    def _enable(self, kind: str, body: dict[str, Any], *, key: str | None, write_share: float) -> Answer:
        entity_type = ENTITY_OF_PATH[kind]
        stores: list[Store | None] = [
            (store["brandID"], store["branchID"]) for store in body.get("zoneStores", [])
        ] or [None]
        ids = {entity_id for listed, entity_id in _entities() if listed == entity_type}
        if not set(body["ids"]) <= ids or not {*stores} <= {None, *STORES}:
            return self._error(404, "resource_not_found", "an id is not of your business")
        cells = [
            self._cell(entity_type, entity_id, store)
            for store in stores
            for entity_id in dict.fromkeys(body["ids"])
        ]
        if self.switches.most_cells is not None and len(cells) > self.switches.most_cells:
            return self._error(413, "request_too_large", "this is too large")
        n_written = round(len(cells) * write_share)
        self._write(cells[:n_written], is_enabled=body.get("isEnabled") is True, key=key or "")
        # What a fault wrote by half is asked for again.
        self.n_done[key or ""] += n_written == len(cells)
        return Answer(200, {"data": {"message": "done"}})

    def _publish(self, body: dict[str, Any], *, share: float) -> Answer:
        stores = [(store["brandID"], store["branchID"]) for store in body["stores"]]
        n = len(stores)
        self.untold |= {*stores} if share == 0.0 else set()
        is_short = self.switches.publish_counts == "short" and n > 1
        for store in stores[: round((n - is_short) * share)]:
            if self.switches.publish_delay_s:
                self._queue.append((self.clock.true_s + self.switches.publish_delay_s, store))
            else:
                self._copy(store)
        counts = {
            "true": {"success": n, "failed": 0},
            "short": {"success": n - is_short, "failed": 0},
            "zero": {"success": 0, "failed": 0},
            "missing": {},
        }
        return Answer(200, {"data": counts[self.switches.publish_counts]})

    def _menu(self, params: httpx.QueryParams) -> Answer:
        if not params.get("brand_id"):
            business_menu = _tree(lambda kind, entity_id: self._live[kind, entity_id, "business", None, None])
            return Answer(200, {"data": {"menu": business_menu}})
        store = (int(params["brand_id"]), int(params["branch_id"]))
        if store not in STORES:
            return self._error(404, "resource_not_found", "no such store")
        menu = _tree(lambda kind, entity_id: self._shown[store][kind, entity_id], flag_name="enabled")
        info = {"branchInfo": {"brandID": store[0], "branchID": store[1]}}
        return Answer(200, {"data": {"menu": info | menu}})

    def _error(self, status: int, code: str, message: str) -> Answer:
        shown = code.upper() if self.switches.spells_upper else code
        return Answer(status, {"error": {"code": shown, "message": message}})

    def _respond(
        self, answer: Answer, *, request_id: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        dated = {"Date": format_datetime(self._server_now(), usegmt=True)} if self.switches.has_date else {}
        return httpx.Response(
            answer.status,
            json={"request_id": request_id} | answer.content,
            headers=dated | dict(headers or {}),
        )

    def _server_now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.switches.skew_s)

    def _cell(self, kind: str, entity_id: int, store: Store | None) -> Cell:
        return (
            (kind, entity_id, "business", None, None) if store is None else (kind, entity_id, "store", *store)
        )

    def _flag(self, kind: str, entity_id: int, store: Store) -> bool:
        inherited = self._live[kind, entity_id, "business", None, None]
        return self._live.get((kind, entity_id, "store", *store), inherited)

    def _write(self, cells: Iterable[Cell], *, is_enabled: bool, key: str | None) -> None:
        self._no += 1
        for cell in cells:
            was = self.live(cell) is True
            self._live[cell] = is_enabled
            written = Write(self._no, self.clock.true_s, cell, is_enabled, was, key)
            self.writes.setdefault(cell, []).append(written)
            self.history.append(written)

    def _copy(self, store: Store) -> None:
        self._no += 1
        self.untold.discard(store)
        self._shown[store] = {
            (kind, entity_id): self._flag(kind, entity_id, store) for kind, entity_id in _entities()
        }
        self.copied_no[store] = self._no

    def _publish_due(self) -> None:
        due = [store for at_s, store in self._queue if at_s <= self.clock.true_s]
        self._queue = [entry for entry in self._queue if entry[0] > self.clock.true_s]
        self.publish(due)


@cache
def _entities() -> list[tuple[str, int]]:
    entities: list[tuple[str, int]] = []
    for section, categories in TREE.items():
        entities.append(("section", section))
        for category, items in categories.items():
            entities += [("category", category), *(("item", item) for item in items)]
    return entities


def _tree(flag_of: Callable[[str, int], bool], *, flag_name: str = "isEnabled") -> dict[str, Any]:
    def node(kind: str, entity_id: int, **children: Any) -> dict[str, Any]:
        title = {"en": f"{kind} {entity_id}"}
        return {"id": entity_id, "title": title, flag_name: flag_of(kind, entity_id)} | children

    return {
        "sections": [
            node(
                "section",
                section,
                categories=[
                    node("category", category, items=[node("item", item) for item in items])
                    for category, items in categories.items()
                ],
            )
            for section, categories in TREE.items()
        ]
    }


def _brands() -> list[dict[str, Any]]:
    brands = [{"id": brand, "title": f"brand {brand}"} for brand in sorted({brand for brand, _ in STORES})]
    return [{"brands": brands, "business": {"id": 1, "title": "a business"}}]


def _branches() -> dict[str, Any]:
    branches = sorted({branch for _, branch in STORES})
    results = [
        {
            "id": branch,
            "title": f"branch {branch}",
            "brand_ids": [b for b, other in STORES if other == branch],
        }
        for branch in branches
    ]
    return {"page": 1, "size": 1000, "total": len(results), "results": results}


def copy_response(response: httpx.Response) -> httpx.Response:
    """Return an answer as new: what was read once cannot be read again."""
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
    return httpx.Response(response.status_code, content=response.content, headers=headers)
