"""Stretches of a run: interrupted, refused, stopped by a rule, and gone on with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames import edge

from .doubles import AnsweringTransport, Bar, HoldingTransport, interrupt, wait_for_threads, writes
from .fault_scenarios import (
    FOREIGN_ID,
    KillingReadings,
    KillingTransport,
    KillPoint,
    connect,
    run_in_child,
    run_until_killed,
)


def test_run__interrupted_and_resumed(
    client: kf.Client,
    sandbox: kf.sandbox.Sandbox,
    singles: kf.Plan,
    journal: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ctrl-C returns a result in which each row is settled or not sent; resuming sends only the rest."""
    transport = HoldingTransport()
    with connect(sandbox, max_connections=1, transport=transport) as held_client:
        result = kf.run(singles, held_client, journal=journal, progress=Bar(interrupt))
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert result.is_interrupted
    assert result.counts["applied"] >= 1
    assert result.counts["applied"] + result.counts["not_sent"] + result.counts["unknown"] == 12
    assert result.resume_hint == f'kf.resume("{result.run_id}", client, journal={str(journal)!r})'
    # Who keeps the result in a name sees a bar that stopped: the log says the rest.
    ends = [record.getMessage() for record in caplog.records if record.name == "klikit_frames.endings"]
    assert ends == [result.summary]
    whole = kf.resume(result.run_id, client, journal=journal)
    assert whole.counts["applied"] == 12
    assert whole.resume_hint is None
    assert len([record for record in caplog.records if record.name == "klikit_frames.endings"]) == 1
    settled = result.frame["outcome"] == "applied"
    pd.testing.assert_frame_equal(whole.frame[settled], result.frame[settled])
    assert not writes(sandbox)["key"].duplicated().any()


