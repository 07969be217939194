"""The live flags of a business: what the menus show, and what the journal knows that they do not show yet.

Of chosen cells they are read back after a run, as proof of what it wrote, and as proof that a request which a
copy of the journal has not seen was not done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from .. import edge
from ..api.client_arguments import takes_client
from ..errors import JournalError, RequestError, check_yes_or_no
from ..menus.states import fetch_state
from ..menus.stores import store_pairs
from ..model import Cell, Store, cell_of
from ..progress import Progress
from .evidence import Entity, known_offset_s, move_to_clock
from .journal import Journal, JournalPath, journal_path, open_journal, read_journal
from .journal_codec import path_text
from .lifecycle import RequestState
from .menu_history import MenuHistory, load_history
from .records import CellFlag, Publish, Request, RequestResult, Run

if TYPE_CHECKING:
    from ..api.client import Client

_LOG = logging.getLogger("klikit_frames")
_PLACE = ["brand_id", "branch_id"]


@dataclass(frozen=True, eq=False)
class Observation:
    """Menus as they were read, and what the journal knows of them.

    Attributes
    ----------
    state : DataFrame
        As `read_state` returns it.
    history : MenuHistory
        What this machine wrote there, and how new the menus are proved to be.
    """

    state: pd.DataFrame
    history: MenuHistory


@takes_client
def read_state(
    client: Client,
    *,
    stores: pd.DataFrame | Iterable[Store] | None = None,
    with_business: bool = False,
    cache: str | Path | None = None,
    journal: JournalPath = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Return the live flags: one row per section, category and item, and scope.

    Reads the list of stores and the menus over the network, as many at a time as the client has connections,
    under its read cap; and the journal, for what this machine wrote and no menu is proved to show. Nothing is
    written, but for `cache`, and what the menus prove into a journal that is there.

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
    journal : path, optional
        The journal's file, as given to `klikit_frames.run`; one that is not there is not made.
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
        Last ``pending`` (boolean), the flag that this machine wrote and that the store's menu is not proved
        to show, missing where nothing is; and ``is_unsettled``, whether a write of this machine leaves the
        live flag open: business-wide and not yet published, or without a clear answer. What others wrote
        and have not published nobody can know.
        ``attrs``: ``stores``, all (brand, branch) pairs of the business if they could be read;
        ``brand_titles`` and ``branch_titles``, as pairs of id and title; ``failures``, see `failures`;
        ``modifier_option_ids``; ``n_business_rows``, which shows whether a state is whole;
        ``host``; ``read_at``, and by how many seconds the server's clock was ahead of that,
        ``clock_offset_s``; ``journal_error``, why the journal could not be read, where it could not.

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
    check_yes_or_no("with_business", with_business)
    return observe(
        client,
        stores=stores,
        with_business=with_business or stores is None,
        journal=journal,
        cache=cache,
        progress=progress,
    ).state


def observe(
    client: Client,
    *,
    stores: pd.DataFrame | Iterable[Store] | None,
    with_business: bool,
    journal: JournalPath,
    since: str | None = None,
    cache: str | Path | None = None,
    progress: Progress = None,
    stop: threading.Event | None = None,
    must_read: bool = True,
    warns: bool = True,
) -> Observation:
    """Read menus, take in what they prove, and return the state with what the journal knows beside it.

    Parameters
    ----------
    client, stores, with_business, journal, cache, progress
        As in `read_state`, but that `stores` of None are none.
    since : str, optional
        The id of a run: it and all later ones are taken into account, and not only those of which something
        is not yet proved to show.
    stop, must_read, warns
        As in `klikit_frames.menus.states.fetch_state`.
    """
    began_at = client.now()
    pairs = [] if stores is None else store_pairs(stores)
    state = fetch_state(
        client,
        stores=pairs,
        with_business=with_business,
        cache=cache,
        progress=progress,
        stop=stop,
        must_read=must_read,
        warns=warns,
    )
    state.attrs["clock_offset_s"] = known_offset_s(client)
    history = MenuHistory()
    try:
        history, unproved = _read_history(client, pairs, journal=journal, since=since, read_at=began_at)
        _take_in(history, state, client, unproved, journal=journal)
    except JournalError as error:
        _LOG.warning("What this machine wrote and is not published is not known: %s", error)
        state.attrs["journal_error"] = str(error)
    return Observation(_with_pending(state, history), history)


def _read_history(
    client: Client, stores: list[Store], *, journal: JournalPath, since: str | None, read_at: datetime
) -> tuple[MenuHistory, list[Run]]:
    """Return what the journal knows, and the runs with a write that is not yet proved to show."""
    with read_journal(journal) as opened:
        history = load_history(
            opened,
            client.account,
            stores=stores,
            runs=_runs(opened, client, since=since),
            publishes=[*opened.publishes(client.account), *_published_elsewhere(client, journal)],
            read_at=read_at,
            clock_offset_s=known_offset_s(client),
        )
        return history, opened.unproved_runs(client.account)


def _runs(journal: Journal, client: Client, *, since: str | None) -> list[Run]:
    """Return the runs of which something is not proved, and those that wrote since one began, or may have."""
    unproved = journal.unproved_runs(client.account)
    if since is None:
        return unproved
    runs = journal.runs_of(client.account, host=client.host)
    begun_later = [*dropwhile(lambda run: run.run_id != since, runs)]
    if not begun_later:
        return unproved
    # One that began before may have been resumed since, under a clock that was set back.
    least_s, most_s = journal.offset_range()
    began_at = move_to_clock(begun_later[0].started_at, offset_s=least_s, to_offset_s=most_s)
    resumed = [run for run in runs if run.ended_at is None or run.ended_at >= began_at]
    late = {run.run_id: run for run in [*resumed, *begun_later]}
    return [*(run for run in unproved if run.run_id not in late), *late.values()]


def _published_elsewhere(client: Client, journal: JournalPath) -> list[Publish]:
    """Return the publishes in the person's own journal: publish() may not have been given the run's."""
    if journal is None:
        return []
    try:
        with read_journal(None) as opened:
            return opened.publishes(client.account)
    except JournalError as error:
        # The run's own journal is what counts; without the other a menu is only proved to be less new.
        _LOG.warning("What was published by the journal of your own is not known: %s", error)
        return []


def _take_in(
    history: MenuHistory, state: pd.DataFrame, client: Client, unproved: list[Run], *, journal: JournalPath
) -> None:
    """Judge what the menus prove, and record what is newly proved; no journal is made for it."""
    newer = history.read(_seen(state, history))
    proved = {store: proof.newer_than for store, proof in newer.items() if proof.newer_than is not None}
    path = journal_path(journal)
    done = history.proved_runs(unproved, all_stores=state.attrs.get("stores"))
    if (proved or done) and path is not None and path.exists():
        with open_journal(journal) as opened:
            opened.note_menu_evidence(client.account, proved, clocks=history.clocks)
            opened.mark_proved(done)


def _seen(state: pd.DataFrame, history: MenuHistory) -> dict[Store, dict[Entity, bool | None]]:
    """Return the flags in the menus of the stores that something was written to."""
    written = {store for store in history.writes if store is not None}
    seen: dict[Store, dict[Entity, bool | None]] = {}
    for _, cell, flag in _cells(state, written):
        seen.setdefault((cell[2], cell[3]), {})[cell[0], cell[1]] = flag
    return seen


def _with_pending(state: pd.DataFrame, history: MenuHistory) -> pd.DataFrame:
    """Return the state with the columns ``pending`` and ``is_unsettled``."""
    pending, is_unsettled = np.full(len(state), -1, dtype=np.int8), np.zeros(len(state), dtype=bool)
    written = {store for store in history.writes if store is not None}
    for place, cell, flag in _cells(state, written):
        flag_pending = history.pending(Cell(*cell), shown=flag)
        if flag_pending is not None:
            is_unsettled[place] = not flag_pending.is_known
            pending[place] = -1 if flag_pending.is_enabled is None else int(flag_pending.is_enabled)
    column = pd.arrays.BooleanArray(pending == 1, pending < 0)
    return state.assign(pending=column, is_unsettled=pd.array(is_unsettled, dtype="boolean"))


def _cells(
    state: pd.DataFrame, stores: set[Store]
) -> Iterable[tuple[int, tuple[str, int, int, int], bool | None]]:
    """Yield the position, the cell and the flag of each row of these stores."""
    if not stores:
        return
    is_store = (state["scope"] == "store").to_numpy(dtype=bool)
    rows = state[is_store]
    columns = [rows[name].tolist() for name in ("entity_type", "entity_id", *_PLACE)]
    flags = rows["is_enabled"].astype(object).where(rows["is_enabled"].notna(), None).tolist()
    for place, *cell, flag in zip(np.flatnonzero(is_store).tolist(), *columns, flags, strict=True):
        if (cell[2], cell[3]) in stores:
            yield place, (cell[0], cell[1], cell[2], cell[3]), flag


_COLUMNS = [*Cell._fields, "is_enabled"]

_WITHHELD = (
    "a copy of the journal does not know whether it was sent, and its key may be forgotten; it is sent once "
    "reading shows that it was not done: publish the store, then resume again"
)


def read_flags(
    client: Client, cells: Iterable[Cell], *, stop: threading.Event | None = None
) -> list[CellFlag]:
    """Return what these cells hold now; those that no menu tells are left out.

    Business-wide cells are read live. A store's menu may show an older state until it is published.

    Raises
    ------
    RequestError
        The menus could not be read.
    ReadingStopped
        `stop` was set.
    """
    wanted = set(cells)
    stores = sorted({cell.store for cell in wanted if cell.store is not None})
    has_wide = any(cell.store is None for cell in wanted)
    if not wanted:
        return []
    state = fetch_state(client, stores=stores, with_business=has_wide, progress=False, stop=stop)
    return [flag for flag in told_flags(state) if flag.cell in wanted]


def find_proofs(
    client: Client,
    cells: Iterable[Cell],
    *,
    run_id: str,
    journal: JournalPath,
    stop: threading.Event | None = None,
) -> list[CellFlag]:
    """Return those flags of these cells that are known to be newer than what a run wrote there.

    Business-wide flags are read live. Of a store's menu the journal's evidence says how new it is: the flag
    may be another run's, or older than whatever changed it. If nothing can be read, nothing is known.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    wanted = set(cells)
    seen = observe_cells(client, wanted, run_id=run_id, journal=journal, progress=False, stop=stop)
    if seen is None:
        return []
    flags = [flag for flag in told_flags(seen.state) if flag.cell in wanted]
    return [
        flag for flag in flags if seen.history.shows_write_of(run_id, flag.cell, shown=bool(flag.is_enabled))
    ]


