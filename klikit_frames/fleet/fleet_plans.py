"""One table of many businesses, and the plan of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..api.credentials import PROFILE_NAME
from ..errors import ConfigError, check_mapping
from ..frames.checked import CheckedToggles, raise_for_errors
from ..frames.headers import check_assignments
from ..frames.readers import Source, read_table
from ..frames.schemas import PROBLEM_COLUMNS
from ..frames.source_tables import Reading, Table, take_rows
from ..frames.toggles import check_source_table
from ..planning.plan import Plan
from ..planning.planner import plan as plan_one

COLUMN = "business"
_HINT = "Write the name of a profile: small letters, digits, _ and -."


def plan(
    toggles: Source, *, states: Mapping[str, pd.DataFrame] | None = None, **options: Any
) -> dict[str, Plan]:
    r"""Return a plan for each business that a table names.

    Reads the disk if `toggles` is a path; never the network. Each business's rows are checked separately: two
    businesses may have the same ids.

    Parameters
    ----------
    toggles : path, DataFrame, or what else ``kf.read_toggles`` reads
        A table of toggles with a column ``business``: the name of a profile in each row.
    states : dict of DataFrame, optional
        By business, what ``kf.read_state`` returned.
    **options
        Of ``kf.plan``, the same for all: ``unchanged``, ``limits``, ``combine``, ``time_budget_s`` (the
        seconds of each business), ``progress``.

    Returns
    -------
    dict of Plan
        By business, in the order in which the table names them. The rows keep the table's index.

    Raises
    ------
    InvalidToggles
        Rows are bad, or name no business; ``.problems`` has all of them, of all businesses.
    ConfigError
        `states` names a business that the table does not.

    Examples
    --------
    >>> toggles = b"business,item_id,store,is_enabled\ndepok,7,1/2,off\nbali,7,1/2,on\n"
    >>> plans = kf.fleet.plan(toggles)
    >>> {business: plan.n_requests for business, plan in plans.items()}
    {'depok': 1, 'bali': 1}
    """
    if states is not None:
        check_mapping("states", states, example="{'depok': state}")
    tables = split_toggles(toggles)
    if unknown := sorted(set(states or {}) - set(tables)):
        raise ConfigError(f"states names {unknown[0]!r}, which the table does not; nothing was planned.")
    return {
        business: plan_one(rows, state=(states or {}).get(business), **options)
        for business, rows in tables.items()
    }


LookUp = Callable[[str], tuple[pd.DataFrame, pd.DataFrame] | None]


def split_toggles(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    look_up: LookUp | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the checked toggles of each business that a table names; reads the disk if it is a path.

    Parameters
    ----------
    source : path, bytes or DataFrame
        The table.
    columns : dict, optional
        As of `read_toggles`.
    look_up : callable, optional
        Returns the state and the stores of a business, for tables that have names in place of ids; None
        leaves the business out.

    Raises
    ------
    InvalidToggles
        As by `plan`.
    """
    reading = Reading(columns=check_assignments(columns), has_names=look_up is not None)
    parts, problems = split_table(read_table(source, reading))
    checked = {
        business: checked_part
        for business, part in parts.items()
        if (checked_part := _check_part(business, part, look_up)) is not None
    }
    tables = [problems, *(part.problems for part in checked.values())]
    every = pd.concat([table for table in tables if len(table)] or [problems], ignore_index=True)
    raise_for_errors(every.sort_values("row", kind="stable", ignore_index=True))
    return {business: part.toggles for business, part in checked.items()}


def _check_part(business: str, part: Table, look_up: LookUp | None) -> CheckedToggles | None:
    if look_up is None:
        return check_source_table(part)
    if (menus := look_up(business)) is None:
        return None
    state, stores = menus
    return check_source_table(part, names=True, state=state, stores=stores)


def split_table(table: Table) -> tuple[dict[str, Table], pd.DataFrame]:
    """Return the rows of each business without the column that names it, and what is wrong with the names."""
    if any(problem.is_of_table for problem in table.problems):
        return {"": table}, _no_problems()
    place = _place(table)
    if place is None:
        return {}, _problems_at(
            table, np.array([-1]), [""], code="column_missing", message="There is no column 'business'."
        )
    cells = table.frame.iloc[:, place]
    names = np.array(["" if pd.isna(cell) else str(cell).strip() for cell in cells], dtype=object)
    is_bad = np.array([PROFILE_NAME.fullmatch(name) is None for name in names], dtype=bool)
    rest = replace(table, frame=table.frame.drop(columns=table.frame.columns[place]))
    parts = {
        str(name): take_rows(rest, (names == name) & ~is_bad)
        for name in dict.fromkeys(names[~is_bad].tolist())
    }
    bad = np.flatnonzero(is_bad)
    message = "This is not the name of a profile."
    return parts, _problems_at(table, bad, names[bad].tolist(), code="business_unreadable", message=message)


def _place(table: Table) -> int | None:
    return next((n for n, name in enumerate(table.names) if str(name).strip().lower() == COLUMN), None)


def _problems_at(table: Table, places: Any, values: list[str], *, code: str, message: str) -> pd.DataFrame:
    """Return a problem for each place among the rows; -1 is the whole table."""
    if not len(places):
        return _no_problems()
    return pd.DataFrame(
        list(_problem_rows(table, places, values, code=code, message=message)), columns=list(PROBLEM_COLUMNS)
    ).astype({"row": "Int64", "line": "Int64"})


def _problem_rows(
    table: Table, places: Any, values: list[str], *, code: str, message: str
) -> Iterator[dict[str, Any]]:
    for place, value in zip(places.tolist(), values, strict=True):
        is_row = place >= 0
        yield {
            "row": int(table.rows[place]) if is_row else pd.NA,
            "line": int(table.lines[place]) if is_row and table.lines is not None else pd.NA,
            "column": COLUMN,
            "value": value,
            "code": code,
            "message": message,
            "hint": _HINT,
            "severity": "error",
        }


def _no_problems() -> pd.DataFrame:
    return pd.DataFrame(columns=list(PROBLEM_COLUMNS))
