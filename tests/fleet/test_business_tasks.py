"""Executors: processes of Dask, a worker that is killed, an executor that loses its tasks, Ctrl-C."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import distributed
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames import edge

from .conftest import Sandboxes, fleet_table

CELL = ["entity_type", "entity_id", "brand_id", "branch_id"]


@pytest.fixture
def cluster(sandboxes: Sandboxes) -> Iterator[distributed.Client]:
    """Two Dask workers, each a process of its own, which find the profiles in their environment."""
    with (
        # Its profiler can stop a worker for good: python/cpython#106883, in the first releases of 3.11.
        dask.config.set({"distributed.worker.profile.enabled": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _n_writes(sandbox: kf.sandbox.Sandbox) -> int:
    return int(sandbox.requests["method"].eq("PATCH").sum())


def _writes_per_cell(sandbox: kf.sandbox.Sandbox) -> list[int]:
    """Return how often each cell that anybody wrote was written; a replay under the same key is no write."""
    history = sandbox.history()
    return history[history["key"].notna()].groupby(CELL).size().tolist()


def execute_and_die_once(deaths: Path, fn: Any, task: Any) -> Any:
    """Do a task; the first time, kill this process after the fourth write, before its answer is noted.

    With bali the worker's disk is lost as well, and medan has no accident.
    """
    marker = deaths / task.business
    if marker.exists() or task.business == "medan":
        return fn(task)
    marker.touch()
    write, n_written = kf.Client.write, itertools.count(1)

    def write_and_die(*args: Any, **options: Any) -> Any:
        settled = write(*args, **options)
        if next(n_written) == 4:
            if task.business == "bali":
                Path(task.journal).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return settled

    kf.Client.write = write_and_die  # type: ignore[method-assign]
    return fn(task)


class FatalExecutor(Executor):
    """Hands tasks to Dask; the first workers that are at depok and at bali die."""

    def __init__(self, executor: Executor, deaths: Path) -> None:
        self._executor, self._deaths = executor, deaths

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._executor.submit(execute_and_die_once, self._deaths, fn, *args, **kwargs)


def test_dask__a_killed_worker_is_followed_by_another(
    sandboxes: Sandboxes, cluster: distributed.Client, folder: Path, tmp_path: Path
) -> None:
    """Killed with a write made and not noted, a business goes on elsewhere: nothing lost, nothing doubled.

    Another worker has the journal to go on from or, where that was lost with its disk, the mirror.
    """
    plans = kf.fleet.plan(fleet_table(sandboxes, n=12), combine=False, progress=False)
    deaths, mirrors = tmp_path / "deaths", tmp_path / "mirrors"
    deaths.mkdir()
    mirrors.mkdir()
    executor = FatalExecutor(cluster.get_executor(), deaths)
    result = kf.fleet.run(plans, executor=executor, journal_folder=folder, mirror_folder=mirrors)
    assert sorted(path.name for path in deaths.iterdir()) == ["bali", "depok"]
    assert result.counts == result.counts | {"applied": 36}
    assert "last seen running" in result.results["bali"].summary
    for name, sandbox in sandboxes.items():
        assert _writes_per_cell(sandbox) == [1] * 12
        assert kf.runs(journal=folder / f"{name}.sqlite3")["status"].tolist() == ["finished"]


class LosingExecutor(Executor):
    """Does the first `n` tasks and loses what they return, as a worker does that dies at its end."""

    def __init__(self, n: int) -> None:
        self.n_left = n

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        outcome = fn(*args, **kwargs)
        self.n_left -= 1
        if self.n_left >= 0:
            future.set_exception(RuntimeError("the node went away"))
        else:
            future.set_result(outcome)
        return future


@pytest.mark.parametrize("n_lost", [2, 99])
def test_lost_task__goes_to_another_worker_or_is_told_from_the_journal(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, n_lost: int
) -> None:
    """A lost task is handed out once more; lost again, its rows come from the journal."""
    plans = kf.fleet.plan(table, progress=False)
    result = kf.fleet.run(plans, executor=LosingExecutor(n_lost), journal_folder=folder)
    assert result.counts["applied"] == 18
    assert len(result.errors) == (3 if n_lost > 3 else 0)
    assert [_n_writes(sandbox) for sandbox in sandboxes.values()] == [1, 1, 1]


class BrokenExecutor(Executor):
    """Takes a task and breaks without doing it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("out of memory"))
        return future


def test_lost_task__without_a_journal_here_is_unknown(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path
) -> None:
    """Where no journal is to be seen, a lost worker may have written: that is said, not guessed."""
    result = kf.fleet.run(
        kf.fleet.plan(table, progress=False), executor=BrokenExecutor(), journal_folder=folder
    )
    assert result.counts["unknown"] == 18
    assert result.frame["message"].str.contains("out of memory").all()


