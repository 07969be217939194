"""Narrowing a refused request until each guilty flag is alone: pure rules over plain values.

A request that is refused as a whole is halved, first by its ids, then by its stores, and its parts are
sent in turn. Every part has at least one flag and every refused part is cut, so `n` flags never take more
than ``2n - 1`` requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ..model import Store, Target

_Value = TypeVar("_Value")

# Above this share of guilty flags, asking for each flag alone takes fewer requests than halving.
_MANY = 0.38


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parts of one request have shown so far.

    `guilty_stores` are those in which flags were refused and none was accepted.
    """

    n_good: int = 0
    n_guilty: int = 0
    guilty_stores: frozenset[Store] = frozenset()

    @property
    def n_settled(self) -> int:
        """How many flags are known."""
        return self.n_good + self.n_guilty


def split(target: Target, evidence: Evidence) -> list[Target]:
    """Return the parts to send instead of a refused request, in order.

    Parameters
    ----------
    target : Target
        What was refused; more than one flag.
    evidence : Evidence
        What the other parts of the same request have shown.

    Examples
    --------
    >>> from klikit_frames.running.bisection import Evidence, split
    >>> from klikit_frames.model import Business, Target
    >>> [part.ids for part in split(Target("item", (1, 2, 3, 4), Business(), is_enabled=True), Evidence())]
    [(1, 2), (3, 4)]
    """
    if _are_many(target, evidence):
        return _singles(target)
    known = tuple(store for store in target.stores if store in evidence.guilty_stores)
    if known and len(known) < len(target.stores):
        rest = tuple(store for store in target.stores if store not in evidence.guilty_stores)
        return [target.with_stores(rest), target.with_stores(known)]
    if len(target.ids) > 1:
        return [target.with_ids(half) for half in _halves(target.ids)]
    return [target.with_stores(half) for half in _halves(target.stores)]


def _are_many(target: Target, evidence: Evidence) -> bool:
    """Judge by what is known only where that is at least half of what is asked about."""
    is_known_enough = 2 * evidence.n_settled >= target.n_cells
    return is_known_enough and evidence.n_guilty > _MANY * evidence.n_settled


def _singles(target: Target) -> list[Target]:
    parts = [target.with_ids([entity_id]) for entity_id in target.ids]
    return [part.with_stores([store]) for part in parts for store in part.stores] or parts


def _halves(values: tuple[_Value, ...]) -> tuple[tuple[_Value, ...], tuple[_Value, ...]]:
    middle = (len(values) + 1) // 2
    return values[:middle], values[middle:]
