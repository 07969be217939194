"""Toggles: any table an analyst has, checked; and tables made from ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from klikit_frames.errors import InvalidToggles
from klikit_frames.frames.assembly import assemble_toggles, own_table
from klikit_frames.frames.checks import check_columns
from klikit_frames.frames.conflicts import Wishes, find_conflicts
from klikit_frames.frames.findings import Finding, problems_frame, refused_rows
from klikit_frames.frames.headers import find_lookalikes, find_missing, read_header
from klikit_frames.frames.readers import Source, read_table
from klikit_frames.frames.summaries import problems_html, problems_text
from klikit_frames.frames.tables import Table
from klikit_frames.views import paragraph_html

Rows = Literal["all", "failed"]


@dataclass(frozen=True, repr=False, eq=False)
class CheckedToggles:
    """What `check_toggles` found in a table.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The good rows, one toggle per row, in the order and with all columns of the input.
    problems : pandas.DataFrame
        One row per problem: ``row, line, column, value, code, message, hint, severity``.
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

    def __repr__(self) -> str:
        return f"{self._counted()}\n{problems_text(self.problems)}"

    def _repr_html_(self) -> str:
        return paragraph_html(self._counted()) + problems_html(self.problems, notes=self.notes)

    def _counted(self) -> str:
        return f"{len(self.toggles):,} of {len(self._table.frame):,} rows are good."


def check_toggles(source: Source, *, encoding: str | None = None) -> CheckedToggles:
    """Return the good rows of a table and all that is wrong with the others."""
    table = own_table(read_table(source, encoding=encoding))
    header = read_header(table.names)
    checked = check_columns(table, header)
    findings = [*table.findings, *header.findings, *checked.findings]
    if not any(finding.code == "file_empty" for finding in findings):
        needs_stores = "scope" not in header.places or (checked.values["scope"] == "store").any()
        findings += find_missing(header, table.names, needs_stores=bool(needs_stores))
        findings += find_lookalikes(header, table.names)
    toggles = assemble_toggles(table, header, checked.values)
    findings += _conflicts(table, toggles, findings)
    good = ~refused_rows(findings, n_rows=len(toggles))
    return CheckedToggles(
        toggles=toggles if good.all() else toggles[good],
        problems=problems_frame(findings, rows=table.rows, lines=table.lines),
        notes=[*table.notes, *header.notes, *checked.notes],
        _table=table,
    )


def read_toggles(source: Source, *, encoding: str | None = None) -> pd.DataFrame:
    """Return the toggles in a table, or raise with all that is wrong in it."""
    checked = check_toggles(source, encoding=encoding)
    if not checked.is_valid:
        raise InvalidToggles(f"{problems_text(checked.problems)}\nNothing was sent.", checked.problems)
    return checked.toggles


def cross_toggles(
    entity_type: str,
    entity_ids: Iterable[int],
    stores: Any,
    *,
    is_enabled: bool,
    cascade_to_modifier_groups: bool = False,
    cascade_brand_ids: Iterable[int] = (),
) -> pd.DataFrame:
    """Return one toggle for every entity in every store."""
    ids = list(entity_ids)
    pairs = _store_pairs(stores)
    frame = pd.DataFrame(
        {
            "entity_type": entity_type,
            "entity_id": pd.Series(ids, dtype=object).repeat(len(pairs)).to_numpy(),
            "scope": "store",
            "brand_id": [brand for brand, _ in pairs] * len(ids),
            "branch_id": [branch for _, branch in pairs] * len(ids),
            "is_enabled": is_enabled,
            "cascade_to_modifier_groups": cascade_to_modifier_groups,
        }
    )
    frame["cascade_brand_ids"] = pd.Series([tuple(cascade_brand_ids)] * len(frame), dtype=object)
    return read_toggles(frame)


def business_toggles(
    entity_type: str,
    entity_ids: Iterable[int],
    *,
    is_enabled: bool,
    cascade_to_modifier_groups: bool = False,
    cascade_brand_ids: Iterable[int] = (),
) -> pd.DataFrame:
    """Return one business-wide toggle for every entity."""
    frame = pd.DataFrame({"entity_id": pd.Series(list(entity_ids), dtype=object)})
    frame.insert(0, "entity_type", entity_type)
    frame = frame.assign(scope="business", brand_id=None, branch_id=None, is_enabled=is_enabled)
    frame["cascade_to_modifier_groups"] = cascade_to_modifier_groups
    frame["cascade_brand_ids"] = pd.Series([tuple(cascade_brand_ids)] * len(frame), dtype=object)
    return read_toggles(frame)


def _store_pairs(stores: Any) -> list[tuple[Any, Any]]:
    if isinstance(stores, pd.DataFrame):
        return list(zip(stores["brand_id"], stores["branch_id"], strict=True))
    return [tuple(store) for store in stores]


def _conflicts(table: Table, toggles: pd.DataFrame, findings: list[Finding]) -> list[Finding]:
    positions = np.flatnonzero(~refused_rows(findings, n_rows=len(toggles)))
    if not len(positions):
        return []
    lines = None if table.lines is None else table.lines[positions]
    sound = toggles if len(positions) == len(toggles) else toggles.iloc[positions]
    return find_conflicts(Wishes(toggles=sound, positions=positions, rows=table.rows[positions], lines=lines))
