"""Audits: do the live menus hold what a wanted table says, what differs, and since when."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..api.client_arguments import takes_client
from ..errors import ConfigError, JournalError, check_yes_or_no
from ..frames.cell_keys import Codes, encode_keys, match_rows
from ..frames.wanted_tables import read_wanted
from ..menus.readings import Failure, error_of, is_of_no_store
from ..menus.state_arrays import TEXT
from ..menus.stores import stores as read_stores
from ..model import Cell
from ..overview import BUSINESS, Names
from ..planning.planner import refuse_times
from ..progress import Progress, check_progress
from ..running.journal import JournalPath, open_journal, read_journal
from ..running.journal_codec import microseconds, times
from ..running.journal_notes import Finding, note_audit
from ..running.live_state import observe, read_state
from .diffs import append_columns, diff

if TYPE_CHECKING:
    from ..api.client import Client

_LOG = logging.getLogger("klikit_frames")
_CELL = [*Cell._fields]
# How often the journal notes that a row still differs, so that an audit each minute writes little.
_NOTED_EVERY = timedelta(days=1)
_KEPT_ATTRS = ("host", "read_at", "brand_titles", "branch_titles", "failures", "stores", "journal_error")


class Observed(NamedTuple):
    """What is wanted, the menus that it touches, the one held against the other, and what was not read."""

    wanted: pd.DataFrame
    state: pd.DataFrame
    frame: pd.DataFrame
    lost: list[Failure]


@takes_client
def audit(
    wanted: Any,
    client: Client,
    *,
    journal: JournalPath = None,
    progress: Progress = None,
    columns: Mapping[str, str] | None = None,
    names: bool = False,
) -> pd.DataFrame:
    """Return a wanted table with the live flag beside each row, whether it is as wanted, and since when not.

    Reads the disk for the table; over the network the menus of the stores that its rows name, and the
    business level if one is business-wide, as many at a time as the client has connections, under its read
    cap; and the journal, for what this machine wrote and no menu shows yet. Changes no menu. What differs is
    noted in the journal, so that the next audit knows since when.

    Parameters
    ----------
    wanted : path of a folder, or whatever `read_toggles` takes
        How the menus shall be. A folder's tables are read in name order; hidden files are left out.
    client : Client
        A client that may read menus.
    journal : path, optional
        The journal's file, as given to `klikit_frames.run`.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu; see `klikit_frames.run`.
    columns, names
        As for `read_toggles`; for names the list of stores and the business level are read first.

    Returns
    -------
    pandas.DataFrame
        As `diff` returns it, with ``source`` (the table's name; missing where it is no file) before ``live``
        and ``change``. Rows with the change ``change`` have drifted. Then ``since_at`` (UTC), when the first
        of the audits in a row that found the row so read the menus, missing for the others, and ``title``
        unless the table has one. `klikit_frames.failures` lists the menus that could not be read; their rows
        are ``unknown``.

    Raises
    ------
    InvalidToggles
        A row is bad, a file is no table, a folder has none, or tables contradict each other.
    PlanError
        A row has a time: such rows are for `schedule`.
    ConfigError
        None of the rows is of this business.
    RequestError
        No menu at all could be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     sections = kf.read_state(client).query("entity_type == 'section'").head(2)
    ...     wanted = kf.business_toggles("section", sections["entity_id"], is_enabled=True)
    ...     _ = kf.run(kf.plan(wanted.head(1).assign(is_enabled=False)), client)
    ...     kf.audit(wanted, client)["change"].tolist()
    ['change', 'already']
    """
    seen = look(wanted, client, journal=journal, progress=progress, columns=columns, names=names)
    if seen.lost and seen.state.empty:
        raise error_of(seen.lost)
    return seen.frame


def drift_by_store(audited: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return what has drifted as a person looks for it: one row per drifted row, business-wide first.

    ``brand, store, what, wanted, live`` (text) and ``since`` (UTC), in the order of brand, store and name.
    """
    rows = audited[audited["change"] == "change"]
    places = [
        (BUSINESS, BUSINESS)
        if pd.isna(brand)
        else (names.brand(int(brand)), names.store(int(brand), int(branch)))
        for brand, branch in zip(rows["brand_id"], rows["branch_id"], strict=True)
    ]
    entities = zip(rows["entity_type"], rows["entity_id"], strict=True)
    table = pd.DataFrame(
        {
            "brand": pd.Series([brand for brand, _ in places], dtype=TEXT),
            "store": pd.Series([store for _, store in places], dtype=TEXT),
            "what": pd.Series([names.entity(*key) for key in entities], dtype=TEXT),
            "wanted": _words(rows["is_enabled"]),
            "live": _words(rows["live"]),
            "since": rows["since_at"].array,
        }
    )
    is_store = (table["brand"] != BUSINESS).rename("is_store")
    order = table.assign(is_store=is_store).sort_values(["is_store", "brand", "store", "what"], kind="stable")
    return table.loc[order.index].reset_index(drop=True)


def _words(flags: pd.Series) -> pd.Series:
    return pd.Series(["on" if flag else "off" for flag in flags.tolist()], dtype=TEXT)


def look(
    wanted: Any,
    client: Client,
    *,
    journal: JournalPath,
    progress: Progress,
    columns: Mapping[str, str] | None,
    names: bool,
) -> Observed:
    """Read a wanted table and the menus that it touches, compare them, and note what differs.

    The parameters and errors are those of `audit`; menus that could not be read are no error here.
    """
    check_progress(progress)
    check_yes_or_no("names", names)
    toggles = read_wanted(wanted, columns=columns, **(_named_by(client) if names else {}))
    refuse_times(toggles)
    is_store = (toggles["scope"] == "store").to_numpy(dtype=bool)
    pairs = toggles.loc[is_store, ["brand_id", "branch_id"]].drop_duplicates()
    began_at = client.now()
    state = observe(
        client,
        stores=pairs,
        with_business=not is_store.all(),
        journal=journal,
        progress=progress,
        must_read=False,
    ).state
    frame = _without_foreign(diff(toggles, state), state)
    if len(frame) and frame["change"].eq("not_in_menu").all():
        raise ConfigError(_other_business(frame, client))
    frame = append_columns(frame, since_at=_since(frame, client, state, journal=journal, now=began_at))
    frame = _with_title(frame, state)
    frame.attrs |= {name: state.attrs[name] for name in _KEPT_ATTRS if name in state.attrs}
    lost = [failure for failure in state.attrs["failures"] if not is_of_no_store(failure)]
    return Observed(toggles, state, frame, lost)


def _named_by(client: Client) -> dict[str, Any]:
    return {"names": True, "state": read_state(client, progress=False), "stores": read_stores(client)}


def _without_foreign(frame: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the rows of stores that the API does not know as ``not_in_menu``."""
    gone = [
        (failure.brand_id, failure.branch_id)
        for failure in state.attrs["failures"]
        if is_of_no_store(failure)
    ]
    foreign_pairs = pd.DataFrame(gone, columns=["brand_id", "branch_id"], dtype="Int64").dropna()
    if foreign_pairs.empty:
        return frame
    rows, foreign = encode_keys([frame, foreign_pairs], columns=["brand_id", "branch_id"])
    return frame.assign(change=frame["change"].mask(np.isin(rows, foreign), "not_in_menu"))


def _other_business(frame: pd.DataFrame, client: Client) -> str:
    first = frame.iloc[0]
    where = "" if pd.isna(first["brand_id"]) else f" in store {first['brand_id']}/{first['branch_id']}"
    return (
        f"None of the {len(frame):,} wanted rows is in a menu of this business on {client.host}, such as "
        f"{first['entity_type']} {first['entity_id']}{where}. Nothing was sent. Is the table of another "
        "business? Then connect with that one's keys or profile."
    )


def _since(
    frame: pd.DataFrame, client: Client, state: pd.DataFrame, *, journal: JournalPath, now: datetime
) -> pd.Series:
    """Return since when each row differs, and note in the journal what does and what does no more."""
    differs = frame["change"].eq("change").to_numpy(dtype=bool)
    cells = _cells(frame[differs])
    wanted_flags = dict(zip(cells, frame.loc[differs, "is_enabled"].tolist(), strict=True))
    recorded: dict[Cell, Finding] = {}
    try:
        with read_journal(journal) as opened:
            recorded = opened.audit_findings(client.account)
        new = [
            Finding(cell, flag, now, now)
            for cell, flag in wanted_flags.items()
            if cell not in recorded or recorded[cell].is_enabled is not flag
        ]
        seen_again = [
            finding._replace(seen_at=now)
            for cell, finding in recorded.items()
            if wanted_flags.get(cell) is finding.is_enabled and now - finding.seen_at >= _NOTED_EVERY
        ]
        holds = frame["change"].eq("already").to_numpy(dtype=bool)
        settled = recorded.keys() & set(_cells(frame[holds])) if recorded else set()
        if new or seen_again or settled:
            with open_journal(journal) as opened:
                opened.take_in(note_audit(client.account, differing=[*new, *seen_again], settled=settled))
    except JournalError as error:
        _LOG.warning("Since when rows differ is not known and not noted: %s", error)
        state.attrs["journal_error"] = str(error)
        new = [Finding(cell, flag, now, now) for cell, flag in wanted_flags.items() if cell not in recorded]
    since = {cell: finding.since_at for cell, finding in recorded.items()} | {
        finding.cell: finding.since_at for finding in new
    }
    moments = np.full(len(frame), None, dtype=object)
    moments[differs] = [microseconds(since[cell]) for cell in cells]
    return times(moments)


def _cells(rows: pd.DataFrame) -> list[Cell]:
    columns = [rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in _CELL]
    return [Cell(*row) for row in zip(*columns, strict=True)]


def _with_title(frame: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the titles of the menus, unless it has titles of its own."""
    if "title" in frame.columns:
        return frame
    position: Codes = match_rows(frame, within=state)
    return frame.assign(title=state["title"].astype(TEXT).array.take(position, allow_fill=True))