def test_run__credential_revoked_on_the_way(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A refused credential ends the run: one row failed with the API's words, the rest was not sent."""
    with connect(sandbox, max_connections=1) as client:
        result = kf.run(singles, client, journal=journal, progress=Bar(sandbox.revoke))
    refused = result.frame[result.frame["outcome"] == "failed"]
    assert result.status == "refused"
    assert refused["code"].tolist() == ["auth_revoked"]
    assert refused["http_status"].tolist() == [403]
    assert result.counts["not_sent"] > 0
    assert sum(result.counts.values()) == 12


def test_run__nobody_listens(wide: pd.DataFrame, journal: Path) -> None:
    """Where no connection opens, rows are not sent; once it does, the same plan is resumed."""
    with kf.sandbox.serve() as sandbox:
        port, client = int(sandbox.url.split(":")[2].split("/")[0]), connect(sandbox)
    plan = kf.plan(wide, combine=False)
    result = kf.run(plan, client, journal=journal, before="none")
    assert result.counts["not_sent"] == 4
    assert result.status == "unreachable"
    assert result.frame["http_status"].isna().all()
    with kf.sandbox.serve(port=port):
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 4
    client.close()


def test_run__stops_at_first_failure(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """`on_error="stop"` ends the run at the first row that is not good; `max_failures` allows for some."""
    bad = narrow.assign(entity_id=[*narrow["entity_id"][:4], *range(990_000_000, 990_000_008)])
    with connect(sandbox, max_connections=1) as client:
        after_one = kf.run(kf.plan(bad, combine=False), client, journal=journal, on_error="stop")
        after_three = kf.run(kf.plan(bad, combine=False), client, journal=journal, max_failures=2)
        six = kf.resume(after_three.run_id, client, journal=journal)
        whole = kf.resume(after_three.run_id, client, journal=journal)
    assert (after_one.status, after_one.counts["rejected"], after_one.counts["not_sent"]) == (
        "too_many_failures",
        1,
        7,
    )
    assert (after_three.counts["rejected"], after_three.counts["not_sent"]) == (3, 5)
    # A resume bears as many again, since whoever resumes has seen the first ones.
    assert (six.status, six.counts["rejected"], whole.counts["rejected"]) == ("too_many_failures", 6, 8)


class _HandSetWorld(edge.World):
    """A machine whose seconds pass only when somebody says so."""

    seconds = 0.0

    def monotonic(self) -> float:
        """Return the seconds so far."""
        return self.seconds


class _SlowReadings(httpx.HTTPTransport):
    """Each reading of a menu takes a minute of a world."""

    def __init__(self, world: _HandSetWorld) -> None:
        super().__init__()
        self._world = world

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        response = super().handle_request(request)
        self._world.seconds += 60 * request.url.path.endswith("/menus")
        return response


def test_run__deadline(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A run that is out of time ends as an interrupted one does, and sends nothing more."""
    with connect(sandbox) as client:
        result = kf.run(singles, client, journal=journal, deadline_s=0.0)
    assert (result.status, result.counts["not_sent"]) == ("deadline", 12)
    assert result.resume_hint is not None
    assert writes(sandbox).empty


def test_run__deadline_while_reading(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A deadline that passes while the flags from before are read lets nothing leave."""
    world = _HandSetWorld()
    with edge.use(world), connect(sandbox, transport=_SlowReadings(world)) as client:
        result = kf.run(singles, client, journal=journal, deadline_s=59.0, before="read")
    assert (result.status, result.counts["not_sent"]) == ("deadline", 12)
    assert writes(sandbox).empty


def test_run__canary(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """The first requests are read back; the rest follows only if they are as asked."""
    good = kf.run(kf.plan(wide, combine=False), client, journal=journal, first=1, before="none")
    assert good.counts["applied"] == 4
    # Whatever was asked before the first write is no reading back.
    methods = "".join(sandbox.requests["method"].str[0]).lstrip("G")
    assert re.fullmatch("PG+P{3}", methods)
    bad = wide.assign(entity_id=[990_000_000, *wide["entity_id"][1:]])
    plan = kf.plan(bad, combine=False)
    position = plan.requests["ids"].tolist().index((990_000_000,))
    stopped = kf.run(plan, client, journal=journal, first=position + 1)
    assert stopped.status == "canary"
    assert stopped.counts == stopped.counts | {"applied": position, "rejected": 1, "not_sent": 3 - position}
    assert f"1 of the first {position + 1} requests was not accepted (" in stopped.summary
    assert kf.resume(stopped.run_id, client, journal=journal).counts["not_sent"] == 0


def test_run__canary_of_one(client: kf.Client, wide: pd.DataFrame, journal: Path) -> None:
    """A canary of a single request speaks of it as of one."""
    bad = wide.assign(entity_id=990_000_000 + wide["entity_id"])
    stopped = kf.run(kf.plan(bad, combine=False), client, journal=journal, first=1, before="none")
    assert "The first request was not accepted (" in stopped.summary
    assert "the first requests were not all accepted, or did not read back as asked." in stopped.summary


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b""),
        (207, b'{"request_id": "a", "data": {"failed": 1}}'),
        (200, b"<html>welcome</html>"),
        (200, b'{"request_id": "a", "data": {}, "error": {"code": "internal"}}'),
        (504, b'{"request_id": "a", "error": {"code": "downstream_unavailable"}}'),
        (500, b""),
    ],
)
def test_run__answer_that_does_not_say_what_was_done(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path, status: int, content: bytes
) -> None:
    """A write that was done but not confirmed is unknown; resuming asks, or reads, and it is applied."""
    with connect(sandbox, transport=AnsweringTransport(status, content)) as client:
        lost = kf.run(kf.plan(wide), client, journal=journal)
        read_back = kf.resume(lost.run_id, client, journal=journal)
    assert lost.counts["unknown"] == 4
    assert lost.frame["message"].str.contains("it may have been written").all()
    assert read_back.counts["applied"] == 4
    assert read_back.frame["message"].str.endswith("reading back shows the flag as asked").all()


def test_run__no_content(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path) -> None:
    """A 204 has no body and says that the write was done."""
    with connect(sandbox, transport=AnsweringTransport(204)) as client:
        assert kf.run(kf.plan(wide), client, journal=journal).counts["applied"] == 4


def test_run__failure_of_the_server_before_a_refused_credential(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A write that was done but answered 504 stays unknown where the next try meets a 403."""
    with connect(sandbox, transport=AnsweringTransport(504, count=1, action=sandbox.revoke)) as client:
        result = kf.run(kf.plan(wide), client, journal=journal)
    assert (result.status, result.counts["unknown"]) == ("refused", 4)


def test_resume__mended_credential(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """Rows that met a 401 are sent under the same keys once the credential is good."""
    wrong: dict[str, Any] = {"partner_key": sandbox.partner_key, "secret_key": "wrong", "max_connections": 1}
    with kf.connect(sandbox.url, **wrong) as client:
        refused = kf.run(singles, client, journal=journal, before="none")
    with connect(sandbox) as client:
        resumed = kf.resume(refused.run_id, client, journal=journal)
    assert refused.counts == refused.counts | {"failed": 1, "not_sent": 11}
    assert refused.n_open == 12
    assert "Once that is mended, resume sends the rest." in refused.summary
    assert resumed.counts["applied"] == 12
    assert resumed.frame["idempotency_key"].tolist() == refused.frame["idempotency_key"].tolist()


def test_run__too_large(sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path) -> None:
    """A 413 is narrowed until requests are small enough, whoever says it."""
    transport = AnsweringTransport(413, b"<html>Request Entity Too Large</html>", count=1)
    with connect(sandbox, transport=transport) as client:
        result = kf.run(kf.plan(narrow), client, journal=journal)
    assert result.counts["applied"] == 12


def test_run__table_of_another_business(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """Where nothing is accepted and 20 rows are refused alone, the run ends after a few dozen requests."""
    stores = sandbox.state()[["brand_id", "branch_id"]].dropna().drop_duplicates().head(40)
    ids = [FOREIGN_ID + n for n in range(500)]
    plan = kf.plan(kf.cross_toggles("item", ids, stores, is_enabled=False), progress=False)
    with connect(sandbox) as client:
        result = kf.run(plan, client, journal=journal, progress=False)
        n_writes = len(writes(sandbox))
        again = kf.resume(result.run_id, client, journal=journal, progress=False)
    assert (result.status, result.counts["rejected"]) == ("all_refused", 20)
    assert result.counts["not_sent"] == 19_980
    assert n_writes <= 60
    assert "another business" in result.summary
    # Whoever resumes all the same has the count start again.
    assert (again.status, again.counts["rejected"]) == ("all_refused", 40)


def test_run__max_failures_counts_rows(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A row that stands in the table twice fails twice; a flag that no row asks for never does."""
    twice = pd.concat([narrow.assign(entity_id=FOREIGN_ID).head(1)] * 2, ignore_index=True)
    with connect(sandbox, max_connections=1) as client:
        kept = kf.run(kf.plan(twice, combine=False), client, journal=journal, max_failures=2)
        over = kf.run(kf.plan(twice, combine=False), client, journal=journal, max_failures=1)
    assert (kept.status, over.status) == ("finished", "too_many_failures")


def test_resume__canary_that_was_killed(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A run that is killed while its canary is read back has the canary still to pass."""
    plan = kf.plan(wide, combine=False, progress=False)
    undone = wide.assign(is_enabled=True)

    def work() -> None:
        with connect(sandbox, transport=KillingReadings()) as client:
            kf.run(plan, client, journal=journal, progress=False, first=1)

    assert run_in_child(work)
    assert len(writes(sandbox)) == 1
    with connect(sandbox) as client:
        kf.run(kf.plan(undone), client, journal=":memory:", progress=False)
        (run_id,) = kf.runs(journal=journal)["run_id"]
        stopped = kf.resume(run_id, client, journal=journal, progress=False)
        assert (stopped.status, stopped.counts["not_sent"]) == ("canary", 3)
        assert kf.resume(run_id, client, journal=journal, progress=False).counts["applied"] == 4


def test_resume__keeps_on_error(sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path) -> None:
    """A run that was killed stops at its first bad row after the resume too."""
    bad = narrow.assign(entity_id=[*narrow["entity_id"][:4], *range(FOREIGN_ID, FOREIGN_ID + 8)])
    plan = kf.plan(bad, combine=False, progress=False)
    options = {"max_connections": 1, "transport": KillingTransport(KillPoint("before_send", 2))}

    def work() -> None:
        with connect(sandbox, **options) as client:
            kf.run(plan, client, journal=journal, progress=False, on_error="stop")

    assert run_in_child(work)
    (run_id,) = kf.runs(journal=journal)["run_id"]
    with connect(sandbox, max_connections=1) as client:
        result = kf.resume(run_id, client, journal=journal, progress=False)
    assert (result.status, result.counts["rejected"]) == ("too_many_failures", 1)


def test_resume__keeps_the_lower_cap(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A resume keeps the cap on writes that the run began under; the client then has its own again."""
    seen: list[int] = []
    with sandbox.connect(writes_per_minute=60, max_connections=1) as client:
        result = kf.run(singles, client, journal=journal, progress=Bar(interrupt))
    with sandbox.connect(writes_per_minute=90, max_connections=1) as client:
        bar = Bar(lambda: seen.append(client.pacing.writes_per_minute))
        kf.resume(result.run_id, client, journal=journal, progress=bar)
        seen.append(client.pacing.writes_per_minute)
    assert seen == [60, 90]


def test_run__canary_of_modifier_options(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """Modifier options are no rows of a menu: a canary of them has nothing to be held against."""
    with connect(sandbox) as client:
        options = kf.read_state(client, progress=False).attrs["modifier_option_ids"][:1]
        rows = pd.concat([kf.business_toggles("item", options, is_enabled=False), wide])
        plan = kf.plan(rows, combine=False, progress=False)
        result = kf.run(plan, client, journal=journal, progress=False, first=len(plan.requests) - 1)
    assert (result.status, result.counts["applied"]) == ("finished", 5)


class _DeadHost(httpx.BaseTransport):
    """Nobody answers, and every attempt to connect is counted."""

    n_attempts = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse a connection."""
        self.n_attempts += 1
        raise httpx.ConnectError("nobody listens", request=request)


def test_resume__dead_host_is_tried_once(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """Who resumes while the host is down pays one round of attempts, and nothing is sent."""
    assert run_until_killed(sandbox, singles, journal, kill_point=KillPoint("before_send", nth=1))
    dead = _DeadHost()
    with connect(sandbox, transport=dead) as client:
        result = kf.resume("last", client, journal=journal, progress=False)
    assert dead.n_attempts <= 5
    assert result.status == "unreachable"
    assert result.counts["applied"] == 0
    assert len(writes(sandbox)) == 0
