"""What this machine wrote to one account, by store, and how new each store's menu is proved to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..model import Cell, Store
from .evidence import (
    IN_FLIGHT_AT_MOST,
    LONG_AGO,
    SAME_CLOCK,
    CellWrite,
    ClockTimes,
    Entity,
    Pending,
    Proof,
    StoreHistory,
    Write,
    find_pending,
    prove,
    shows_write_of,
)
from .journal_codec import path_text
from .lifecycle import EndReason, RequestState
from .records import Publish, Request, Run

if TYPE_CHECKING:
    from .journal import Journal

_UNPROVED = Proof()
_NOTHING = StoreHistory()
# A publish that was accepted may wait in a queue, but hardly longer than this.
_QUEUED_AT_MOST = timedelta(hours=1)
_GATEWAY_TIMEOUT = 504
# An unseen request that is settled was withheld a day later; until then it has no such time.
_OVER = {RequestState.APPLIED, RequestState.STORED_FAILURE, RequestState.UNSEEN}


@dataclass(slots=True)
class MenuHistory:
    """What was written to stores and to the business level (None), and what is proved of stores' menus.

    `requests` are the writes of each run with their stores, None for business-wide ones; `settled` are the
    runs that have nothing left to send; `clocks` are those that its times go by.
    """

    writes: dict[Store | None, StoreHistory] = field(default_factory=dict)
    proofs: dict[Store, Proof] = field(default_factory=dict)
    requests: dict[str, list[tuple[Write, tuple[Store, ...] | None]]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    read_at: datetime = LONG_AGO
    clocks: tuple[float, ...] = ()

    def chain(self, cell: Cell) -> list[CellWrite]:
        """Return the writes to a cell, in the order of sending."""
        return self.writes.get(cell.store, _NOTHING).writes.get((cell.entity_type, cell.entity_id), [])

    def proof(self, store: Store | None) -> Proof:
        """Return how new a store's menu is proved to be."""
        return _UNPROVED if store is None else self.proofs.get(store, _UNPROVED)

    def pending(self, cell: Cell, *, shown: bool | None) -> Pending | None:
        """Return the flag that a cell has though its store's menu is not proved to show it."""
        if cell.store is None:
            return None
        return find_pending(self.chain(cell), shown=shown, proof=self.proof(cell.store))

    def shows_write_of(self, run_id: str, cell: Cell, *, shown: bool) -> bool:
        """Tell whether what a menu shows is newer than what a run wrote to a cell, or was written by it."""
        if cell.store is None:
            return True
        return shows_write_of(self.chain(cell), run_id, shown=shown, proof=self.proof(cell.store))

    def read(self, seen: Mapping[Store, Mapping[Entity, bool | None]]) -> dict[Store, Proof]:
        """Take in what menus show, and return the proofs of the stores whose menus are proved to be newer."""
        newer = {}
        for store, flags in seen.items():
            before = self.proof(store)
            proof = prove(self.writes.get(store, _NOTHING), flags, proof=before)
            if proof != before:
                newer[store] = self.proofs[store] = _settled(self.writes[store], proof)
        return newer

    def proved_runs(self, runs: Iterable[Run], *, all_stores: Iterable[Store] | None) -> list[str]:
        """Return the ids of the runs whose every write is proved to show, in every store.

        Parameters
        ----------
        runs : iterable of Run
            Those that were taken into account.
        all_stores : iterable of pairs, or None
            The stores of the business, which a business-wide write concerns; None if they are not known.
        """
        stores = None if all_stores is None else set(all_stores)
        ended = [run.run_id for run in runs if run.status != EndReason.RUNNING and run.run_id in self.settled]
        return [run_id for run_id in ended if self._is_proved(run_id, stores)]

    def _is_proved(self, run_id: str, stores: set[Store] | None) -> bool:
        for write, places in self.requests.get(run_id, []):
            concerned = stores if places is None else places
            if concerned is None or not all(self._surely_shows(write, store) for store in concerned):
                return False
        return True

    def _surely_shows(self, write: Write, store: Store) -> bool:
        """Whether a menu is newer than a write, by what it showed or by a publish long enough ago."""
        proof = self.proof(store)
        if proof.published_at is not None and self.read_at - proof.published_at < _QUEUED_AT_MOST:
            proof = replace(proof, published_at=None)
        return proof.covers(write)


def load_history(
    journal: Journal,
    account: str,
    *,
    stores: Iterable[Store],
    runs: Iterable[Run],
    publishes: Iterable[Publish],
    read_at: datetime,
    clock_offset_s: float | None,
) -> MenuHistory:
    """Return what a journal knows of the cells of some stores and of the business level.

    Parameters
    ----------
    journal : Journal
        The journal.
    account : str
        Whose menus; see ``client.account``.
    stores : iterable of pairs
        The stores whose menus are read.
    runs : iterable of Run
        The runs to take into account.
    publishes : iterable of Publish
        Those of the account.
    read_at : datetime
        When the reading of the menus began, by this machine's clock: later publishes prove nothing of them.
    clock_offset_s : float or None
        How far the server's clock is ahead now.
    """
    requests = {run.run_id: journal.requests(run.run_id) for run in runs}
    publishes = list(publishes)
    offsets = [request.clock_offset_s for of_run in requests.values() for request in of_run]
    # The clocks of the journal's own proofs first: neither this reading nor the end of a run that is looked
    # at no more must change what they proved.
    clocks = ClockTimes.align(
        [*offsets, *(publish.clock_offset_s for publish in publishes), clock_offset_s],
        clocks=journal.clocks(),
    )
    wanted = set(stores)
    began_at = clocks.earliest(read_at, offset_s=clock_offset_s)
    history = MenuHistory(
        proofs=_proofs(journal, account, until=began_at + SAME_CLOCK), read_at=began_at, clocks=clocks.clocks
    )
    for publish in publishes:
        _note_publish(history, publish, clocks=clocks)
    for run_id, of_run in requests.items():
        _add_run(history, journal, run_id, of_run, stores=wanted, clocks=clocks)
    for chain in history.writes.values():
        chain.sort()
    return history


