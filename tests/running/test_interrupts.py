"""Ctrl-C at an awkward moment."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.running.journal import Disk

from .worlds import connect


def _press_ctrl_c(pressed: list[float]) -> None:
    pressed.append(time.monotonic())
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_interrupt__slow_answer(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A run does not wait for an answer that takes long: its row is unknown, and resuming settles it."""
    sandbox.inject("latency", seconds=4.0, count=1)
    with connect(sandbox, max_connections=1) as client:
        pressed: list[float] = []
        threading.Timer(0.2, _press_ctrl_c, [pressed]).start()
        result = kf.run(singles, client, journal=journal)
        assert time.monotonic() - pressed[0] < 2.0
        assert result.status == "interrupted"
        assert result.counts == result.counts | {"unknown": 1, "not_sent": 11}
        waited = result.frame[result.frame["outcome"] == "not_sent"]
        assert waited["sent_at"].isna().all()
        assert waited["attempts"].eq(0).all()
        assert f'kf.resume("{result.run_id}", client, journal={str(journal)!r})' in result.summary
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_interrupt__waiting_for_the_rate(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A run that waits for its turn under the rate cap stops at once."""
    with sandbox.connect(writes_per_minute=2) as client:
        pressed: list[float] = []
        threading.Timer(0.3, _press_ctrl_c, [pressed]).start()
        result = kf.run(singles, client, journal=journal)
    assert time.monotonic() - pressed[0] < 2.0
    assert result.status == "interrupted"
    assert result.counts["not_sent"] >= 10
    assert sum(result.counts.values()) == 12


def test_interrupt__before_anything_was_sent(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the run is first noted: nothing is sent, and the plan can still run."""
    commit = Disk._commit

    def interrupted(self: Disk, statements: Any) -> None:
        _press_ctrl_c([])
        commit(self, statements)

    with connect(sandbox) as client:
        monkeypatch.setattr(Disk, "_commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kf.run(singles, client, journal=journal)
        monkeypatch.setattr(Disk, "_commit", commit)
        assert sandbox.requests.empty
        assert kf.runs(journal=journal)["status"].isin(["killed"]).all()
        assert kf.run(singles, client, journal=journal).counts["applied"] == 12
