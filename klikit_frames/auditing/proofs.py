"""Proof: what was written, read back from the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..menus.trees import TEXT
from ..progress import Progress
from ..running.journal import JournalPath
from ..running.states import read_state
from .darkness import PLACE_COLUMNS
from .diffs import beside
from .matching import Codes, booleans, encode_keys, flags, match_rows, named
from .recall import recall_before
from .visibility import changed_rows, hidden_rows, known_rows

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.results import Result

PROOFS = ("confirmed", "differs", "not_visible_yet")
_CONFIRMED, _DIFFERS, _NOT_VISIBLE_YET = range(3)
_PUBLISH = "written, but the store's menu is a copy from before; klikit_frames.publish makes it anew"


def verify(
    result: Result,
    client: Client,
    *,
    journal: JournalPath = None,
    timeout_s: float = 0.0,
    poll_every_s: float = 2.0,
    progress: Progress = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> pd.DataFrame:
    """Return the result with the live flag beside each row, read back from the server.

    Reads the business level, the menus of the result's stores, and the journal for the flags from before
    the run.

    Parameters
    ----------
    result : Result
        From `klikit_frames.run`, `resume` or ``job.result()``.
    client : Client
        A client that may read menus, of the host of the run.
    journal : path, optional
        The journal's file, as given to the run. Without its flags from before, a store counts as published
        once half of its rows show.
    timeout_s : float
        How long to go on looking at stores that do not show the change yet; 0 looks once.
    poll_every_s : float
        Seconds between two looks.
    progress : object with ``update`` and ``close``, or False, or None
        One step per menu that is read; see `klikit_frames.run`.
    clock, sleep : callable
        The time in seconds, and a wait.

    Returns
    -------
    pandas.DataFrame
        ``result.frame``, then ``live`` (boolean), ``proof`` and ``proof_note`` (text). ``proof`` is
        ``confirmed``: the live flag is the one asked for; ``not_visible_yet``: the store's menu shows
        nothing of what the run changed there, so it is the copy from before the next publish; ``differs``:
        it has another flag, so it was not written, or somebody changed it since. Missing where the live
        flag is not known: the menu could not be read, has no such entity, or tells two values.

    Raises
    ------
    RequestError
        No menu at all could be read. `klikit_frames.failures` of the frame has those that could not.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     kf.verify(kf.run(plan, client), client)[["outcome", "live", "proof"]].values.tolist()
    [['applied', False, 'confirmed']]
    """
    frame = result.frame
    before = recall_before(result.run_id, journal=journal)
    state = read_cells(frame[frame["outcome"] != "rejected"], client, progress=progress)
    live, proof = _judge(frame, state, before=before)
    until = clock() + timeout_s
    while (proof == _NOT_VISIBLE_YET).any() and clock() < until:
        sleep(min(poll_every_s, max(until - clock(), 0.0)))
        state = _renewed(state, read_cells(frame[proof == _NOT_VISIBLE_YET], client, progress=False))
        live, proof = _judge(frame, state, before=before)
    told = beside(frame, live=booleans(live), proof=named(proof, PROOFS), proof_note=_notes(frame, proof))
    told.attrs["failures"] = state.attrs["failures"]
    return told


def read_cells(cells: pd.DataFrame, client: Client, *, progress: Progress) -> pd.DataFrame:
    """Return the live state of the menus that hold these cells."""
    is_store = (cells["scope"] == "store").to_numpy(dtype=bool)
    with_business = not is_store.all()
    return read_state(client, stores=cells[is_store], with_business=with_business, progress=progress)


def _judge(frame: pd.DataFrame, state: pd.DataFrame, *, before: pd.Series | None) -> tuple[Codes, Codes]:
    """Return the live flags, and the proof of each row as a code."""
    live = flags(state["is_enabled"], match_rows(frame, within=state))
    is_shown = live == flags(frame["is_enabled"])
    is_hidden = hidden_rows(
        frame,
        is_changed=changed_rows(frame, before=before),
        is_shown=is_shown,
        is_known=known_rows(frame, before=before),
    )
    proof = np.select([live < 0, is_shown, is_hidden], [-1, _CONFIRMED, _NOT_VISIBLE_YET], default=_DIFFERS)
    return live, proof


def _renewed(state: pd.DataFrame, newer: pd.DataFrame) -> pd.DataFrame:
    """Return the state with the menus of `newer` in place of its own."""
    old, new = encode_keys([state, newer], columns=PLACE_COLUMNS)
    both = pd.concat([state[~np.isin(old, new)], newer], ignore_index=True)
    both.attrs = newer.attrs
    return both


def _notes(frame: pd.DataFrame, proof: Codes) -> pd.Series:
    """Say what a row's proof means where it is not as asked."""
    notes = pd.Series(None, index=frame.index, dtype=TEXT)
    notes[proof == _NOT_VISIBLE_YET] = _PUBLISH
    is_other = proof == _DIFFERS
    is_written = frame["outcome"].isin(["applied", "unchanged"]).to_numpy(dtype=bool)
    notes[is_other & ~is_written] = "the run did not write it"
    notes[is_other & is_written] = "somebody changed it since; the API does not tell who or when"
    since = frame["settled_at"].dt.strftime("%Y-%m-%d %H:%M:%S UTC")
    dated = is_other & is_written & since.notna().to_numpy(dtype=bool)
    notes[dated] = "somebody changed it since " + since[dated] + "; the API does not tell who"
    return notes
