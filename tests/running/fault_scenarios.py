"""Worlds to break runs in: random plans, and processes that die at a named step."""

from __future__ import annotations

import mmap
import os
import random
import signal
import socket
import struct
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

import klikit_frames as kf
from klikit_frames.edge import SystemClock
from klikit_frames.running.before_images import Before
from klikit_frames.running.journal_writer import JournalWriter

from .outcome_oracle import CELL, ScenarioCounts, check_outcomes

# Besides these there is "any moment": after so many milliseconds.
STEPS = ("before_commit", "after_commit", "before_send", "in_body", "after_send", "after_answer")
FAULTS: tuple[dict[str, Any], ...] = (
    {"name": "reset_before"},
    {"name": "reset_after"},
    {"name": "truncated"},
    {"name": "html_502"},
    {"name": "error_500"},
    {"name": "error_503"},
    {"name": "error_504"},
    {"name": "stored_502"},
    {"name": "rate_limit"},
    {"name": "rate_limit", "retry_after": "date"},
    {"name": "rate_limit", "retry_after": "absent"},
    {"name": "no_request_id"},
    {"name": "wrong_content_type"},
)
# Answers that leave open what was written, or that are another request's.
HARD_FAULTS: tuple[dict[str, Any], ...] = (
    *({"name": name, "written": part} for name in ("error_504", "stored_502") for part in ("half", "all")),
    {"name": "html_502", "written": "all"},
    {"name": "reset_after", "written": "half"},
    {"name": "empty_200"},
    {"name": "empty_200", "written": "none"},
    {"name": "no_content_204"},
    {"name": "multi_status_207"},
    {"name": "html_200"},
    {"name": "doubled_answer"},
)
MOST_KILLS = 3
FOREIGN_ID = 990_000_000


class SkippingClock:
    """A clock that never waits: it jumps over every wait instead. A parent sees what its child skipped."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)
        self._lock = threading.Lock()

    @property
    def skipped_s(self) -> float:
        """The seconds that were jumped over so far."""
        return float(struct.unpack_from("d", self._shared)[0])

    def time(self) -> float:
        """Return the present, with all that was skipped."""
        return time.time() + self.skipped_s

    def monotonic(self) -> float:
        """Return seconds that nobody sets, with all that was skipped."""
        return SystemClock().monotonic() + self.skipped_s

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Jump ahead."""
        with self._lock:
            struct.pack_into("d", self._shared, 0, self.skipped_s + max(0.0, seconds))


class MovableClock(SkippingClock):
    """A clock of a laptop that can be set, and that goes on while the lid is closed."""

    set_by_s = 0.0

    def time(self) -> float:
        """Return the present, as the laptop has it."""
        return super().time() + self.set_by_s


class JumpingClock(SkippingClock):
    """Jumps by some seconds, forward or back, when it is looked at for the `nth` time."""

    def __init__(self, *, jump_s: float, nth: int) -> None:
        super().__init__()
        self._jump_s = jump_s
        self._n_left = nth

    def time(self) -> float:
        """Return the present, as somebody has set it."""
        with self._lock:
            self._n_left -= 1
        return super().time() + (self._jump_s if self._n_left <= 0 else 0)


def kill_self() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal may take a moment to arrive, and nothing must happen in it.
    signal.pause()


@dataclass(slots=True)
class KillPoint:
    """Dies the `nth` time that a process comes to a step."""

    step: str
    nth: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, step: str) -> bool:
        """Tell whether this is the time."""
        if step != self.step:
            return False
        with self._lock:
            self.nth -= 1
            return self.nth == 0


class KillingTransport(httpx.HTTPTransport):
    """Sends requests until its kill point: before, in the midst of, or after one."""

    def __init__(self, kill_point: KillPoint) -> None:
        super().__init__()
        self._kill_point = kill_point

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, or die of it."""
        if request.method == "GET":
            return super().handle_request(request)
        if self._kill_point.at("before_send"):
            kill_self()
        for step, share in (("in_body", 0.5), ("after_send", 1.0)):
            if self._kill_point.at(step):
                _send_raw(request, share=share)
                kill_self()
        response = super().handle_request(request)
        if self._kill_point.at("after_answer"):
            response.read()
            kill_self()
        return response


class KillingReadings(httpx.HTTPTransport):
    """Kills this process at the first reading after a write."""

    has_written = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, or die of it."""
        if self.has_written and request.method == "GET":
            kill_self()
        self.has_written |= request.method == "PATCH"
        return super().handle_request(request)


def _send_raw(request: httpx.Request, *, share: float) -> None:
    """Send the head and a share of the body."""
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    body = request.read()
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body[: int(len(body) * share)]
    with socket.create_connection((request.url.host, request.url.port)) as connection:
        connection.sendall(raw)


