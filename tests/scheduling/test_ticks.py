"""Ticks over HTTP: what is due is sent once, and comes back; and a process that ticks on its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.scheduling.ticks import follow_ticks, next_pause
from tests.scheduling.conftest import CELL, HOUR, flags, later, n_writes

Rows = Callable[..., pd.DataFrame]


class _AnHourLater(edge.World):
    """A machine on which an hour has passed: what happened before is not within a second of it."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def test_tick__starts_and_ends_in_one_request_each(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Dishes go off together and come back together; a tick between sends nothing."""
    rows = dishes(4, ends_at=later())
    promised = kf.schedule(rows, hasty, journal=journal)
    started = kf.tick(hasty, journal=journal)
    assert kf.tick(hasty, journal=journal).empty
    assert flags(sandbox, rows) == [False] * 4
    sandbox.move_clock(3600)
    ended = kf.tick(hasty, journal=journal)
    assert (flags(sandbox, rows), n_writes(sandbox)) == ([True] * 4, 2)
    expected = rows.reset_index(drop=True).assign(
        action=["end"] * 4, outcome="applied", code="ok", status="done"
    )
    expected["promise_id"] = promised["promise_id"].to_numpy()
    columns = ["promise_id", "action", "outcome", "code", "status", *CELL, "is_enabled", "title"]
    pd.testing.assert_frame_equal(ended[columns], expected[columns], check_dtype=False)
    assert (started["action"] + started["status"]).tolist() == ["startactive"] * 4
    assert kf.runs(journal=journal)["run_id"].tolist() == started.attrs["run_ids"] + ended.attrs["run_ids"]


@pytest.mark.parametrize("menus", ["stale", "live"])
def test_tick__keeps_what_others_are_seen_to_have_changed(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows, menus: str
) -> None:
    """A dish that a manager switched on again visibly is left alone; the others come back."""
    sandbox.set(store_read=menus)
    rows = dishes(3, ends_at=later())
    kf.schedule(rows, hasty, journal=journal, publish=True)
    started = kf.tick(hasty, journal=journal)
    assert (started["outcome"].tolist(), n_writes(sandbox)) == (["applied"] * 3, 1)
    store = [(int(rows["brand_id"].iloc[0]), int(rows["branch_id"].iloc[0]))]
    sandbox.move_clock(3600)
    with edge.use(_AnHourLater()):
        kf.read_state(hasty, stores=store, journal=journal)
        sandbox.edit("item", [int(rows["entity_id"].iloc[1])], stores=store, is_enabled=True)
        sandbox.publish(store)
        ended = kf.tick(hasty, journal=journal)
    assert ended["status"].tolist() == ["done", "kept", "done"]
    assert flags(sandbox, rows) == [True] * 3
    assert "the menu shows on" in ended["note"][1]


