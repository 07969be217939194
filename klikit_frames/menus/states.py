"""The live flags of a business as one frame: one row per entity and scope."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..api.menu_wire import Store
from ..errors import ApiError, RequestError, TransportError
from ..progress import Progress, open_bar
from . import stores as store_lists
from .failures import Failure, failure_of, foreign, in_words
from .frame_metadata import FrameMetadata
from .readings import Menu, TreeCache, read_menus
from .stores import store_pairs
from .trees import tree_frame

if TYPE_CHECKING:
    from ..api.client import Client

_LOG = logging.getLogger("klikit_frames")


def read_state(
    client: Client,
    *,
    stores: pd.DataFrame | Iterable[Store] | None = None,
    with_business: bool = False,
    cache: str | Path | None = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Return the live flags: one row per section, category and item, and scope.

    Reads the list of stores and the menus over the network, eight at a time, under the client's read cap.
    Nothing is written, but for `cache`.

    Parameters
    ----------
    client : Client
        A client whose credential has the scopes ``menus:read`` and ``brands:read``.
    stores : DataFrame with ``brand_id, branch_id``, or pairs of ids, or None
        The stores to read; None reads the business level.
    with_business : bool
        Read the business level beside `stores`.
    cache : path or None
        A folder that keeps the trees of a reading that is interrupted or incomplete. The next call with it
        reads only what is missing, or older than an hour; a complete reading removes its trees.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu; see `klikit_frames.run`.

    Returns
    -------
    pandas.DataFrame
        The business level first, then the stores in the order given, each in its menu's order. Columns:
        ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled`` (missing if the tree does not
        tell, or tells two values), ``title``, then ``sku``; ``path`` and ``path_ids``, all places of the
        entity as ``Lunch › Noodles | Dinner › Noodles`` and ``6825/39118|6826/39118``; ``is_item_enabled``
        (an item's own flag beside that of its place), ``is_in_stock``, ``is_available``, and the providers
        that show and hide it, ``visible_on`` and ``hidden_on``, as ``1|6``. Modifier options are no rows.
        ``attrs``: ``stores``, all (brand, branch) pairs of the business if they could be read;
        ``failures``, see `failures`; ``modifier_option_ids``; ``n_business_rows``, by which a part of a
        state is told from all of it; ``host``; ``read_at``.

    Raises
    ------
    RequestError
        Nothing at all could be read. Where some menus could, the state of these is returned, the log
        has a warning, and `klikit_frames.failures` has the rest.
    StateError
        `stores` holds no pairs of ids.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     business = kf.read_state(client)
    ...     state = kf.read_state(client, stores=kf.stores(client).head(2))
    >>> business["scope"].unique().tolist(), state["scope"].unique().tolist()
    (['business'], ['store'])
    """
    pairs = [] if stores is None else store_pairs(stores)
    wanted: list[Store | None] = [None, *pairs] if with_business or stores is None else [*pairs]
    known, unlisted = _known_stores(client)
    asked, refused = split_stores(wanted, listed=known)
    kept = TreeCache(Path(cache), host=client.host) if cache is not None else None
    menus = _read_with_bar(client, asked, cache=kept, progress=progress)
    failures = [*unlisted, *refused, *(menu.failure for menu in menus.values() if menu.failure)]
    if wanted and all(menu.failure for menu in menus.values()):
        raise _nothing_read(menus, failures)
    if kept and not any(menu.failure for menu in menus.values()):
        kept.drop(asked)
    _warn(failures)
    return _assemble_state(
        [menus[store] for store in asked], known=known, failures=failures, host=client.host
    )


def _known_stores(client: Client) -> tuple[FrameMetadata | None, list[Failure]]:
    """Return the business's stores, or why there is no list of them: a state is of use without one too."""
    try:
        listed = store_lists.stores(client)
    except RequestError as error:
        if isinstance(error, TransportError) or getattr(error, "http_status", 0) == 401:
            raise
        return None, [failure_of(error, store=None, what="list of stores")]
    pairs = zip(listed["brand_id"].tolist(), listed["branch_id"].tolist(), strict=True)
    return FrameMetadata(pairs), []


def split_stores(
    wanted: list[Store | None], *, listed: Iterable[Store] | None
) -> tuple[list[Store | None], list[Failure]]:
    """Return the menus to read, and a failure for each store that the business does not have.

    Parameters
    ----------
    wanted : list
        Pairs of ids; None is the business level.
    listed : iterable of pairs, or None
        The business's stores; None if they could not be read, and then every menu is read.
    """
    if listed is None:
        return list(wanted), []
    own = {None, *listed}
    to_read = [store for store in wanted if store in own]
    return to_read, [foreign(store) for store in wanted if store is not None and store not in own]


def _read_with_bar(
    client: Client, asked: list[Store | None], *, cache: TreeCache | None, progress: Progress
) -> dict[Store | None, Menu]:
    bar = open_bar(progress, total=len(asked), description="Reading", unit="menus")
    menus = {}
    # Closed by name: a traceback that a notebook keeps would keep an interrupted reading open.
    with contextlib.closing(bar), contextlib.closing(read_menus(client, asked, cache=cache)) as arriving:
        for menu in arriving:
            menus[menu.store] = menu
            bar.update(1)
    return menus


def _nothing_read(menus: dict[Store | None, Menu], failures: list[Failure]) -> RequestError:
    """Return one error for a reading that brought nothing, of the kind of its first failure."""
    error = next((menu.error for menu in menus.values() if menu.error), None)
    said = f"No menu could be read. {in_words(failures)}"
    if isinstance(error, ApiError):
        return type(error)(said, http_status=error.http_status, code=error.code, request_id=error.request_id)
    return type(error)(said) if error else RequestError(said)


def _warn(failures: list[Failure]) -> None:
    if failures:
        _LOG.warning("The state is not complete. %s See klikit_frames.failures(state).", in_words(failures))


def _assemble_state(
    menus: list[Menu], *, known: FrameMetadata | None, failures: list[Failure], host: str
) -> pd.DataFrame:
    frames = [menu.frame for menu in menus if menu.frame is not None] or [tree_frame([], store=None)]
    state = pd.concat(frames, ignore_index=True)
    if known is not None:
        state.attrs["stores"] = known
    options = {option for menu in menus for option in menu.option_ids}
    state.attrs |= {
        "failures": FrameMetadata(failures),
        "modifier_option_ids": FrameMetadata(sorted(options)),
        "n_business_rows": int((state["scope"] == "business").sum()),
        "host": host,
        "read_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return state
