"""What a reading could not read, as data: the rest of the state is of use without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ..api.menu_wire import Store
from ..errors import ApiError, AuthError, RequestError, ServerError
from .trees import TEXT


class Failure(NamedTuple):
    """One menu, or list, that could not be read; without a store it is the business level or the list."""

    brand_id: int | None
    branch_id: int | None
    what: str
    code: str | None
    http_status: int | None
    message: str
    request_id: str | None


def failures(state: pd.DataFrame) -> pd.DataFrame:
    """Return what a reading could not read: one row per menu or list.

    Parameters
    ----------
    state : DataFrame
        From `read_state`. What pandas makes of it keeps the note, mostly; where it is lost, no rows.

    Returns
    -------
    pandas.DataFrame
        ``brand_id, branch_id`` (Int64; missing for the business level and for lists), ``what``, ``code``,
        ``http_status``, ``message``, ``request_id``.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     first = kf.stores(client)[["brand_id", "branch_id"]].head(1).itertuples(index=False)
    ...     state = kf.read_state(client, stores=[*first, (5297, 999_999)])
    >>> kf.failures(state)[["brand_id", "branch_id", "code"]].values.tolist()
    [[5297, 999999, 'not_in_business']]
    """
    rows = [tuple(row) for row in state.attrs.get("failures", ())]
    dtypes = dict.fromkeys(Failure._fields, TEXT) | dict.fromkeys(
        ("brand_id", "branch_id", "http_status"), "Int64"
    )
    columns = zip(*rows, strict=True) if rows else [()] * len(dtypes)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=dtypes[name])
            for name, values in zip(dtypes, columns, strict=True)
        }
    )


def failure_of(error: BaseException, *, store: Store | None, what: str) -> Failure:
    """Return what is to be told of a reading that failed.

    Parameters
    ----------
    error : Exception
        Of the API's family or the transport's.
    store : tuple of int, or None
        The store that it was about.
    what : str
        What was to be read, in words.
    """
    api = error if isinstance(error, ApiError) else None
    brand_id, branch_id = store or (None, None)
    return Failure(
        brand_id=brand_id,
        branch_id=branch_id,
        what=what,
        code=api.code if api else None,
        http_status=api.http_status if api else None,
        message=api.message if api else str(error),
        request_id=api.request_id if api else None,
    )


def foreign(store: Store) -> Failure:
    """Return the failure of a store that was not asked for, since the business has no such store."""
    message = (
        f"Store {store[0]}/{store[1]} is not one of this business's stores; klikit_frames.stores lists them."
    )
    return Failure(*store, f"menu of store {store[0]}/{store[1]}", "not_in_business", None, message, None)


def in_words(failures: Sequence[Failure]) -> str:
    """Say at most ten failures, then how many more there are."""
    shown = "; ".join(f"{each.what}: {each.message.rstrip('.')}" for each in failures[:10])
    return f"{shown}; and {len(failures) - 10:,} more." if len(failures) > 10 else f"{shown}."


def is_of_no_store(failure: Failure) -> bool:
    """Tell whether the API has no such store, or only the list of stores is missing."""
    has_no_menu = failure.brand_id is not None and (
        failure.code == "not_in_business" or failure.http_status == 404
    )
    return has_no_menu or failure.what == "list of stores"


def error_of(lost: Sequence[Failure], *, consequence: str = "") -> RequestError:
    """Return the error that the first of these failures was; it tells all of them after the consequence."""
    first, said = lost[0], " ".join(part for part in (consequence, in_words(lost)) if part)
    if first.http_status is None:
        return RequestError(said)
    kind = (
        AuthError
        if first.http_status in {401, 403}
        else ServerError
        if first.http_status >= 500
        else ApiError
    )
    return kind(said, http_status=first.http_status, code=first.code or "", request_id=first.request_id)