def hold_writes(patch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let each client send so many writes; the others wait until their run is stopped."""
    send, counts, turn = kf.Client.write, Counter[int](), threading.Lock()

    def write(client: kf.Client, *args: Any, stop: threading.Event, **options: Any) -> Any:
        with turn:
            counts[id(client)] += 1
            is_held = counts[id(client)] > after
        if is_held:
            assert stop.wait(600)
        return send(client, *args, stop=stop, **options)

    patch.setattr(kf.Client, "write", write)


def test_ctrl_c__stops_every_business_and_the_rest_goes_on_later(
    sandboxes: Sandboxes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C no further request leaves; the same plans run again send what is left, each write once."""
    plans = kf.fleet.plan(fleet_table(sandboxes, n=40), combine=False, progress=False)

    class Interrupting:
        """Presses Ctrl-C once, where the person's process shows progress."""

        is_pressed = False

        def update(self, n: int = 1) -> None:
            if not self.is_pressed:
                self.is_pressed = True
                signal.raise_signal(signal.SIGINT)

        def close(self) -> None:
            pass

    with monkeypatch.context() as patch:
        hold_writes(patch, after=3)
        result = kf.fleet.run(plans, journal_folder=folder, progress=Interrupting())
    assert result.is_interrupted
    assert (result.counts["applied"] > 0, result.counts["unknown"]) == (True, 0)
    assert result.counts["not_sent"] >= 3 * 37
    assert kf.fleet.run(plans, journal_folder=folder).counts["applied"] == 120
    for sandbox in sandboxes.values():
        assert _writes_per_cell(sandbox) == [1] * 40


class _Idle(Future[Any]):
    """A task that no worker ever takes; the third look at it may press Ctrl-C."""

    def __init__(self, *, presses_ctrl_c: bool) -> None:
        super().__init__()
        self._presses_ctrl_c = presses_ctrl_c
        self._n_looks = 0

    def running(self) -> bool:
        self._n_looks += 1
        if self._presses_ctrl_c and self._n_looks == 3:
            signal.raise_signal(signal.SIGINT)
        return False


class IdleExecutor(Executor):
    """Takes tasks and has no workers, as a cluster that is not up yet."""

    def __init__(self, *, presses_ctrl_c: bool = False) -> None:
        self.presses_ctrl_c = presses_ctrl_c

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return _Idle(presses_ctrl_c=self.presses_ctrl_c)


class _Hasty(edge.World):
    """A world in which half a minute passes between two looks at the clock."""

    now_s = 0.0

    def monotonic(self) -> float:
        self.now_s += 30.0
        return self.now_s


def test_executor__without_workers_is_told_and_given_up_in_time(
    table: pd.DataFrame, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says at once, then each minute, what the fleet waits for; at the limit nothing was sent."""
    plans = kf.fleet.plan(table, progress=False)
    with edge.use(_Hasty()):
        result = kf.fleet.run(plans, executor=IdleExecutor(), journal_folder=folder, start_timeout_s=200.0)
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in said] == [
        f"No worker of IdleExecutor is seen to have begun with any of 3 businesses, for {s} s"
        for s in (30, 90, 150)
    ]
    assert result.counts["unknown"] == 18
    assert result.frame["message"].str.startswith("No worker was seen to begin within 200 s").all()
    assert not folder.exists()


def test_executor__without_workers_hears_ctrl_c(table: pd.DataFrame, folder: Path) -> None:
    """Ctrl-C ends the wait for workers: what they may have begun elsewhere is unknown, and that is said."""
    executor = IdleExecutor(presses_ctrl_c=True)
    result = kf.fleet.run(kf.fleet.plan(table, progress=False), executor=executor, journal_folder=folder)
    assert result.counts["unknown"] == 18
    assert result.frame["message"].str.contains("Whether a worker had begun with it is not known").all()


def test_ctrl_c__is_passed_on_to_a_worker_that_its_executor_would_leave_alone(
    sandboxes: Sandboxes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask takes back a task that a worker is at, and the worker would go on: it is asked to stop instead."""
    plans = kf.fleet.plan(fleet_table(sandboxes, n=40), combine=False, progress=False)
    plans = {"depok": plans["depok"]}
    hold_writes(monkeypatch, after=3)

    def has_written() -> bool:
        return _n_writes(sandboxes["depok"]) > 0

    with ThreadPoolExecutor(1) as pool:
        result = kf.fleet.run(plans, executor=_Deaf(pool, has_written), journal_folder=folder)
    assert result.is_interrupted
    counts = result.counts
    assert (counts["applied"] + counts["not_sent"], counts["unknown"]) == (40, 0)
    assert 0 < counts["applied"] == sum(_writes_per_cell(sandboxes["depok"]))


def test_ctrl_c__reaches_a_worker_that_reads_its_first_menus(
    sandboxes: Sandboxes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker elsewhere, whose run is in no journal yet, ends its reading at once: nothing is ever sent."""
    plans = {"depok": kf.fleet.plan(fleet_table(sandboxes), combine=False, progress=False)["depok"]}
    is_reading, read = threading.Event(), kf.Client.read

    def read_in_vain(client: kf.Client, path: str, *args: Any, stop: Any = None, **options: Any) -> Any:
        if path.startswith("/menus"):
            is_reading.set()
            assert stop.wait(600)
        return read(client, path, *args, stop=stop, **options)

    monkeypatch.setattr(kf.Client, "read", read_in_vain)
    with ThreadPoolExecutor(1) as pool:
        result = kf.fleet.run(plans, executor=_Deaf(pool, is_reading.is_set), journal_folder=folder)
    assert (result.is_interrupted, result.counts["not_sent"]) == (True, 6)
    assert _n_writes(sandboxes["depok"]) == 0
    assert [path.name for path in folder.glob("*.locks/stop-*")] == []


class _Deaf(Executor):
    """Runs a task, never says so, and takes it back all the same; Ctrl-C comes when it is time."""

    def __init__(self, pool: Executor, is_time: Callable[[], bool]) -> None:
        self._pool, self._is_time = pool, is_time

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = _Unheard(self._is_time)
        self._pool.submit(fn, *args, **kwargs).add_done_callback(lambda done: _pass_on(done, future))
        return future


class _Unheard(Future[Any]):
    def __init__(self, is_time: Callable[[], bool]) -> None:
        super().__init__()
        self._is_time = is_time
        self._is_pressed = False

    def cancelled(self) -> bool:
        on_main = threading.current_thread() is threading.main_thread()
        if on_main and not self._is_pressed and self._is_time():
            self._is_pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().cancelled()


def _pass_on(done: Future[Any], future: Future[Any]) -> None:
    if not future.cancelled():
        future.set_result(done.result())
