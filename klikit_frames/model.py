"""The words that every room shares: a flag's cell, the places of a write, what a request writes, an outcome.

A business-wide write has a scope of its own. It cannot be spelled as an absent or empty list of stores, so a
filter that matched no store never becomes a write everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import NamedTuple, Self, assert_never

import pandas as pd

Store = tuple[int, int]


class Outcome(StrEnum):
    """What became of a row; in the order in which counts are shown."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


class Cell(NamedTuple):
    """One flag: of an entity, at the business level (no store) or in one store."""

    entity_type: str
    entity_id: int
    brand_id: int | None
    branch_id: int | None

    @property
    def store(self) -> Store | None:
        """Its store; None at the business level."""
        if self.brand_id is None or self.branch_id is None:
            return None
        return self.brand_id, self.branch_id


@dataclass(frozen=True, slots=True)
class Business:
    """The business level: the row that stores inherit."""

    name = "business"


@dataclass(frozen=True, slots=True)
class Stores:
    """Some stores, at least one.

    Raises
    ------
    ValueError
        There is none.
    """

    pairs: tuple[Store, ...]
    name = "store"

    def __post_init__(self) -> None:
        if not self.pairs:
            raise ValueError("Stores are at least one: an empty list is never a place to write to.")

    def __iter__(self) -> Iterator[Store]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)


Scope = Business | Stores


def parse_scope(name: str, stores: Iterable[Store]) -> Scope:
    """Return the scope of a column's word and its stores; the two must agree.

    Raises
    ------
    ValueError
        ``business`` with stores, ``store`` without any, or another word.

    Examples
    --------
    >>> from klikit_frames.model import parse_scope
    >>> parse_scope("store", [(663, 1062)])
    Stores(pairs=((663, 1062),))
    """
    pairs = tuple(stores)
    if name == Stores.name:
        return Stores(pairs)
    if name == Business.name and not pairs:
        return Business()
    raise ValueError(f"{name!r} with {len(pairs)} stores is no scope.")


@dataclass(frozen=True, slots=True)
class Target:
    """What one request writes: one flag for each of `ids` at each place of `scope`."""

    entity_type: str
    ids: tuple[int, ...]
    scope: Scope
    is_enabled: bool
    cascade_to_modifier_groups: bool = False
    cascade_brand_ids: tuple[int, ...] = ()

    @property
    def stores(self) -> tuple[Store, ...]:
        """Its stores; empty at the business level."""
        match self.scope:
            case Business():
                return ()
            case Stores(pairs):
                return pairs
            case _:
                assert_never(self.scope)

    @property
    def n_cells(self) -> int:
        """How many flags it writes."""
        return len(self.ids) * (1 if isinstance(self.scope, Business) else len(self.scope))

    def cells(self) -> list[Cell]:
        """Return its flags, by id and then by store."""
        places: Iterable[tuple[int | None, int | None]] = self.stores or ((None, None),)
        return [Cell(self.entity_type, entity_id, *place) for entity_id, place in product(self.ids, places)]

    def with_ids(self, ids: Iterable[int]) -> Self:
        """Return the part of it with these ids."""
        return replace(self, ids=tuple(ids))

    def with_stores(self, stores: Iterable[Store]) -> Self:
        """Return the part of it in these stores, of which there is at least one."""
        return replace(self, scope=Stores(tuple(stores)))


def cell_of(entity_type: str, entity_id: int, brand_id: int | None, branch_id: int | None) -> Cell:
    """Return the cell of a row of a frame, where a missing store may be any missing value."""
    if pd.isna(brand_id) or pd.isna(branch_id):
        return Cell(entity_type, int(entity_id), None, None)
    return Cell(entity_type, int(entity_id), int(brand_id), int(branch_id))