def test_tick__publishes_after_each_start_and_each_end(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Guests see a promise that publishes, and no other."""
    rows = dishes(1, ends_at=later())
    kf.schedule(rows, hasty, journal=journal, publish=True)
    seen = []
    for seconds in (0, 3600):
        sandbox.move_clock(seconds)
        kf.tick(hasty, journal=journal)
        state = sandbox.state(published=True).set_index(CELL)["is_enabled"]
        seen.append(bool(state.loc[next(rows[CELL].itertuples(index=False, name=None))]))
    assert seen == [False, True]


def test_tick__publishes_at_the_next_one_what_it_could_not(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """A publish that fails is asked for again, though nothing else is due."""
    kf.schedule(dishes(1, ends_at=later()), hasty, journal=journal, publish=True)
    sandbox.inject("error_503", match="/menus/publish")
    kf.tick(hasty, journal=journal)
    sandbox.clear_faults()
    n_before = len(sandbox.requests)
    assert kf.tick(hasty, journal=journal).empty
    paths = sandbox.requests["path"].iloc[n_before:].tolist()
    assert paths.count("/menus/publish") == 1
    assert kf.tick(hasty, journal=journal).empty
    assert sandbox.requests["path"].tolist()[n_before:].count("/menus/publish") == 1


def test_tick__tries_again_what_did_not_get_through(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """An end that the service does not take stays active and overdue until it does."""
    rows = dishes(2, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    kf.tick(hasty, journal=journal)
    sandbox.move_clock(3600)
    sandbox.inject("error_503", match="/enable")
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["active"] * 2
    assert kf.agenda(journal=journal, now=hasty.server_now() + HOUR)["is_overdue"].all()  # type: ignore[operator]
    sandbox.clear_faults()
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["done"] * 2
    assert flags(sandbox, rows) == [True] * 2


def test_tick__waits_for_a_menu_that_cannot_be_read(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Promises of one store wait for the next tick where its menu is not to be had; the others are kept."""
    rows = dishes(200, ends_at=later()).drop_duplicates(["brand_id", "branch_id"]).head(2)
    kf.schedule(rows, hasty, journal=journal)
    brand_id, branch_id = rows[["brand_id", "branch_id"]].iloc[1]
    sandbox.inject("error_503", match=f"brand_id={brand_id}&branch_id={branch_id}")
    kept = kf.tick(hasty, journal=journal)
    assert kept["status"].tolist() == ["active", "waiting"]
    assert "could not be read" in kept["note"][1]
    sandbox.clear_faults()
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["active"]
    assert flags(sandbox, rows) == [False, False]


def test_tick__fails_what_it_missed_and_what_is_refused(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """A start whose end has passed sends nothing; an id of another business is refused for good."""
    now = later(0)
    missed = dishes(1, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    foreign = dishes(1, starts_at=now, ends_at=now + 9 * HOUR).assign(entity_id=999_999_999)
    kf.schedule(pd.concat([missed, foreign]), hasty, journal=journal)
    sandbox.move_clock(3 * 3600)
    kept = kf.tick(hasty, journal=journal)
    assert sorted(zip(kept["outcome"], kept["status"], strict=True)) == [
        ("not_sent", "failed"),
        ("rejected", "failed"),
    ]
    assert flags(sandbox, missed) == [True]


def test_tick__leaves_promises_of_others_alone(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Another key's promises in the same journal are not this client's."""
    kf.schedule(dishes(1, ends_at=later()), hasty, journal=journal)
    key = sandbox.issue_credential()
    with sandbox.connect(partner_key=key.partner_key, secret_key=key.secret_key) as other:
        assert kf.tick(other, journal=journal).empty
    assert n_writes(sandbox) == 0


def test_tick__needs_no_code(
    hasty: kf.Client, journal: Path, dishes: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real host schedule asks for a code, which covers the ticks."""
    monkeypatch.setattr(kf.Client, "needs_confirmation", True)
    rows = dishes(1, ends_at=later())
    with pytest.raises(kf.PlanError, match="it covers the ticks") as refused:
        kf.schedule(rows, hasty, journal=journal)
    code = str(refused.value).split("confirm='")[1][:8]
    kf.schedule(rows, hasty, journal=journal, confirm=code)
    assert kf.tick(hasty, journal=journal)["outcome"].tolist() == ["applied"]


def test_tick__tells_of_clocks_that_differ(
    sandbox: kf.sandbox.Sandbox,
    hasty: kf.Client,
    journal: Path,
    dishes: Rows,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Due times go by the server's clock, and a machine that is an hour behind hears of it."""
    kf.schedule(dishes(1, starts_at=later()), hasty, journal=journal)
    sandbox.move_clock(3601)
    kept = kf.tick(hasty, journal=journal)
    assert kept["status"].tolist() == ["done"]
    assert kept.attrs["warnings"] == [record.getMessage() for record in caplog.records]
    assert "60 min behind the server's" in kept.attrs["warnings"][0]


def test_tick__is_undone_with_its_promises(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Who undoes a start has the flags back at once, and nothing is left on the agenda."""
    rows = dishes(2, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    (run_id,) = kf.tick(hasty, journal=journal).attrs["run_ids"]
    undone = kf.undo(run_id, hasty, journal=journal)
    assert kf.agenda(journal=journal)["status"].tolist() == ["active"] * 2
    kf.run(undone, hasty, journal=journal)
    assert flags(sandbox, rows) == [True] * 2
    assert kf.agenda(journal=journal)["status"].tolist() == ["cancelled"] * 2


def test_tick__spares_runs_of_open_promises_from_pruning(
    hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """The run that started an active promise stays, however old."""
    kf.schedule(dishes(1, ends_at=later()), hasty, journal=journal, publish=True)
    kf.tick(hasty, journal=journal)
    assert kf.prune_runs("0h", journal=journal).empty
    assert len(kf.agenda(journal=journal)) == 1
    kf.cancel_promises(kf.agenda(journal=journal)["promise_id"], journal=journal)
    kf.prune_runs("0h", journal=journal)
    assert kf.agenda(journal=journal).empty


_KILLED = """
import os, signal, sys
import klikit_frames as kf

url, partner_key, secret_key, journal = sys.argv[1:]
send = kf.Client.write
def write(self, *given, **options):
    send(self, *given, **options)
    os.kill(os.getpid(), signal.SIGKILL)
kf.Client.write = write
with kf.connect(url, partner_key=partner_key, secret_key=secret_key) as client:
    kf.tick(client, journal=journal, progress=False)
"""


def test_tick__goes_on_after_a_kill(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Killed after its write and before the answer is noted, a tick is repeated: all is started, once."""
    rows = dishes(3, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    arguments = [sandbox.url, sandbox.partner_key, sandbox.secret_key, str(journal)]
    done = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["active"] * 3
    history = sandbox.history()
    assert (flags(sandbox, rows), history["event"].eq("write").sum()) == ([False] * 3, 3)
    sandbox.move_clock(3600)
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["done"] * 3


@pytest.mark.parametrize("is_resumed", [True, False])
def test_tick__gives_back_what_a_resume_of_its_run_started(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows, *, is_resumed: bool
) -> None:
    """A tick stopped by Ctrl-C is finished by a resume or the next tick: its dishes go off and come back."""
    rows = dishes(3, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    with patch("klikit_frames.running.executor.RunExecutor.settle_open", side_effect=KeyboardInterrupt):
        kept = kf.tick(hasty, journal=journal)
    assert (kept["outcome"].tolist(), kept["status"].tolist()) == (["not_sent"] * 3, ["waiting"] * 3)
    if is_resumed:
        assert kf.resume(kept.attrs["run_ids"][0], hasty, journal=journal).counts["applied"] == 3
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["active"] * 3
    assert (flags(sandbox, rows), n_writes(sandbox)) == ([False] * 3, 1)
    sandbox.move_clock(3600)
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["done"] * 3
    assert flags(sandbox, rows) == [True] * 3


class _PowerCut(BaseException):
    """The end of a process, in one that goes on."""


def _cut(*_: object, **__: object) -> None:
    raise _PowerCut


@pytest.mark.parametrize("where", ["ticks.run", "tick_runs.TickRun.take_in"])
def test_tick__goes_on_after_a_cut_around_its_run(
    sandbox: kf.sandbox.Sandbox,
    hasty: kf.Client,
    journal: Path,
    dishes: Rows,
    where: str,
) -> None:
    """Cut off before its run is begun, or before its outcome is noted, a tick is repeated and writes once."""
    rows = dishes(3, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    with patch(f"klikit_frames.scheduling.{where}", _cut), pytest.raises(_PowerCut):
        kf.tick(hasty, journal=journal)
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["active"] * 3
    assert (flags(sandbox, rows), n_writes(sandbox)) == ([False] * 3, 1)


def test_tick__does_not_go_on_with_what_is_not_wanted_any_more(
    sandbox: kf.sandbox.Sandbox,
    hasty: kf.Client,
    journal: Path,
    dishes: Rows,
) -> None:
    """A run of starts that was begun and never sent is left alone once their end has passed."""
    rows = dishes(2, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    cut = patch("klikit_frames.running.executor.RunExecutor.settle_open", _cut)
    with cut, pytest.raises(_PowerCut):
        kf.tick(hasty, journal=journal)
    sandbox.move_clock(3600)
    assert kf.tick(hasty, journal=journal)["status"].tolist() == ["failed"] * 2
    assert n_writes(sandbox) == 0


def test_tick__is_one_with_another_at_once(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """A tick that begins while another is at work leaves everything to it, and says so."""
    kf.schedule(dishes(3, ends_at=later()), hasty, journal=journal)
    second = []
    kept = kf.tick(hasty, journal=journal, on_finish=lambda _: second.append(kf.tick(hasty, journal=journal)))
    assert (len(kept), len(second[0]), n_writes(sandbox)) == (3, 0, 1)
    assert "Another tick" in second[0].attrs["notes"][0]


def test_tick__is_one_from_two_processes(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Two processes that tick at once send what is due once."""
    rows = dishes(3, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    code = _KILLED.replace("    os.kill(os.getpid(), signal.SIGKILL)", "").replace(
        "    send(", "    return send("
    )
    arguments = [sandbox.url, sandbox.partner_key, sandbox.secret_key, str(journal)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments]) as other:
        here = kf.tick(hasty, journal=journal)
        assert other.wait() == 0
    assert (len(here) in {0, 3}, n_writes(sandbox)) == (True, 1)
    assert flags(sandbox, rows) == [False] * 3


class _Night:
    """A clock whose waits move the sandbox's, and that ends after some of them."""

    def __init__(self, sandbox: kf.sandbox.Sandbox, stop: threading.Event, *, seconds: float, n: int) -> None:
        self._sandbox, self._stop, self._seconds, self._left = sandbox, stop, seconds, n
        self.asked: list[float] = []

    def time(self) -> float:
        """Return nothing of use: only waiting is asked for."""
        return 0.0

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Let the sandbox's time pass."""
        self.asked.append(seconds)
        self._sandbox.move_clock(self._seconds)
        self._left -= 1
        if not self._left:
            self._stop.set()


def test_follow_ticks__keeps_promises_until_it_is_stopped(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, dishes: Rows
) -> None:
    """It starts and gives back, sleeps no longer than half a minute, and sleeps over an outage."""
    rows = dishes(1, ends_at=later())
    kf.schedule(rows, hasty, journal=journal)
    stop = threading.Event()
    night = _Night(sandbox, stop, seconds=1801, n=4)
    statuses: list[str] = []
    sandbox.inject("error_503", match="/menus?", count=5)
    follow_ticks(
        hasty, journal=journal, report=lambda kept: statuses.extend(kept["status"]), clock=night, stop=stop
    )
    assert (statuses, flags(sandbox, rows)) == (["active", "done"], [True])
    assert max(night.asked) <= 30


def test_next_pause__is_the_time_to_what_is_due(client: kf.Client, journal: Path, dishes: Rows) -> None:
    """Nothing promised, or something much later, is looked at again after half a minute."""
    assert next_pause(client, journal=journal) == 30
    kf.schedule(dishes(1, starts_at=later(10 / 3600)), client, journal=journal)
    assert next_pause(client, journal=journal) < 12
