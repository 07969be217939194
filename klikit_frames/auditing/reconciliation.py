"""Reconciliation: the smallest repair that makes the menus as a wanted table says, guarded."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..api.client_arguments import takes_client
from ..errors import ConfigError, PlanError, TooManyChanges
from ..frames.cell_keys import Codes, encode_keys
from ..frames.schemas import TOGGLE_COLUMNS
from ..menus.readings import error_of
from ..menus.state_arrays import TEXT
from ..menus.states import keep_read_time
from ..model import Store
from ..overview import BUSINESS, read_names
from ..planning.planner import plan_rows
from ..planning.row_assignment import Skips, find_skips
from ..progress import Progress
from ..running.guards import check_client
from ..running.journal import JournalPath, read_journal
from ..running.notifications import OnFinish, report_result
from ..running.runs import open_run
from ..wording import counted
from .audits import Observed, look

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from ..running.results import Result

# Of a small table a share says little: up to so many rows it lets through.
_SHARE_COUNTS_FROM = 11
_MOST_PLACES = 10
_UNREAD = "Not all menus of the wanted rows could be read, so nothing was sent."
_PLACE = ["brand_id", "branch_id"]
_CELL_DTYPES = {"entity_type": TEXT, "entity_id": "int64", "brand_id": "Int64", "branch_id": "Int64"}


@takes_client
def reconcile(
    wanted: Any,
    client: Client,
    *,
    max_changes: float | None = 0.2,
    publish: bool = False,
    journal: JournalPath = None,
    confirm: str | None = None,
    progress: Progress = None,
    columns: Mapping[str, str] | None = None,
    names: bool = False,
    on_finish: OnFinish = None,
) -> Result:
    """Make the live menus as a wanted table says, in the fewest requests, if that is not too much.

    Uses the network and the journal. Reads the menus that the table touches, as `audit` does, plans what
    differs, and runs it; rows that hold may ride along where that saves a request. Where nothing differs,
    nothing is sent. A flag that was written and not published counts as it was written, so a second call
    sends nothing. Rows that are on no menu are ``rejected`` and not sent. Rows whose cell a promise holds are
    left alone: ``not_sent`` with the code ``promised``, and no change that counts.

    Parameters
    ----------
    wanted : path of a folder, or whatever `read_toggles` takes
        How the menus shall be; see `audit`.
    client : Client
        Where to read and to write.
    max_changes : float, int or None
        The most rows that may have to be written: a float is a share of the wanted rows, above 0 and up to 1,
        which counts from 11 such rows on; an int is a count from 1; None is no limit. Rows that only ride
        along do not count.
    publish : bool
        Publish the stores that were written, and those of the table with flags that are not published yet.
    journal : path, optional
        The journal's file, as given to `klikit_frames.run`.
    confirm : str, optional
        The code that the refusal names, needed wherever the client reaches a real business. It is made of
        table, host and `max_changes`, so that a scheduler can hand it over every night.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu, then one per request.
    columns, names
        As for `audit`.
    on_finish : callable, optional
        Gets the summary at the end, also of a refusal, as by `klikit_frames.run`.

    Returns
    -------
    Result
        One row per wanted row, ``source`` among its columns. It is a run like any other: `resume`, `verify`
        and `undo` take it.

    Raises
    ------
    TooManyChanges
        A `PlanError`: more rows would be written than `max_changes` lets through. The message has the counts
        by store and the option that lets it through; ``.counts`` has all. Nothing was sent.
    PlanError
        It is not confirmed, or a row has a time. Nothing was sent.
    ConfigError
        `max_changes` is out of range, the client is read-only, or the table is of another business. Nothing
        was sent.
    InvalidToggles
        As by `audit`. Nothing was sent.
    RequestError
        A menu could not be read. Nothing was sent.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     sections = kf.read_state(client).query("entity_type == 'section'").head(2)
    ...     wanted = kf.business_toggles("section", sections["entity_id"], is_enabled=False)
    ...     kf.reconcile(wanted, client).counts["applied"], kf.reconcile(wanted, client).counts["unchanged"]
    (2, 2)
    """

    def work() -> Result:
        _check_options(max_changes, publish=publish)
        check_client(client)
        seen = look(wanted, client, journal=journal, progress=progress, columns=columns, names=names)
        if seen.lost:
            raise error_of(seen.lost, consequence=_UNREAD)
        is_promised = find_promised(seen, client, journal=journal)
        skips = _find_skips(seen, is_promised)
        has_to_be_written = skips.may_be_sent & ~skips.optional
        _check_limit(seen, has_to_be_written, max_changes=max_changes)
        made = plan_rows(seen.wanted, skips, state=seen.state, progress=progress).with_names(seen.frame)
        also = _stores_with_pending(seen) if publish else []
        if made.n_requests or also:
            _check_confirmed(made, seen, client, max_changes=max_changes, confirm=confirm)
        with open_run(
            made,
            client,
            journal=journal,
            confirm=made.confirm_code(client),
            publish=publish,
            publish_also=also,
        ) as session:
            return session.execute(progress=progress)

    return report_result(work, on_finish, action="reconcile", host=client.host)


def find_promised(seen: Observed, client: Client, *, journal: JournalPath) -> Codes:
    """Say of each wanted row whether an active promise holds its cell."""
    with read_journal(journal) as opened:
        promised_cells = [promise.cell for promise in opened.active_promises(client.account)]
    if not promised_cells:
        return np.zeros(len(seen.wanted), dtype=bool)
    rows, promised = encode_keys(
        [seen.wanted, pd.DataFrame(promised_cells).astype(_CELL_DTYPES)], columns=list(_CELL_DTYPES)
    )
    return np.isin(rows, promised)


def _find_skips(seen: Observed, is_promised: Codes) -> Skips:
    """Return which wanted rows are not sent, and which need not be.

    What is left out for good takes no part: a store's row is written after its business-wide row only where
    that one is written too.
    """
    change = seen.frame["change"]
    cascades = seen.wanted["cascade_to_modifier_groups"].to_numpy(dtype=bool)
    reasons = np.full(len(seen.wanted), None, dtype=object)
    reasons[change.eq("already").to_numpy(dtype=bool) & cascades] = "holds"
    reasons[change.eq("not_in_menu").to_numpy(dtype=bool)] = "rejected"
    reasons[is_promised] = "promised"
    is_open = np.array([reason is None for reason in reasons], dtype=bool)
    skips = find_skips(seen.wanted[is_open], seen.state, unchanged="optional")
    reasons[is_open] = skips.reasons.astype(object).where(skips.reasons.notna(), None)
    optional = np.zeros(len(reasons), dtype=bool)
    optional[is_open] = skips.optional
    before = seen.frame["live"].rename("before").set_axis(seen.wanted.index)
    keep_read_time(before, seen.state)
    return Skips(pd.Series(reasons, index=seen.wanted.index, dtype="str"), before, optional)


def _check_options(max_changes: float | None, *, publish: bool) -> None:
    if type(publish) is not bool:
        raise ConfigError(f"publish={publish!r} is neither True nor False; nothing was sent.")
    if max_changes is None:
        return
    is_number = isinstance(max_changes, Real) and not isinstance(max_changes, bool)
    if is_number and isinstance(max_changes, Integral):
        is_number = max_changes >= 1
    elif is_number:
        is_number = math.isfinite(max_changes) and 0 < max_changes <= 1
    if not is_number:
        raise ConfigError(
            f"max_changes={max_changes!r} is neither a share above 0 and up to 1.0 (a float), nor a count of "
            "rows from 1 (an int), nor None for no limit. Nothing was sent. To look only: kf.audit."
        )


def _check_limit(seen: Observed, is_changed: Codes, *, max_changes: float | None) -> None:
    """Refuse to write more rows than the limit lets through."""
    n_changes, n_rows = int(is_changed.sum()), len(is_changed)
    if max_changes is None or n_changes <= _most_changes(max_changes, n_rows=n_rows):
        return
    counts = _by_place(seen.wanted[is_changed])
    raise TooManyChanges(
        f"{n_changes:,} of {counted(n_rows, 'wanted row')} would have to be written, and max_changes="
        f"{max_changes!r} lets {_most_changes(max_changes, n_rows=n_rows):,} through, so nothing was sent. "
        f"{_places_in_words(counts, seen)} Look with kf.audit; if it is meant, pass max_changes={n_changes}.",
        counts,
    )


def _most_changes(max_changes: float, *, n_rows: int) -> int:
    if isinstance(max_changes, Integral):
        return int(max_changes)
    return max(_SHARE_COUNTS_FROM - 1, math.floor(max_changes * n_rows))


def _by_place(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows each place has, the most first."""
    counts = rows.groupby(_PLACE, dropna=False, sort=False).size().rename("n_changes").reset_index()
    return counts.sort_values("n_changes", ascending=False, kind="stable", ignore_index=True)