def observe_cells(
    client: Client,
    cells: Iterable[Cell],
    *,
    run_id: str,
    journal: JournalPath,
    progress: Progress,
    stop: threading.Event | None = None,
) -> Observation | None:
    """Return what the menus of these cells show, with the writes since a run; None if nothing can be read.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    stores = {cell.store for cell in cells}
    try:
        return observe(
            client,
            stores=sorted(store for store in stores if store is not None),
            with_business=None in stores,
            journal=journal,
            since=run_id,
            progress=progress,
            stop=stop,
        )
    except RequestError:
        return None


def told_flags(state: pd.DataFrame) -> Iterator[CellFlag]:
    """Yield the flags that a state tells."""
    flagged = state[state["is_enabled"].notna()]
    for row in flagged[_COLUMNS].itertuples(index=False, name=None):
        *entity, is_enabled = row
        yield CellFlag(cell_of(*entity), bool(is_enabled))


def find_undone(
    client: Client,
    requests: Iterable[Request],
    *,
    run_id: str,
    journal: JournalPath,
    progress: Progress,
    stop: threading.Event,
) -> set[tuple[int, ...]]:
    """Return the places of the requests that reading shows as not done; if nothing can be read, of none.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    """
    asked = list(requests)
    cells = {cell for request in asked for cell in request.target.cells()}
    if not cells:
        return set()
    seen = observe_cells(client, cells, run_id=run_id, journal=journal, progress=progress, stop=stop)
    if seen is None:
        return set()
    shown = {flag.cell: bool(flag.is_enabled) for flag in told_flags(seen.state)}
    return {request.path for request in asked if _is_undone(request, shown, seen.history, run_id=run_id)}


def clear_request(request: Request) -> Request:
    """Return a request that was not done: it is open as if it had never been handed out."""
    cleared = request.settle(RequestResult(RequestState.NOT_SENT))
    return replace(cleared, attempts=0, sent_at=None, clock_offset_s=None)


def withhold_request(request: Request) -> Request:
    """Return a request as withheld: it was done already, or it never will be."""
    last = request.result or RequestResult(request.state)
    settled_at = last.settled_at or edge.now()
    return replace(request, result=replace(last, message=_WITHHELD, settled_at=settled_at))


def is_withheld(request: Request) -> bool:
    """Tell whether a request is not to be sent until reading has shown that it was not done."""
    is_unseen = request.state is RequestState.UNSEEN
    return is_unseen and request.result is not None and request.result.settled_at is not None


def _is_undone(request: Request, shown: Mapping[Cell, bool], history: MenuHistory, *, run_id: str) -> bool:
    """Return whether no flag shows the request as done, and at least one shows that it was not."""
    key = (run_id, path_text(request.path))
    verdicts = []
    for cell in request.target.cells():
        own_links = [link for link in history.chain(cell) if link.write.key == key]
        is_newer = cell.store is None or any(
            history.proof(cell.store).covers(link.write) for link in own_links
        )
        before = next((link.before for link in own_links), None)
        flags = Flags(asked=request.target.is_enabled, shown=shown.get(cell), before=before)
        verdicts.append(was_done(flags, is_newer=is_newer))
    return False in verdicts and True not in verdicts


class Flags(NamedTuple):
    """What a cell was to hold, what its menu shows, and what it held before; None where not known."""

    asked: bool
    shown: bool | None
    before: bool | None


def was_done(flags: Flags, *, is_newer: bool) -> bool | None:
    """Tell whether a flag was written; None where that is not known. Pure.

    Parameters
    ----------
    flags : Flags
        Those of one cell.
    is_newer : bool
        Whether the menu is known to be newer than the write, if there was one.

    Examples
    --------
    >>> from klikit_frames.running.live_state import Flags, was_done
    >>> was_done(Flags(asked=False, shown=True, before=True), is_newer=True)
    False
    """
    if flags.shown is None:
        return None
    if flags.shown is flags.asked and flags.before is not flags.asked:
        return True
    # A flag that was as asked before tells nothing, and writing it again changes nothing.
    return False if is_newer else None