def _proofs(journal: Journal, account: str, *, until: datetime) -> dict[Store, Proof]:
    """Return what was proved before; what is dated after now is of a clock that was set back since."""
    noted = journal.menu_evidence(account)
    return {store: Proof(newer_than=moment) for store, moment in noted.items() if moment <= until}


def _note_publish(history: MenuHistory, publish: Publish, *, clocks: ClockTimes) -> None:
    """Take in a publish that succeeded before the menus were read."""
    if publish.status != "published" or publish.sent_at is None or publish.settled_at is None:
        return
    offset_s = publish.clock_offset_s
    if clocks.latest(publish.settled_at, offset_s=offset_s) > history.read_at:
        return
    published_at = clocks.earliest(publish.sent_at, offset_s=offset_s)
    for store in publish.stores:
        proof = history.proof(store)
        latest = max(published_at, proof.published_at or published_at)
        history.proofs[store] = replace(proof, published_at=latest)


def _add_run(
    history: MenuHistory,
    journal: Journal,
    run_id: str,
    requests: Iterable[Request],
    *,
    stores: set[Store],
    clocks: ClockTimes,
) -> None:
    # What was read again, before anything of it had left, stands for what was read first.
    before = dict(journal.flags(run_id, "before"))
    seen = dict(journal.flags(run_id, "seen"))
    settled = dict(journal.flags(run_id, "proof"))
    requests = list(requests)
    if not any(request.state.is_open for request in requests):
        history.settled.add(run_id)
    for request in requests:
        if not request.state.may_have_arrived or request.sent_at is None:
            continue
        write = _write(run_id, request, clocks=clocks)
        if write.sent_at > history.read_at + SAME_CLOCK:
            write = _undated(write)
        history.requests.setdefault(run_id, []).append((write, request.target.stores or None))
        for cell in request.target.cells():
            if cell.store is not None and cell.store not in stores:
                continue
            of_cell = _settle_cell(write, seen=settled.get(cell)) if request.state.needs_reading else write
            if of_cell is None:
                continue
            entity = (cell.entity_type, cell.entity_id)
            of_store = history.writes.setdefault(cell.store, StoreHistory())
            of_store.add(entity, of_cell, before=before.get(cell), seen=seen.get(cell))
            if cell.store is None:
                _add_wide(history, entity, replace(of_cell, is_wide=True), stores=stores)


def _add_wide(history: MenuHistory, entity: Entity, write: Write, *, stores: set[Store]) -> None:
    """Add a business-wide write to the stores that may inherit it: it explains what their menus show."""
    for store in stores:
        history.writes.setdefault(store, StoreHistory()).add(entity, write)


def _write(run_id: str, request: Request, *, clocks: ClockTimes) -> Write:
    settled_at = _over_at(request)
    assert request.sent_at is not None  # noqa: S101 - for the type checker
    # What a copy of a journal has not seen may have been sent at any time since.
    is_unseen = request.state is RequestState.UNSEEN
    last_offset_s = None if is_unseen else request.clock_offset_s
    return Write(
        key=(run_id, path_text(request.path)),
        is_enabled=request.target.is_enabled,
        sent_at=clocks.earliest(request.sent_at, offset_s=request.clock_offset_s),
        settled_at=None if settled_at is None else clocks.latest(settled_at, offset_s=last_offset_s),
        is_certain=request.state is RequestState.APPLIED and settled_at is not None,
        is_repeated=request.attempts > 1 or is_unseen,
    )


def _undated(write: Write) -> Write:
    """Return a write that is dated after now: a clock was set back since, and nobody knows by how much."""
    return replace(write, sent_at=LONG_AGO, settled_at=None, is_certain=False, is_repeated=True)


def _over_at(request: Request) -> datetime | None:
    """Return when a request was over by its own clock; None where nobody answered, as far as is recorded.

    A gateway that gave up, and a line that broke, say nothing of how long the API went on with it.
    """
    result = request.result
    if result is None or result.settled_at is None:
        return None
    is_answered = request.attempts <= 1 and result.http_status not in {None, _GATEWAY_TIMEOUT}
    is_over = is_answered or request.state in _OVER
    return result.settled_at if is_over else result.settled_at + IN_FLIGHT_AT_MOST


def _settle_cell(write: Write, *, seen: bool | None) -> Write | None:
    """Return a write that reading has settled for one cell; None where it was not done."""
    if seen is None:
        return write
    return replace(write, is_certain=write.settled_at is not None) if seen is write.is_enabled else None


def _settled(history: StoreHistory, proof: Proof) -> Proof:
    """Say with one instant what is proved, where no other write lies between: a journal keeps instants."""
    open_until = min(
        (
            link.write.over_at
            for chain in history.writes.values()
            for link in chain
            if not proof.covers(link.write)
        ),
        default=None,
    )
    covered = [
        link.write.over_at
        for chain in history.writes.values()
        for link in chain
        if link.write.key in proof.shown and (open_until is None or link.write.over_at < open_until)
    ]
    latest = max([*covered, *([proof.newer_than] if proof.newer_than else [])], default=None)
    return replace(proof, newer_than=latest)