def kill_at_commits(kill_point: KillPoint) -> None:
    """Let this process die around a commit; only for a process that dies or ends anyway."""
    commit = JournalWriter.commit

    def commit_or_die(self: JournalWriter, statements: Any) -> None:
        if kill_point.at("before_commit"):
            kill_self()
        commit(self, statements)
        if kill_point.at("after_commit"):
            kill_self()

    JournalWriter.commit = commit_or_die  # type: ignore[method-assign]


def run_in_child(work: Callable[[], object]) -> bool:
    """Do `work` in a process forked from this one, and tell whether it was killed."""
    with warnings.catch_warnings():
        # The child has only the thread that forked; it makes its own client and opens its own journal.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the parent only sees the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return False


def connect(sandbox: kf.sandbox.Sandbox, **options: Any) -> kf.Client:
    """Return a client without a cap, whose waits take no time."""
    caps = {"writes_per_minute": 10**6, "reads_per_minute": 10**6}
    return sandbox.connect(**(caps | {"clock": SkippingClock()} | options))


def run_fault_scenario(
    sandbox: kf.sandbox.Sandbox,
    journal: Path,
    *,
    step: str,
    rng: random.Random,
    counts: ScenarioCounts,
    faults: Iterable[dict[str, Any]] = (),
) -> None:
    """Let a plan be killed up to three times at one step, go on to its end, and judge it."""
    sandbox.reset()
    before = sandbox.state()
    plan = make_plan(before, rng=rng)
    counts.n_scenarios += 1
    for fault in faults:
        sandbox.inject(**fault, match="PATCH", probability=0.2, count=8)
    for _ in range(MOST_KILLS):
        counts.n_kills += run_until_killed(sandbox, plan, journal, kill_point=draw_kill_point(step, rng=rng))
    sandbox.clear_faults()
    with connect(sandbox) as client:
        result = kf.run(plan, client, journal=journal, progress=False)
    assert result.resume_hint is None
    check_outcomes(result, plan, sandbox, before=before, counts=counts)


def draw_kill_point(step: str, *, rng: random.Random) -> KillPoint:
    """Return one of the first times that a step is come to, or a moment of the first 120 milliseconds."""
    return KillPoint(step, rng.randrange(1, 120 if step == "any moment" else 12))


def draw_toggles(truth: pd.DataFrame, *, rng: random.Random, n_rows: int = 40) -> pd.DataFrame:
    """Return toggles over a few stores and entities, some business-wide, some foreign to the business."""
    is_store = truth["scope"] == "store"
    stores = truth.loc[is_store, ["brand_id", "branch_id"]].drop_duplicates()
    chosen = stores.sample(min(4, len(stores)), random_state=rng.randrange(10**6))
    near = truth[is_store].merge(chosen, on=["brand_id", "branch_id"])
    picked = pd.concat(
        [
            near.sample(min(n_rows, len(near)), random_state=rng.randrange(10**6)),
            truth[~is_store].sample(6, random_state=rng.randrange(10**6)),
        ]
    )[CELL]
    foreign = picked.sample(rng.randrange(4), random_state=rng.randrange(10**6))
    foreign = foreign.assign(entity_id=[FOREIGN_ID + n for n in range(len(foreign))])
    toggles = (
        pd.concat([picked, foreign]).drop_duplicates(CELL).sample(frac=1, random_state=rng.randrange(10**6))
    )
    flags = [rng.random() < 0.3 for _ in range(len(toggles))]
    return toggles.assign(is_enabled=flags, note=[f"row {n}" for n in range(len(toggles))]).reset_index(
        drop=True
    )


def make_plan(truth: pd.DataFrame, *, rng: random.Random, n_rows: int = 40) -> kf.Plan:
    """Return a plan of a handful of requests, a few of which the API will refuse."""
    toggles = draw_toggles(truth, rng=rng, n_rows=n_rows)
    limits = kf.Limits(max_ids=rng.choice([3, 8, 500]), max_stores=rng.choice([1, 2, 500]))
    return kf.plan(toggles, limits=limits, time_budget_s=0.02, progress=False)


def run_until_killed(
    sandbox: kf.sandbox.Sandbox,
    plan: kf.Plan,
    journal: Path,
    *,
    kill_point: KillPoint,
    run_id: str | None = None,
    clock: SkippingClock | None = None,
    before: Before = "auto",
) -> bool:
    """Run or resume a plan in a process that may die of it, and tell whether it did."""

    def work() -> None:
        kill_at_commits(kill_point)
        if kill_point.step == "any moment":
            threading.Timer(kill_point.nth / 1000, kill_self).start()
        options = {} if clock is None else {"clock": clock}
        with connect(sandbox, transport=KillingTransport(kill_point), **options) as client:
            if run_id is None:
                kf.run(plan, client, journal=journal, progress=False, before=before)
            else:
                kf.resume(run_id, client, journal=journal, progress=False)

    return run_in_child(work)
