"""Findings: problems as the passes over columns hand them on, and the frame that people see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from klikit_frames.frames.codes import KINDS, Severity
from klikit_frames.frames.schemas import PROBLEM_COLUMNS
from klikit_frames.frames.storage import text_series

Positions = npt.NDArray[np.intp]
Words = Any  # one text for all places, or an array with one for each


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One kind of problem, at one or many places of a table.

    Attributes
    ----------
    code : str
        A key of ``KINDS``.
    positions : array of int
        Places among the rows of the table; empty if the whole table is meant.
    column, values, messages, hints : str or array of str
        One for all places, or one for each.
    severity : str, optional
        If it is not the code's own.
    """

    code: str
    positions: Positions
    column: Words = ""
    values: Words = ""
    messages: Words = ""
    hints: Words = ""
    severity: Severity | None = None

    @property
    def is_error(self) -> bool:
        """Whether the rows in question are refused."""
        return (self.severity or KINDS[self.code].severity) == "error"

    @property
    def is_of_table(self) -> bool:
        """Whether the table as a whole is meant."""
        return len(self.positions) == 0

    def without(self, mask: npt.NDArray[np.bool_]) -> Finding:
        """Return this finding at its places that are not in `mask`."""
        return self._where(~mask[self.positions])

    def _where(self, keep: npt.NDArray[np.bool_]) -> Finding:
        words: dict[str, Any] = {
            name: said if isinstance(said, str) else said[keep]
            for name in ("column", "values", "messages", "hints")
            for said in (getattr(self, name),)
        }
        return replace(self, positions=self.positions[keep], **words)

    def below(self, n_rows: int) -> Finding:
        """Return this finding as counted from `n_rows` further down."""
        shifted = self.positions - n_rows
        kept = shifted >= 0
        return replace(self._where(kept), positions=shifted[kept])

    def moved(self, places: Positions) -> Finding:
        """Return this finding with each position looked up in `places`."""
        return replace(self, positions=places[self.positions])


def table_finding(code: str, *, column: str = "", message: str = "", hint: str = "") -> Finding:
    """Return a finding about the table as a whole.

    Examples
    --------
    >>> from klikit_frames.frames.findings import table_finding
    >>> table_finding("file_empty").is_of_table
    True
    """
    return Finding(
        code=code, positions=np.empty(0, np.intp), column=column, values=column, messages=message, hints=hint
    )


def refused_rows(findings: Iterable[Finding], *, n_rows: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows that have an error; all of them if the table itself has one."""
    refused = np.zeros(n_rows, dtype=bool)
    for finding in findings:
        if finding.is_error:
            refused[slice(None) if finding.is_of_table else finding.positions] = True
    return refused


def problems_frame(
    findings: Sequence[Finding], *, rows: npt.NDArray[np.int64], lines: npt.NDArray[np.int64] | None
) -> pd.DataFrame:
    """Return `findings` as the frame of problems: one row per problem, in the order of the table's rows.

    Parameters
    ----------
    findings : sequence of Finding
        What was found, in any order.
    rows : array of int
        The number of each row as the person counts it.
    lines : array of int, or None
        The line of each row in the person's file; None for a frame.
    """
    sizes = [max(len(finding.positions), 1) for finding in findings]
    places = np.concatenate([_places(finding) for finding in findings] or [np.empty(0, np.intp)])
    order = np.argsort(places, kind="stable")
    origins = np.repeat(np.arange(len(findings)), sizes)
    columns: dict[str, Any] = {
        "row": _numbers(places[order], rows),
        "line": _numbers(places[order], lines),
        **{name: _words(findings, name, origins, order).array for name in PROBLEM_COLUMNS[2:]},
    }
    return pd.DataFrame(columns, columns=list(PROBLEM_COLUMNS))


def _places(finding: Finding) -> Positions:
    return np.array([-1], dtype=np.intp) if finding.is_of_table else finding.positions


def _numbers(places: Positions, numbers: npt.NDArray[np.int64] | None) -> pd.arrays.IntegerArray:
    is_missing = np.ones(len(places), dtype=bool) if numbers is None else places < 0
    known = np.zeros(len(places), dtype=np.int64)
    if numbers is not None:
        known[~is_missing] = numbers[places[~is_missing]]
    return pd.arrays.IntegerArray(known, is_missing)


def _words(findings: Sequence[Finding], name: str, origins: Positions, order: Positions) -> pd.Series[Any]:
    """Return one text per problem, in `order`; `origins` are the places of their findings."""
    parts = [_column(finding, name) for finding in findings]
    if all(isinstance(part, str) for part in parts):
        return text_series(parts).take(origins[order])
    sizes = np.bincount(origins)
    texts = [
        np.full(size, part, dtype=object) if isinstance(part, str) else part
        for part, size in zip(parts, sizes, strict=True)
    ]
    return text_series(np.concatenate(texts)[order])


def _column(finding: Finding, name: str) -> Words:
    kind = KINDS[finding.code]
    said: dict[str, Words] = {
        "column": finding.column,
        "value": finding.values,
        "code": finding.code,
        "message": finding.messages if len(finding.messages) else kind.meaning,
        "hint": finding.hints if len(finding.hints) else kind.hint,
        "severity": finding.severity or kind.severity,
    }
    return said[name]
