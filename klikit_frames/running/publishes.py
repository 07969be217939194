"""Publishing: the write that rebuilds the menus of stores, each call recorded before it is sent."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from .. import edge
from ..api import menu_wire
from ..api.client_arguments import takes_client
from ..api.menu_wire import KLIKIT_PROVIDER_ID, PUBLISH_PATH
from ..errors import ConfigError, PlanError
from ..menus.readings import ReadingStopped, run_interruptibly
from ..menus.state_arrays import TEXT
from ..menus.stores import store_pairs
from ..model import Store
from ..wording import counted
from .journal import Journal, JournalPath, open_journal, read_journal
from .journal_files import MEMORY
from .lifecycle import RequestState
from .records import Publish

if TYPE_CHECKING:
    from ..api.client import Client
    from ..api.request_executor import CallResult
    from .records import Request, Run

# The publishes of each store, oldest first.
StorePublishes = Mapping[Store, Sequence[Publish]]

_REFUSED = {401, 403}
_DTYPES = {
    "brand_id": "int64",
    "branch_id": "int64",
    "outcome": TEXT,
    "message": TEXT,
    "http_status": "Int64",
    "code": TEXT,
    "request_id": TEXT,
}


@takes_client
def publish(
    stores: pd.DataFrame | Iterable[Store],
    client: Client,
    *,
    journal: JournalPath = None,
    provider_ids: Iterable[int] = (KLIKIT_PROVIDER_ID,),
    per_request: int = 50,
    confirm: str | None = None,
) -> pd.DataFrame:
    """Publish the menus of stores and return what became of each: one row per store, in the order given.

    A write of its own: it renews the copy of the menu that the store and the marketplaces show, with
    everything that anybody changed since the last publish. Uses the network, and the disk for the journal:
    each call is recorded before it leaves. Ctrl-C returns what is known by then.

    Parameters
    ----------
    stores : DataFrame with ``brand_id, branch_id``, or pairs of ids
        What to publish; a pair that stands there twice is published once.
    client : Client
        Where.
    journal : path, optional
        The journal's file, as given to `klikit_frames.run`; ``":memory:"`` keeps none.
    provider_ids : iterable of int
        The marketplaces to ship to; 1 is klikit's own, and enough to make changes show in `read_state`.
    per_request : int
        Stores in one request. The API answers with counts: where these do not say of every store that it was
        published, its stores are asked for again one by one.
    confirm : str, optional
        The code that the refusal names, needed wherever the client reaches a real business.

    Returns
    -------
    pandas.DataFrame
        ``brand_id, branch_id`` (int64), ``outcome`` (text): ``published``, ``failed``, ``unknown`` (it may be
        published: no answer, or one that does not say) or ``not_sent``; ``message``, ``http_status``,
        ``code``, ``request_id``. ``attrs["is_interrupted"]`` says whether Ctrl-C ended it.

    Raises
    ------
    PlanError
        `confirm` is missing, or of other stores or another host; nothing was sent.
    ConfigError
        The client is read-only, `per_request` is below 1, or `provider_ids` are no ids; nothing was sent.
    StateError
        `stores` holds no pairs of ids.
    JournalError
        The journal cannot be used.

    Notes
    -----
    The shape of the request and of the counts: developer.klikit.io, page "Publish the menu to providers".
    The API may only have queued a publish that it counts as a success.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     kf.publish([(663, 1062)], client)[["brand_id", "branch_id", "outcome"]].values.tolist()
    [[663, 1062, 'published']]
    """
    if type(per_request) is not int or per_request < 1:
        raise ConfigError(f"per_request is a whole number from 1, not {per_request!r}.")
    pairs, providers = store_pairs(stores), _check_providers(provider_ids)
    _check(client, pairs, providers, confirm=confirm)
    with open_journal(journal if pairs else MEMORY) as opened:
        publisher = StorePublisher(client, opened, provider_ids=providers, per_request=per_request)
        is_interrupted = False
        try:
            publisher.publish(pairs)
        except KeyboardInterrupt:
            is_interrupted = True
            publisher.abandon()
        calls = [publisher.last_calls.get(store, _NEVER) for store in pairs]
    rows = [(*store, *_cells(call)) for store, call in zip(pairs, calls, strict=True)]
    frame = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
    frame.attrs["is_interrupted"] = is_interrupted
    return frame


@dataclass(slots=True)
class StorePublisher:
    """Publishes stores call by call, each recorded before it leaves.

    `last_calls` has the last call of each store that was asked for.
    """

    client: Client
    journal: Journal
    run_id: str | None = None
    provider_ids: tuple[int, ...] = (KLIKIT_PROVIDER_ID,)
    per_request: int = 50
    stop: threading.Event | None = None
    last_calls: dict[Store, Publish] = field(default_factory=dict, init=False)
    _under_way: Publish | None = field(default=None, init=False)

    def publish(self, stores: list[Store]) -> None:
        """Publish these stores, in batches, and alone where a batch's answer does not tell of each."""
        size = self.per_request
        batches = deque(tuple(stores[at : at + size]) for at in range(0, len(stores), size))
        while batches and not (self.stop and self.stop.is_set()):
            call = self._send(batches.popleft())
            if call.status == "not_sent" or call.http_status in _REFUSED:
                return
            if call.status != "published" and len(call.stores) > 1:
                batches.extendleft((store,) for store in reversed(call.stores))

    def abandon(self) -> None:
        """Record that nobody waited for the answer to the call under way."""
        if self._under_way is not None:
            message = "nobody waited for the answer; it may be published"
            self._record(replace(self._under_way, status="unknown", message=message))

    def _send(self, stores: tuple[Store, ...]) -> Publish:
        earlier = {store: self.last_calls[store] for store in stores if store in self.last_calls}
        call = self._ask(stores)
        # A lost answer or a stored failure is asked for again: publishing twice does no harm.
        if call.status == "unknown" and (call.http_status is None or call.http_status >= 500):
            again = self._ask(stores)
            call = call if again.status == "not_sent" else again
        # A call that never left changes nothing of what an earlier one showed.
        self.last_calls |= dict.fromkeys(stores, call) | (earlier if call.status == "not_sent" else {})
        return call

    def _ask(self, stores: tuple[Store, ...]) -> Publish:
        call = Publish(
            publish_id=edge.draw_uuid().hex,
            account=self.client.account,
            host=self.client.host,
            stores=stores,
            key=str(edge.draw_uuid()),
            run_id=self.run_id,
            provider_ids=self.provider_ids,
        )
        may_be_published = any(
            self.last_calls[store].status == "unknown" for store in stores if store in self.last_calls
        )
        self.journal.record_publish(call)
        self._under_way = call
        self.last_calls |= dict.fromkeys(stores, call)
        try:
            result = run_interruptibly(partial(self._write, call), stop=self.stop)
        except ReadingStopped:
            self.abandon()
            return self.last_calls[stores[0]]
        settled = _settle(self._under_way, result)
        return self._record(_doubt(settled) if may_be_published else settled)

    def _write(self, call: Publish, halt: threading.Event) -> CallResult:
        def note(attempt: int, sent_at: datetime) -> bool:
            if halt.is_set():
                return False
            begun = self._under_way or call
            self._under_way = replace(begun, attempts=attempt, sent_at=begun.sent_at or sent_at)
            self.journal.update_publish(self._under_way)
            return True

        body = menu_wire.encode_publish(call.stores, provider_ids=self.provider_ids)
        return self.client.write("POST", PUBLISH_PATH, body, key=call.key, on_attempt=note, stop=halt)

    def _record(self, call: Publish) -> Publish:
        self._under_way = None
        self.journal.update_publish(call)
        self.last_calls |= dict.fromkeys(call.stores, call)
        return call


