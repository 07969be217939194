"""What becomes of each row: skipped, by what the state says and proves, or carried by requests in order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..errors import PlanError
from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, index_dtype, live_flags, match_rows
from ..menus.states import is_fresh, keep_read_time
from ..model import Business, Stores, Target, parse_scope

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from .groups import Group, Indexes, Rectangle

    Flags = NDArray[np.bool_]

# Why a row is not sent: by its flag; by the menu; by its flag alone, where the links that it cascades to
# cannot be read; and by a promise that holds its cell.
SKIP_REASONS = ("rejected", "unchanged", "holds", "promised")
_ENTITY = ["entity_type", "entity_id"]
_STORE = ["brand_id", "branch_id"]


class Skips(NamedTuple):
    """What the state says about each row.

    Attributes
    ----------
    reasons : Series of text
        One of `SKIP_REASONS`, or missing for a row that is to be sent.
    before : Series of boolean
        The live flag; missing where the state does not tell.
    optional : array of bool
        The rows that hold already, and that a request may carry all the same.
    """

    reasons: pd.Series
    before: pd.Series
    optional: Flags

    @property
    def may_be_sent(self) -> Flags:
        """Which rows a request may carry."""
        may_be_sent: Flags = self.reasons.isna().to_numpy(dtype=bool)
        return may_be_sent

    def without_idle(self, is_carried: Flags) -> Skips:
        """Return the same after planning: rows that hold and that no request carries are ``unchanged``."""
        is_idle = self.optional & ~is_carried
        return self._replace(reasons=self.reasons.mask(is_idle, "unchanged")) if is_idle.any() else self


def find_skips(toggles: pd.DataFrame, state: pd.DataFrame | None, *, unchanged: str) -> Skips:
    """Return which rows are not sent and why, which need not be, and the flag that each place has now.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles.
    state : DataFrame or None
        Live flags; what it does not tell is taken as not known. Where it has a column ``pending``, a flag
        in it is the live one. Its ``attrs["stores"]``, if there, are all
        stores of the business; and its business rows, unless they are fewer than
        ``attrs["n_business_rows"]``, are all entities of each type that they have any of, but for modifier
        options.
    unchanged : "optional", "skip" or "send"
        What becomes of rows that hold already.

    Raises
    ------
    PlanError
        `state` lacks a column.
    StateError
        `state` has a cell twice, with two flags.
    """
    index = toggles.index
    if state is None:
        nothing = pd.Series(None, index=index, dtype="str")
        before = pd.Series(pd.NA, index=index, dtype="boolean", name="before")
        return Skips(nothing, before, np.zeros(len(toggles), dtype=bool))
    _check_columns(state)
    before = _live_flags(toggles, state)
    rejected = _is_foreign(toggles, state)
    holds = _is_unchanged(toggles, before, rejected)
    reasons = np.full(len(toggles), None, dtype=object)
    reasons[rejected] = "rejected"
    if unchanged == "skip":
        reasons[holds] = "unchanged"
    optional = holds if unchanged == "optional" else np.zeros(len(toggles), dtype=bool)
    return Skips(pd.Series(reasons, index=index, dtype="str"), before, optional)


def _check_columns(state: pd.DataFrame) -> None:
    if not isinstance(state, pd.DataFrame):
        raise PlanError(f"The state is a {type(state).__name__}; hand in what read_state returned.")
    missing = [name for name in (*CELL_COLUMNS, "is_enabled") if name not in state]
    if missing:
        raise PlanError(f"The state has no column {', '.join(missing)}; hand in what read_state returned.")


def _live_flags(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.Series:
    live = live_flags(state).array
    before = pd.Series(live.take(match_rows(toggles, within=state), allow_fill=True), index=toggles.index)
    # A run judges by it whether these are fresh enough to be its flags from before.
    keep_read_time(before, state)
    return before.rename("before")


def _is_foreign(toggles: pd.DataFrame, state: pd.DataFrame) -> Flags:
    """Tell the rows whose store, or whose id, is not of this business."""
    foreign = find_foreign_stores(toggles, state)
    if not is_complete_state(state):
        return foreign
    business = state[state["scope"] == "business"]
    asked, at_business = encode_keys([toggles, business], columns=_ENTITY)
    is_told = toggles["entity_type"].isin(business["entity_type"].unique()).to_numpy(dtype=bool)
    return foreign | (is_told & ~np.isin(asked, at_business) & ~find_options(toggles, state))


def _is_unchanged(toggles: pd.DataFrame, before: pd.Series, rejected: Flags) -> Flags:
    """Tell the rows that hold already, and would still hold after the rest of the plan.

    The state does not tell modifier links, so a row that cascades to them is always sent.
    """
    holds = (before == toggles["is_enabled"]).fillna(value=False).to_numpy(dtype=bool)
    holds &= ~toggles["cascade_to_modifier_groups"].to_numpy(dtype=bool) & ~rejected
    is_business = (toggles["scope"] == "business").to_numpy(dtype=bool)
    (entities,) = encode_keys([toggles], columns=_ENTITY)
    changed = entities[is_business & ~holds & ~rejected]
    return holds & (is_business | ~np.isin(entities, changed))


def is_complete_state(state: pd.DataFrame) -> bool:
    """Say whether a state has all rows of the business level, so that others are not of it.

    A state that was filtered has fewer than were read; one made by hand is taken at its word.

    Parameters
    ----------
    state : DataFrame
        Live flags; ``attrs["n_business_rows"]``, if it is there, is how many were read.
    """
    n_rows = int((state["scope"] == "business").sum())
    return n_rows > 0 and n_rows == state.attrs.get("n_business_rows", n_rows)


def find_options(rows: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say which rows are modifier options: items of the business that a state has no rows of.

    Parameters
    ----------
    rows : DataFrame
        With ``entity_type`` and ``entity_id``.
    state : DataFrame
        Live flags; ``attrs["modifier_option_ids"]`` are the options.
    """
    options = list(state.attrs.get("modifier_option_ids", ()))
    is_option: Codes = ((rows["entity_type"] == "item") & rows["entity_id"].isin(options)).to_numpy(
        dtype=bool
    )
    return is_option


