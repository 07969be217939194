"""Toggles: any table an analyst has, checked; and tables made from ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from klikit_frames.errors import InvalidToggles
from klikit_frames.frames.assembly import annotate, assemble_toggles, own_table
from klikit_frames.frames.checks import Checked, check_columns
from klikit_frames.frames.conflicts import Wishes, find_conflicts
from klikit_frames.frames.findings import Finding, problems_frame, refused_rows
from klikit_frames.frames.headers import Header, find_lookalikes, find_missing, read_header
from klikit_frames.frames.readers import Reading, Source, read_table
from klikit_frames.frames.results import Rows, input_of_result
from klikit_frames.frames.schemas import confirm_toggles
from klikit_frames.frames.summaries import count_rows, problems_html, problems_text
from klikit_frames.views import paragraph_html

if TYPE_CHECKING:
    from klikit_frames.frames.tables import Table


@dataclass(frozen=True, repr=False, eq=False)
class CheckedToggles:
    """What `check_toggles` found in a table.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The good rows, one toggle per row, in the order and with all columns of the input; see `read_toggles`.
    problems : pandas.DataFrame
        One row per problem, in the order of the rows: ``row`` (1 is the first data row, blank lines inside
        count), ``line`` (as the file shows it; missing for a frame), ``column, value, code, message, hint``, and
        ``severity``: ``error`` or ``warning``. A problem of the whole table has no row.
    notes : list of str
        Every choice that the reader made, in words.
    """

    toggles: pd.DataFrame
    problems: pd.DataFrame
    notes: list[str]
    _table: Table

    @property
    def is_valid(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return not (self.problems["severity"] == "error").any()

    @property
    def annotated(self) -> pd.DataFrame:
        """The input as it came with a column ``problem``, blank for good rows, to be mended where it came from.

        A column ``problem`` of an earlier check is replaced. Touches neither network nor disk.

        Examples
        --------
        >>> rows = [{"item_id": "5", "brand_id": 1, "branch_id": 2, "is_enabled": "mabye"}]
        >>> kf.check_toggles(rows).annotated["problem"].tolist()
        ["is_enabled: 'mabye' is not known. Write one of: false, true."]
        """
        return annotate(self._table, self.problems)

    def __repr__(self) -> str:
        return f"{self._counted()}\n{problems_text(self.problems)}"

    def _repr_html_(self) -> str:
        return paragraph_html(self._counted()) + problems_html(self.problems, notes=self.notes)

    def _counted(self) -> str:
        return f"{len(self.toggles):,} of {count_rows(len(self._table.frame))} can be planned."


def check_toggles(
    source: Source,
    *,
    rows: Rows = "all",
    state: pd.DataFrame | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> CheckedToggles:
    r"""Return the good rows of a table, and everything that is wrong with the others.

    Never raises for what is in the table. Reads the disk if `source` is a path; never the network.

    Parameters
    ----------
    source : path, "-", bytes, file object, DataFrame, frame of another library, or list of dicts
        CSV, TSV, semicolons, XLSX and its like, Parquet or JSON Lines, told by content; ``"-"`` is standard
        input. Columns are ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled,
        cascade_to_modifier_groups, cascade_brand_ids``; any other is kept and handed back. Without ``scope``
        every row needs its store; the cascade columns may be missing too. ``store`` may hold ``5297/1293``.
        ``item_id`` and its like imply the level.
    rows : "all" or "failed"
        For a result of a run as `source`: all its rows, or those that did not end as applied or unchanged.
    state : DataFrame, optional
        What `read_state` returned; with it a section and an item in it with opposite flags are warned of.
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
    OSError
        If the file cannot be opened.
    ConfigError
        If an option does not fit the source, or an extra is not installed.

    Notes
    -----
    Cells are read as text and looked up, never coerced. A flag is one of the words in
    ``klikit_frames.frames.cells.FLAG_WORDS``, case and outer space aside; a blank one is an error. An id is
    ASCII digits, 1 to 2**63 - 1, without leading zeros: ``5297.0``, ``007`` and ``5,297`` are problems, each with
    the likely meaning as a hint. A float column of ids, as pandas makes of whole numbers with blanks, is read where
    it is exact, and told in the notes; a float in a flag column is a problem. The codes are the keys of
    ``klikit_frames.frames.codes.KINDS``.

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
    """
    table = input_of_result(read_table(source, Reading(encoding=encoding, sheet=sheet)), rows=rows)
    return check_table(table, state=state)


def check_table(table: Table, *, state: pd.DataFrame | None = None) -> CheckedToggles:
    """Return what `check_toggles` returns, of a table that was read before."""
    named, header, checked = _understand(table)
    toggles = assemble_toggles(named, header, checked.values)
    findings = checked.findings + _conflicts(named, toggles, checked.findings, state)
    good = ~refused_rows(findings, n_rows=len(toggles))
    return CheckedToggles(
        toggles=confirm_toggles(toggles if good.all() else toggles[good]),
        problems=problems_frame(findings, rows=table.rows, lines=table.lines),
        notes=[*named.notes, *header.notes, *checked.notes],
        _table=table,
    )


def read_toggles(
    source: Source,
    *,
    rows: Rows = "all",
    state: pd.DataFrame | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> pd.DataFrame:
    r"""Return the toggles in a table, all or nothing.

    Reads the disk if `source` is a path; never the network. The input is not changed.

    Parameters
    ----------
    source, rows, state, encoding, sheet
        As for `check_toggles`.

    Returns
    -------
    pandas.DataFrame
        One row per row of the input, in its order, with all its columns under their own names (``input_code`` and
        so on where they are those of a result) and the known ones as ``entity_type`` (text), ``entity_id``
        (int64), ``scope`` (text), ``brand_id`` and ``branch_id`` (Int64, missing on business rows), ``is_enabled``
        and ``cascade_to_modifier_groups`` (bool), ``cascade_brand_ids`` (tuples). Known columns that the input lacks
        come last. A frame keeps its index; a file gets a ``RangeIndex``.

    Raises
    ------
    InvalidToggles
        If a row is bad; ``.problems`` is the whole list, warnings included.
    OSError, ConfigError
        As `check_toggles`.

    Examples
    --------
    >>> toggles = kf.read_toggles(b"section_id;scope;is_enabled\n6827;business;nonaktif\n")
    >>> toggles[["entity_type", "entity_id", "is_enabled"]].to_dict("records")
    [{'entity_type': 'section', 'entity_id': 6827, 'is_enabled': False}]
    """
    checked = check_toggles(source, rows=rows, state=state, encoding=encoding, sheet=sheet)
    refuse_problems(checked.problems)
    return checked.toggles


def refuse_problems(problems: pd.DataFrame) -> None:
    """Raise `InvalidToggles` if there is an error among `problems`."""
    if (problems["severity"] == "error").any():
        raise InvalidToggles(f"{problems_text(problems)}\nNothing was sent.", problems)


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

    Examples
    --------
    >>> toggles = kf.cross_toggles("item", [289379, 289380], [(5297, 1293), (5297, 1294)], is_enabled=False)
    >>> len(toggles)
    4
    """
    pairs = _store_frame(stores)
    ids = pd.Series(list(entity_ids), dtype=object)
    frame = pairs.loc[np.tile(np.arange(len(pairs)), len(ids))].reset_index(drop=True)
    frame.insert(0, "entity_id", ids.repeat(len(pairs)).to_numpy())
    frame.insert(1, "scope", "store")
    return _made_toggles(
        frame,
        entity_type=entity_type,
        is_enabled=is_enabled,
        cascade_to_modifier_groups=cascade_to_modifier_groups,
        cascade_brand_ids=tuple(cascade_brand_ids),
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

    Examples
    --------
    >>> kf.business_toggles("section", [6827], is_enabled=True)["scope"].tolist()
    ['business']
    """
    frame = pd.DataFrame({"entity_id": pd.Series(list(entity_ids), dtype=object)})
    frame = frame.assign(scope="business", brand_id=None, branch_id=None)
    return _made_toggles(
        frame,
        entity_type=entity_type,
        is_enabled=is_enabled,
        cascade_to_modifier_groups=cascade_to_modifier_groups,
        cascade_brand_ids=tuple(cascade_brand_ids),
    )


def _understand(table: Table) -> tuple[Table, Header, Checked]:
    """Name the columns, read them, and put all that is wrong with either together."""
    header = read_header(table.names)
    named = own_table(table, header)
    checked = check_columns(table, header)
    if any(finding.is_of_table for finding in table.findings):
        return named, header, checked
    needs_stores = "scope" not in header.places or bool((checked.values["scope"] == "store").any())
    missing = find_missing(header, table, needs_stores=needs_stores)
    checked.findings[:0] = [*header.findings, *missing, *find_lookalikes(header, table)]
    return named, header, checked


def _conflicts(
    table: Table, toggles: pd.DataFrame, findings: list[Finding], state: pd.DataFrame | None
) -> list[Finding]:
    positions = np.flatnonzero(~refused_rows(findings, n_rows=len(toggles)))
    if not len(positions):
        return []
    lines = None if table.lines is None else table.lines[positions]
    sound = toggles if len(positions) == len(toggles) else toggles.iloc[positions]
    wishes = Wishes(toggles=sound, positions=positions, rows=table.rows[positions], lines=lines)
    return find_conflicts(wishes, state=state)


def _store_frame(stores: pd.DataFrame | Iterable[tuple[int, int]]) -> pd.DataFrame:
    if isinstance(stores, pd.DataFrame):
        return stores[["brand_id", "branch_id"]].reset_index(drop=True)
    pairs = [tuple(store) for store in stores]
    return pd.DataFrame(pairs, columns=["brand_id", "branch_id"], dtype=object)


def _made_toggles(
    frame: pd.DataFrame, *, entity_type: str, is_enabled: bool, **cascade: object
) -> pd.DataFrame:
    frame.insert(0, "entity_type", entity_type)
    frame["is_enabled"] = is_enabled
    frame["cascade_to_modifier_groups"] = cascade["cascade_to_modifier_groups"]
    frame["cascade_brand_ids"] = pd.Series([cascade["cascade_brand_ids"]] * len(frame), dtype=object)
    return read_toggles(frame)