_NOT_ASKED = "the publish ended before its turn"
_NEVER = Publish("", "", "", (), "", status="not_sent", message=_NOT_ASKED)


def run_publishes(journal: Journal, run: Run) -> StorePublishes:
    """Return the publishes of each store that a run asked for, of those that may have left."""
    return _by_store(call for call in journal.publishes(run.account) if call.run_id == run.run_id)


def _by_store(calls: Iterable[Publish]) -> StorePublishes:
    by_store: dict[Store, list[Publish]] = defaultdict(list)
    for call in calls:
        for store in call.stores if call.status != "not_sent" else ():
            by_store[store].append(call)
    return by_store


def is_published_since(run_id: str, *, journal: JournalPath) -> bool:
    """Tell whether all stores that a run wrote are known to be published since; reads only the journal."""
    with read_journal(journal) as opened:
        run = opened.run(run_id)
        return not stores_to_publish(opened.requests(run_id), _by_store(opened.publishes(run.account)))


def publish_rest(client: Client, journal: Journal, run: Run) -> bool:
    """Publish the stores that a run wrote and did not publish, and tell whether all are published now."""
    publisher = StorePublisher(client, journal, run_id=run.run_id)
    requests = journal.requests(run.run_id)
    try:
        publisher.publish(stores_to_publish(requests, run_publishes(journal, run)))
    except KeyboardInterrupt:
        publisher.abandon()
        raise
    return not stores_to_publish(requests, run_publishes(journal, run))


