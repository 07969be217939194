"""What is noted in a journal, and what is asked of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

import pandas as pd

from ..errors import JournalError
from . import rows
from .records import Flag, Request, Run
from .rows import Statement


class _Disk(Protocol):
    """Where statements are committed and queries are answered."""

    def write(self, statements: Iterable[Statement]) -> None: ...

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def queue(
        self, statements: Iterable[Statement], *, then: Callable[[], object] | None = None
    ) -> object: ...

    def close(self) -> None: ...


class Journal:
    """An open journal; a context manager, safe to use from several threads.

    What is noted is on disk when the call returns; what cannot be written or read is a `JournalError`.
    `name` is what the person called it.
    """

    def __init__(self, disk: _Disk, path: Path | None, *, name: str | None = None) -> None:
        self.path = path
        self.name = name
        self._disk = disk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()

    def lock_path(self, plan_id: str) -> Path | None:
        """Where the lock of one plan's run is; None in memory."""
        return None if self.path is None else self.path.with_name(f"{self.path.name}.locks") / plan_id

    def begin(
        self, run: Run, *, plan_body: bytes, requests: Iterable[Request], before: Iterable[Flag]
    ) -> None:
        """Note a new run, its plan, all of its requests and its before-images, in one commit."""
        begun = rows.insert_run(run, plan_body=zlib.compress(plan_body))
        noted = rows.insert_requests(run.run_id, requests)
        images = [rows.insert_flag(run.run_id, flag, kind="before") for flag in before]
        self._disk.write([begun, *noted, *images])

    def note_attempt(self, run_id: str, request: Request) -> None:
        """Note that a request is about to leave."""
        self._disk.write([rows.update_attempt(run_id, request)])

    def note_verdict(
        self,
        run_id: str,
        request: Request,
        *,
        parts: Iterable[Request] = (),
        then: Callable[[], object] | None = None,
    ) -> None:
        """Note what became of a request, and the parts that carry it on, with the next commit.

        A verdict that is lost with the process is only asked for again, under the same key; so nobody waits
        for the disk here. `then` is called when it is there.
        """
        noted = rows.insert_requests(run_id, parts)
        self._disk.queue([rows.update_verdict(run_id, request), *noted], then=then)

    def flush(self) -> None:
        """Return when everything that was noted is on disk."""
        self._disk.write([])

    def note_flags(self, run_id: str, kind: str, flags: Iterable[Flag]) -> None:
        """Note what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        self._disk.write([rows.insert_flag(run_id, flag, kind=kind) for flag in flags])

    def note_clock(self, run_id: str, paths: Iterable[tuple[int, ...]], *, offset_s: float) -> None:
        """Note of requests that were sent how far the server's clock was ahead of ours."""
        self._disk.queue([rows.update_clock(run_id, path, offset_s) for path in paths])

    def forget_cancel(self, run_id: str) -> None:
        """Forget that an earlier stretch of a run was asked to stop; whoever asks from now on is heard."""
        if self.is_cancelled(run_id):
            self._disk.write([rows.mark_cancelled(run_id, is_cancelled=False)])

    def note_start(self, run_id: str) -> None:
        """Note that a run goes on, whatever was noted before about its end."""
        self._disk.write([rows.restart(run_id)])

    def note_cancel(self, run_id: str) -> None:
        """Ask whoever runs it to stop."""
        self._disk.write([rows.mark_cancelled(run_id, is_cancelled=True)])

    def is_cancelled(self, run_id: str) -> bool:
        """Tell whether somebody has asked the run to stop."""
        return self._disk.read("SELECT is_cancelled FROM runs WHERE run_id = ?", (run_id,)) == [(1,)]

    def note_status(
        self, run_id: str, status: str, *, counts: dict[str, int], ended_at: datetime | None
    ) -> None:
        """Note how a run stands."""
        self._disk.write([rows.update_status(run_id, status, counts=counts, ended_at=ended_at)])

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        JournalError
            The journal does not know it.
        """
        found = self._disk.read(f"{rows.SELECT_RUN} WHERE run_id = ?", (run_id,))
        if not found:
            raise JournalError(
                f"The journal {self.path or ':memory:'} knows no run {run_id}; kf.runs() lists what it knows."
            )
        return rows.to_run(found[0])

    def run_of_plan(self, plan_id: str) -> Run | None:
        """Return the run of a plan, if there was one."""
        found = self._disk.read(f"{rows.SELECT_RUN} WHERE plan_id = ?", (plan_id,))
        return rows.to_run(found[0]) if found else None

    def plan_body(self, run_id: str) -> bytes:
        """Return the plan of a run, as it was dumped.

        Raises
        ------
        JournalError
            The file is damaged.
        """
        ((body,),) = self._disk.read("SELECT plan_body FROM runs WHERE run_id = ?", (run_id,))
        try:
            return zlib.decompress(body)
        except zlib.error as error:
            raise JournalError(f"The journal is damaged: the plan of run {run_id} cannot be read.") from error

    def requests(self, run_id: str) -> list[Request]:
        """Return the requests of a run with all their parts, in sending order.

        Raises
        ------
        JournalError
            A body does not match its hash: the file is damaged.
        """
        found = self._disk.read(rows.SELECT_REQUESTS, (run_id,))
        return sorted((rows.to_request(row) for row in found), key=lambda request: request.path)

    def open_request_nos(self, run_id: str) -> set[int]:
        """Return the numbers of the plan's requests of which something is still open."""
        found = self._disk.read(rows.SELECT_OPEN_PATHS, (run_id,))
        return {rows.request_no(path) for (path,) in found}

    def flags(self, run_id: str, kind: str) -> list[Flag]:
        """Return what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        return [rows.to_flag(row) for row in self._disk.read(rows.SELECT_FLAGS, (run_id, kind))]

    def runs(self) -> pd.DataFrame:
        """Return the history, one row per run, newest last."""
        return rows.history(self._disk.read(rows.SELECT_HISTORY))
