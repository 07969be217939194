"""Defects put into the package on purpose, and a seed whose world finds each.

    python -m tests.simulation.own_defects [--most 1000] [--first 0] [--shrink] [WORD ...]

It plays worlds with one defect after the other until one shows, and prints the seed, what the oracle calls
it, and the row. Words choose defects by their names.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from unittest.mock import patch

from klikit_frames import edge
from klikit_frames.api import rate_limits, request_executor
from klikit_frames.api.client import Client
from klikit_frames.model import Outcome
from klikit_frames.running import (
    attribution,
    executor,
    guards,
    lifecycle,
    menu_history,
    runs,
    worker_pool,
)
from klikit_frames.running.evidence import Proof
from klikit_frames.running.journal import Journal
from klikit_frames.running.lifecycle import Event, RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import RequestTree
from klikit_frames.scheduling import tick_decisions, tick_runs

from .shrinking import play_once, shrink
from .world import SimulatedWorld

Put = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class OwnDefect:
    """How a defect is put in for a while, what the oracle calls it, and the seed that shows it.

    `kept` are the steps of that world which it needs.
    """

    put_in: Put
    kind: str
    seed: int
    kept: tuple[int, ...] | None = None

    def find(self, seeds: range = range(0)) -> SimulatedWorld | None:
        """Return the known world that shows it, or else the first of other seeds: steps may have changed."""
        with self.put_in():
            known_world = play_once(self.seed, kept=None if self.kept is None else {*self.kept})
            worlds = chain([known_world], (play_once(seed) for seed in seeds))
            return next((world for world in worlds if self._is_shown_by(world)), None)

    def _is_shown_by(self, world: SimulatedWorld) -> bool:
        """Tell whether what is wrong in a world is this: another defect may lie there as well."""
        return world.defect is not None and (not self.kind or world.defect.kind == self.kind)


def together(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    """Return several patches as one."""
    stack = ExitStack()
    for context in patches:
        stack.enter_context(context)
    return stack


def judge_otherwise(judge: Callable[[Any, Event], Event]) -> AbstractContextManager[Any]:
    """Let another rule have the last word on what an answer means."""
    event_of = attribution._event

    def event(settled: Any, *, n_cells: int, had_silence: bool) -> Event:
        return judge(settled, event_of(settled, n_cells=n_cells, had_silence=had_silence))

    return patch.object(attribution, "_event", event)


def _attempt_not_committed() -> AbstractContextManager[Any]:
    return patch.object(Journal, "record_attempt", lambda *_: None)


def _key_drawn_anew() -> AbstractContextManager[Any]:
    write = Client.write

    def write_anew(self: Client, *given: Any, key: str, **options: Any) -> Any:
        return write(self, *given, key=str(edge.draw_uuid()), **options)

    return patch.object(Client, "write", write_anew)


def _verdict_on_neighbours() -> AbstractContextManager[Any]:
    return judge_otherwise(lambda _, event: Event.REJECT_ONE if event is Event.REJECT_MANY else event)


def _part_refused_unasked() -> AbstractContextManager[Any]:
    def infer(self: RequestTree, request: Request) -> RequestResult | None:
        parent = self._requests.get(request.path[:-1])
        is_new = request.state is RequestState.RECORDED and request.target.n_cells == 1
        if parent is None or parent.result is None or not is_new:
            return None
        return replace(parent.result, status=RequestState.REJECTED)

    steps = lifecycle._STEPS | {(RequestState.RECORDED, RequestState.REJECTED)}
    return together(
        patch.object(RequestTree, "infer_rejection", infer), patch.object(lifecycle, "_STEPS", steps)
    )


def _publish_is_proof() -> AbstractContextManager[Any]:
    return patch.object(Proof, "rests_on_publish", lambda *_: False)


def _keys_live_for_ever() -> AbstractContextManager[Any]:
    never: dict[str, Any] = {"is_key_expired": lambda *_, **__: False}
    return together(patch.multiple(executor, **never), patch.multiple(worker_pool, **never))


def _wide_writes_forgotten() -> AbstractContextManager[Any]:
    return patch.object(menu_history, "_add_wide", lambda *_, **__: None)


def _pruned_unseen() -> AbstractContextManager[Any]:
    return patch.object(Journal, "proved_run_ids", lambda self: self.runs()["run_id"].tolist())


def _wrong_flag_given_back() -> AbstractContextManager[Any]:
    finish = tick_decisions._Walk.finish

    def finish_otherwise(self: Any, promise: Any) -> None:
        if holder := self._holders.get(promise.promise_id):
            self._holders[promise.promise_id] = replace(holder, before=holder.is_enabled)
        finish(self, promise)

    return patch.object(tick_decisions._Walk, "finish", finish_otherwise)


def _end_believed() -> AbstractContextManager[Any]:
    settle_end = tick_decisions.settle_end

    def settle(promise: Any, end: Any, **options: Any) -> Any:
        return settle_end(promise, end._replace(outcome=Outcome.APPLIED), **options)

    return patch.object(tick_runs, "settle_end", settle)


def _approval_forgotten() -> AbstractContextManager[Any]:
    return patch.object(runs, "check_approval", lambda *_: None)


def _deadline_not_heard() -> AbstractContextManager[Any]:
    begin = guards.RunMonitor.__init__

    def begin_without(self: guards.RunMonitor, rules: guards.Rules, **options: Any) -> None:
        begin(self, replace(rules, deadline_s=None), **options)

    return patch.object(guards.RunMonitor, "__init__", begin_without)


def _tried_without_end() -> AbstractContextManager[Any]:
    return patch.object(request_executor, "MAX_ATTEMPTS", 12)


def _cap_not_shared() -> AbstractContextManager[Any]:
    return patch.object(rate_limits, "MAX_SHARED_PER_MINUTE", 0)


OWN_DEFECTS = {
    "a try is not committed before it leaves": OwnDefect(_attempt_not_committed, "unnoted_send", 0, (17,)),
    "a key is drawn anew for each try": OwnDefect(_key_drawn_anew, "mislabelled", 0, (0, 1, 2, 3, 4)),
    "a verdict on the neighbours of a foreign id": OwnDefect(_verdict_on_neighbours, "mislabelled", 1, (19,)),
    "a part is refused before it is asked for": OwnDefect(
        _part_refused_unasked,
        "mislabelled",
        2,
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
    ),
    "a publish alone is taken as proof": OwnDefect(_publish_is_proof, "false_proof", 1, (19, 24)),
    "keys are taken to live for ever": OwnDefect(_keys_live_for_ever, "doubled", 2, (0,)),
    "stores do not inherit business-wide writes": OwnDefect(_wide_writes_forgotten, "false_audit", 4, (8,)),
    "pruning forgets what no menu shows yet": OwnDefect(_pruned_unseen, "pruned", 11, (11, 15, 16, 18)),
    "a promise gives back the wrong flag": OwnDefect(
        _wrong_flag_given_back, "promise", 1, (10, 11, 12, 22, 24)
    ),
    "a promise ends though its flag did not come back": OwnDefect(
        _end_believed,
        "promise",
        79,
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
    ),
    "a plan leaves that nobody has approved": OwnDefect(_approval_forgotten, "unapproved", 2, (11,)),
    "a deadline is not heard": OwnDefect(_deadline_not_heard, "deadline", 0, (15,)),
    "a request is tried without end": OwnDefect(_tried_without_end, "too_many", 0, (9,)),
    "processes do not share their cap": OwnDefect(_cap_not_shared, "over_the_cap", 0, (9,)),
}


def main(arguments: list[str] | None = None) -> int:
    """Search for each defect that was asked for, and return 1 if one was not found."""
    from .__main__ import prepare
    from .former_defects import FORMER_DEFECTS

    parser = ArgumentParser(description="Find the defects that were put in on purpose.")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--most", type=int, default=1_000, help="how many seeds are tried for each")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shrink", action="store_true", help="print the shortest trace that is found")
    given = parser.parse_args(arguments)
    prepare()
    n_missed = 0
    for name, defect in (OWN_DEFECTS | FORMER_DEFECTS).items():
        if given.words and not any(word in name for word in given.words):
            continue
        world = defect.find(range(given.first, given.first + given.most))
        n_missed += world is None
        if world is None:
            print(f"{name}: not found", flush=True)
            continue
        print(f"{name}: seed {world.seed}, step {world.n_steps_played}: {world.defect}", flush=True)
        if given.shrink:
            with defect.put_in():
                small = shrink(world, world.seed)
            print(f"steps {sorted(small.kept)}", *small.trace, sep="\n", flush=True)
    return int(n_missed > 0)


if __name__ == "__main__":
    sys.exit(main())
