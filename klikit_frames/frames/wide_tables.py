"""Wide tables: entities down, stores across."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConfigError, check_choice, check_type
from .checked import check_table, raise_for_errors
from .name_resolution import distinct_rows
from .pivots import flatten_pivot, is_pivot, melt_pivot, store_by_ids
from .problems import TextPerRow, problems_frame, table_problem
from .readers import Source, read_table
from .schemas import ENTITY_TYPES
from .source_tables import Reading, failed_table
from .toggles import read_toggles

_BUSINESS = "business"
_NAME_STORES = "Name a column for each store like 5297/1293, or business for the business row."
_ENTITY = ["entity_type", "entity_id"]
_NEEDED = [*_ENTITY, "scope", "brand_id", "branch_id", "is_enabled"]


def from_matrix(
    source: Source,
    *,
    entity_type: str | None = None,
    is_enabled: bool = True,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> pd.DataFrame:
    """Return the toggles in a wide table: one for each filled cell, row by row.

    Reads the disk if `source` is a path; never the network.

    Parameters
    ----------
    source : anything that `check_toggles` takes
        Entities down, with a column ``entity_id`` (or ``item_id`` and its like); stores across, in columns
        called ``5297/1293``, and ``business`` for the business row. A cell is a flag, or ``x`` for
        `is_enabled`; a blank cell leaves that place alone. Other columns are kept and handed back on each
        toggle. What ``DataFrame.pivot`` makes is understood as well: ids in the index, pairs of brand and
        branch as column names, and 1.0 and 0.0 where pandas made floats of 1 and 0 with blanks.
    entity_type : str, optional
        ``section``, ``category`` or ``item``, if no column says it.
    is_enabled : bool
        What an ``x`` stands for.
    encoding, sheet
        As for `check_toggles`.

    Returns
    -------
    pandas.DataFrame
        As `read_toggles` returns; the index is new.

    Raises
    ------
    InvalidToggles
        If a cell or a row is bad; ``.problems`` has the rows and columns of the matrix.

    See Also
    --------
    to_matrix : the inverse.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = {"5297/1293": ["off", ""], "5297/1294": ["x", "off"]}
    >>> toggles = kf.from_matrix(pd.DataFrame({"item_id": [289379, 289380], **cells}))
    >>> toggles[["entity_id", "branch_id", "is_enabled"]].to_records(index=False).tolist()
    [(289379, 1293, False), (289379, 1294, True), (289380, 1294, False)]
    """
    if entity_type is not None:
        check_choice("entity_type", entity_type, among=ENTITY_TYPES)
    table = flatten_pivot(read_table(source, Reading(encoding=encoding, sheet=sheet)))
    raise_for_errors(problems_frame(table.problems, rows=table.rows, lines=table.lines))
    if is_pivot(table, store_by_ids):
        long = melt_pivot(table, store_by_ids, entity_type=entity_type, mark=is_enabled)
    else:
        long = failed_table(
            table_problem("column_missing", message="There is no store column.", hint=_NAME_STORES)
        )
    checked = check_table(long, source=table)
    raise_for_errors(checked.problems)
    return checked.toggles


def to_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return toggles or a state as a wide table: one row per entity, one column per store.

    Touches neither network nor disk.

    Parameters
    ----------
    frame : DataFrame
        Toggles, or what `read_state` returned: ``entity_type, entity_id, scope, brand_id, branch_id,
        is_enabled`` and optionally ``title``. A missing flag leaves its cell blank.

    Returns
    -------
    pandas.DataFrame
        ``entity_type, entity_id``, ``title`` if it was there, ``business`` if there are business rows, and a
        nullable boolean column such as ``5297/1293`` per store; entities and stores in the order of `frame`.

    Raises
    ------
    InvalidToggles
        If two rows disagree about one cell.
    ConfigError
        If a row cascades to modifier groups, which a matrix cannot say.

    See Also
    --------
    from_matrix : the inverse.

    Examples
    --------
    >>> toggles = kf.cross_toggles("item", [289379], [(5297, 1293), (5297, 1294)], is_enabled=False)
    >>> kf.to_matrix(toggles).columns.tolist()
    ['entity_type', 'entity_id', '5297/1293', '5297/1294']
    """
    check_type("frame", frame, pd.DataFrame, made_by="kf.read_toggles()")
    if "is_enabled" not in frame:
        raise ConfigError("A matrix is made of toggles; this frame has no column is_enabled.")
    if "cascade_to_modifier_groups" in frame and frame["cascade_to_modifier_groups"].any():
        raise ConfigError(
            "A matrix cannot say that a row cascades to modifier groups; take those rows out first."
        )
    toggles = read_toggles(frame.loc[frame["is_enabled"].notna(), _NEEDED])
    entities, flags = _pivot(toggles)
    if "title" in frame:
        entities["title"] = _titles(entities, frame)
    return pd.concat([entities, pd.DataFrame(flags, index=entities.index)], axis=1)


def _pivot(toggles: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the entities, and for each store its flags: true, false or missing."""
    entity_places, entities = distinct_rows(toggles[_ENTITY])
    store_places, names = pd.factorize(_store_names(toggles))
    cells = np.full((len(entities), len(names)), -1, dtype=np.int8)
    cells[entity_places, store_places] = toggles["is_enabled"]
    order = sorted(range(len(names)), key=lambda place: names[place] != _BUSINESS)
    flags = {
        names[place]: pd.arrays.BooleanArray(cells[:, place] > 0, cells[:, place] < 0) for place in order
    }
    return entities, flags


def _store_names(toggles: pd.DataFrame) -> TextPerRow:
    is_wide = (toggles["scope"] == _BUSINESS).to_numpy(dtype=bool)
    brands, branches = (toggles[name].astype("string").fillna("") for name in ("brand_id", "branch_id"))
    return np.where(is_wide, _BUSINESS, (brands + "/" + branches).to_numpy(dtype=object)).astype(object)


def _titles(entities: pd.DataFrame, frame: pd.DataFrame) -> pd.Series[Any]:
    """Return the first title that `frame` gives each entity."""
    titles = frame.dropna(subset="title").drop_duplicates(_ENTITY)[[*_ENTITY, "title"]]
    return entities.merge(titles, on=_ENTITY, how="left")["title"]
