"""What one request may carry at most."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from operator import index

from ..errors import PlanError

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