def stores_to_publish(
    requests: Iterable[Request], publishes: StorePublishes, *, also: Iterable[Store] = ()
) -> list[Store]:
    """Return the stores that were written since they were last published, and `also` unless published."""
    written = [request for request in requests if request.state is RequestState.APPLIED]
    stale = {
        store
        for request in written
        for store in request.target.stores
        if not _is_published(publishes, store, since=request.result.settled_at if request.result else None)
    }
    return sorted(stale | {store for store in also if not _is_published(publishes, store)})


def published_column(frame: pd.DataFrame, publishes: StorePublishes) -> pd.Series:
    """Return of each row of a result whether its store was published after it; missing where nobody knows."""
    keys = zip(frame["scope"], frame["brand_id"], frame["branch_id"], frame["settled_at"], strict=True)
    flags = [
        pd.NA
        if scope == "business"
        else _tell(publishes, (int(brand), int(branch)), since=None if pd.isna(at) else at.to_pydatetime())
        for scope, brand, branch, at in keys
    ]
    return pd.Series(flags, index=frame.index, dtype="boolean")


def publish_notes(frame: pd.DataFrame) -> list[str]:
    """Return a result's notes on its publishes."""
    is_applied = frame["outcome"] == "applied"
    written = frame[is_applied & (frame["scope"] == "store")]
    by_store = written.groupby(["brand_id", "branch_id"])["published"].min()
    n_published = int(by_store.fillna(value=False).sum())
    notes = [f"{n_published:,} of {counted(len(by_store), 'store')} published."] if len(by_store) else []
    if (is_applied & (frame["scope"] == "business")).any():
        notes.append("Business-wide rows reach the guests of a store once its menu is synced or published.")
    return notes


def _is_published(publishes: StorePublishes, store: Store, *, since: datetime | None = None) -> bool:
    """Tell whether a store is known to be published, by a call that left after a write was settled."""
    done = [call.sent_at for call in publishes.get(store, ()) if call.status == "published"]
    return any(at is not None and (since is None or at >= since) for at in done)


def _tell(publishes: StorePublishes, store: Store, *, since: datetime | None) -> object:
    if _is_published(publishes, store, since=since):
        return True
    # A refusal says nothing of an earlier call whose answer nobody knows: that one may have published it.
    is_open = any(call.status in {None, "unknown"} for call in publishes.get(store, ()))
    return pd.NA if is_open else False


