"""Journals: what they keep, for whose eyes, and how many may write."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.model import Cell, Stores, Target
from klikit_frames.running.journal import open_journal, read_journal
from klikit_frames.running.journal_notes import Finding, note_audit
from klikit_frames.running.journal_writer import JournalWriter
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import CellFlag, Publish, RequestResult, Run
from klikit_frames.running.request_trees import build_request
from tests.executed_lines import count_lines

from .doubles import Bar

NOW = datetime(2026, 11, 23, 14, 5, 6, 789_012, tzinfo=UTC)


def make_run(n: int = 1) -> Run:
    """Return the run of that number, as it begins."""
    return Run(
        run_id=f"{n:032x}",
        plan_id=f"{n + 2**64:032x}",
        plan_digest="digest",
        host="127.0.0.1:1",
        account="a business",
        rules={"on_error": "stop", "deadline_s": 2.5},
        user="ani",
        machine="laptop",
        started_at=NOW,
        n_rows=2,
        n_requests=1,
    )


RUN_ID = make_run().run_id


def _target() -> Target:
    return Target("item", (1, 2), Stores(((663, 1062),)), False, True, (663, 664))


def test_journal__round_trip(journal: Path) -> None:
    """What was noted of a run is read back as it was, to the byte and to the microsecond."""
    request = build_request(_target(), path=(1,))
    before = [
        CellFlag(Cell("item", 1, 663, 1062), is_enabled=True),
        CellFlag(Cell("item", 1, None, None), None),
    ]
    with open_journal(journal) as opened:
        opened.begin(make_run(), plan_body=b"plan", requests=[request], before=before)
    with read_journal(journal) as opened:
        assert opened.run(RUN_ID) == make_run()
        assert opened.run_of_plan(make_run().plan_id) == make_run()
        assert opened.plan_body(RUN_ID) == b"plan"
        assert opened.requests(RUN_ID) == [request]
        assert opened.flags(RUN_ID, "before") == before
        assert opened.flags(RUN_ID, "proof") == []


def test_journal__verdict_and_parts(journal: Path) -> None:
    """A result and the parts that carry a refused request on are noted together."""
    request = build_request(_target(), path=(1,))
    result = RequestResult(RequestState.SPLIT, "resource_not_found", 404, "no", "req", NOW)
    settled = type(request)((1,), request.target, request.key, request.body, 2, NOW, result)
    parts = [build_request(request.target.with_ids((n,)), path=(1, n)) for n in (1, 2)]
    with open_journal(journal) as opened:
        opened.begin(make_run(), plan_body=b"", requests=[request], before=[])
        opened.record_attempt(RUN_ID, settled)
        opened.record_result(RUN_ID, settled, parts=parts)
        opened.flush()
    with read_journal(journal) as opened:
        assert opened.requests(RUN_ID) == [settled, *parts]
        assert opened.open_request_nos(RUN_ID) == {1}


def test_journal__private(tmp_path: Path) -> None:
    """Folder and file are their owner's alone, whatever the umask."""
    path = tmp_path / "state" / "journal.sqlite3"
    before = os.umask(0)
    try:
        with open_journal(path) as journal:
            journal.begin(make_run(), plan_body=b"", requests=[], before=[])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_journal__own_folder(wide: object, client: kf.Client) -> None:
    """Without a path, runs are noted in the person's own state folder."""
    result = kf.run(kf.plan(wide), client)
    assert kf.runs()["run_id"].tolist() == [result.run_id]
    folder = Path(os.environ["XDG_STATE_HOME"]) / "klikit_frames"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_journal__threads_share_commits(journal: Path) -> None:
    """Many threads that write at once each get their statement on disk, in few commits."""
    n_commits = 0
    commit = JournalWriter.commit

    def counted(self: JournalWriter, statements: Any) -> None:
        nonlocal n_commits
        n_commits += bool(statements)
        commit(self, statements)

    with open_journal(journal) as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalWriter, "commit", counted)
        opened.begin(make_run(), plan_body=b"", requests=[], before=[])
        flags = [CellFlag(Cell("item", n, None, None), is_enabled=True) for n in range(200)]
        threads = [
            threading.Thread(target=opened.record_flags, args=(RUN_ID, "before", [flag])) for flag in flags
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(opened.flags(RUN_ID, "before")) == flags
    assert n_commits <= 201


def test_journal__one_run_at_a_time(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A run that goes on elsewhere is refused; another plan may use the same journal meanwhile."""
    seen: list[object] = []

    def meddle() -> None:
        with pytest.raises(kf.JournalError, match="being run already"):
            kf.run(singles, client, journal=journal)
        with pytest.raises(kf.JournalError, match="being run already"):
            kf.resume(kf.runs(journal=journal)["run_id"][0], client, journal=journal)
        seen.append(kf.runs(journal=journal)["status"].tolist())
        other = kf.run(kf.plan(singles.toggles.head(1)), client, journal=journal)
        seen.append(other.counts["applied"])

    assert kf.run(singles, client, journal=journal, progress=Bar(meddle)).counts["applied"] == 12
    assert seen == [["running"], 1]
    assert {lock.read_bytes() for lock in journal.parent.glob("*.locks/*")} == {b""}


def test_journal__holds_no_secret(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: object, journal: Path
) -> None:
    """Neither key nor secret is in the journal."""
    kf.run(kf.plan(wide), client, journal=journal)
    written = journal.read_bytes()
    for secret in (sandbox.partner_key, sandbox.secret_key):
        assert secret.encode() not in written


def test_runs__a_thousand(journal: Path) -> None:
    """The history of a thousand runs is ten times the work of a hundred, and no more."""
    n_lines = []
    with open_journal(journal) as opened:
        for n in range(1000):
            opened.begin(make_run(n), plan_body=b"x" * 2000, requests=[], before=[])
            if n + 1 in {100, 1000}:
                n_lines.append(count_lines(partial(kf.runs, journal=journal)))
    assert kf.runs(journal=journal)["run_id"].tolist() == [make_run(n).run_id for n in range(1000)]
    assert n_lines[1] <= 10 * n_lines[0]


def test_publishes__round_trip(journal: Path) -> None:
    """A publish is read back as it was recorded last, for its own account only."""
    publish = Publish("p" * 32, "a business", "127.0.0.1:1", ((663, 1062), (663, 1063)), "key")
    settled = replace(
        publish,
        run_id=RUN_ID,
        provider_ids=(1, 2),
        attempts=2,
        sent_at=NOW,
        settled_at=NOW,
        clock_offset_s=0.5,
        status="published",
        http_status=200,
        code="ok",
        message="done",
        request_id="req",
        n_success=2,
        n_failed=0,
    )
    other = replace(publish, publish_id="q" * 32, account="another")
    with open_journal(journal) as opened:
        opened.record_publish(publish)
        opened.record_publish(other)
        opened.update_publish(settled)
    with read_journal(journal) as opened:
        assert opened.publishes("a business") == [settled]
        assert opened.publishes("another") == [other]
        assert opened.publishes("nobody") == []


def test_menu_evidence__only_moves_forward(journal: Path) -> None:
    """What is proved of a store's menu stays proved, whatever is recorded later."""
    later = NOW + timedelta(seconds=1)
    with open_journal(journal) as opened:
        opened.note_menu_evidence("a business", {(663, 1062): NOW, (663, 1063): later})
        opened.note_menu_evidence("a business", {(663, 1062): later, (663, 1063): NOW})
        opened.note_menu_evidence("another", {(663, 1062): NOW})
    with read_journal(journal) as opened:
        assert opened.menu_evidence("a business") == {(663, 1062): later, (663, 1063): later}
        assert opened.menu_evidence("another") == {(663, 1062): NOW}
        assert opened.all_menu_evidence() == {
            "a business": {(663, 1062): later, (663, 1063): later},
            "another": {(663, 1062): NOW},
        }


def test_audit_findings__accounts_apart(journal: Path) -> None:
    """What audits found is kept for each account, also of a cell that two accounts have."""
    found = Finding(Cell("item", 7, None, None), False, NOW, NOW)
    other = found._replace(since_at=NOW - timedelta(days=1))
    with open_journal(journal) as opened:
        for account, finding in (("b", found), ("a", other)):
            opened.take_in(note_audit(account, differing=[finding], settled=[]))
    with read_journal(journal) as opened:
        assert opened.audit_findings("b") == {found.cell: found}
        assert opened.all_audit_findings() == {"a": {found.cell: other}, "b": {found.cell: found}}


def test_unproved_runs__newest_last(journal: Path) -> None:
    """The runs of one account that are not proved visible are listed, the newest last."""
    with open_journal(journal) as opened:
        for n in range(4):
            opened.begin(make_run(n), plan_body=b"", requests=[], before=[])
        opened.begin(replace(make_run(9), account="another"), plan_body=b"", requests=[], before=[])
        opened.mark_proved([make_run(1).run_id])
        assert opened.unproved_runs("a business") == [make_run(0), make_run(2), make_run(3)]


def test_find_run_id__by_prefix_and_last(journal: Path) -> None:
    """A run is found by the beginning of its id, whatever the case, and the newest as ``last``."""
    with open_journal(journal) as opened:
        for n in (0xABCD1, 0xABCD2, 0x12345):
            run = make_run(n)
            run_id = f"{n:x}".ljust(32, "0")
            opened.begin(replace(run, run_id=run_id), plan_body=b"", requests=[], before=[])
        assert opened.find_run_id("last") == opened.find_run_id(" 1234 ") == "12345".ljust(32, "0")
        assert opened.find_run_id("ABCD2") == "abcd2".ljust(32, "0")
        for text, said in (
            ("abcd", "abcd1.*abcd2"),
            ("123", "at least 4"),
            ("ffff", "knows no run"),
            ("../x", "knows no run"),
        ):
            with pytest.raises(kf.JournalError, match=said):
                opened.find_run_id(text)


def test_find_run_id__last_of_none(journal: Path) -> None:
    """An empty journal has no last run, and says so."""
    with open_journal(journal) as opened, pytest.raises(kf.JournalError, match="no run yet"):
        opened.find_run_id("last")


def test_run_id__in_short_wherever_one_is_taken(client: kf.Client, wide: object, journal: Path) -> None:
    """Resume, attach and undo take the beginning of a run id, or ``last``."""
    result = kf.run(kf.plan(wide, state=kf.read_state(client)), client, journal=journal)
    for text in (result.run_id[:6], "last"):
        assert kf.resume(text, client, journal=journal).run_id == result.run_id
        assert kf.attach(text, journal=journal).run_id == result.run_id
        assert kf.undo(text, client, journal=journal) is not None
