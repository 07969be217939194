"""Publishing: the write that makes stores' menus anew, so that changes show."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ..api import menu_wire
from ..api.menu_wire import KLIKIT_PROVIDER_ID, PUBLISH_PATH, Store
from ..errors import ConfigError, PlanError
from ..menus.stores import store_pairs
from ..menus.trees import TEXT

if TYPE_CHECKING:
    from ..api.client import Client
    from ..api.retries import CallResult

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


class _Told(NamedTuple):
    """What is told of one store."""

    outcome: str
    message: str | None
    http_status: int | None = None
    code: str | None = None
    request_id: str | None = None


_NEVER = _Told("not_sent", "the API refused the credential before its turn")


def publish(
    stores: pd.DataFrame | Iterable[Store],
    client: Client,
    *,
    provider_ids: Iterable[int] = (KLIKIT_PROVIDER_ID,),
    per_request: int = 50,
    confirm: str | None = None,
) -> pd.DataFrame:
    """Publish the menus of stores and return what became of each: one row per store, in the order given.

    A write of its own: it makes the copy of the menu that the store and the marketplaces show anew, with
    everything that anybody changed since the last publish.

    Parameters
    ----------
    stores : DataFrame with ``brand_id, branch_id``, or pairs of ids
        What to publish; a pair that stands there twice is published once.
    client : Client
        Where.
    provider_ids : iterable of int
        The marketplaces to ship to; 1 is klikit's own, and enough to make changes show in `read_state`.
    per_request : int
        Stores in one request. The API answers with counts: where some of a request's stores failed and others
        did not, nobody is told which; 1 tells each store, in as many requests.
    confirm : str, optional
        The code that the refusal names, needed wherever the client reaches a real business.

    Returns
    -------
    pandas.DataFrame
        ``brand_id, branch_id`` (int64), ``outcome`` (text): ``published``, ``failed``, ``unknown`` (no
        answer, or counts that do not tell which) or ``not_sent``; ``message``, ``http_status``, ``code``,
        ``request_id``.

    Raises
    ------
    PlanError
        `confirm` is missing, or of other stores or another host; nothing was sent.
    ConfigError
        The client is read-only, or `per_request` is below 1; nothing was sent.
    StateError
        `stores` holds no pairs of ids.

    Notes
    -----
    The shape of the request and of the counts: developer.klikit.io, page "Publish the menu to providers".

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     kf.publish([(663, 1062)], client)[["brand_id", "branch_id", "outcome"]].values.tolist()
    [[663, 1062, 'published']]
    """
    if per_request < 1:
        raise ConfigError(f"per_request is a whole number from 1, not {per_request!r}.")
    pairs, providers = store_pairs(stores), tuple(provider_ids)
    _check(client, pairs, providers, confirm=confirm)
    rows: list[tuple[object, ...]] = []
    is_refused = False
    for start in range(0, len(pairs), per_request):
        batch = pairs[start : start + per_request]
        told = _NEVER if is_refused else _send(client, batch, providers)
        is_refused = is_refused or told.http_status in _REFUSED
        rows += [(*store, *told) for store in batch]
    frame = pd.DataFrame(rows, columns=["brand_id", "branch_id", *_Told._fields])
    return frame.astype(_DTYPES)


def _send(client: Client, batch: list[Store], providers: tuple[int, ...]) -> _Told:
    body = menu_wire.encode_publish(batch, provider_ids=providers)
    return _judge(client.write("POST", PUBLISH_PATH, body, key=uuid.uuid4().hex), n_stores=len(batch))


def _judge(settled: CallResult, *, n_stores: int) -> _Told:
    """Return what the answer to one request says of each of its stores."""
    answer = settled.answer
    if answer is None:
        return _Told("unknown" if settled.was_sent else "not_sent", settled.trouble)
    about = (answer.http_status, answer.code, answer.request_id)
    if not answer.is_ok:
        return _Told("failed", answer.message, *about)
    n_published, n_failed = menu_wire.decode_publish(answer.data)
    if n_failed == 0 or n_published == n_stores:
        return _Told("published", None, *about)
    if n_published == 0:
        return _Told("failed", f"none of {n_stores} stores was published", *about)
    counted = "no counts" if n_published is None else f"{n_published} of {n_stores} stores published"
    return _Told("unknown", f"{counted}; the API does not say which. per_request=1 tells each.", *about)


def _check(client: Client, pairs: list[Store], providers: tuple[int, ...], *, confirm: str | None) -> None:
    said = "\n".join([client.host, *map(str, sorted(pairs)), *map(str, sorted(providers))])
    code = hashlib.sha256(said.encode()).hexdigest()[:8]
    if client.needs_confirmation and confirm != code:
        raise PlanError(
            f"{client.host} is a real business, so nothing was published yet: {len(pairs):,} stores, "
            f"providers {', '.join(map(str, providers))}. A publish ships everything that anybody changed in "
            f"them. If that is meant, pass confirm={code!r}."
        )
