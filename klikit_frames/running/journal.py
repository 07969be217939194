"""The journal: what a run is about to do and what came of it, on disk before it is shown.

One SQLite file holds many runs. A request's key and its exact bytes are committed before the socket is
touched; an outcome is committed before it is shown. It holds no secret.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ..errors import JournalError
from ..model import Cell, Store
from . import journal_codec as codec
from . import journal_schema as schema
from . import locks
from .journal_copies import RunRows
from .journal_files import (
    MEMORY,
    JournalPath,
    error_text,
    journal_path,
    make_private,
    open_for_reading,
    open_for_writing,
    own_journal_path,
)
from .journal_notes import Finding, PromiseTable, to_findings
from .journal_writer import JournalWriter
from .records import CellFlag, Publish, Request, Run

__all__ = ["Journal", "JournalPath", "journal_path", "open_journal", "read_journal"]

_RUN_ID_START = re.compile(r"[0-9a-f]{4,32}")
_N_LISTED = 10


class Journal(PromiseTable):
    """An open journal; a context manager, safe to use from several threads.

    What is recorded is on disk when the call returns; what cannot be written or read is a `JournalError`.
    `name` is what the person called it.
    """

    def __init__(self, writer: JournalWriter, path: Path | None, *, name: str | None = None) -> None:
        self.path = path
        self.name = name
        super().__init__(writer)
        self._run_nos: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def lock_path(self, plan_id: str) -> Path | None:
        """Where the lock of one plan's run is; None in memory."""
        codec.check_id(plan_id)
        return None if self.path is None else self.path.with_name(f"{self.path.name}.locks") / plan_id

    # Runs

    def begin(
        self, run: Run, *, plan_body: bytes, requests: Iterable[Request], before: Iterable[CellFlag]
    ) -> None:
        """Record a new run, its plan, all of its requests and its before-images, in one commit."""
        codec.check_id(run.run_id)
        codec.check_id(run.plan_id)
        self._writer.write(codec.insert_run(run, plan_body=plan_body, requests=requests, before=before))

    def record_start(self, run_id: str) -> None:
        """Record that a run goes on, whatever was recorded before about its end."""
        self._update_run(run_id, status="running")

    def record_status(
        self, run_id: str, status: str, *, counts: Mapping[str, int], ended_at: datetime | None
    ) -> None:
        """Record how a run stands."""
        self._update_run(run_id, status=status, ended_at=ended_at, **counts)

    def record_rules(self, run_id: str, rules: Mapping[str, Any]) -> None:
        """Record the options that a resume of a run keeps."""
        self._update_run(run_id, rules=dict(rules))

    def record_account(self, run_id: str, account: str) -> None:
        """Record the account of a run that an older version began."""
        self._update_run(run_id, account=account)

    def request_cancel(self, run_id: str) -> None:
        """Ask the process that runs it to stop."""
        self._update_run(run_id, is_cancelled=True)

    def clear_cancel(self, run_id: str) -> None:
        """Clear a request to stop an earlier stretch of a run; later requests count."""
        if self.is_cancelled(run_id):
            self._update_run(run_id, is_cancelled=False)

    def is_cancelled(self, run_id: str) -> bool:
        """Tell whether somebody has asked the run to stop."""
        sql = "SELECT is_cancelled FROM runs WHERE run_no = ?"
        return self.knows(run_id) and self._writer.read(sql, (self.run_no(run_id),)) == [(1,)]

    def knows(self, run_id: str) -> bool:
        """Tell whether a run was recorded."""
        if self._find_run_no(run_id) is not None:
            return True
        # A run that is not found may be one whose row is damaged.
        self._runs()
        return False

    def find_run_id(self, text: str) -> str:
        """Return the whole id of a run from its beginning, at least 4 hex digits, or from ``"last"``.

        Raises
        ------
        JournalError
            No run, or more than one, is meant.
        """
        run_ids = [str(run_id) for _, run_id, _ in self._ids()]
        wanted = str(text).strip().lower()
        if wanted == "last" and not run_ids:
            raise JournalError(f"The journal {self.path or self.name or MEMORY} has no run yet.")
        if wanted == "last":
            return run_ids[-1]
        if not _RUN_ID_START.fullmatch(wanted):
            raise self._unknown_run(f"{text!s:.80}")
        candidates = [run_id for run_id in run_ids if run_id.startswith(wanted)]
        if len(candidates) > 1:
            raise JournalError(f"{text} is the beginning of several runs: {_listed(candidates)}. Give more.")
        if not candidates:
            self._runs()
            raise self._unknown_run(text)
        return candidates[0]

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        JournalError
            The journal does not know it.
        """
        return codec.to_run(self._run_values(run_id))

    def run_of_plan(self, plan_id: str) -> Run | None:
        """Return the run of a plan, if there was one."""
        if run_ids := [run_id for _, run_id, run_plan_id in self._ids() if run_plan_id == plan_id]:
            return self.run(run_ids[0])
        # Before a plan counts as new, no run may have lost its plan's id.
        self._runs()
        return None

    def runs(self) -> pd.DataFrame:
        """Return the history, one row per run, newest last."""
        runs = [values for _, values in self._runs()]
        for values in runs:
            codec.check_id(values["run_id"])
            codec.check_id(values["plan_id"])
        return codec.to_history(runs)

    def unproved_runs(self, account: str) -> list[Run]:
        """Return the runs of an account whose writes are not all proved visible, newest last."""
        return [
            codec.to_run(values)
            for _, values in self._runs()
            if values["account"] == account and not values["is_proved"]
        ]

    def proved_run_ids(self) -> list[str]:
        """Return the ids of the runs whose writes are all proved visible, of all accounts."""
        return [str(values["run_id"]) for _, values in self._runs() if values["is_proved"]]

    def runs_of(self, account: str, *, host: str) -> list[Run]:
        """Return the runs of an account, newest last; those on its host that name no account among them."""
        runs = [codec.to_run(values) for _, values in self._runs()]
        return [run for run in runs if run.account == account or (not run.account and run.host == host)]

    def mark_proved(self, run_ids: Iterable[str]) -> None:
        """Record of runs that all they wrote is proved visible, or never needs to be proved."""
        self._writer.write([codec.update_run(self.run_no(run_id), is_proved=True) for run_id in run_ids])

    def prune(self, run_ids: Iterable[str]) -> None:
        """Remove runs with all that belongs to them, in one commit, and let the file shrink."""
        pruned = [*run_ids]
        lock_paths = [self.lock_path(self.run(run_id).plan_id) for run_id in pruned]
        self._writer.write(
            [statement for run_id in pruned for statement in codec.delete_run(self.run_no(run_id))]
        )
        for run_id, path in zip(pruned, lock_paths, strict=True):
            del self._run_nos[run_id]
            locks.remove(path)
        self._writer.vacuum()

    # Requests

    def record_attempt(self, run_id: str, request: Request) -> None:
        """Record that a request is about to leave."""
        self._writer.write([codec.update_attempt(self.run_no(run_id), request)])

    def record_result(
        self,
        run_id: str,
        request: Request,
        *,
        parts: Iterable[Request] = (),
        then: Callable[[], object] | None = None,
    ) -> None:
        """Record what became of a request, and the parts that it was split into, with the next commit.

        A result that is lost with the process is only asked for again, under the same key; so nobody waits
        for the disk here. `then` is called when it is there.
        """
        run_no = self.run_no(run_id)
        added = codec.insert_requests(run_no, parts)
        self._writer.queue([codec.update_result(run_no, request), *added], then=then)

    def record_clock_offset(self, run_id: str, paths: Iterable[tuple[int, ...]], *, offset_s: float) -> None:
        """Record how far the server's clock was ahead of this machine's when requests were sent."""
        run_no = self.run_no(run_id)
        self._writer.queue([codec.update_clock(run_no, path, offset_s) for path in paths])

    def record_flags(self, run_id: str, kind: str, flags: Iterable[CellFlag]) -> None:
        """Record what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        self._writer.write(codec.insert_flags(self.run_no(run_id), kind, flags))

    def flush(self) -> None:
        """Return when everything that was recorded is on disk."""
        self._writer.write([])

    def plan_body(self, run_id: str) -> bytes:
        """Return the plan of a run, as it was dumped.

        Raises
        ------
        JournalError
            The file is damaged.
        """
        return self._documents(run_id).plan_body()

    def requests(self, run_id: str) -> list[Request]:
        """Return the requests of a run with all their parts, in sending order; empty for an unknown run.

        Raises
        ------
        JournalError
            One is missing, or does not match its digest: the file is damaged.
        """
        if not self.knows(run_id):
            return []
        statuses = self._writer.read(schema.SELECT_STATUSES, (self.run_no(run_id),))
        return self._documents(run_id).requests(statuses)

    def open_request_nos(self, run_id: str) -> set[int]:
        """Return the numbers of the plan's requests that are open, or have an open part.

        It is asked again and again while a run goes on: that a row has vanished is for `requests` to notice.
        """
        self._run_values(run_id)
        statuses = self._writer.read(schema.SELECT_OPEN_STATUSES, (self.run_no(run_id),))
        return codec.request_nos(statuses)

    def latest_note(self, *, after: datetime, until: datetime) -> datetime | None:
        """Return the latest time in a span at which a request was sent or settled; None if there is none."""
        span = (codec.microseconds(after), codec.microseconds(until))
        ((noted_at,),) = self._writer.read(schema.SELECT_LATEST_NOTE, span)
        return codec.to_time(noted_at)

    def offset_range(self) -> tuple[float | None, float | None]:
        """Return the least and the most that the server's clock was ahead when requests were sent."""
        ((least_s, most_s),) = self._writer.read(schema.SELECT_OFFSET_RANGE)
        return least_s, most_s

    def flags(self, run_id: str, kind: str) -> list[CellFlag]:
        """Return what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        return self._documents(run_id).flags(kind) if self.knows(run_id) else []

    # Publishes, and what is proved of menus

    def record_publish(self, publish: Publish) -> None:
        """Record a publish that is about to be asked for."""
        self._writer.write([codec.insert_publish(publish)])

    def update_publish(self, publish: Publish) -> None:
        """Record how a publish stands: all of it but its id may have changed."""
        self._writer.write([codec.update_publish(publish)])

    def publishes(self, account: str) -> list[Publish]:
        """Return the publishes of an account, oldest first."""
        return [publish for publish in self.all_publishes() if publish.account == account]

    def note_menu_evidence(
        self, account: str, proved: Mapping[Store, datetime], *, clocks: Iterable[float] = ()
    ) -> None:
        """Record of stores that their menus are proved at least as new as these instants of these clocks.

        What was proved once stays proved: an instant only moves forward.
        """
        noted = self.menu_evidence(account)
        self._writer.write(
            [
                *(codec.insert_clock(offset_s) for offset_s in clocks if proved),
                *(
                    codec.upsert_evidence(account, store, moment)
                    for store, moment in proved.items()
                    if store not in noted or noted[store] < moment
                ),
            ]
        )

    def menu_evidence(self, account: str) -> dict[Store, datetime]:
        """Return how new the menus of an account's stores are proved to be."""
        return codec.to_evidence(self._read_whole("menu_evidence", schema.SELECT_EVIDENCE, (account,)))

    def clocks(self) -> list[float]:
        """Return how far ahead the clocks are that all evidence goes by, the first one first."""
        return codec.to_clocks(self._read_whole("clocks", schema.SELECT_CLOCKS))

    def agenda_lock_path(self) -> Path | None:
        """Path of the lock that a change of promises holds; None in memory."""
        return None if self.path is None else self.path.with_name(f"{self.path.name}.locks") / "agenda"

    # Copies, and runs taken in from one

    @property
    def n_commits(self) -> int:
        """How many commits there were through this object."""
        return self._writer.n_commits

    def backup(self, target: sqlite3.Connection) -> int:
        """Copy all of it as of one moment, and return the number of commits that are in the copy."""
        return self._writer.backup(target)

    def journal_ids(self) -> list[str]:
        """Return the name that this journal and its copies have for ever, then those that it has taken in."""
        return [str(journal_id) for (journal_id,) in self._writer.read(schema.SELECT_JOURNAL_IDS)]

    def run_rows(self, run_id: str) -> RunRows:
        """Return all that belongs to a run as its tables have it, after checking that it is whole."""
        self.requests(run_id)
        run_no, n_key = self.run_no(run_id), 2
        documents = self._writer.read(schema.SELECT_DOCUMENTS, (run_no,))
        statuses = self._writer.read(schema.SELECT_STATUSES, (run_no,))
        return (
            self._run_values(run_id),
            [row[n_key:-1] for row in documents],
            [row[n_key - 1 : -1] for row in statuses],
        )

    def all_publishes(self) -> list[Publish]:
        """Return the publishes of all accounts, oldest first."""
        return codec.to_publishes(self._writer.read(schema.SELECT_PUBLISHES))

    def all_menu_evidence(self) -> dict[str, dict[Store, datetime]]:
        """Return how new the menus of each account's stores are proved to be."""
        rows = self._read_whole("menu_evidence", schema.SELECT_ALL_EVIDENCE)
        return {account: codec.to_evidence(group) for account, group in groupby(rows, key=itemgetter(0))}

    def take_in(self, statements: Sequence[codec.Statement]) -> None:
        """Record what another room has put into statements, in one commit."""
        if statements:
            self._writer.write(statements)

    def record_resumed(self, run_id: str, *, machine: str) -> None:
        """Record that a run of another copy of this journal goes on here."""
        self._update_run(run_id, last_machine=machine, copied_at=None)

    def audit_findings(self, account: str) -> dict[Cell, Finding]:
        """Return the cells of an account that differed from a wanted table when they were last audited."""
        return to_findings(self._read_whole("audit_findings", schema.SELECT_FINDINGS, (account,)))

    def all_audit_findings(self) -> dict[str, dict[Cell, Finding]]:
        """Return what audits of each account found to differ."""
        rows = self._read_whole("audit_findings", schema.SELECT_ALL_FINDINGS)
        return {account: to_findings(group) for account, group in groupby(rows, key=itemgetter(0))}

    def _read_whole(self, table: str, query: str, values: Sequence[object] = ()) -> list[codec.Row]:
        """Read from a table, refused if its pages have lost a row: no count tells how many it should have."""
        verdict = str(self._writer.read(f"PRAGMA quick_check({table})")[0][0])
        if verdict != "ok":
            raise codec.damaged(f"its table {table} is not whole ({verdict.splitlines()[-1]})")
        return self._writer.read(query, values)

    def _runs(self) -> list[tuple[int, dict[str, Any]]]:
        return codec.to_runs(self._writer.read(schema.SELECT_RUNS))

    def _ids(self) -> list[tuple[int, str, str]]:
        """Return number, id and plan id of all runs, oldest first; the rows are not checked."""
        rows = self._writer.read(schema.SELECT_RUN_IDS)
        ids = [row[1:] for row in rows if row[1] is not None]
        if not rows or len(ids) != rows[0][0]:
            self._runs()
        return ids

    def _run_values(self, run_id: str) -> dict[str, Any]:
        rows = self._writer.read(schema.SELECT_RUN, (self.run_no(run_id),))
        values = codec.to_run_values(rows[0]) if rows else {"run_id": None}
        if values["run_id"] != run_id:
            raise self._unknown_run(run_id)
        return values

    def _find_run_no(self, run_id: str) -> int | None:
        if run_id not in self._run_nos:
            self._run_nos |= {known_id: run_no for run_no, known_id, _ in self._ids() if known_id == run_id}
        return self._run_nos.get(run_id)

    def _unknown_run(self, text: str) -> JournalError:
        return JournalError(
            f"The journal {self.path or self.name or MEMORY} knows no run {text}; kf.runs() lists what it "
            "knows. A run is named by at least 4 hex digits of its id, or by 'last'."
        )

    def run_no(self, run_id: str) -> int:
        """Return the number under which the tables of this file have a run."""
        if not self.knows(run_id):
            raise self._unknown_run(run_id)
        return self._run_nos[run_id]

    def _update_run(self, run_id: str, **values: Any) -> None:
        self._writer.write([codec.update_run(self.run_no(run_id), **values)])

    def _documents(self, run_id: str) -> codec.RunDocuments:
        rows = self._writer.read(schema.SELECT_DOCUMENTS, (self.run_no(run_id),))
        return codec.RunDocuments(rows, n_documents=self._run_values(run_id)["n_documents"])


