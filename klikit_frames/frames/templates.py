"""Templates: tables to fill in, with the right headers and what is known in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .. import edge
from ..errors import ConfigError, as_path
from .excel_files import validate_cells, write_template_sheet
from .unsafe_text import safe_csv

_ENTITY = ["entity_type", "entity_id", "title"]
_COLUMNS = [*_ENTITY, "scope", "brand_id", "brand", "branch_id", "branch", "is_enabled"]
_STORE = ["brand_id", "branch_id"]
# Excel has no more rows in a sheet; the header takes one.
_MOST_ROWS = 1_048_575


def template(
    path: str | Path, *, state: pd.DataFrame | None = None, stores: pd.DataFrame | None = None
) -> Path:
    """Write a table to fill in, and return its path; an existing file is replaced.

    Fill in ``is_enabled``, delete the rows that are not meant, and hand the file to `check_toggles`. Touches
    the disk, never the network.

    Parameters
    ----------
    path : path
        Ends in ``.csv``, or in ``.xlsx`` (needs the extra ``[excel]``), in which level, scope and flag are
        drop-downs.
    state : DataFrame, optional
        What `read_state` returned: one row for each of its entities, ids beside names. Rows of the business
        level are repeated for each of `stores`, if these are given.
    stores : DataFrame, optional
        What `stores` returned: names of brands and branches; without a state, one row for each store.

    Raises
    ------
    ConfigError
        If the path ends in anything else, the extra is not installed, a frame lacks columns, or there are
        more rows than a sheet holds.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     path = kf.template("march.csv", state=kf.read_state(client), stores=kf.stores(client).head(1))
    >>> path.read_text("utf-8-sig").splitlines()[0]
    'entity_type,entity_id,title,scope,brand_id,brand,branch_id,branch,is_enabled'
    """
    path = as_path("path", path)
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".xlsx"}:
        raise ConfigError(f"{path.name}: a template ends in .csv or .xlsx.")
    frame = template_frame(state, stores)
    if suffix == ".csv":
        # The byte order mark tells Excel that the file is UTF-8.
        edge.write_file(path, safe_csv(frame).encode("utf-8-sig"))
    elif len(frame) > _MOST_ROWS:
        raise ConfigError(f"A sheet holds {_MOST_ROWS:,} rows, not {len(frame):,}: write a .csv instead.")
    else:
        write_template_sheet(validate_cells(frame), path)
    return path


def template_frame(state: pd.DataFrame | None, stores: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of a template, all cells as text or ids, flags blank.

    Examples
    --------
    >>> from klikit_frames.frames.templates import template_frame
    >>> template_frame(None, None).columns.tolist()[:3]
    ['entity_type', 'entity_id', 'title']
    """
    if state is not None:
        rows = _entity_rows(state, stores)
    elif stores is not None:
        rows = _named_stores(stores).assign(scope="store")
    else:
        rows = pd.DataFrame()
    return rows.reindex(columns=_COLUMNS).astype(object).assign(is_enabled="")


def _entity_rows(state: pd.DataFrame, stores: pd.DataFrame | None) -> pd.DataFrame:
    entities = _needed(state, [*_ENTITY, "scope", *_STORE], "state")
    if stores is None:
        return entities
    named = _named_stores(stores)
    is_wide = entities["scope"] == "business"
    crossed: pd.DataFrame = entities.loc[is_wide, _ENTITY].merge(named, how="cross").assign(scope="store")
    return pd.concat([crossed, entities[~is_wide].merge(named, on=_STORE, how="left")], ignore_index=True)


def _named_stores(stores: pd.DataFrame) -> pd.DataFrame:
    named = _needed(stores, [*_STORE, "brand_title", "branch_title"], "stores")
    return named.drop_duplicates(_STORE).rename(columns={"brand_title": "brand", "branch_title": "branch"})


def _needed(frame: Any, columns: Sequence[str], name: str) -> pd.DataFrame:
    missing = [column for column in columns if column not in getattr(frame, "columns", ())]
    if missing:
        raise ConfigError(f"{name} has no column {', '.join(missing)}; give what klikit_frames reads.")
    return pd.DataFrame(frame[list(columns)])
