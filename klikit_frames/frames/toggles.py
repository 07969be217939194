"""Toggles: any table an analyst has, its rows chosen and checked; and tables made from ids."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import ConfigError, check_choice, check_yes_or_no
from .cell_values import FLAG_WORDS, parse_ids, text_column
from .checked import CheckedToggles, check_table, is_checked, mark_checked, raise_for_errors
from .frame_codec import COPIES_ON_WRITE
from .headers import check_assignments, read_header
from .name_resolution import resolve_names
from .pivots import StoreTitles, flatten_pivot, is_pivot, melt_pivot, store_by_ids
from .readers import Source, read_table
from .schemas import RESULT_COLUMNS
from .source_tables import Reading, Table, take_rows
from .unsafe_text import restore_formulas

__all__ = ["CheckedToggles", "business_toggles", "check_toggles", "cross_toggles", "read_toggles"]

_TOTAL = re.compile(
    r"\W*(grand |sub-?)?(totals?|totales|total general|sum|summe|gesamt|gesamtsumme|jumlah|suma)[\W\d_]*",
    re.IGNORECASE,
)
_MOST_TOTALS = 5
Rows = Literal["all", "failed"]
_TRUE_ALREADY = ("applied", "unchanged")


def check_toggles(
    source: Source,
    *,
    rows: Rows = "all",
    columns: Mapping[str, str] | None = None,
    names: bool = False,
    state: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> CheckedToggles:
    r"""Return the good rows of a table, and everything that is wrong with the others.

    Never raises for what is in the table. Reads the disk if `source` is a path; never the network.

    Parameters
    ----------
    source : path, "-", bytes, file object, DataFrame, frame of another library, or list of dicts
        CSV, TSV, semicolons, XLSX and its like, Parquet or JSON Lines, by content; ``"-"`` is standard
        input. Columns are ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled,
        cascade_to_modifier_groups, cascade_brand_ids``; any other is kept and handed back. Without ``scope``
        every row needs its store; the cascade columns may be missing too. ``store`` may hold ``5297/1293``.
        ``item_id`` and its like imply the level.
    rows : "all" or "failed"
        For a result of a run as `source`: all its rows, or those that did not end as applied or unchanged.
    columns : dict, optional
        The column of this package for a column of yours: ``{"Artikel-Nr.": "item_id", "An?": "is_enabled"}``.
        Beside the known columns, ``store``, ``item_id``, ``category_id`` and ``section_id`` can be given.
        Without it the usual names in English, Indonesian, German and Spanish are recognised; the notes say
        which were.
    names : bool
        Whether titles, SKUs, brands and branches stand in place of ids, or above the columns of a pivot;
        they are looked up in `state` and `stores`, as `resolve` does.
    state : DataFrame, optional
        What `read_state` returned; with it warnings tell of a section and an item in it with opposite
        flags, and of entities that are not on the menu of their store.
    stores : DataFrame, optional
        What `stores` returned, for names of brands and branches; else these are read from `state`.
    encoding : str, optional
        Of a text file, where it should not be found out.
    sheet : str or int, optional
        Name or place (from 0) of a spreadsheet's sheet; else the one with the best header.

    Returns
    -------
    CheckedToggles
        With ``.toggles``, ``.problems``, ``.notes``, ``.annotated`` and ``.is_valid``.

    Raises
    ------
    FileError
        If the file cannot be read; a FileNotFoundError too, if it is not there.
    ConfigError
        If an option does not fit the source, or an extra is not installed.

    Notes
    -----
    Cells are read as text and looked up, never coerced. A flag is one of the words in
    ``klikit_frames.frames.cell_values.FLAG_WORDS``; case and outer space do not matter; a blank one is an
    error. An id is ASCII digits, 1 to 2**63 - 1, without leading zeros: ``5297.0``, ``007`` and ``5,297`` are
    problems, each with the likely meaning as a hint. A float column of ids, as pandas makes of whole numbers
    with blanks, is read where it is exact, and the notes say so; a float in a flag column is a problem. The
    codes are the keys of ``klikit_frames.frames.problems.KINDS``.

    See Also
    --------
    read_toggles : all or nothing.

    Examples
    --------
    >>> checked = kf.check_toggles(
    ...     b"item_id,store,is_enabled\n289379,5297/1293,off\n289380,5297/1293,mabye\n"
    ... )
    >>> checked
    1 of 2 rows can be planned.
    1 error in 1 row.
    - flag_unknown in is_enabled, row 2 (line 3): 'mabye' is not known. Write one of: false, true.
    >>> checked.toggles["entity_id"].tolist()
    [289379]

    Headers of your own:

    >>> table = b"Nr;Ort;An?\n289379;5297/1293;nein\n"
    >>> kf.check_toggles(table, columns={"Nr": "item_id", "Ort": "store", "An?": "is_enabled"}).is_valid
    True
    """
    if state is not None and not isinstance(state, pd.DataFrame):
        raise ConfigError(f"state is what kf.read_state(client, ...) returns, not a {type(state).__name__}.")
    check_yes_or_no("names", names)
    if names and state is None:
        raise ConfigError("Names are looked up in a live menu: give state=kf.read_state(client, ...).")
    reading = Reading(encoding=encoding, sheet=sheet, columns=check_assignments(columns), has_names=names)
    source_table = input_of_result(read_table(source, reading), rows=rows)
    return check_source_table(source_table, names=names, state=state, stores=stores)


def check_source_table(
    source_table: Table,
    *,
    names: bool = False,
    state: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
) -> CheckedToggles:
    """Return the good rows of a table that was read, and what is wrong with the others."""
    source_table = drop_totals(source_table)
    listed = state if stores is None else stores
    store_of = StoreTitles(listed).find if names and listed is not None else store_by_ids
    table = source_table
    pivot = flatten_pivot(table)
    if is_pivot(pivot, store_of):
        table = melt_pivot(pivot, store_of)
    if names and state is not None:
        table = resolve_names(table, state=state, stores=stores)
    return check_table(table, source=None if table is source_table else source_table, state=state)


def read_toggles(
    source: Source,
    *,
    rows: Rows = "all",
    columns: Mapping[str, str] | None = None,
    names: bool = False,
    state: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> pd.DataFrame:
    r"""Return the toggles in a table, all or nothing.

    Reads the disk if `source` is a path; never the network. The input is not changed.

    Parameters
    ----------
    source, rows, columns, names, state, stores, encoding, sheet
        As for `check_toggles`.

    Returns
    -------
    pandas.DataFrame
        One row per row of the input, in its order, with all its columns under their own names (``input_code``
        and so on where they are those of a result) and the known ones as ``entity_type`` (text),
        ``entity_id`` (int64), ``scope`` (text), ``brand_id`` and ``branch_id`` (Int64, missing on business
        rows), ``is_enabled`` and ``cascade_to_modifier_groups`` (bool), ``cascade_brand_ids`` (tuples). Known
        columns that the input lacks come last. A frame keeps its index; a file gets a ``RangeIndex``.

    Raises
    ------
    InvalidToggles
        If a row is bad; ``.problems`` is the whole list, warnings included.
    FileError, ConfigError
        As `check_toggles`.

    Examples
    --------
    >>> toggles = kf.read_toggles(b"section_id;scope;is_enabled\n6827;business;nonaktif\n")
    >>> toggles[["entity_type", "entity_id", "is_enabled"]].to_dict("records")
    [{'entity_type': 'section', 'entity_id': 6827, 'is_enabled': False}]
    """
    check_choice("rows", rows, among=("all", "failed"))
    is_plain = rows == "all" and names is False
    is_plain &= all(option is None for option in (columns, state, stores, encoding, sheet))
    if is_plain and isinstance(source, pd.DataFrame) and is_checked(source):
        return source.copy(deep=not COPIES_ON_WRITE)
    checked = check_toggles(
        source,
        rows=rows,
        columns=columns,
        names=names,
        state=state,
        stores=stores,
        encoding=encoding,
        sheet=sheet,
    )
    raise_for_errors(checked.problems)
    mark_checked(checked.toggles)
    return checked.toggles


def cross_toggles(
    entity_type: str,
    entity_ids: Iterable[int],
    stores: pd.DataFrame | Iterable[tuple[int, int]],
    *,
    is_enabled: bool,
    cascade_to_modifier_groups: bool = False,
    cascade_brand_ids: Iterable[int] = (),
) -> pd.DataFrame:
    """Return one toggle for each entity in each store, entity by entity.

    Touches neither network nor disk.

    Parameters
    ----------
    entity_type : str
        ``section``, ``category`` or ``item``.
    entity_ids : iterable of int
        The entities.
    stores : DataFrame or iterable of pairs
        A frame with ``brand_id`` and ``branch_id``, such as `stores` returns, or (brand, branch) pairs.
    is_enabled : bool
        The flag they shall have.
    cascade_to_modifier_groups : bool
        Whether the links to modifier groups are switched as well.
    cascade_brand_ids : iterable of int
        The brands that the cascade is for; none means all.

    Raises
    ------
    InvalidToggles
        If an id or an option is bad; ``.problems`` tells which.
    ConfigError
        If `stores` are no pairs, or ids are given as a text or a single number.

    Examples
    --------
    >>> toggles = kf.cross_toggles("item", [289379, 289380], [(5297, 1293), (5297, 1294)], is_enabled=False)
    >>> len(toggles)
    4
    """
    pairs = _store_frame(stores)
    ids = pd.Series(_listed(entity_ids, name="entity_ids"), dtype=object)
    frame = pairs.loc[np.tile(np.arange(len(pairs)), len(ids))].reset_index(drop=True)
    frame.insert(0, "entity_id", ids.repeat(len(pairs)).to_numpy())
    frame.insert(1, "scope", "store")
    return _made_toggles(
        frame,
        entity_type=entity_type,
        is_enabled=is_enabled,
        cascade_to_modifier_groups=cascade_to_modifier_groups,
        cascade_brand_ids=tuple(_listed(cascade_brand_ids, name="cascade_brand_ids", example="[663, 664]")),
    )


def business_toggles(
    entity_type: str,
    entity_ids: Iterable[int],
    *,
    is_enabled: bool,
    cascade_to_modifier_groups: bool = False,
    cascade_brand_ids: Iterable[int] = (),
) -> pd.DataFrame:
    """Return one business-wide toggle for each entity: the wide write, wherever it is inherited.

    Touches neither network nor disk.

    Parameters
    ----------
    entity_type, entity_ids, is_enabled, cascade_to_modifier_groups, cascade_brand_ids
        As for `cross_toggles`.

    Raises
    ------
    InvalidToggles
        If an id or an option is bad; ``.problems`` tells which.
    ConfigError
        If ids are given as a text or a single number.

    Examples
    --------
    >>> kf.business_toggles("section", [6827], is_enabled=True)["scope"].tolist()
    ['business']
    """
    frame = pd.DataFrame({"entity_id": pd.Series(_listed(entity_ids, name="entity_ids"), dtype=object)})
    frame = frame.assign(scope="business", brand_id=None, branch_id=None)
    return _made_toggles(
        frame,
        entity_type=entity_type,
        is_enabled=is_enabled,
        cascade_to_modifier_groups=cascade_to_modifier_groups,
        cascade_brand_ids=tuple(_listed(cascade_brand_ids, name="cascade_brand_ids", example="[663, 664]")),
    )


def _listed(values: Any, *, name: str, example: str = "[289379, 289380]") -> list[Any]:
    """Return the members of a list; a text is refused, though Python iterates over its letters."""
    if isinstance(values, (str, bytes)) or not np.iterable(values):
        raise ConfigError(f"{name} is {values!r:.60}, which is no list; give one such as {example}.")
    return list(values)


def _pair(store: Any) -> tuple[Any, Any]:
    if isinstance(store, (str, bytes)):
        raise TypeError(f"{store!r:.60} is text")
    brand_id, branch_id = store
    return brand_id, branch_id


def _store_frame(stores: pd.DataFrame | Iterable[tuple[int, int]]) -> pd.DataFrame:
    if not isinstance(stores, pd.DataFrame):
        stores = _listed(stores, name="stores", example="[(5297, 1293)]")
    try:
        if isinstance(stores, pd.DataFrame):
            return stores[["brand_id", "branch_id"]].reset_index(drop=True)
        pairs = [_pair(store) for store in stores]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"A store is a pair of brand_id and branch_id, and a frame has both: {error}."
        ) from None
    return pd.DataFrame(pairs, columns=["brand_id", "branch_id"], dtype=object)


def _made_toggles(frame: pd.DataFrame, *, entity_type: str, is_enabled: bool, **cascade: Any) -> pd.DataFrame:
    if not isinstance(entity_type, str):
        raise ConfigError(
            f"entity_type is a {type(entity_type).__name__}; give 'section', 'category' or 'item'."
        )
    frame.insert(0, "entity_type", entity_type)
    # A list or a frame is a wrong value of each row, not a column.
    for name, value in {"is_enabled": is_enabled, **cascade}.items():
        frame[name] = pd.Series([value] * len(frame), dtype=object)
    return read_toggles(frame)


def drop_totals(table: Table) -> Table:
    r"""Return `table` without the rows of totals at its end; the notes say which they were.

    Such a row has a cell that says Total or the like, no id of an entity, and no flag but numbers.

    Examples
    --------
    >>> checked = kf.check_toggles(b"item_id,store,is_enabled\n5,663/1,off\nTotal: 1,,\n")
    >>> checked.is_valid, [note for note in checked.notes if "totals" in note]
    (True, ["A row of totals at the end was left out: row 2 ('Total: 1')."])
    """
    totals: list[tuple[int, str]] = []
    n_rows = len(table.frame)
    for position in range(n_rows - 1, max(n_rows - 1 - _MOST_TOTALS, -1), -1):
        label = _total_label(table, position)
        if label is None:
            break
        totals.append((position, label))
    if not totals:
        return table
    keep = np.ones(n_rows, dtype=bool)
    keep[[position for position, _ in totals]] = False
    notes = [
        f"A row of totals at the end was left out: row {table.rows[position]} ({label!r:.60})."
        for position, label in reversed(totals)
    ]
    kept = take_rows(table, keep)
    return replace(kept, notes=[*kept.notes, *notes])


def _total_label(table: Table, position: int) -> str | None:
    """Return the cell that says that a row is one of totals, or None."""
    texts = text_column(pd.Series(table.frame.iloc[position].to_numpy(dtype=object), dtype=object))
    cells = [str(text) for text in texts.take(texts.uniques, blank="")]
    place = read_header(table.names, table.columns).places.get("entity_id")
    if place is not None and parse_ids(np.array([cells[place]], dtype=object))[0] > 0:
        return None
    if any(cell.strip().casefold() in FLAG_WORDS and not cell.strip().isdigit() for cell in cells):
        return None  # it may be a dish of that name
    return next((cell.strip() for cell in cells if _TOTAL.fullmatch(cell.strip())), None)


def is_result(names: Sequence[Hashable]) -> bool:
    """Return whether these are the columns of a result of this package.

    Examples
    --------
    >>> from klikit_frames.frames.toggles import is_result
    >>> is_result(["entity_id", "code", "message"])
    False
    """
    return set(RESULT_COLUMNS) <= set(names)


def input_of_result(table: Table, *, rows: Rows) -> Table:
    """Return the input that a result was made from; any other table unchanged.

    Parameters
    ----------
    table : Table
        A result as a frame, or a file written by ``result.to_csv`` or ``result.to_excel``, of which the
        apostrophes before formulas are taken off again.
    rows : "all" or "failed"
        All rows, or those that did not end as ``applied`` or ``unchanged``.
    """
    check_choice("rows", rows, among=("all", "failed"))
    if not is_result(table.names):
        return _no_result(table, rows)
    taken = _failed(table) if rows == "failed" else table
    frame = taken.frame.drop(columns=list(RESULT_COLUMNS))
    said = f"This is a result of a run; {rows} rows were taken: {len(frame):,} of {len(table.frame):,}."
    is_file = table.lines is not None
    return replace(taken, frame=restore_formulas(frame) if is_file else frame, notes=[*table.notes, said])


def _no_result(table: Table, rows: Rows) -> Table:
    # A source in which nothing can be read says so itself.
    if rows == "all" or not len(table.names):
        return table
    raise ConfigError("rows='failed' is for a result of a run; this table has no outcome of ours.")


def _failed(table: Table) -> Table:
    outcomes = table.frame["outcome"]
    return take_rows(table, ~outcomes.isin(_TRUE_ALREADY).to_numpy(dtype=bool))