def find_foreign_stores(rows: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say which rows are of a store that the business does not have, as far as the state lists its stores.

    Parameters
    ----------
    rows : DataFrame
        With ``scope``, ``brand_id`` and ``branch_id``.
    state : DataFrame
        Live flags; ``attrs["stores"]`` are all stores of the business.
    """
    stores = state.attrs.get("stores")
    if stores is None:
        return np.zeros(len(rows), dtype=bool)
    listed = pd.DataFrame(list(stores), columns=_STORE, dtype="Int64")
    pairs, listed_pairs = encode_keys([rows, listed], columns=_STORE)
    foreign: Codes = (rows["scope"] == "store").to_numpy(dtype=bool) & ~np.isin(pairs, listed_pairs)
    return foreign


_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0
ROW_COLUMNS = ("request_no", "other_request_nos", "skipped_as")
_MARK = "input_"
# What a person may have called a column. Toggles never have a request_no: it is a column of results.
_OWN_NAMES = re.compile(f"({_MARK})*({'|'.join(ROW_COLUMNS[1:])})")


class GroupRectangle(NamedTuple):
    """One rectangle of one group."""

    group: Group
    rectangle: Rectangle

    @property
    def ids(self) -> Indexes:
        """The entity ids."""
        return self.group.ids[self.rectangle.rows]

    @property
    def target(self) -> Target:
        """What the request writes."""
        key = self.group.key
        pairs = self.group.stores[self.rectangle.columns].tolist()
        return Target(
            entity_type=key.entity_type,
            ids=tuple(self.ids.tolist()),
            scope=Business() if self.group.is_business else Stores(tuple(map(tuple, pairs))),
            is_enabled=key.is_enabled,
            cascade_to_modifier_groups=key.cascade_to_modifier_groups,
            cascade_brand_ids=key.cascade_brand_ids,
        )

    @property
    def cells(self) -> Indexes:
        """Positions of its cells in the group's cells."""
        return self.group.cells_of(*self.rectangle)

    @property
    def n_rows(self) -> int:
        """How many input rows ask for its cells."""
        return int(self.group.n_rows_of_cell[self.cells].sum())


def sort_requests(requests: list[GroupRectangle]) -> list[GroupRectangle]:
    """Return the requests in sending order: business-wide ones, then those of stores; most rows soonest.

    An override must be the last word on its store, so a run sends none before all business-wide writes are
    settled.
    """
    return sorted(requests, key=lambda request: (not request.group.is_business, -request.n_rows))


class RowAssignment(NamedTuple):
    """For each input row its owner, and the other requests that carry it too.

    Attributes
    ----------
    owners : array of int64
        Request number, from 1; 0 for a row that is not sent.
    others : array of object
        Tuples of request numbers.
    """

    owners: Indexes
    others: NDArray[np.object_]


def assign_rows(requests: list[GroupRectangle], *, groups: list[Group], n_rows: int) -> RowAssignment:
    """Give each row the first request that carries it as its owner, and list the later ones."""
    owners = np.zeros(n_rows, dtype=np.int64)
    others = np.empty(n_rows, dtype=object)
    others.fill(())
    numbered: dict[int, list[tuple[int, GroupRectangle]]] = defaultdict(list)
    for no, request in enumerate(requests, start=1):
        numbered[id(request.group)].append((no, request))
    for group in groups:
        lists, choice = _request_lists(numbered[id(group)], n_cells=len(group.cells))
        per_row = choice[group.cell_of_row]
        owners[group.rows] = np.array([request_nos[0] if request_nos else 0 for request_nos in lists])[
            per_row
        ]
        tails = np.empty(len(lists), dtype=object)
        tails[:] = [request_nos[1:] for request_nos in lists]
        if any(tails):
            others[group.rows] = tails[per_row]
    return RowAssignment(owners, others)


def _request_lists(
    numbered: list[tuple[int, GroupRectangle]], *, n_cells: int
) -> tuple[list[tuple[int, ...]], Indexes]:
    """Return the distinct lists of requests that a cell can have, and for each cell which of them it has."""
    lists: list[tuple[int, ...]] = [()]
    choice: Indexes = np.zeros(n_cells, dtype=index_dtype(n_cells))
    for no, request in numbered:
        cells = request.cells
        list_nos = choice[cells]
        before = np.flatnonzero(np.bincount(list_nos, minlength=len(lists)))
        positions = np.zeros(len(lists), dtype=np.int64)
        positions[before] = np.arange(len(before))
        choice[cells] = len(lists) + positions[list_nos]
        lists += [(*lists[list_no], no) for list_no in before.tolist()]
    return lists, choice


def table_requests(targets: Sequence[Target], owners: pd.Series) -> pd.DataFrame:
    """Return one row per request, in sending order; ``n_rows`` counts the input rows that it owns."""
    owned = owners.dropna().to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "request_no": np.arange(1, len(targets) + 1),
            "entity_type": pd.Series([target.entity_type for target in targets], dtype="str"),
            "scope": pd.Series([target.scope.name for target in targets], dtype="str"),
            "is_enabled": np.array([target.is_enabled for target in targets], dtype=bool),
            "ids": pd.Series([target.ids for target in targets], dtype=object),
            "stores": pd.Series([target.stores for target in targets], dtype=object),
            "cascade_to_modifier_groups": np.array(
                [target.cascade_to_modifier_groups for target in targets], dtype=bool
            ),
            "cascade_brand_ids": pd.Series([target.cascade_brand_ids for target in targets], dtype=object),
            "n_ids": np.array([len(target.ids) for target in targets], dtype=np.int64),
            "n_stores": np.array([len(target.stores) for target in targets], dtype=np.int64),
            "n_rows": np.bincount(owned, minlength=len(targets) + 1)[1:],
        }
    )


