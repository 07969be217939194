"""What one request may carry at most, and how long requests take under the rate caps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from operator import index
from typing import TYPE_CHECKING, Protocol

from ..api.client_arguments import no_client_error
from ..errors import PlanError, check_number
from ..wording import counted, duration, plain_number

if TYPE_CHECKING:
    from datetime import datetime

_NO_CAP = 2**62


@dataclass(frozen=True)
class Limits:
    """Caps that every request of a plan keeps; the API's documentation states none, so these are ours.

    Parameters
    ----------
    max_ids : int or None
        Most entity ids in one request; None is no cap.
    max_stores : int or None
        Most stores in one request; None is no cap.
    max_cells : int or None
        Most ids times stores in one request; None is no cap.

    Raises
    ------
    PlanError
        If a cap is not a whole number of at least 1.

    Examples
    --------
    >>> kf.Limits(max_ids=100)
    Limits(max_ids=100, max_stores=500, max_cells=None)
    """

    max_ids: int | None = 500
    max_stores: int | None = 500
    max_cells: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_ids", "max_stores", "max_cells"):
            object.__setattr__(self, name, _checked_cap(name, getattr(self, name)))

    @property
    def ids(self) -> int:
        """Most ids that a request can carry, to one store at least."""
        return min(_uncapped(self.max_ids), _uncapped(self.max_cells))

    @property
    def stores(self) -> int:
        """Most stores that a request can carry, for one id at least."""
        return min(_uncapped(self.max_stores), _uncapped(self.max_cells))

    @property
    def cells(self) -> int:
        """Most cells that a request can carry."""
        return min(self.ids * self.stores, _uncapped(self.max_cells))

    def room(self, n_ids: int) -> int:
        """Return how many stores a request for so many ids can carry."""
        return min(self.stores, self.cells // n_ids)

    @property
    def transposed(self) -> Limits:
        """The same for tables whose rows are stores."""
        return Limits(self.max_stores, self.max_ids, self.max_cells)

    def grid(self, n_ids: int, n_stores: int) -> tuple[int, int]:
        """Return the side lengths of the pieces that cut a full rectangle into the fewest requests."""
        return _grid(n_ids, n_stores, self)

    def cost(self, n_ids: int, n_stores: int) -> int:
        """Return into how many requests a full rectangle is cut."""
        if n_ids <= self.ids and n_stores <= self.stores and n_ids * n_stores <= self.cells:
            return 1
        height, width = self.grid(n_ids, n_stores)
        return ceil(n_ids / height) * ceil(n_stores / width)


def checked_limits(limits: object) -> Limits:
    """Return `limits` if they are caps; a number or a dict in their place is refused."""
    if not isinstance(limits, Limits):
        raise PlanError(f"limits is {limits!r}; write them as kf.Limits(max_ids=..., max_stores=...).")
    return limits


def _uncapped(cap: int | None) -> int:
    return _NO_CAP if cap is None else cap


def _checked_cap(name: str, cap: object) -> int | None:
    if cap is None:
        return None
    try:
        value = 0 if isinstance(cap, bool) else index(cap)  # type: ignore[arg-type]
    except TypeError:
        value = 0
    if value < 1:
        raise PlanError(f"{name} is {cap!r}; a cap is a whole number of at least 1, or None for no cap.")
    return value


@lru_cache(maxsize=65_536)
def _grid(n_ids: int, n_stores: int, limits: Limits) -> tuple[int, int]:
    best = (n_ids * n_stores + 1, 1, 1)
    n_bands = ceil(n_ids / limits.ids)
    # More bands only help while they let a piece be wider; every band count above the best total is hopeless.
    while n_bands < best[0] and n_bands <= n_ids:
        height = ceil(n_ids / n_bands)
        width = min(limits.stores, limits.cells // height)
        if width:
            best = min(best, (ceil(n_ids / height) * ceil(n_stores / width), height, width))
        n_bands += 1
    return best[1], min(best[2], n_stores)


_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0


class HasHost(Protocol):
    """What a confirmation code asks of a client."""

    @property
    def host(self) -> str:
        """Where it sends."""


class _Caps(Protocol):
    @property
    def writes_per_minute(self) -> float: ...

    @property
    def reads_per_minute(self) -> float: ...


class HasCaps(Protocol):
    """What an estimate asks of a client."""

    @property
    def pacing(self) -> _Caps:
        """Its rate caps."""

    def now(self) -> datetime:
        """Return the time by the server's clock."""


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


def host_of(client: object) -> str:
    """Return the host of a client; refuse what has none.

    Raises
    ------
    ConfigError
        It is no client.
    """
    host = getattr(client, "host", None)
    if not isinstance(host, str):
        raise no_client_error(client)
    return host


def estimate_time(
    n_requests: int,
    *,
    writes_per_minute: float,
    n_reads: int = 0,
    reads_per_minute: float = _READS_PER_MINUTE,
) -> Estimate:
    """Return how long `n_reads` and then `n_requests` take under the caps."""
    for name, cap in (("writes_per_minute", writes_per_minute), ("reads_per_minute", reads_per_minute)):
        if isinstance(cap, bool) or not isinstance(cap, (int, float)) or not cap > 0:
            raise PlanError(f"{name} is {cap!r}; it must be above 0.")
    check_number("n_reads", n_reads)
    duration_s = n_requests * 60 / writes_per_minute + n_reads * 60 / reads_per_minute
    reads = f", {counted(n_reads, 'menu')} read first" if n_reads else ""
    text = f"about {duration(duration_s)} at {plain_number(writes_per_minute)} a minute{reads}"
    return Estimate(n_requests, duration_s, duration_s / 60, text, n_reads)
