"""Checks: a table's columns to the columns of toggles, with all that is wrong in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .frame_codec import text_series
from .headers import Header
from .parsed_columns import (
    ParsedColumn,
    read_flags,
    read_id_lists,
    read_ids,
    read_levels,
    read_scopes,
    read_stores,
)
from .problems import Positions, Problem, TextPerRow, rows_with_errors
from .source_tables import Table

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ParsedTable:
    """The columns of toggles, row by row, bad rows included with harmless values."""

    values: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Columns:
    """A table's columns by what they mean."""

    def __init__(self, table: Table, header: Header) -> None:
        self.n_rows = len(table.frame)
        self.has_floats = table.has_floats
        self._table = table
        self._header = header
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._header.places

    def __getitem__(self, name: str) -> pd.Series[Any]:
        return self._table.frame.iloc[:, self._header.places[name]]

    def take(self, result: ParsedColumn) -> ParsedColumn:
        """Note what a pass found, and return it."""
        self.problems += result.problems
        self.notes += result.notes
        return result

    def find(self, code: str, name: str, mask: Mask, *, value: str = "") -> None:
        """Note a problem about the rows in `mask`, if there are any."""
        self.note(code, name, np.flatnonzero(mask), values=value)

    def note(self, code: str, name: str, positions: Positions, *, values: TextPerRow) -> None:
        """Note a problem about the rows at `positions`, if there are any."""
        if len(positions):
            self.problems.append(Problem(code=code, positions=positions, column=name, values=values))

    def find_blank(self, result: ParsedColumn, *, name: str, code: str) -> None:
        """Note the blank cells of a column."""
        self.find(code, name, result.is_blank)

    def refused(self, name: str) -> Mask:
        """Return the rows whose cell of one column is bad."""
        found = [problem for problem in self.problems if problem.column == name]
        return rows_with_errors(found, n_rows=self.n_rows)

    def none(self) -> Mask:
        """Return a mask of no rows."""
        return np.zeros(self.n_rows, dtype=bool)

    def constant(self, value: object) -> ParsedColumn:
        """Return what a pass over a column that is not there gives: `value` everywhere."""
        kind = object if isinstance(value, (str, tuple)) else type(value)
        values = np.empty(self.n_rows, dtype=kind)
        values.fill(value)
        return ParsedColumn(values=values, is_blank=self.none(), is_constant=True)


def check_columns(table: Table, header: Header) -> ParsedTable:
    """Return the columns of toggles that a table holds."""
    columns = Columns(table, header)
    level, entity = _read_entities(columns, header)
    scope = _read_scope(columns)
    brand, branch = _read_places(columns, scope)
    flag = _read_flag(columns)
    cascade, brands = _read_cascades(columns)
    values = {
        "entity_type": text_series(level.values),
        "entity_id": entity.values,
        "scope": text_series(scope.values),
        "brand_id": pd.arrays.IntegerArray(brand.values, brand.values == 0),
        "branch_id": pd.arrays.IntegerArray(branch.values, branch.values == 0),
        "is_enabled": flag.values,
        "cascade_to_modifier_groups": cascade.values,
        "cascade_brand_ids": brands.values,
    }
    of_rows = table.problems + _blank_rows(table, [level, entity, brand, branch, flag])
    problems = of_rows + _of_other_rows(columns.problems, of_rows, n_rows=columns.n_rows)
    return ParsedTable(values=values, problems=problems, notes=columns.notes)


def _read_entities(columns: Columns, header: Header) -> tuple[ParsedColumn, ParsedColumn]:
    implied = header.entity_type
    level = columns.constant(implied or "")
    if "entity_type" in columns:
        level = columns.take(read_levels(columns["entity_type"], implied=implied))
        columns.find_blank(level, name="entity_type", code="entity_type_blank")
    entity = columns.constant(0)
    if "entity_id" in columns:
        entity = _read_id(columns, "entity_id")
        columns.find_blank(entity, name="entity_id", code="id_blank")
    return level, entity


def _read_scope(columns: Columns) -> ParsedColumn:
    if "scope" not in columns:
        return columns.constant("store")
    scope = columns.take(read_scopes(columns["scope"]))
    columns.find_blank(scope, name="scope", code="scope_blank")
    return scope


def _read_places(columns: Columns, scope: ParsedColumn) -> tuple[ParsedColumn, ParsedColumn]:
    """Read the store of each row, and hold it against the scope."""
    if "store" in columns:
        brand, branch = map(columns.take, read_stores(columns["store"]))
    else:
        brand, branch = (_read_id(columns, name) for name in ("brand_id", "branch_id"))
    if brand.is_constant or branch.is_constant:
        return brand, branch
    is_store, is_business = scope.values == "store", scope.values == "business"
    columns.find("store_missing", "brand_id", is_store & brand.is_blank & branch.is_blank)
    columns.find("store_half", "brand_id", is_store & brand.is_blank & ~branch.is_blank)
    columns.find("store_half", "branch_id", is_store & branch.is_blank & ~brand.is_blank)
    columns.find(
        "store_on_business", "scope", is_business & ~(brand.is_blank & branch.is_blank), value="business"
    )
    return brand, branch


def _read_id(columns: Columns, name: str) -> ParsedColumn:
    if name not in columns:
        return columns.constant(0)
    return columns.take(read_ids(columns[name], name=name, has_floats=columns.has_floats))


def _read_flag(columns: Columns) -> ParsedColumn:
    if "is_enabled" not in columns:
        return columns.constant(False)  # noqa: FBT003 - it is a value here
    flag = columns.take(read_flags(columns["is_enabled"], name="is_enabled"))
    columns.find_blank(flag, name="is_enabled", code="flag_blank")
    return flag


def _read_cascades(columns: Columns) -> tuple[ParsedColumn, ParsedColumn]:
    name = "cascade_to_modifier_groups"
    cascade, brands = columns.constant(False), columns.constant(())  # noqa: FBT003 - it is a value here
    if name in columns:
        cascade = columns.take(read_flags(columns[name], name=name))
    if "cascade_brand_ids" in columns:
        brands = columns.take(read_id_lists(columns["cascade_brand_ids"], name="cascade_brand_ids"))
        unused = np.flatnonzero(~brands.is_blank & ~cascade.values & ~columns.refused(name))
        said = ["|".join(map(str, ids)) for ids in brands.values[unused]]
        columns.note(
            "cascade_brands_unused", "cascade_brand_ids", unused, values=np.array(said, dtype=object)
        )
    return cascade, brands


def _blank_rows(table: Table, parsed: list[ParsedColumn]) -> list[Problem]:
    """Return a problem about the rows in which every column that is there says nothing."""
    blanks = [column.is_blank for column in parsed if not column.is_constant]
    if not blanks:
        return []
    is_open = ~rows_with_errors(table.problems, n_rows=len(table.frame))
    positions = np.flatnonzero(np.logical_and.reduce([is_open, *blanks]))
    return [Problem(code="row_blank", positions=positions)] if len(positions) else []


def _of_other_rows(problems: list[Problem], of_rows: list[Problem], *, n_rows: int) -> list[Problem]:
    """Return problems about cells, but for the rows that are refused as a whole."""
    refused = rows_with_errors(of_rows, n_rows=n_rows)
    left = [problem.without(refused) for problem in problems]
    return [problem for problem in left if len(problem.positions)]
