"""How long a plan will take under the rate caps, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from ..errors import PlanError
from ..wording import counted

if TYPE_CHECKING:
    pass


_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0


@dataclass(frozen=True)
class Estimate:
    """How long a plan takes under a rate cap.

    Attributes
    ----------
    n_requests : int
        Requests to send.
    duration_s : float
        Seconds that the caps alone make of them, and of the menus read first.
    minutes : float
        The same in minutes.
    text : str
        The same in words.
    n_reads : int
        Menus read before the first of them.
    """

    n_requests: int
    duration_s: float
    minutes: float
    text: str
    n_reads: int = 0

    def __str__(self) -> str:
        return self.text


def estimate_time(
    n_requests: int,
    *,
    writes_per_minute: float,
    n_reads: int = 0,
    reads_per_minute: float = _READS_PER_MINUTE,
) -> Estimate:
    """Return how long `n_reads` and then `n_requests` take under the caps."""
    for name, cap in (("writes_per_minute", writes_per_minute), ("reads_per_minute", reads_per_minute)):
        if not cap > 0:
            raise PlanError(f"{name} is {cap!r}; it must be above 0.")
    duration_s = n_requests * 60 / writes_per_minute + n_reads * 60 / reads_per_minute
    reads = f", {counted(n_reads, 'menu')} read first" if n_reads else ""
    text = f"about {_duration(duration_s)} at {writes_per_minute:g} a minute{reads}"
    return Estimate(n_requests, duration_s, duration_s / 60, text, n_reads)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{ceil(seconds)} s"
    if seconds < 7200:
        return f"{ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
