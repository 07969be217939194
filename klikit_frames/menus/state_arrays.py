"""The columns of a state: their dtypes, flags and names as small codes, and rows made of a menu tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..api.menu_wire import Node
from ..errors import StateError
from ..frames.cell_keys import Codes
from ..frames.schemas import STATE_COLUMNS
from ..model import Store


class FrameMetadata(tuple[Any, ...]):
    """A tuple that frames share instead of copying: pandas copies ``attrs`` deeply at every operation."""

    __slots__ = ()

    def __deepcopy__(self, memo: object) -> FrameMetadata:
        return self


def freeze(value: Any) -> Any:
    """Return a value from JSON as it was before: lists become tuples again, at every depth."""
    return FrameMetadata(freeze(member) for member in value) if isinstance(value, list) else value


# The columns after those that every state has. Paths are texts, so that a snapshot in CSV keeps them:
# titles as "Lunch › Noodles | Dinner › Noodles", ids as "6825/39118|6826/39118".
DETAIL_COLUMNS = (
    "sku",
    "path",
    "path_ids",
    "is_item_enabled",
    "is_in_stock",
    "is_available",
    "visible_on",
    "hidden_on",
)
TEXT = pd.Series([""]).dtype
DTYPES: dict[str, Any] = {
    "entity_type": TEXT,
    "entity_id": "int64",
    "scope": TEXT,
    "brand_id": "Int64",
    "branch_id": "Int64",
    "is_enabled": "boolean",
    "title": TEXT,
    "sku": TEXT,
    "path": TEXT,
    "path_ids": TEXT,
    "is_item_enabled": "boolean",
    "is_in_stock": "boolean",
    "is_available": "boolean",
    "visible_on": TEXT,
    "hidden_on": TEXT,
}
# What the journal adds to a state.
PENDING_DTYPES: dict[str, Any] = {"pending": "boolean", "is_unsettled": "boolean"}
_AGREED = ("is_enabled", "is_item_enabled", "is_in_stock", "is_available", "visible_on", "hidden_on")


def tree_frame(nodes: Iterable[Node], *, store: Store | None) -> pd.DataFrame:
    """Return one row per entity of a menu, in the menu's order, with the columns of a state.

    Where an entity stands in several places and these differ in a flag, that flag is missing: it has no
    one value. Modifier options are left out; `option_ids` has them.

    Parameters
    ----------
    nodes : iterable of Node
        Every place of every entity.
    store : tuple of int, or None
        The (brand_id, branch_id) of the menu; None for the business level.
    """
    entities = list(_by_entity(nodes))
    brand_id, branch_id = store or (None, None)
    alike = {"scope": "business" if store is None else "store", "brand_id": brand_id, "branch_id": branch_id}
    cells: dict[str, Any] = {name: [value] * len(entities) for name, value in alike.items()}
    cells |= zip(Node._fields, zip(*map(_merge_places, entities), strict=True), strict=False)
    cells["path"], cells["path_ids"] = zip(*map(_paths, entities), strict=True) if entities else ((), ())
    return pd.DataFrame({name: pd.array(cells.get(name, ()), dtype=dtype) for name, dtype in DTYPES.items()})


def option_ids(nodes: Iterable[Node]) -> tuple[int, ...]:
    """Return the ids of modifier options: items that are only ever chosen inside another item."""
    return tuple(sorted({node.entity_id for node in nodes if node.is_modifier_option}))


def _by_entity(nodes: Iterable[Node]) -> Iterable[list[Node]]:
    places: dict[tuple[str, int], list[Node]] = {}
    for node in nodes:
        if not node.is_modifier_option:
            places.setdefault((node.entity_type, node.entity_id), []).append(node)
    return places.values()


def _merge_places(places: list[Node]) -> Node:
    """Return the first place, with the flags that all places agree on."""
    if len(places) == 1:
        return places[0]
    agreed = {name: _agreed([getattr(place, name) for place in places]) for name in _AGREED}
    return places[0]._replace(**agreed)


def _paths(places: list[Node]) -> tuple[str | None, str | None]:
    """Return all paths of an entity in titles, and in ids."""
    paths = {place.parents: place.parent_titles for place in places if place.parents}
    titles = " | ".join(" › ".join(parent_titles) for parent_titles in paths.values())
    ids = "|".join("/".join(map(str, parents)) for parents in paths)
    return titles or None, ids or None


def _agreed(values: list[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else None


def flags(column: pd.Series, positions: Codes | None = None) -> Codes:
    """Return a column of flags, or its cells at `positions`, as 1, 0 and -1 for missing."""
    codes = column.astype("boolean").to_numpy(dtype=np.int8, na_value=-1)
    if positions is None:
        return codes
    return np.where(positions < 0, np.int8(-1), codes[positions] if len(codes) else np.int8(-1))


def booleans(codes: Codes) -> pd.Series:
    """Return a boolean column from 1, 0 and -1 for missing."""
    return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))


def named(codes: Codes, names: Sequence[str]) -> pd.Series:
    """Return a column of text from codes into `names`; -1 is missing."""
    column = pd.Series([*names], dtype=TEXT)
    return pd.Series(column.array.take(codes, allow_fill=True))


def check_is_frame(state: object) -> None:
    """Refuse a state that is no frame at all."""
    if not isinstance(state, pd.DataFrame):
        raise StateError(f"A state is needed, as read_state returns it, not a {type(state).__name__}.")


def check_state(state: pd.DataFrame, *, also: Sequence[str] = ()) -> pd.DataFrame:
    """Return `state` if it has the columns of a state, and those of `also`; else say which are missing."""
    check_is_frame(state)
    missing = [name for name in (*STATE_COLUMNS, *also) if name not in state.columns]
    if missing:
        raise StateError(
            f"A state is needed, as read_state returns it; this frame has no {', '.join(missing)}."
        )
    return state
