"""Small states, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from klikit_frames.frames.schemas import STATE_COLUMNS
from klikit_frames.menus.state_arrays import DTYPES

Row = tuple[Any, ...]
COLUMNS = (*STATE_COLUMNS, "path_ids")


def business(entity_type: str, entity_id: int, is_enabled: bool | None, *, path: str | None = None) -> Row:
    """Return a business row."""
    return entity_type, entity_id, "business", None, None, is_enabled, f"{entity_type} {entity_id}", path


def in_store(
    store: tuple[int, int],
    entity_type: str,
    entity_id: int,
    is_enabled: bool | None,
    *,
    path: str | None = None,
) -> Row:
    """Return a store row."""
    return entity_type, entity_id, "store", *store, is_enabled, f"{entity_type} {entity_id}", path


def state_of(*rows: Row, **attrs: Any) -> pd.DataFrame:
    """Return these rows as a state."""
    return frame_of(rows, COLUMNS, **attrs)


def frame_of(rows: Iterable[Row], columns: Iterable[str], **attrs: Any) -> pd.DataFrame:
    """Return rows as a frame whose columns have the dtypes that they have in a state."""
    names = list(columns)
    cells = list(zip(*rows, strict=True)) or [()] * len(names)
    series = {
        name: pd.Series(list(values), dtype=DTYPES.get(name))
        for name, values in zip(names, cells, strict=True)
    }
    frame = pd.DataFrame(series)
    frame.attrs.update(attrs)
    return frame
