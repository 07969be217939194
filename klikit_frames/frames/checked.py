"""Checked toggles: a table that was read, understood, and held against itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from klikit_frames.errors import InvalidToggles
from klikit_frames.frames.assembly import annotate, assemble_toggles, own_table
from klikit_frames.frames.checks import Checked, check_columns
from klikit_frames.frames.conflicts import find_conflicts
from klikit_frames.frames.findings import Finding, problems_frame, refused_rows
from klikit_frames.frames.headers import Header, find_lookalikes, find_missing, read_header
from klikit_frames.frames.schemas import confirm_toggles
from klikit_frames.frames.summaries import count_rows, problems_html, problems_text
from klikit_frames.frames.tables import Table
from klikit_frames.frames.wishes import Wishes
from klikit_frames.views import paragraph_html


@dataclass(frozen=True, repr=False, eq=False)
class CheckedToggles:
    """What `check_toggles` found in a table.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The good rows, one toggle per row, in the order and with all columns of the input; see `read_toggles`.
    problems : pandas.DataFrame
        One row per problem, in the order of the rows: ``row`` (1 is the first data row, blank lines inside
        count), ``line`` (as the file shows it; missing for a frame), ``column, value, code, message, hint``,
        and ``severity``: ``error`` or ``warning``. A problem of the whole table has no row.
    notes : list of str
        Every choice that the reader made, in words.

    Examples
    --------
    >>> checked = kf.check_toggles([{"item_id": 5, "store": "663/1062", "is_enabled": "off"}])
    >>> checked.is_valid, len(checked.toggles), checked.problems.empty
    (True, 1, True)
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
        """The input as it came, with a last column ``problem``, blank for good rows.

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


def refuse_problems(problems: pd.DataFrame) -> None:
    """Raise `InvalidToggles` if there is an error among `problems`."""
    if (problems["severity"] == "error").any():
        raise InvalidToggles(f"{problems_text(problems)}\nNothing was sent.", problems)


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