def _places_in_words(counts: pd.DataFrame, seen: Observed) -> str:
    names = read_names(seen.frame)
    phrases = [
        f"{BUSINESS} {n:,}"
        if pd.isna(brand)
        else f"{names.store(int(brand), int(branch))} ({brand}/{branch}) {n:,}"
        for brand, branch, n in counts.head(_MOST_PLACES).itertuples(index=False, name=None)
    ]
    n_more = len(counts) - _MOST_PLACES
    more = f" and {counted(n_more, 'more place')}" if n_more > 0 else ""
    return f"By store: {', '.join(phrases)}{more}."


def confirm_code(wanted: pd.DataFrame, client: Client, *, max_changes: float | None) -> str:
    """Return the code that stands for making this table true on this client's host under this limit.

    The order of the rows, and columns of the person's own, do not count.
    """
    limit = None if max_changes is None else f"{type(max_changes).__name__[:3]} {max_changes}"
    columns = [wanted[name].astype("string").fillna("").tolist() for name in TOGGLE_COLUMNS]
    rows = sorted("\t".join(map(str, row)) for row in zip(*columns, strict=True))
    return hashlib.sha256("\n".join([client.host, str(limit), *rows]).encode()).hexdigest()[:8]


def _check_confirmed(
    made: Plan, seen: Observed, client: Client, *, max_changes: float | None, confirm: str | None
) -> None:
    if not client.needs_confirmation:
        return
    code = confirm_code(seen.wanted, client, max_changes=max_changes)
    if confirm == code:
        return
    given = "" if confirm is None else f" confirm={confirm!r} is of another table, host or max_changes."
    raise PlanError(
        f"{client.host} is a real business, so nothing was sent yet: {made.overview.headline}, "
        f"{counted(made.n_requests, 'request')}.{given} If that is meant, pass confirm={code!r}; the code is "
        "good for this table, host and max_changes, every night."
    )


def _stores_with_pending(seen: Observed) -> list[Store]:
    """Return the stores of the table in which a wanted cell was written and is not yet proved to show."""
    pending = seen.state[seen.state["pending"].notna()]
    columns = ["entity_type", "entity_id", *_PLACE]
    rows, open_cells = encode_keys([seen.wanted, pending], columns=columns)
    is_store = (seen.wanted["scope"] == "store").to_numpy(dtype=bool)
    stores = seen.wanted.loc[is_store & np.isin(rows, open_cells), _PLACE].drop_duplicates()
    return [(int(brand), int(branch)) for brand, branch in stores.itertuples(index=False, name=None)]
