"""Whole copies of a journal, and runs taken in from one. SQLite works on local files; far paths get bytes.

A copy says of itself what it cannot know: requests whose turn had not come in a run that went on are
``unseen`` in it. Of two copies of one run, the one that provably goes on from the other is taken in.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import edge
from ..errors import ConfigError, JournalError
from ..wording import SHORT_ID, visible_text
from . import journal_codec as codec
from . import journal_schema as schema
from . import locks
from .journal_files import (
    APPLICATION_ID,
    SELECT_OWNER,
    JournalPath,
    connect,
    has_rollback_journal,
    is_open_here,
    journal_path,
    make_private,
)
from .journal_notes import Promise, insert_promise, take_in_findings
from .lifecycle import EndReason, PromiseStatus, RequestState, can_become

if TYPE_CHECKING:
    from .journal import Journal
    from .records import Request

# What a file system that cannot flush a file answers.
_CANNOT_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
_NOT_KEPT_HERE = "it came with an imported journal; it is kept where it was made, or scheduled again"
_NO_JOURNAL = "it is not a journal of klikit_frames; name an exported journal, or a mirror"
_UNSEEN = (
    "this journal is a copy, made while the run went on elsewhere; if it was sent, then after {copied_at}"
)


def far_path(path: JournalPath, *, journal: Journal, name: str) -> Path:
    """Return the path of a copy, which is checked and written, but never opened by SQLite.

    Raises
    ------
    ConfigError
        It is no path, a folder or a device, or the journal itself.
    """
    try:
        far = None if path is None else journal_path(path)
    except JournalError as error:
        raise ConfigError(f"{name}={path!r:.80} is not the path of a file; nothing was sent.") from error
    # A device may take bytes for ever, or give them.
    if far is None or _is_no_file(far):
        raise ConfigError(
            f"{name}={path!r:.80} is not the path of a file: name one, such as "
            "/content/drive/MyDrive/journal.sqlite3. Nothing was sent."
        )
    if far == journal.path:
        raise ConfigError(f"{name}={far} is the journal itself: name a file elsewhere. Nothing was sent.")
    return far


def _is_no_file(far: Path) -> bool:
    try:
        return far.exists() and not far.is_file()
    except OSError:
        # Who writes or reads it says why it cannot be looked at.
        return False


def check_free(far: Path, *, name: str) -> None:
    """Refuse to put a copy where this process has a journal open: it would go on in a file that is gone.

    Raises
    ------
    ConfigError
        It has.
    """
    if is_open_here(far):
        raise ConfigError(
            f"{name}={far} is a journal that is in use here: name another file. Nothing was sent."
        )


def write_copy(journal: Journal, far: Path, *, tag: str) -> int:
    """Put a whole copy of a journal at a path, replaced at once, and return the commits that are in it.

    Raises
    ------
    OSError, JournalError
        It could not be copied or put there; what is there stays.
    """
    with _local_file(far.name) as local:
        with closing(connect(local)) as copy:
            _use_as_scratch(copy)
            n_commits = journal.backup(copy)
            _mark_copy(copy, edge.now())
        replace_file(local, far, tag=tag)
    return n_commits


def write_run_copy(journal: Journal, far: Path, *, run_id: str) -> None:
    """Put a journal of one run at a path, replaced at once."""
    from .journal import open_journal

    with _local_file(far.name) as local:
        with open_journal(local) as part:
            part.take_in(insert_run_rows(journal.run_rows(run_id)))
        with closing(connect(local)) as copy:
            _use_as_scratch(copy)
            _mark_copy(copy, edge.now())
        replace_file(local, far, tag=edge.draw_uuid().hex)


def replace_file(local: Path, far: Path, *, tag: str) -> None:
    """Copy a file beside `far`, then put it in its place in one step.

    A folder that is not there is not made: it may be that of a drive that is not mounted.
    """
    part = far.with_name(f"{far.name}.{tag}.part")
    try:
        with local.open("rb") as source, _open_private(part) as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            _flush_to_disk(target.fileno())
        part.replace(far)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def opened_copy(far: Path) -> Iterator[Journal]:
    """Open a journal that lies elsewhere, by way of a local copy.

    Raises
    ------
    OSError
        It cannot be read.
    JournalError
        It is no journal, damaged, or of a newer layout.
    """
    from .journal import open_journal

    with _local_file(far.name) as local:
        _fetch(far, local)
        try:
            if fault := _find_fault(local):
                raise JournalError(f"{far} cannot be read as a journal, and stays as it is: {fault}.")
            with open_journal(local) as journal:
                yield journal
        except JournalError as error:
            # It is the file of the person that cannot be used, not its copy.
            raise JournalError(str(error).replace(os.fspath(local), os.fspath(far))) from error


def _find_fault(local: Path) -> str | None:
    """Return why a file is of no use as a journal, with what to do about it; None if it is whole."""
    try:
        with closing(sqlite3.connect(local)) as connection:
            owner, version, n_tables = connection.execute(SELECT_OWNER).fetchone()
            if not n_tables or owner != APPLICATION_ID:
                return _NO_JOURNAL
            if version > schema.SCHEMA_VERSION:
                return "it was written by a newer version of klikit_frames; install that version here too"
            ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict == "ok":
        return None
    if "not a database" in verdict:
        return _NO_JOURNAL
    return f"it is damaged ({verdict.splitlines()[-1]}); an older copy of it may be whole"


def _fetch(far: Path, local: Path) -> None:
    """Copy a journal as of one moment; by SQLite only where that works on the file already."""
    if not (is_open_here(far) or has_rollback_journal(far)):
        with far.open("rb") as source, _open_private(local) as target:
            before = os.fstat(source.fileno())
            shutil.copyfileobj(source, target, 1 << 20)
            after = os.fstat(source.fileno())
        is_same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if is_same and not has_rollback_journal(far):
            return
    from .journal import read_journal

    with read_journal(far) as live, closing(connect(local)) as copy:
        live.backup(copy)


def take_in_all(journal: Journal, source: Journal) -> list[str]:
    """Add what `source` knows and `journal` does not; returns the ids of the runs of `source`.

    All that is new comes in one commit. Of a run that is there the copy that is further stays, and of a plan
    that is there its own run.
    """
    take_in_continuations(journal, source)
    history = source.runs()
    new = [
        run_id
        for run_id, plan_id in zip(history["run_id"], history["plan_id"], strict=True)
        if not journal.knows(run_id) and journal.run_of_plan(plan_id) is None
    ]
    statements = [statement for run_id in new for statement in insert_run_rows(source.run_rows(run_id))]
    statements.append((schema.INSERT_JOURNAL_ID, source.journal_ids()[:1]))
    journal.take_in([*statements, *_insert_rest(source, journal)])
    return [run_id for run_id in history["run_id"] if journal.knows(run_id)]


def _insert_rest(source: Journal, journal: Journal) -> Iterator[codec.Statement]:
    """Yield the statements that add what is of no run: publishes, proofs of menus, promises, findings."""
    publishes = {publish.publish_id for publish in journal.all_publishes()}
    yield from (
        codec.insert_publish(publish)
        for publish in source.all_publishes()
        if publish.publish_id not in publishes
    )
    yield from map(codec.insert_clock, source.clocks())
    for account, proved in source.all_menu_evidence().items():
        yield from (codec.upsert_evidence(account, store, at) for store, at in proved.items())
    for account, findings in source.all_audit_findings().items():
        yield from take_in_findings(account, findings.values(), current=journal.audit_findings(account))
    promises = {promise.promise_id for promise in journal.promises()}
    yield from (
        insert_promise(_cancelled(promise))
        for promise in source.promises()
        if promise.promise_id not in promises
    )


def _cancelled(promise: Promise) -> Promise:
    """Return a promise as it is taken in: two journals that keep it would send it twice."""
    if not promise.status.is_open:
        return replace(promise, plan_id=None, unpublished_run_id=None, next_at=None)
    return replace(
        promise,
        status=PromiseStatus.CANCELLED,
        next_at=None,
        plan_id=None,
        unpublished_run_id=None,
        closed_at=edge.now(),
        note=_NOT_KEPT_HERE,
    )


def take_in_mirror(journal: Journal, far: Path) -> None:
    """Add the runs of an earlier mirror at this path to the journal, before it is replaced.

    A path that cannot be read now is no error here: the first copy to it says so.

    Raises
    ------
    JournalError
        There is a file that must not be replaced: it is no journal, this version cannot read it, or it is
        the mirror of another journal, which this one has not taken in and is no new one to go on from it.
    """
    try:
        with opened_copy(far) as source:
            if len(journal.runs()):
                check_mirror_owner(journal, source)
            take_in_all(journal, source)
    except JournalError as error:
        raise JournalError(
            f"mirror={far} is not replaced, so nothing was sent: {error} Name another file with mirror=."
        ) from error
    except OSError:
        pass


def check_mirror_owner(journal: Journal, there: Journal) -> None:
    """Refuse to replace the mirror of a journal that goes on elsewhere and that this one has not taken in.

    Raises
    ------
    JournalError
        It is such a mirror.
    """
    if there.journal_ids()[0] not in journal.journal_ids():
        raise JournalError(
            "it is the mirror of another journal, and two would overwrite each other. If that one is lost, "
            "kf.import_journal takes its runs in, and this journal goes on there."
        )


RunRows = tuple[dict[str, Any], Sequence[codec.Row], Sequence[codec.Row]]


def _mark_copy(copy: sqlite3.Connection, copied_at: datetime) -> None:
    """Mark a copy as one, and the requests in it whose end it cannot know."""
    moment = codec.microseconds(copied_at)
    message = _UNSEEN.format(copied_at=f"{copied_at:%Y-%m-%d %H:%M:%S} UTC")
    copy.execute("BEGIN")
    for trigger in schema.TRIGGERS:
        copy.execute(trigger)
    copy.execute("DELETE FROM sessions")
    copy.execute(schema.MARK_COPIED_RUNS, {"copied_at": moment})
    copy.execute(schema.MARK_UNSEEN_REQUESTS, {"copied_at": moment, "message": message})
    copy.execute("COMMIT")


def _use_as_scratch(connection: sqlite3.Connection) -> None:
    # It is copied elsewhere when it is whole, so a power cut has nothing to spoil.
    for pragma in ("synchronous=OFF", "journal_mode=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _local_file(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="klikit_frames-", ignore_cleanup_errors=True) as folder:
        local = Path(folder).resolve() / name
        make_private(local, is_own_folder=False)
        yield local


@contextmanager
def _open_private(path: Path) -> Iterator[Any]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _flush_to_disk(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


_LOG = logging.getLogger("klikit_frames")
_OPEN_COUNTS = ("failed", "unknown", "not_sent")


def take_in_continuations(journal: Journal, source: Journal) -> None:
    """Let runs that are in both journals go on where `source` is further, each in one commit.

    It wins only if it is provably the same run gone on: of the same plan, with the same keys and bodies, with
    all flags from before, and with everything settled that is settled here, in the same way. Else the run
    stays as it is here, and the log says why.
    """
    here, there = journal.runs(), source.runs()
    is_open = (here["status"] != EndReason.FINISHED) | (here[[*_OPEN_COUNTS]].sum(axis=1) > 0)
    for run_id in here.loc[is_open & here["run_id"].isin(there["run_id"]), "run_id"]:
        if why := _take_in(journal, source, run_id):
            said = f"Run {run_id[:SHORT_ID]} stays as it is in {journal.path or 'memory'}: {why}"
            _LOG.warning("%s", visible_text(said))


def _take_in(journal: Journal, source: Journal, run_id: str) -> str | None:
    """Take in a run if it is further there; returns why it is not, where that must be known."""
    lock = journal.lock_path(journal.run(run_id).plan_id)
    try:
        with locks.hold(lock, what=f"Run {run_id[:SHORT_ID]}"):
            if includes(journal, source, run_id=run_id):
                return None
            if not includes(source, journal, run_id=run_id):
                return "the other copy is no continuation of it, for each knows what the other does not."
            journal.take_in(replace_run(journal.run_no(run_id), source.run_rows(run_id)))
            return None
    except JournalError as error:
        return str(error)


def includes(further: Journal, earlier: Journal, *, run_id: str) -> bool:
    """Tell whether one journal knows all of a run that the other one knows, and contradicts none of it."""
    if further.plan_body(run_id) != earlier.plan_body(run_id):
        return False
    before = earlier.flags(run_id, "before")
    if further.flags(run_id, "before")[: len(before)] != before:
        return False
    requests = {request.path: request for request in further.requests(run_id)}
    return all(
        request.path in requests and _goes_on(requests[request.path], request)
        for request in earlier.requests(run_id)
    )


def _goes_on(further: Request, earlier: Request) -> bool:
    if (further.key, further.body) != (earlier.key, earlier.body):
        return False
    if further.state is earlier.state:
        return True
    # What may have arrived is not unsent because another copy has not seen it leave; a copy's own mark is.
    is_forgotten = earlier.state.may_have_arrived and further.state.is_untouched
    if is_forgotten and earlier.state is not RequestState.UNSEEN:
        return False
    return can_become(earlier.state, further.state)


def replace_run(run_no: int, rows: RunRows) -> list[codec.Statement]:
    """Return the statements that make a run what another journal has, in its place in the history."""
    run, documents, statuses = rows
    kept = {name: value for name, value in run.items() if name in {*schema.RUN_COLUMNS, *_KEPT_MARKS}}
    return [
        *codec.delete_run(run_no)[:-1],
        codec.update_run(run_no, **kept, n_documents=0),
        *insert_run_parts(str(run_no), documents, statuses),
    ]


_KEPT_MARKS = tuple(name for name in schema.RUN_MARKS if name not in {"n_documents", "is_cancelled"})


def insert_run_rows(rows: RunRows) -> list[codec.Statement]:
    """Return the statements that add a run as another journal has it."""
    run, documents, statuses = rows
    kept = {name: value for name, value in run.items() if name not in {"n_documents", "is_cancelled"}}
    added = codec.insert("runs", tuple(kept), list(kept.values()))
    return [added, *insert_run_parts(codec.NEW_RUN, documents, statuses)]


def insert_run_parts(
    run_no: str, documents: Sequence[codec.Row], statuses: Sequence[codec.Row]
) -> list[codec.Statement]:
    """Return the statements that add the documents and requests of a run; `run_no` is an expression."""
    parts: list[codec.Statement] = []
    for columns, table, values in (
        (("kind", "content"), "documents", documents),
        (("path", *schema.ATTEMPT_COLUMNS, *schema.RESULT_COLUMNS), "request_status", statuses),
    ):
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} (run_no, {', '.join(columns)}) VALUES ({run_no}, {marks})"  # noqa: S608
        parts += [(sql, row) for row in values]
    return parts
