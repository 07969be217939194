"""The table of stores: which brand is sold at which branch, with their names."""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..api import menu_wire
from ..api.client_arguments import takes_client
from ..errors import RequestError, StateError
from ..model import Store
from .readings import run_interruptibly
from .state_arrays import TEXT

if TYPE_CHECKING:
    from ..api.client import Client

STORE_COLUMNS = (
    "brand_id",
    "branch_id",
    "brand_title",
    "branch_title",
    "city",
    "country_code",
    "currency_code",
)
# The documentation shows pages of 1000 and states no maximum; a server that gives less is followed.
_PAGE_SIZE = 1000


@takes_client
def stores(client: Client) -> pd.DataFrame:
    """Return the stores of the business: one row per (brand, branch) pair, with names.

    Reads the brands, and all pages of the branches. Nothing is written.

    Parameters
    ----------
    client : Client
        A client whose credential has the scope ``brands:read``.

    Returns
    -------
    pandas.DataFrame
        ``brand_id, branch_id`` (int64), ``brand_title, branch_title, city, country_code, currency_code``
        (text), by brand and branch. Where the API tells only a city's id, ``city`` is that id as text.

    Raises
    ------
    RequestError
        No usable answer came, or it does not fit the API's documentation. `AuthError` among them: the
        credential is wrong or lacks the scope.

    Notes
    -----
    Names come from the list of brands: a branch's own ``brand_titles`` are in another order than its
    ``brand_ids``.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     stores = kf.stores(client)
    >>> list(stores.columns[:4])
    ['brand_id', 'branch_id', 'brand_title', 'branch_title']
    """
    return run_interruptibly(partial(read_stores, client), stop=None)


def read_stores(client: Client, stop: threading.Event) -> pd.DataFrame:
    """Return the stores of the business, as `stores` does; `stop` ends the waiting."""
    titles = {brand.brand_id: brand.title for brand in _read_brands(client, stop=stop)}
    rows = [
        (brand_id, branch.branch_id, titles.get(brand_id), branch.title, *branch[3:])
        for branch in _read_branches(client, stop=stop)
        for brand_id in dict.fromkeys(branch.brand_ids)
    ]
    ordered = sorted(rows, key=operator.itemgetter(0, 1))
    columns = zip(*ordered, strict=True) if rows else [()] * len(STORE_COLUMNS)
    dtypes: dict[str, Any] = {name: "int64" if name.endswith("_id") else TEXT for name in STORE_COLUMNS}
    return pd.DataFrame(
        {
            name: pd.array(list(values), dtype=dtypes[name])
            for name, values in zip(STORE_COLUMNS, columns, strict=True)
        }
    )


def store_pairs(stores: pd.DataFrame | Iterable[Store]) -> list[Store]:
    """Return the distinct (brand_id, branch_id) pairs of a frame or of an iterable, in its order.

    Raises
    ------
    StateError
        A column is missing, or a cell is not an id.
    """
    if isinstance(stores, pd.DataFrame):
        if not {"brand_id", "branch_id"} <= set(stores.columns):
            raise StateError("A frame of stores needs the columns brand_id and branch_id.")
        stores = zip(stores["brand_id"], stores["branch_id"], strict=True)
    elif isinstance(stores, (str, bytes)) or not isinstance(stores, Iterable):
        raise StateError(f"{stores!r:.60} is no list of stores: give pairs of ids, (brand_id, branch_id).")
    return list(dict.fromkeys(_pair(store) for store in stores))


def _pair(store: Iterable[Any]) -> Store:
    try:
        brand_id, branch_id = (operator.index(store_id) for store_id in store)
    except (TypeError, ValueError):
        raise StateError(f"{store!r} is not a store: a pair of two ids, (brand_id, branch_id).") from None
    return brand_id, branch_id


def _read_brands(client: Client, *, stop: threading.Event) -> tuple[menu_wire.Brand, ...]:
    return menu_wire.decode_brands(client.read(menu_wire.BRANDS_PATH, stop=stop))


def _read_branches(client: Client, *, stop: threading.Event) -> list[menu_wire.Branch]:
    """Return the branches of all pages, each once."""
    branches: dict[int, menu_wire.Branch] = {}
    total = 0
    for page in _pages(client, stop=stop):
        total, n_before = page.total, len(branches)
        branches.update((branch.branch_id, branch) for branch in page.branches)
        # A page without a new branch: a server that counts wrongly would be asked for ever.
        if len(branches) >= total or len(branches) == n_before:
            break
    if len(branches) < total:
        raise RequestError(
            f"The API counts {total:,} branches but its pages hold {len(branches):,}; read them again. "
            "A plan made with a part of the stores would refuse good rows."
        )
    return list(branches.values())


def _pages(client: Client, *, stop: threading.Event) -> Iterator[menu_wire.BranchPage]:
    number = 0
    while True:
        number += 1
        data = client.read(menu_wire.BRANCHES_PATH, {"page": number, "size": _PAGE_SIZE}, stop=stop)
        yield menu_wire.decode_branches(data)
