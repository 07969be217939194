"""Defects put into the package on purpose, and a seed whose world finds each.

    python -m tests.simulation.own_defects [--most 1000] [--first 0] [--shrink] [WORD ...]

It plays worlds with one defect after the other until one shows, and prints the seed, what the oracle calls
it, and the row. Words choose defects by their names.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from klikit_frames import edge
from klikit_frames.api import transport
from klikit_frames.api.client import Client
from klikit_frames.auditing import undo
from klikit_frames.running import (
    classification,
    evidence,
    executor,
    later_changes,
    lifecycle,
    menu_history,
    publishes,
    runs,
    worker_pool,
)
from klikit_frames.running.evidence import Proof
from klikit_frames.running.journal import Journal
from klikit_frames.running.lifecycle import Event, RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import RequestTree
from klikit_frames.scheduling import tick_decisions

from .shrinking import play_once, shrink
from .world import SimulatedWorld

Put = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class OwnDefect:
    """How a defect is put in for a while, what the oracle calls it, and the seed that shows it."""

    put_in: Put
    kind: str
    seed: int

    def play(self) -> SimulatedWorld:
        """Play the world of its seed with it."""
        with self.put_in():
            return play_once(self.seed)


def _together(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def _attempt_not_committed() -> AbstractContextManager[Any]:
    return patch.object(Journal, "record_attempt", lambda *_: None)


def _key_drawn_anew() -> AbstractContextManager[Any]:
    write = Client.write

    def write_anew(self: Client, *given: Any, key: str, **options: Any) -> Any:
        return write(self, *given, key=str(edge.draw_uuid()), **options)

    return patch.object(Client, "write", write_anew)


def _judge_otherwise(judge: Callable[[Any, Event], Event]) -> AbstractContextManager[Any]:
    event_of = classification._event

    def event(settled: Any, *, n_cells: int, had_silence: bool) -> Event:
        return judge(settled, event_of(settled, n_cells=n_cells, had_silence=had_silence))

    return patch.object(classification, "_event", event)


def _verdict_on_neighbours() -> AbstractContextManager[Any]:
    return _judge_otherwise(lambda _, event: Event.REJECT_ONE if event is Event.REJECT_MANY else event)


def _silence_is_failure() -> AbstractContextManager[Any]:
    def judge(settled: Any, event: Event) -> Event:
        return Event.FAIL if event is Event.LOSE and settled.answer is not None else event

    return _judge_otherwise(judge)


def _any_ok_is_success() -> AbstractContextManager[Any]:
    def judge(settled: Any, event: Event) -> Event:
        return Event.ACCEPT if settled.answer is not None and settled.answer.is_ok else event

    return _judge_otherwise(judge)


def _part_refused_unasked() -> AbstractContextManager[Any]:
    def infer(self: RequestTree, request: Request) -> RequestResult | None:
        parent = self._requests.get(request.path[:-1])
        is_new = request.state is RequestState.RECORDED and request.target.n_cells == 1
        if parent is None or parent.result is None or not is_new:
            return None
        return replace(parent.result, status=RequestState.REJECTED)

    steps = lifecycle._STEPS | {(RequestState.RECORDED, RequestState.REJECTED)}
    return _together(
        patch.object(RequestTree, "infer_rejection", infer), patch.object(lifecycle, "_STEPS", steps)
    )


def _cap_forgotten() -> AbstractContextManager[Any]:
    return patch.object(runs, "_limit_writes", lambda *_: nullcontext())


def _later_writes_ignored() -> AbstractContextManager[Any]:
    never: dict[str, Any] = {"later_write": lambda *_, **__: None, "was_changed": lambda *_, **__: False}
    return _together(patch.multiple(undo, **never), patch.multiple(later_changes, **never))


def _publish_is_proof() -> AbstractContextManager[Any]:
    return patch.object(Proof, "rests_on_publish", lambda *_: False)


def _every_menu_is_new() -> AbstractContextManager[Any]:
    return patch.object(Proof, "covers", lambda *_: True)


def _times_do_not_decide() -> AbstractContextManager[Any]:
    return patch.object(Proof, "covers", lambda self, _: self.since is not None)


def _keys_live_for_ever() -> AbstractContextManager[Any]:
    never: dict[str, Any] = {"is_key_expired": lambda *_, **__: False}
    return _together(patch.multiple(executor, **never), patch.multiple(worker_pool, **never))


def _pending_forgotten() -> AbstractContextManager[Any]:
    return patch.object(menu_history, "find_pending", lambda *_, **__: None)


def _wrong_flag_given_back() -> AbstractContextManager[Any]:
    finish = tick_decisions._Walk.finish

    def finish_otherwise(self: Any, promise: Any) -> None:
        if held := self._holders.get(promise.promise_id):
            self._holders[promise.promise_id] = replace(held, before=held.is_enabled)
        finish(self, promise)

    return patch.object(tick_decisions._Walk, "finish", finish_otherwise)


def _all_clocks_are_one() -> AbstractContextManager[Any]:
    def align(offsets: Any) -> dict[float | None, timedelta]:
        return dict.fromkeys([None, *offsets], timedelta(0))

    return patch.object(evidence, "align_clocks", align)


def _answers_of_others_are_taken() -> AbstractContextManager[Any]:
    return patch.object(transport.SeenRequestIds, "belongs", lambda *_, **__: True)


def _publish_counts_are_believed() -> AbstractContextManager[Any]:
    return patch.object(publishes, "_count", lambda call, _: replace(call, status="published"))


def _denied_is_final() -> AbstractContextManager[Any]:
    return patch.object(lifecycle, "_OPEN", lifecycle._OPEN - {RequestState.DENIED})


OWN_DEFECTS = {
    "a try is not committed before it leaves": OwnDefect(_attempt_not_committed, "doubled", 2),
    "a key is drawn anew for each try": OwnDefect(_key_drawn_anew, "mislabelled", 1),
    "a verdict on the neighbours of a foreign id": OwnDefect(_verdict_on_neighbours, "mislabelled", 4),
    "a part is refused before its siblings are known": OwnDefect(_part_refused_unasked, "", 0),
    "a cap is forgotten at resume": OwnDefect(_cap_forgotten, "over_the_cap", 4),
    "an undo ignores later writes": OwnDefect(_later_writes_ignored, "", 0),
    "a publish alone is taken as proof": OwnDefect(_publish_is_proof, "", 0),
    "an answer that proves nothing is taken for a failure": OwnDefect(_silence_is_failure, "mislabelled", 2),
    "keys are taken to live for ever": OwnDefect(_keys_live_for_ever, "", 0),
    "what is not yet published is forgotten": OwnDefect(_pending_forgotten, "false_unchanged", 1),
    "a promise gives back the wrong flag": OwnDefect(_wrong_flag_given_back, "", 0),
}
# What trials of the package had once found, put back.
FORMER_DEFECTS = {
    "every menu is taken to be newer than every write": OwnDefect(_every_menu_is_new, "false_unchanged", 1),
    "one proof of a menu covers writes after it": OwnDefect(_times_do_not_decide, "", 0),
    "all clocks are taken for one": OwnDefect(_all_clocks_are_one, "", 0),
    "the answer of another request is taken": OwnDefect(_answers_of_others_are_taken, "", 0),
    "a 2xx that says nothing is taken for done": OwnDefect(_any_ok_is_success, "mislabelled", 2),
    "the counts of a publish are not added up": OwnDefect(_publish_counts_are_believed, "", 0),
    "a resume does not send what a credential was refused": OwnDefect(_denied_is_final, "", 0),
}


def find(defect: OwnDefect, seeds: range) -> SimulatedWorld | None:
    """Return the first world that shows a defect."""
    with defect.put_in():
        worlds = (play_once(seed) for seed in seeds)
        return next((world for world in worlds if world.defect is not None), None)


def main(arguments: list[str] | None = None) -> int:
    """Search for each defect that was asked for, and return 1 if one was not found."""
    from .__main__ import prepare

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
        world = find(defect, range(given.first, given.first + given.most))
        n_missed += world is None
        where = "not found" if world is None else f"seed {world.seed}, step {world.n_steps_played}"
        print(f"{name}: {where}", *([] if world is None else [world.defect]), flush=True)
        if world is not None and given.shrink:
            with defect.put_in():
                print(*shrink(world, world.seed).trace, sep="\n", flush=True)
    return int(n_missed > 0)


if __name__ == "__main__":
    sys.exit(main())
