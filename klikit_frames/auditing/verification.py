"""Verification: what was written, read back from the server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .. import edge
from ..api.client_arguments import takes_client
from ..errors import PlanError, check_number, check_type
from ..frames.cell_keys import Codes, encode_keys, match_rows
from ..menus.state_arrays import TEXT, booleans, flags, named
from ..menus.visibility import PLACE_COLUMNS
from ..model import Cell, cell_of
from ..progress import Progress
from ..running.evidence import CellWrite, Proof, Write, find_pending
from ..running.guards import check_same_account
from ..running.journal import JournalPath, read_journal
from ..running.live_state import Observation, observe
from ..running.results import Result
from ..wording import SHORT_ID, visible_text
from .diffs import append_columns

if TYPE_CHECKING:
    from ..api.client import Client

PROOFS = ("confirmed", "differs", "not_visible_yet")
_CONFIRMED, _DIFFERS, _NOT_VISIBLE_YET = range(3)
_NO_PROOF = -1
# Shown in notebooks, forms and terminals, where a menu is renewed by a function, a button or a command.
_WAITS = "{written}, but the store's menu is not proved to be newer than that; publishing makes it anew"
_ROW = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled", "outcome", "sent_at", "settled_at"]
_NOT_WRITTEN = {
    "unchanged": "this run sent nothing, since it was {asked} then",
    "rejected": "the API refused this row",
    "failed": "the API refused the request of this row",
    "not_sent": "this run has not sent this row",
}
_UNDATED = "when this run wrote this row is not known"


@takes_client
def verify(
    result: Result,
    client: Client,
    *,
    journal: JournalPath = None,
    timeout_s: float = 0.0,
    poll_every_s: float = 2.0,
    progress: Progress = None,
    clock: Callable[[], float] = edge.monotonic,
    sleep: Callable[[float], object] = edge.sleep,
) -> pd.DataFrame:
    """Return the result with the live flag beside each row, read back from the server.

    Reads the business level, the menus of the result's stores, and the journal for what this machine wrote
    and published. What the menus prove is noted there.

    Parameters
    ----------
    result : Result
        From `klikit_frames.run`, `resume`, ``job.result()`` or ``job.so_far()``.
    client : Client
        A client that may read menus, of the business of the run.
    journal : path, optional
        The journal's file; None is the result's own.
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
        ``result.frame``, then ``live`` (boolean), what the menu shows, ``proof`` and ``proof_note`` (text).
        ``proof`` is ``confirmed``: the live flag is the one asked for; ``differs``: the menu is proved to be
        newer than the write, and shows another flag; ``not_visible_yet``: it is not proved to be newer than
        this write, or than a later one of this machine that may hold the flag asked for. A store's menu is
        newer than a write if it shows a flag that this or a later write changed, or if a publish of this tool
        has succeeded since. Business rows are read live. Missing where the live flag is
        not known: the menu could not be read, has no such entity, or tells two values; for rows that a run
        which still goes on has not settled; and for rows that it did not write (``rejected``, ``failed``,
        ``not_sent``) and that show another flag: the note says what is seen. What others changed and have
        not published nobody can know.

    Raises
    ------
    PlanError
        The run was on another host, or on another business there.
    RequestError
        No menu at all could be read. `klikit_frames.failures` of the frame has those that could not.

    Notes
    -----
    A publish may only be queued. Where nothing but a publish proves a menu to be newer, the note says how
    long ago that was, and `timeout_s` waits.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     kf.verify(kf.run(plan, client), client)[["outcome", "live", "proof"]].values.tolist()
    [['applied', False, 'confirmed']]
    """
    check_type("result", result, Result, made_by="kf.run()")
    check_number("timeout_s", timeout_s)
    check_number("poll_every_s", poll_every_s)
    journal = result.journal if journal is None else journal
    check_account(result, client, journal=journal)
    frame = result.frame
    finder = _ProofFinder(result)
    asked, since = frame[frame["outcome"] != "rejected"], result.run_id
    seen = read_cells(asked, client, journal=journal, progress=progress, since=since)
    state = seen.state
    proofs = finder.find_proofs(seen)
    until = clock() + timeout_s
    while proofs.waits.any() and clock() < until:
        sleep(min(poll_every_s, max(until - clock(), 0.0)))
        seen = read_cells(frame[proofs.waits], client, journal=journal, progress=False, since=since)
        state = _renewed(state, seen.state)
        proofs = finder.find_proofs(Observation(state, seen.history), again=proofs)
    verified = append_columns(
        frame,
        live=booleans(proofs.live),
        proof=named(proofs.proof, PROOFS),
        proof_note=pd.Series(proofs.notes.tolist(), dtype=TEXT),
    )
    verified.attrs["failures"] = state.attrs["failures"]
    return verified


def check_account(result: Result, client: Client, *, journal: JournalPath) -> None:
    """Refuse a client of another host, or of another business, than the one of a result.

    Raises
    ------
    PlanError
        The message names the hosts.
    """
    if result.host != client.host:
        raise PlanError(
            f"Run {result.run_id[:SHORT_ID]} was on {visible_text(result.host)}; "
            f"this client is of {client.host}."
        )
    with read_journal(journal) as opened:
        if opened.knows(result.run_id):
            check_same_account(opened.run(result.run_id), client)


def read_cells(
    cells: pd.DataFrame, client: Client, *, journal: JournalPath, progress: Progress, since: str | None = None
) -> Observation:
    """Return the live state of the menus that hold these cells, and what the journal knows of them."""
    is_store = (cells["scope"] == "store").to_numpy(dtype=bool)
    return observe(
        client,
        stores=cells[is_store],
        with_business=not is_store.all(),
        journal=journal,
        since=since,
        progress=progress,
    )


class _FoundProofs(NamedTuple):
    """The live flags and proofs as codes, the notes, and which rows may still change by waiting."""

    live: Codes
    proof: Codes
    notes: np.ndarray[Any, Any]
    waits: Codes


class _ProofFinder:
    """Says of each row of a result what the menus prove."""

    def __init__(self, result: Result) -> None:
        self._frame = result.frame
        self._run_id = result.run_id
        self._is_running = result.status == "running"
        self._rows = list(result.frame[_ROW].itertuples(index=False, name=None))

    def find_proofs(self, seen: Observation, *, again: _FoundProofs | None = None) -> _FoundProofs:
        """Return the proof of each row; `again` keeps those that were not waited for."""
        live = flags(seen.state["is_enabled"], match_rows(self._frame, within=seen.state))
        proof, waits = np.full(len(live), _NO_PROOF), np.zeros(len(live), dtype=bool)
        notes = np.full(len(live), None, dtype=object)
        for place, row in enumerate(self._rows):
            if again is not None and not again.waits[place]:
                proof[place], notes[place] = again.proof[place], again.notes[place]
                continue
            shown = None if live[place] < 0 else bool(live[place])
            proof[place], notes[place], waits[place] = self._find_proof(row, seen, shown=shown)
        return _FoundProofs(live, proof, notes, waits)

    def _find_proof(
        self, row: tuple[Any, ...], seen: Observation, *, shown: bool | None
    ) -> tuple[int, str | None, bool]:
        """Return the proof of a row, its note, and whether waiting may change it."""
        *entity, asked, outcome, _, _ = row
        if shown is None:
            return _NO_PROOF, None, False
        cell, asked = cell_of(*entity), bool(asked)
        proof = seen.history.proof(cell.store)
        chain, own_writes = self._writes(seen.history.chain(cell), row)
        code = _proof_of(cell, asked=asked, shown=shown, chain=chain, own_writes=own_writes, proof=proof)
        if code == _CONFIRMED:
            return code, None, False
        if self._is_running and (
            outcome == "not_sent" or any(write.settled_at is None for write in own_writes)
        ):
            return _NO_PROOF, "this run is still going on and has not settled this row", False
        later_writes = _later_writes(chain, own_writes, run_id=self._run_id)
        later = later_writes[-1] if later_writes else None
        is_written = any(not write.is_wide for write in own_writes)
        if code == _DIFFERS and not is_written and outcome != "unchanged":
            # Nothing was written that it could differ from, and others may have changed it, unpublished.
            return _NO_PROOF, f"{describe_menu(shown)}; {_NOT_WRITTEN.get(outcome, _UNDATED)}", False
        if code == _NOT_VISIBLE_YET:
            note = f"{describe_menu(shown)}; {describe_write(later)}" if later else _waits(own_writes)
            return code, note, True
        # What a row without a request of its own is held against is the last write to its cell.
        basis = own_writes or [link.write for link in chain]
        # A later write of the flag asked for may wait for that publish too, and be live by then.
        waiting = [
            write for write in later_writes if write.is_enabled is asked and proof.rests_on_publish(write)
        ]
        by_publish = bool(waiting) or any(map(proof.rests_on_publish, basis[-1:]))
        said = (
            _publish_note(shown, proof, read_at=seen.history.read_at) if by_publish else describe_menu(shown)
        )
        mine = f"this run {describe_own(own_writes[-1])}" if own_writes else _NOT_WRITTEN.get(outcome, "")
        others = describe_write(waiting[-1] if waiting else later) if later else ""
        parts = (said, mine.format(asked=_word(asked)), others)
        return code, "; ".join(part for part in parts if part), by_publish

    def _writes(self, chain: list[CellWrite], row: tuple[Any, ...]) -> tuple[list[CellWrite], list[Write]]:
        """Return all writes to a row's cell, and the run's own, by the result where no journal tells it."""
        own_writes = [link.write for link in chain if link.write.key[0] == self._run_id]
        asked, outcome, *times = row[4:]
        sent_at, settled_at = (None if pd.isna(moment) else moment.to_pydatetime() for moment in times)
        if own_writes or outcome not in {"applied", "unknown"} or sent_at is None:
            return chain, own_writes
        is_certain = outcome == "applied" and settled_at is not None
        write = Write((self._run_id, ""), bool(asked), sent_at, settled_at, is_certain=is_certain)
        return sorted([*chain, CellWrite(write)], key=lambda link: link.write.sent_at), [write]


def _publish_note(shown: bool, proof: Proof, *, read_at: datetime) -> str:  # noqa: FBT001
    """Say how long after a publish the menu was read; both are times of one clock."""
    assert proof.published_at is not None  # noqa: S101 - for the type checker
    seconds = max(0, round((read_at - proof.published_at).total_seconds()))
    return f"the menu still shows {_word(shown)}, {seconds:,} s after the publish"


def _waits(own_writes: list[Write]) -> str:
    """Say that a menu may still be older than what a run wrote there, or may have written."""
    is_certain = not own_writes or own_writes[-1].is_certain
    return _WAITS.format(written="written" if is_certain else "it may have been written")


def _proof_of(
    cell: Cell, *, asked: bool, shown: bool, chain: list[CellWrite], own_writes: list[Write], proof: Proof
) -> int:
    if cell.store is None:
        return _CONFIRMED if shown is asked else _DIFFERS
    pending = find_pending(chain, shown=shown, proof=proof)
    is_open = any(not proof.covers(link.write) for link in chain)
    if shown is asked:
        holds = pending is None or pending.is_enabled is asked or not is_open
        return _CONFIRMED if holds else _NOT_VISIBLE_YET
    # A later write, of this run or another, may hold the flag although no menu shows it yet.
    may_hold = pending is not None and is_open and pending.is_enabled is not shown
    return _NOT_VISIBLE_YET if may_hold or not all(proof.covers(write) for write in own_writes) else _DIFFERS


def _later_writes(chain: list[CellWrite], own_writes: list[Write], *, run_id: str) -> list[Write]:
    """Return what other runs wrote since this run's last write to a cell; all of it where it wrote none."""
    since = own_writes[-1].sent_at if own_writes else None
    others = [link.write for link in chain if link.write.key[0] != run_id]
    return [write for write in others if since is None or write.sent_at >= since]


def _renewed(state: pd.DataFrame, newer: pd.DataFrame) -> pd.DataFrame:
    """Return the state with the menus of `newer` in place of its own."""
    old, new = encode_keys([state, newer], columns=PLACE_COLUMNS)
    both = pd.concat([state[~np.isin(old, new)], newer], ignore_index=True)
    both.attrs = newer.attrs
    return both


def describe_own(write: Write) -> str:
    """Say what a run itself did to a cell; the run is named before it."""
    flag, moment = _word(write.is_enabled), _time(write.sent_at)
    if write.is_certain:
        return f"wrote {flag} at {moment}"
    return f"sent {flag} at {moment}, and no answer says that it was written"


def describe_write(write: Write) -> str:
    """Say what another run did to a cell."""
    verb = "wrote" if write.is_certain else "may have written"
    place = " business-wide" if write.is_wide else ""
    return f"run {write.key[0][:8]} {verb} {_word(write.is_enabled)}{place} at {_time(write.sent_at)}"


def describe_menu(shown: bool) -> str:  # noqa: FBT001
    """Say what a menu shows."""
    return f"the menu shows {_word(shown)}"


def _word(is_enabled: bool) -> str:  # noqa: FBT001
    return "on" if is_enabled else "off"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
