"""How far the server's clock is ahead of this machine's, and local times as times of one clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ..api.client import Client

# The Date header counts whole seconds, so offsets of one clock differ by a second or two.
_SAME_CLOCK_S = 5.0


def known_offset_s(client: Client) -> float | None:
    """Return by how many seconds the server's clock is ahead now; None before its first answer."""
    server_now = client.server_now()
    return None if server_now is None else (server_now - client.now()).total_seconds()


def move_to_clock(moment: datetime, *, offset_s: float | None, to_offset_s: float | None) -> datetime:
    """Return a local time as a clock with another offset tells it; unchanged where they may be the same.

    Examples
    --------
    >>> from datetime import datetime
    >>> from klikit_frames.running.clock_offsets import move_to_clock
    >>> print(move_to_clock(datetime(2026, 11, 26, 9), offset_s=86_400.2, to_offset_s=0.2))
    2026-11-27 09:00:00
    """
    if offset_s is None or to_offset_s is None or abs(offset_s - to_offset_s) <= _SAME_CLOCK_S:
        return moment
    return moment + timedelta(seconds=offset_s - to_offset_s)


@dataclass(frozen=True, slots=True)
class ClockTimes:
    """Local times as times of one clock; `added` says for each offset what to add to a local time.

    A process may die before an answer tells it the server's clock. Then its time may be that of any clock
    that the journal knows, and each question takes the one that proves the least.
    """

    added: Mapping[float | None, timedelta]

    @classmethod
    def align(cls, offsets: Iterable[float | None]) -> Self:
        """Return the times of requests with these offsets; see `align_clocks`."""
        return cls(align_clocks(offsets))

    def earliest(self, moment: datetime, *, offset_s: float | None) -> datetime:
        """Return the first instant that a local time may have been."""
        return moment + (min(self.added.values()) if offset_s is None else self.added[offset_s])

    def latest(self, moment: datetime, *, offset_s: float | None) -> datetime:
        """Return the last instant that a local time may have been."""
        return moment + (max(self.added.values()) if offset_s is None else self.added[offset_s])


def align_clocks(offsets: Iterable[float | None]) -> dict[float | None, timedelta]:
    """Return for each clock offset what to add to a local time, so that all are times of one clock.

    Offsets that differ by no more than the Date header can tell are one clock: otherwise two moments of one
    machine could change their order. The machine's own clock counts as right where it is near enough; another
    one goes by the first offset in the order given. So an instant that was kept stays what it was, whatever
    is told later.

    Examples
    --------
    >>> from klikit_frames.running.clock_offsets import align_clocks
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
        if abs(nearest - offset) > _SAME_CLOCK_S:
            clocks.append(nearest := offset)
        aligned[offset] = timedelta(seconds=nearest)
    return aligned
