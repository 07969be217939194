"""The live flags of a business: what the menus show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..api.menu_wire import Store
from ..menus.states import fetch_state
from ..progress import Progress

if TYPE_CHECKING:
    from ..api.client import Client


def read_state(
    client: Client,
    *,
    stores: pd.DataFrame | Iterable[Store] | None = None,
    with_business: bool = False,
    cache: str | Path | None = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Return the live flags: one row per section, category and item, and scope.

    Reads the list of stores and the menus over the network, as many at a time as the client has
    connections, under its read cap.
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
        ``brand_titles`` and ``branch_titles``, as pairs of id and title; ``failures``, see `failures`;
        ``modifier_option_ids``; ``n_business_rows``, by which a part of a state is told from all of it;
        ``host``; ``read_at``.

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
    return fetch_state(client, stores=stores, with_business=with_business, cache=cache, progress=progress)
