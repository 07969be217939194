"""What the cells of a plan held before it was run: the ground that an undo stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from ..errors import ApiError, AuthError, RequestError
from ..model import Cell, cell_of
from .readbacks import read_flags
from .records import CellFlag

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan

Before = Literal["plan", "read"]
_COLUMNS = ["entity_type", "entity_id", "brand_id", "branch_id"]


def find_before(plan: Plan, client: Client, *, before: Before) -> list[CellFlag]:
    """Return what the cells of `plan` hold: by the state it was made from, or read now.

    Raises
    ------
    RequestError
        ``"read"``, and the menus cannot be reached or the credential is refused.
    """
    rows = plan.rows
    is_sent = rows["request_no"].notna()
    cells = [cell_of(*row) for row in rows[_COLUMNS].itertuples(index=False, name=None)]
    if before == "read":
        return _read(client, [cell for cell, sent in zip(cells, is_sent, strict=True) if sent])
    known = zip(cells, plan.before, is_sent, strict=True)
    return list(
        {CellFlag(cell, bool(flag)): None for cell, flag, sent in known if sent and not pd.isna(flag)}
    )


def _read(client: Client, cells: list[Cell]) -> list[CellFlag]:
    try:
        return read_flags(client, cells)
    except AuthError:
        raise
    except (ApiError, RequestError) as error:
        # Menus of stores that are not there have no flags to keep; the run will tell about these rows.
        if isinstance(error, ConnectionError):
            raise
        return []