def _settle(call: Publish, result: CallResult) -> Publish:
    """Return a call with the status of each of its stores, as its answer tells it."""
    answer, settled_at = result.answer, result.settled_at
    if answer is None:
        status = "unknown" if result.was_sent else "not_sent"
        return replace(call, status=status, message=_lost(result), settled_at=settled_at)
    answered = replace(
        call,
        settled_at=settled_at,
        clock_offset_s=result.clock_offset_s,
        http_status=answer.http_status,
        code=answer.code,
        request_id=answer.request_id,
    )
    if answer.http_status == 429:
        return replace(answered, status="unknown" if result.was_sent else "not_sent", message=answer.message)
    if not answer.is_ok and answer.http_status < 500 and not result.had_silence:
        return replace(answered, status="failed", message=answer.message)
    if not answer.is_ok or not answer.is_readable:
        said = "; ".join(filter(None, [answer.message, "it may be published"]))
        return replace(answered, status="unknown", code=None if answer.is_ok else answer.code, message=said)
    return _count(answered, menu_wire.decode_publish(answer.data))


def _doubt(call: Publish) -> Publish:
    """Return a call whose stores an earlier one may have published: a refusal says nothing of that one."""
    if call.status != "failed" or call.n_success is not None:
        return call
    message = "; ".join(filter(None, [call.message, "an earlier call may have published it"]))
    return replace(call, status="unknown", message=message)


def _count(call: Publish, counts: menu_wire.PublishCounts) -> Publish:
    """Return a call as its counts tell: only those that add up to its stores say anything."""
    n_published, n_failed = counts
    n_stores = len(call.stores)
    counted_call = replace(call, n_success=n_published, n_failed=n_failed)
    if (n_published, n_failed) == (n_stores, 0):
        return replace(counted_call, status="published")
    if (n_published, n_failed) == (0, n_stores):
        return replace(
            counted_call, status="failed", message=f"the API published none of {counted(n_stores, 'store')}"
        )
    said = f"the API counts {n_published} published and {n_failed} failed of {counted(n_stores, 'store')}"
    return replace(counted_call, status="unknown", message=said)


def _lost(result: CallResult) -> str | None:
    said = "it may be published" if result.was_sent else None
    return "; ".join(filter(None, [result.trouble, said])) or None


def _cells(call: Publish) -> tuple[object, ...]:
    return call.status or "unknown", call.message, call.http_status, call.code, call.request_id


def _check_providers(provider_ids: Iterable[int]) -> tuple[int, ...]:
    providers = tuple(provider_ids) if isinstance(provider_ids, Iterable) else ()
    if not providers or not all(type(provider_id) is int and provider_id > 0 for provider_id in providers):
        raise ConfigError(f"provider_ids={provider_ids!r} are no ids of marketplaces, such as (1, 6).")
    return providers


def publish_code(
    pairs: Iterable[Store], client: Client, *, provider_ids: Iterable[int] = (KLIKIT_PROVIDER_ID,)
) -> str:
    """Return the short code that stands for publishing these stores on this client's host."""
    bound = "\n".join([client.host, *map(str, sorted(pairs)), *map(str, sorted(provider_ids))])
    return hashlib.sha256(bound.encode()).hexdigest()[:8]


def _check(client: Client, pairs: list[Store], providers: tuple[int, ...], *, confirm: str | None) -> None:
    if client.is_closed:
        raise ConfigError("This client is closed, so nothing was published. Connect again.")
    if client.read_only:
        raise ConfigError("This client is read-only: connect without read_only=True to publish.")
    code = publish_code(pairs, client, provider_ids=providers)
    if client.needs_confirmation and confirm != code:
        raise PlanError(
            f"{client.host} is a real business, so nothing was published yet: "
            f"{counted(len(pairs), 'store')}, providers {', '.join(map(str, providers))}. "
            "A publish ships everything that anybody changed in them. "
            f"If that is meant, pass confirm={code!r}."
        )
