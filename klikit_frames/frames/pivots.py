"""Pivots: tables with stores across, to one row per filled cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from .cell_values import FLAG_WORDS, FactorizedText, is_formula_error, parse_words, text_column
from .headers import is_store, read_header
from .problems import Positions, Problem, TextPerRow, table_problem
from .source_tables import Table, take_rows

Store = dict[str, str]
StoreOf = Callable[[str], Store | None]

_BUSINESS = "business"
_BETWEEN_TITLES = re.compile(r"\s*[/|,:·–—-]\s*")
_STORE_FIELDS = ("scope", "brand_id", "branch_id", "brand_title", "branch_title")


def store_by_ids(name: str) -> Store | None:
    """Return the place that a column is called after: ``5297/1293``, or ``business`` for the business row.

    Examples
    --------
    >>> from klikit_frames.frames.pivots import store_by_ids
    >>> store_by_ids("5297 / 1293")
    {'scope': 'store', 'brand_id': '5297', 'branch_id': '1293'}
    """
    if is_store(name):
        brand, _, branch = name.partition("/")
        return {"scope": "store", "brand_id": brand.strip(), "branch_id": branch.strip()}
    return {"scope": _BUSINESS} if name.strip().casefold() == _BUSINESS else None


class StoreTitles:
    """Stores by the titles that stand above columns: ``Kopi / Depok``, ``Depok - Kopi``, or ``Depok``.

    Parameters
    ----------
    stores : DataFrame
        With ``brand_title`` and ``branch_title``; without them only ids are recognised.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.pivots import StoreTitles
    >>> titles = StoreTitles(pd.DataFrame({"brand_title": ["Kopi"], "branch_title": ["Depok"]}))
    >>> titles.find("Depok – Kopi")
    {'scope': 'store', 'brand_title': 'Kopi', 'branch_title': 'Depok'}
    >>> titles.find("depok")
    {'scope': 'store', 'branch_title': 'Depok'}
    """

    def __init__(self, stores: pd.DataFrame) -> None:
        self._stores: dict[str, Store] = {}
        if {"brand_title", "branch_title"} <= set(stores.columns):
            pairs = stores[["brand_title", "branch_title"]].dropna().drop_duplicates()
            for brand, branch in pairs.itertuples(index=False):
                self._add(str(brand), str(branch))

    def find(self, name: str) -> Store | None:
        """Return the store that a column is called after, by its titles or by its ids."""
        return store_by_ids(name) or self._stores.get(_title_key(name))

    def _add(self, brand: str, branch: str) -> None:
        store = {"scope": "store", "brand_title": brand, "branch_title": branch}
        self._stores[_title_key(f"{brand} / {branch}")] = store
        self._stores[_title_key(f"{branch} / {brand}")] = store
        self._stores.setdefault(_title_key(branch), {"scope": "store", "branch_title": branch})


def _title_key(name: str) -> str:
    """Return a title without case and surplus space, with one sign for all that stand between two titles."""
    return _BETWEEN_TITLES.sub("/", " ".join(name.split()).casefold())


def flatten_pivot(table: Table) -> Table:
    """Return the table of a pivoted frame with one column name per store, and the ids in a column."""
    frame = table.frame
    if frame.columns.nlevels == 2:
        frame = frame.set_axis(["/".join(map(str, pair)) for pair in frame.columns], axis=1)
    if "entity_id" in read_header(list(frame.columns), table.columns).places:
        return replace(table, frame=frame)
    # An index without a name may count rows, so it holds ids only where there is nothing but stores.
    is_bare = frame.index.names == [None] and not isinstance(frame.index, pd.RangeIndex)
    if is_bare and all(isinstance(name, str) and store_by_ids(name) for name in frame.columns):
        frame = frame.rename_axis(index="entity_id")
    has_ids = "entity_id" in read_header(list(frame.index.names)).places
    return replace(table, frame=frame.reset_index() if has_ids else frame)


def is_pivot(table: Table, store_of: StoreOf) -> bool:
    """Tell whether stores stand across, and no column says the flag."""
    has_flag = "is_enabled" in read_header(table.names, table.columns).places
    return not has_flag and bool(_stores_across(table, store_of))


def melt_pivot(
    table: Table, store_of: StoreOf, *, entity_type: str | None = None, mark: bool | None = None
) -> Table:
    """Return one row per filled cell, each with the row and line of the pivot that it stands in.

    Rows of `table` that have problems are left out.

    Parameters
    ----------
    table : Table
        Entities down, stores across.
    store_of : callable
        Returns the store that a column is called after, or None.
    entity_type : str, optional
        The level, if no column says it.
    mark : bool, optional
        The flag that an ``x`` stands for; without it an ``x`` is a problem.
    """
    stores = _stores_across(table, store_of)
    table = _without_bad_rows(table)
    cells = table.frame.iloc[:, list(stores)].to_numpy(dtype=object).ravel()
    texts = text_column(pd.Series(cells, dtype=object), whole_floats=True)
    words = FLAG_WORDS if mark is None else {**FLAG_WORDS, "x": mark}
    filled = np.flatnonzero(~texts.is_blank)
    rows, across = np.divmod(filled, max(len(stores), 1))
    flags = texts.take(parse_words(texts, words), blank=None)[filled]
    headers = np.array([str(table.names[place]) for place in stores], dtype=object)[across]
    own_columns = table.frame.drop(columns=table.frame.columns[list(stores)])
    long = own_columns.iloc[rows].reset_index(drop=True)
    columns = _store_columns(list(stores.values()), across)
    columns["is_enabled"] = np.equal(flags, True)  # noqa: FBT003 - by element; None is for a bad cell
    if (
        entity_type is not None
        and "entity_type" not in read_header(list(own_columns.columns), table.columns).places
    ):
        columns["entity_type"] = np.full(len(long), entity_type, dtype=object)
    return replace(
        table,
        frame=long.assign(**columns),
        rows=table.rows[rows],
        lines=None if table.lines is None else table.lines[rows],
        problems=[
            *_bad_cells(texts, filled, headers, flags, has_mark=mark is not None),
            *_unused_flag_columns(own_columns, table),
        ],
        notes=[*table.notes, f"Stores stand across: each of {len(filled):,} filled cells was read as a row."],
    )


def _stores_across(table: Table, store_of: StoreOf) -> dict[int, Store]:
    stores = ((place, store_of(name)) for place, name in enumerate(table.names) if isinstance(name, str))
    return {place: store for place, store in stores if store is not None}


def _without_bad_rows(table: Table) -> Table:
    keep = np.ones(len(table.frame), dtype=bool)
    for problem in table.problems:
        if problem.is_error:
            keep[problem.positions] = False
    return take_rows(table, keep)


def _store_columns(stores: list[Store], across: Positions) -> dict[str, TextPerRow]:
    """Return scope and store of each cell in columns, as any other table has them."""
    has_titles = any("branch_title" in store for store in stores)
    needed = {"branch_title"} if has_titles else {"brand_id", "branch_id"}
    values = {
        field: np.array([store.get(field, "") for store in stores], dtype=object) for field in _STORE_FIELDS
    }
    return {field: cells[across] for field, cells in values.items() if any(cells) or field in needed}


def _bad_cells(
    texts: FactorizedText, filled: Positions, headers: TextPerRow, flags: TextPerRow, *, has_mark: bool
) -> list[Problem]:
    bad = flags == None  # noqa: E711 - by element
    values = texts.uniques[texts.codes[filled]] if len(filled) else np.empty(0, dtype=object)
    is_error = np.zeros(len(filled), dtype=bool)
    is_error[bad] = [is_formula_error(value) for value in values[bad]]
    hint = f"Write true, false{' or x' if has_mark else ''}, or leave the cell blank."
    return [
        *_cell_problems("formula_error", is_error, headers, values, message="holds the error of a formula"),
        *_cell_problems("flag_unknown", bad & ~is_error, headers, values, message="is not known", hint=hint),
    ]


def _cell_problems(
    code: str,
    mask: npt.NDArray[np.bool_],
    headers: TextPerRow,
    values: TextPerRow,
    *,
    message: str,
    hint: str = "",
) -> list[Problem]:
    positions = np.flatnonzero(mask)
    if not len(positions):
        return []
    shown = pd.Series(values[positions], dtype=object).str[:60]
    messages = f"'{{}}' {message}."
    texts = np.array([messages.format(value) for value in shown], dtype=object)
    return [
        Problem(
            code=code,
            positions=positions,
            column=headers[positions],
            values=values[positions],
            messages=texts,
            hints=hint,
        )
    ]


def _unused_flag_columns(own_columns: pd.DataFrame, table: Table) -> list[Problem]:
    """Return a warning for each own column of flags: perhaps a store whose name is not recognised."""
    known_places = read_header(list(own_columns.columns), table.columns).places.values()
    problems = []
    for place, (name, column) in enumerate(own_columns.items()):
        texts = text_column(column, whole_floats=True)
        flags = parse_words(texts, FLAG_WORDS)
        if place not in known_places and len(flags) and all(flag is not None for flag in flags):
            message = f"Column {name!r} holds flags, but its name is no store: its cells switch nothing."
            problems.append(table_problem("column_of_flags", column=str(name), message=message))
    return problems