def open_journal(journal: JournalPath = None) -> Journal:
    """Open a journal for writing, made with its folder if it is not there.

    Parameters
    ----------
    journal : path, optional
        The file; None is ``journal.sqlite3`` in the person's own state folder, ``":memory:"`` is no file.

    Raises
    ------
    JournalError
        It cannot be made, written or trusted: full, read-only, locked, damaged, or not a journal.

    Examples
    --------
    >>> from klikit_frames.running.journal import open_journal
    >>> with open_journal("monday.sqlite3") as journal:
    ...     len(journal.runs())
    0
    """
    path = journal_path(journal)
    try:
        if path is not None:
            make_private(path, is_own_folder=path == own_journal_path())
        connection, session_id = open_for_writing(path)
    except (sqlite3.Error, OSError, ValueError, MemoryError) as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(error_text(error, path)) from error
    return Journal(JournalWriter(connection, path, session_id=session_id), path, name=_name(journal))


def read_journal(journal: JournalPath = None) -> Journal:
    """Open a journal to look into it; a file that is not there is read as an empty one, and not made.

    Raises
    ------
    JournalError
        It cannot be read, or is not a journal.
    """
    path = journal_path(journal)
    try:
        connection = None if path is None or not path.exists() else open_for_reading(path)
    except (sqlite3.Error, OSError, ValueError, MemoryError) as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(error_text(error, path)) from error
    if connection is None:
        empty = open_journal(MEMORY)
        empty.name = None if path is None else os.fspath(path)
        return empty
    return Journal(JournalWriter(connection, path), path, name=_name(journal))


def _listed(run_ids: Sequence[str]) -> str:
    n_more = len(run_ids) - _N_LISTED
    return ", ".join(run_ids[:_N_LISTED]) + (f" and {n_more:,} more" if n_more > 0 else "")


def _name(journal: JournalPath) -> str | None:
    return None if journal is None else os.fspath(journal)
