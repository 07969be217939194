"""Evidence by time: how new a store's menu is proved to be, and what follows for its flags. Pure.

A store's menu is a copy, remade by a publish. Nothing in it says when. What says it are the writes of this
machine that it shows: a flag that only a write explains proves the menu newer than that write. A publish of
this machine that succeeded proves as much. Business rows are read live and need no proof.

All times are those of one clock: `align_clocks` makes them so, from how far the server's clock is ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

from .. import edge

if TYPE_CHECKING:
    from ..api.client import Client

# The Date header counts whole seconds, so offsets of one clock differ by a second or two.
_SAME_CLOCK_S = 5.0
SAME_CLOCK = timedelta(seconds=_SAME_CLOCK_S)
# A clock is found to within one whole second of that header: so much may two clocks be apart unseen.
_CLOCK_ERROR = timedelta(seconds=1)

Entity = tuple[str, int]
# The run and the path of a request.
WriteKey = tuple[str, str]
# A request that nobody answered is no longer under way after this time.
IN_FLIGHT_AT_MOST = timedelta(hours=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def server_time(client: Client) -> datetime:
    """Return the present by the server's clock, or by this machine's before the server's first answer."""
    return client.server_now() or edge.now()


def known_offset_s(client: Client) -> float | None:
    """Return by how many seconds the server's clock is ahead now; None before its first answer."""
    server_now = client.server_now()
    return None if server_now is None else (server_now - client.now()).total_seconds()


def is_same_clock(offset_s: float, other_s: float) -> bool:
    """Tell whether two offsets may be of one clock, as exactly as the Date header can say."""
    return abs(offset_s - other_s) <= _SAME_CLOCK_S


def move_to_clock(moment: datetime, *, offset_s: float | None, to_offset_s: float | None) -> datetime:
    """Return a local time as a clock with another offset tells it; unchanged where they may be the same.

    Examples
    --------
    >>> from datetime import datetime
    >>> from klikit_frames.running.evidence import move_to_clock
    >>> print(move_to_clock(datetime(2026, 11, 26, 9), offset_s=86_400.2, to_offset_s=0.2))
    2026-11-27 09:00:00
    """
    if offset_s is None or to_offset_s is None or is_same_clock(offset_s, to_offset_s):
        return moment
    return moment + timedelta(seconds=offset_s - to_offset_s)


@dataclass(frozen=True, slots=True)
class ClockTimes:
    """Local times as times of one clock; `added` says for each offset what to add to a local time.

    A process may die before an answer tells it the server's clock. Then its time may be that of any clock
    that the journal knows, and each question takes the one that proves the least. Where there is more than
    one clock, moments of two of them may be put in the wrong order, by as much as the Date header leaves
    open: so nothing is over before that has passed too.
    """

    added: Mapping[float | None, timedelta]
    clocks: tuple[float, ...] = ()

    @classmethod
    def align(cls, offsets: Iterable[float | None], *, clocks: Iterable[float] = ()) -> Self:
        """Return the times of requests with these offsets; `clocks` are known from before."""
        before = list(clocks)
        added = align_clocks([*before, *offsets])
        known_s = [shift.total_seconds() for offset, shift in added.items() if offset is not None]
        return cls(added, tuple(dict.fromkeys(known_s)))

    def earliest(self, moment: datetime, *, offset_s: float | None) -> datetime:
        """Return the first instant that a local time may have been."""
        return moment + (min(self.added.values()) if offset_s is None else self.added[offset_s])

    def latest(self, moment: datetime, *, offset_s: float | None) -> datetime:
        """Return the last instant that a local time may have been."""
        moment += _CLOCK_ERROR if len(self.clocks) > 1 else timedelta(0)
        return moment + (max(self.added.values()) if offset_s is None else self.added[offset_s])


def align_clocks(offsets: Iterable[float | None]) -> dict[float | None, timedelta]:
    """Return for each clock offset what to add to a local time, so that all are times of one clock.

    Offsets that differ by no more than the Date header can tell are one clock: otherwise two moments of one
    machine could change their order. The machine's own clock counts as right where it is near enough; another
    one goes by the first offset in the order given. So a time that was kept does not change when later
    offsets come in. Two moments of clocks that were set by less than that may so be told in the wrong order.

    Examples
    --------
    >>> from klikit_frames.running.evidence import align_clocks
    >>> added = align_clocks([None, -0.9, 3600.9, 3600.2])
    >>> [seconds.total_seconds() for seconds in added.values()]
    [0.0, 0.0, 3600.9, 3600.9]
    """
    aligned: dict[float | None, timedelta] = {None: timedelta(0)}
    clocks = [0.0]
    for offset in dict.fromkeys(offsets):
        if offset is None:
            continue
        nearest = min(clocks, key=lambda clock: abs(clock - offset))
        if not is_same_clock(nearest, offset):
            clocks.append(nearest := offset)
        aligned[offset] = timedelta(seconds=nearest)
    return aligned


