"""Wide tables: entities down, stores across."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import ConfigError
from .cell_values import FLAG_WORDS, parse_words
from .checked import check_table, raise_for_errors
from .factorized_text import FactorizedText, text_column
from .headers import is_store, read_header
from .name_index import distinct_rows
from .problems import Positions, Problem, TextPerRow, problems_frame, table_problem
from .readers import Reading, Source, read_table
from .source_tables import Table, failed_table
from .toggles import read_toggles

_BUSINESS = "business"
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
    table = _flattened(read_table(source, Reading(encoding=encoding, sheet=sheet)))
    raise_for_errors(problems_frame(table.problems, rows=table.rows, lines=table.lines))
    checked = check_table(_long_table(table, entity_type=entity_type, mark=is_enabled))
    raise_for_errors(checked.problems.drop_duplicates(ignore_index=True))
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
    if "cascade_to_modifier_groups" in frame and frame["cascade_to_modifier_groups"].any():
        raise ConfigError(
            "A matrix cannot say that a row cascades to modifier groups; take those rows out first."
        )
    toggles = read_toggles(frame.loc[frame["is_enabled"].notna(), _NEEDED])
    entities, flags = _pivot(toggles)
    if "title" in frame:
        entities["title"] = _titles(entities, frame)
    return pd.concat([entities, pd.DataFrame(flags, index=entities.index)], axis=1)


def _flattened(table: Table) -> Table:
    """Return a table of a pivoted frame with a column name per store, and the ids in a column."""
    frame = table.frame
    if frame.columns.nlevels == 2:
        frame = frame.set_axis(["/".join(map(str, pair)) for pair in frame.columns], axis=1)
    if "entity_id" in read_header(list(frame.columns)).places:
        return replace(table, frame=frame)
    # An index without a name may count rows, so it is taken for ids only where there is nothing but stores.
    is_bare = frame.index.names == [None] and not isinstance(frame.index, pd.RangeIndex)
    if is_bare and all(map(_is_across, frame.columns)):
        frame = frame.rename_axis(index="entity_id")
    has_ids = "entity_id" in read_header(list(frame.index.names)).places
    return replace(table, frame=frame.reset_index() if has_ids else frame)


def _long_table(table: Table, *, entity_type: str | None, mark: bool) -> Table:
    """Return one row per filled cell, each with the row and line that it stands in."""
    across = [place for place, name in enumerate(table.names) if _is_across(name)]
    if not across:
        hint = "Name a column for each store like 5297/1293, or business for the business row."
        return failed_table(table_problem("column_missing", message="There is no store column.", hint=hint))
    cells = table.frame.iloc[:, across].to_numpy(dtype=object).ravel()
    texts = text_column(pd.Series(cells, dtype=object), whole_floats=True)
    values = parse_words(texts, {**FLAG_WORDS, "x": mark})
    filled = np.flatnonzero(~texts.is_blank)
    rows, stores = np.divmod(filled, len(across))
    headers = np.array([str(table.names[place]) for place in across], dtype=object)
    flags = texts.take(values, blank=None)[filled]
    frame = table.frame.drop(columns=table.frame.columns[across]).iloc[rows].reset_index(drop=True)
    return replace(
        table,
        frame=_with_places(frame, headers[stores], flags, entity_type),
        rows=table.rows[rows],
        lines=None if table.lines is None else table.lines[rows],
        problems=_bad_cells(texts, filled, headers[stores], is_bad=flags == None),  # noqa: E711 - by element
    )


def _is_across(name: object) -> bool:
    return isinstance(name, str) and (is_store(name) or name.strip().casefold() == _BUSINESS)


def _with_places(
    frame: pd.DataFrame, headers: TextPerRow, flags: TextPerRow, entity_type: str | None
) -> pd.DataFrame:
    """Say level, scope, store and flag of each row in columns, as any other table does."""
    places, names = pd.factorize(headers)
    is_wide = np.array([name.strip().casefold() == _BUSINESS for name in names], dtype=bool)
    brands, branches = (
        np.array([name.partition("/")[side].strip() for name in names], dtype=object) for side in (0, 2)
    )
    brands[is_wide] = ""
    columns = {
        "scope": np.where(is_wide, "business", "store").astype(object)[places],
        "brand_id": brands[places],
        "branch_id": branches[places],
        "is_enabled": np.equal(flags, True),  # noqa: FBT003 - by element; None is for a bad cell
    }
    header = read_header(list(frame.columns))
    if entity_type is not None and "entity_type" not in header.places:
        columns["entity_type"] = np.full(len(frame), entity_type, dtype=object)
    return frame.assign(**columns)


def _bad_cells(
    texts: FactorizedText, filled: Positions, headers: TextPerRow, *, is_bad: npt.NDArray[np.bool_]
) -> list[Problem]:
    positions = np.flatnonzero(is_bad)
    if not len(positions):
        return []
    values = texts.uniques[texts.codes[filled[positions]]]
    messages = ("'" + pd.Series(values, dtype=object).str[:60] + "' is not known.").to_numpy(dtype=object)
    hint = "Write true, false or x, or leave the cell blank."
    where = {"code": "flag_unknown", "positions": positions, "column": headers[positions]}
    return [Problem(**where, values=values, messages=messages, hints=hint)]


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
