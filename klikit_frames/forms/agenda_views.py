"""What the agenda of a form shows: open promises, those of one change together, overdue first. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ..overview import Names, headline
from .until_choices import show_moment

OPEN = ("waiting", "active")
_TOGETHER = ["is_overdue", "status", "is_enabled", "starts_at", "ends_at"]
_MOST_NAMED = 3


@dataclass(frozen=True)
class PromiseGroup:
    """The promises of one change: the same flag, from and until the same moment.

    Attributes
    ----------
    promise_ids : tuple of str
        The first one names the group.
    text : str
        What goes off or on in how many stores.
    names : str
        The titles of the first few entities.
    times : str
        From when, until when, and whether that is overdue.
    is_overdue : bool
        Whether what is due next should have been done.
    """

    promise_ids: tuple[str, ...]
    text: str
    names: str
    times: str
    is_overdue: bool


def group_promises(
    agenda: pd.DataFrame, *, names: Names, now: datetime, zone: ZoneInfo
) -> list[PromiseGroup]:
    """Return the open promises of an agenda, those of one change together, in the agenda's order.

    Parameters
    ----------
    agenda : DataFrame
        As `klikit_frames.agenda` returns it, overdue ones first.
    names : Names
        Titles, for promises that bring none.
    now : datetime
        The present.
    zone : ZoneInfo
        Whose clock times are told by.
    """
    shown = agenda[agenda["status"].isin(OPEN)]
    overdue_first = shown.sort_values("is_overdue", ascending=False, kind="stable")
    groups = overdue_first.groupby(_TOGETHER, sort=False, dropna=False)
    return [_group(rows, names=names, now=now, zone=zone) for _, rows in groups]


def _group(rows: pd.DataFrame, *, names: Names, now: datetime, zone: ZoneInfo) -> PromiseGroup:
    first = next(iter(rows.to_dict("records")))
    return PromiseGroup(
        promise_ids=tuple(rows["promise_id"]),
        text=headline(rows),
        names=_titles(rows, names),
        times=_times(first, now=now, zone=zone),
        is_overdue=bool(first["is_overdue"]),
    )


def _titles(rows: pd.DataFrame, names: Names) -> str:
    entities = rows.drop_duplicates(["entity_type", "entity_id"])
    cells = entities[["entity_type", "entity_id", "title"]].itertuples(index=False, name=None)
    titles = [
        title if isinstance(title, str) and title else names.entity(kind, entity_id)
        for kind, entity_id, title in cells
    ]
    more = f" and {len(titles) - _MOST_NAMED:,} more" if len(titles) > _MOST_NAMED else ""
    return ", ".join(titles[:_MOST_NAMED]) + more


def _times(promise: dict[Hashable, Any], *, now: datetime, zone: ZoneInfo) -> str:
    def show(moment: datetime) -> str:
        return show_moment(moment, now=now, zone=zone)

    until = "for good" if pd.isna(promise["ends_at"]) else f"until {show(promise['ends_at'])}"
    if promise["is_overdue"]:
        what = "begin" if promise["status"] == "waiting" else "come back"
        return f"overdue: was to {what} at {show(promise['next_at'])}"
    if promise["status"] == "waiting":
        return f"from {show(promise['starts_at'])} {until}, not begun"
    return until