@dataclass(frozen=True, slots=True)
class Write:
    """A request that wrote a flag, or may have.

    Attributes
    ----------
    key : tuple
        The run's id and the request's path.
    is_enabled : bool
        The flag that it wrote.
    sent_at : datetime
        Before this the flag was not written.
    settled_at : datetime or None
        After this it was written, or never will be; None if no answer came.
    is_certain : bool
        Whether it was accepted.
    is_wide : bool
        Whether it wrote the business row, which a store may inherit or not.
    is_repeated : bool
        Whether it was sent more than once: each attempt may have written a part of it.
    """

    key: WriteKey
    is_enabled: bool
    sent_at: datetime
    settled_at: datetime | None = None
    is_certain: bool = True
    is_wide: bool = False
    is_repeated: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of it was surely written at one moment, so that a menu shows all of it or nothing."""
        return self.is_certain and not self.is_repeated and self.settled_at is not None

    @property
    def is_definite(self) -> bool:
        """Whether a store's flag was surely this one when it was settled."""
        return self.is_certain and not self.is_wide and self.settled_at is not None

    @property
    def over_at(self) -> datetime:
        """When it surely was over."""
        if self.settled_at is not None:
            return self.settled_at
        # When the last attempt left is not known.
        return _NEVER if self.is_repeated else self.sent_at + IN_FLIGHT_AT_MOST

    def follows(self, other: Write) -> bool:
        """Whether it was sent after the other was over."""
        return self.sent_at >= other.over_at


class CellWrite(NamedTuple):
    """A write to one cell, and the flags before it, None where not known: the live one, and the menu's."""

    write: Write
    before: bool | None = None
    seen: bool | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """How new one store's menu is proved to be.

    Attributes
    ----------
    newer_than : datetime or None
        By the writes that it showed.
    published_at : datetime or None
        By the latest publish of this machine that succeeded, which may only have been queued.
    shown : frozenset
        Keys of writes that the menu itself showed, each written at one moment.
    """

    newer_than: datetime | None = None
    published_at: datetime | None = None
    shown: frozenset[WriteKey] = frozenset()

    @property
    def since(self) -> datetime | None:
        """The instant up to which the menu is proved to be new."""
        instants = [instant for instant in (self.newer_than, self.published_at) if instant is not None]
        return max(instants, default=None)

    def covers(self, write: Write) -> bool:
        """Whether the menu is proved to be newer than a write."""
        return write.key in self.shown or (self.since is not None and write.over_at <= self.since)

    def rests_on_publish(self, write: Write) -> bool:
        """Whether nothing but a publish proves the menu newer than a write that it covers."""
        by_menu = write.key in self.shown or (
            self.newer_than is not None and write.over_at <= self.newer_than
        )
        return self.covers(write) and not by_menu


class Pending(NamedTuple):
    """The flag that was written and is not proved to show; None, and not known, where nothing shows it."""

    is_enabled: bool | None
    is_known: bool


@dataclass(slots=True)
class StoreHistory:
    """What this machine wrote to the entities of one store, each list in the order of sending."""

    writes: dict[Entity, list[CellWrite]] = field(default_factory=dict)

    def add(
        self, entity: Entity, write: Write, *, before: bool | None = None, seen: bool | None = None
    ) -> None:
        """Add a write to an entity; the menu showed the live flag before it unless `seen` is another."""
        self.writes.setdefault(entity, []).append(CellWrite(write, before, before if seen is None else seen))

    def sort(self) -> None:
        """Put the writes of each entity in the order of sending."""
        for chain in self.writes.values():
            if len(chain) > 1:
                chain.sort(key=lambda link: (link.write.sent_at, link.write.over_at))


def prove(history: StoreHistory, seen: Mapping[Entity, bool | None], *, proof: Proof) -> Proof:
    """Return how new a store's menu is proved to be by what it shows.

    Parameters
    ----------
    history : StoreHistory
        What this machine wrote there, and what it may have written.
    seen : mapping
        The flags in the menu; None where it does not tell one.
    proof : Proof
        What was proved before: menus do not become older.
    """
    chains = [(_explained(chain), seen.get(entity)) for entity, chain in history.writes.items()]
    open_chains = [(chain, flag) for chain, flag in chains if flag is not None]
    while True:
        evidence = [
            flag_evidence
            for chain, flag in open_chains
            # Not since the publish: where it is only queued, the menu may show any flag from before it.
            if (flag_evidence := _evidence(chain, shown=flag, since=proof.newer_than))
        ]
        newest = max((sent_at for sent_at, _ in evidence), default=None)
        shown = proof.shown.union(key for _, key in evidence if key is not None)
        if newest is None or (shown == proof.shown and proof.newer_than and newest <= proof.newer_than):
            return proof
        latest = newest if proof.newer_than is None else max(newest, proof.newer_than)
        proof = replace(proof, newer_than=latest, shown=shown)