def read_targets(requests: pd.DataFrame) -> tuple[Target, ...]:
    """Return what `table_requests` made a frame of.

    Raises
    ------
    ValueError
        A request's stores do not fit its scope.
    """
    return tuple(
        Target(
            entity_type=row["entity_type"],
            ids=row["ids"],
            scope=parse_scope(row["scope"], row["stores"]),
            is_enabled=bool(row["is_enabled"]),
            cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
            cascade_brand_ids=row["cascade_brand_ids"],
        )
        for row in requests.to_dict("records")
    )


def table_rows(toggles: pd.DataFrame, carriers: RowAssignment, skips: Skips) -> pd.DataFrame:
    """Return the toggles with the requests that carry them, or why none does."""
    numbers = pd.arrays.IntegerArray(carriers.owners, carriers.owners == 0)
    return toggles.rename(columns=_marked_name).assign(
        request_no=pd.Series(numbers, index=toggles.index, copy=False),
        other_request_nos=pd.Series(carriers.others, index=toggles.index, dtype=object, copy=False),
        skipped_as=skips.reasons,
    )


def _marked_name(name: Hashable) -> Hashable:
    """Make room for a row column; a name with a mark of its own gets one more, so that one can go again."""
    return f"{_MARK}{name}" if isinstance(name, str) and _OWN_NAMES.fullmatch(name) else name


def restore_name(name: Hashable) -> Hashable:
    """Return what a column was called before `table_rows` made room for the row columns.

    Examples
    --------
    >>> from klikit_frames.planning.row_assignment import restore_name
    >>> restore_name("input_skipped_as"), restore_name("input_request_no")
    ('skipped_as', 'input_request_no')
    """
    bare = name.removeprefix(_MARK) if isinstance(name, str) else name
    return bare if bare != name and _OWN_NAMES.fullmatch(str(bare)) else name


def riding_rows(rows: pd.DataFrame, before: pd.Series) -> pd.Series:
    """Tell which rows are sent although they need not be: they hold, and nothing in the plan undoes that."""
    holds = (before == rows["is_enabled"]).fillna(value=False) & ~rows["cascade_to_modifier_groups"]
    is_carried = rows["request_no"].notna()
    if not holds.any():
        return holds
    is_business = rows["scope"] == "business"
    entities = pd.MultiIndex.from_frame(rows[["entity_type", "entity_id"]])
    is_changed = entities.isin(entities[(is_carried & is_business & ~holds).to_numpy(dtype=bool)])
    return holds & is_carried & (is_business | ~is_changed)


def count_menus(rows: pd.DataFrame, before: pd.Series, *, now: datetime) -> int:
    """Return how many menus a run reads for its flags from before: none where the plan has fresh ones.

    Parameters
    ----------
    rows : DataFrame
        The rows of a plan.
    before : Series
        Its flags from before, row by row.
    now : datetime
        The present.
    """
    is_sent = rows["request_no"].notna().to_numpy(dtype=bool)
    if before[is_sent].notna().all() and is_fresh(before, now=now):
        return 0
    return len(rows.loc[is_sent, ["brand_id", "branch_id"]].drop_duplicates())