def find_pending(chain: Sequence[CellWrite], *, shown: bool | None, proof: Proof) -> Pending | None:
    """Return the flag that a cell has though its store's menu is not proved to show it; None if none is.

    Where the menu shows another flag after a publish, the publish may only be queued, or the flag was changed
    since: the live flag is not known.

    Parameters
    ----------
    chain : sequence of CellWrite
        The writes of this machine to the cell, in the order of sending.
    shown : bool or None
        What the menu shows.
    proof : Proof
        How new the menu is proved to be.
    """
    writes = [link.write for link in chain if not proof.covers(link.write)]
    if not writes:
        covered = [link.write for link in chain]
        # Whether a store inherits the business-wide write after its own, nobody tells.
        latest = [*[write for write in covered if not write.is_wide][-1:], *covered[-1:]]
        is_other = any(write.is_enabled is not shown for write in latest)
        is_doubtful = is_other and any(map(proof.rests_on_publish, covered))
        return Pending(None, is_known=False) if is_doubtful else None
    last = max(
        (write for write in writes if write.is_definite), key=lambda write: write.sent_at, default=None
    )
    if last is None:
        may_differ = any(write.is_wide or write.is_enabled is not shown for write in writes)
        return Pending(None, is_known=False) if may_differ else None
    # A write that the menu covers may have come after this one all the same, where their times overlap.
    relevant = [link.write for link in chain if not (link.write.is_wide and proof.covers(link.write))]
    rivals = [write for write in relevant if write is not last and not last.follows(write)]
    if any(write.is_enabled is not last.is_enabled for write in rivals):
        return Pending(None, is_known=False)
    return Pending(last.is_enabled, is_known=True)


def shows_write_of(chain: Sequence[CellWrite], run_id: str, *, shown: bool, proof: Proof) -> bool:
    """Tell whether what a menu shows is newer than what a run wrote to a cell, or was written by it.

    Parameters
    ----------
    chain : sequence of CellWrite
        The writes of this machine to the cell, in the order of sending.
    run_id : str
        The run.
    shown : bool
        What the menu shows.
    proof : Proof
        How new the menu is proved to be.
    """
    own_writes = [link.write for link in chain if link.write.key[0] == run_id]
    if not own_writes:
        return False
    if all(proof.covers(write) and not proof.rests_on_publish(write) for write in own_writes):
        return True
    explained = _explained(chain)
    if _evidence(explained, shown=shown, since=None) is None:
        return False
    return all(link.write.key[0] == run_id for link in explained if link.write.is_enabled is shown)


def _explained(chain: Sequence[CellWrite]) -> Sequence[CellWrite]:
    """Leave out writes before a flag that they do not explain: the menu had shown a newer one."""
    for n in range(len(chain) - 1, 0, -1):
        before, sent_at = chain[n].before, chain[n].write.sent_at
        if before is not None and before not in _possible(chain[:n], at=sent_at):
            return chain[n:]
    return chain


def _evidence(
    chain: Sequence[CellWrite], *, shown: bool, since: datetime | None
) -> tuple[datetime, WriteKey | None] | None:
    """Return the earliest moment from which the flag can be shown, and the write that alone explains it.

    Of what may have been written in parts it is None: it proves nothing of its other cells.
    """
    # A flag that the menu showed before the last write may stand there for the same reason as then.
    last_seen = next((link.seen for link in reversed(chain) if link.seen is not None), None)
    if shown is last_seen or shown in _possible(chain, at=since):
        return None
    later = [
        link
        for link in chain
        if link.write.is_enabled is shown and (since is None or link.write.sent_at > since)
    ]
    if not later:
        return None
    first, seen = min(((link.write, link.seen) for link in later), key=lambda pair: pair[0].sent_at)
    if seen is not (not shown):
        return None
    is_alone = all(link.write is first or link.write.follows(first) for link in later)
    return first.sent_at, first.key if first.is_whole and is_alone else None


def _possible(chain: Sequence[CellWrite], *, at: datetime | None) -> set[bool]:
    """Return the flags that the cell may have had at an instant; None is before all writes."""
    sent = [] if at is None else [link.write for link in chain if link.write.sent_at <= at]
    done = [write for write in sent if write.is_definite and at is not None and write.over_at <= at]
    flags = {
        write.is_enabled
        for write in sent
        if not any(last is not write and last.follows(write) for last in done)
    }
    if done:
        return flags
    first = chain[0].before
    return flags | ({True, False} if first is None else {first})
