"""Defects that the package once had, put back: what trials, kills and hostile servers had found.

Each is played like those of `own_defects`; what no world meets is in the simulation's README, with its test.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import klikit_frames as kf
from klikit_frames.api import transport
from klikit_frames.auditing import undo
from klikit_frames.edge import SteadyClock
from klikit_frames.running import (
    attribution,
    before_images,
    evidence,
    executor,
    guards,
    lifecycle,
    menu_history,
    publishes,
    runs,
)
from klikit_frames.running.before_images import BeforeImages
from klikit_frames.running.evidence import Proof
from klikit_frames.running.lifecycle import Event, RequestState

from .own_defects import OwnDefect, judge_otherwise, together


def _every_menu_is_new() -> AbstractContextManager[Any]:
    return patch.multiple(Proof, covers=lambda *_: True, rests_on_publish=lambda *_: False)


def _times_do_not_decide() -> AbstractContextManager[Any]:
    return patch.multiple(
        Proof,
        covers=lambda self, _: self.since is not None,
        rests_on_publish=lambda self, _: self.newer_than is None and self.published_at is not None,
    )


def _publish_proves_nothing() -> AbstractContextManager[Any]:
    return patch.object(Proof, "since", property(lambda self: self.newer_than))


def _own_journal_ignored() -> AbstractContextManager[Any]:
    verify = kf.verify

    def verify_elsewhere(result: kf.Result, *given: Any, journal: Any = None, **options: Any) -> Any:
        return verify(result, *given, journal=journal or ":memory:", **options)

    return patch.object(kf, "verify", verify_elsewhere)


def _pending_forgotten() -> AbstractContextManager[Any]:
    return patch.object(menu_history, "find_pending", lambda *_, **__: None)


def _silence_is_failure() -> AbstractContextManager[Any]:
    def judge(settled: Any, event: Event) -> Event:
        return Event.FAIL if event is Event.LOSE and settled.answer is not None else event

    return judge_otherwise(judge)


def _any_ok_is_success() -> AbstractContextManager[Any]:
    def judge(settled: Any, event: Event) -> Event:
        return Event.ACCEPT if settled.answer is not None and settled.answer.is_ok else event

    return judge_otherwise(judge)


def _goes_on_without_images() -> AbstractContextManager[Any]:
    find_before = before_images.find_before

    def find(*given: Any, **options: Any) -> BeforeImages:
        try:
            return find_before(*given, **options)
        except kf.RequestError:
            return BeforeImages()

    return patch.object(executor, "find_before", find)


def _all_clocks_are_one() -> AbstractContextManager[Any]:
    def align(offsets: Any) -> dict[float | None, timedelta]:
        return dict.fromkeys([None, *offsets], timedelta(0))

    return patch.object(evidence, "align_clocks", align)


def _paced_by_the_wall_clock() -> AbstractContextManager[Any]:
    def wall(self: Any) -> float:
        return float(self._clock.time())

    return patch.multiple(SteadyClock, time=wall, monotonic=wall)


def _keys_aged_by_the_wall_clock() -> AbstractContextManager[Any]:
    return patch.object(executor, "ask_server_time", lambda client: client.now())


def _answers_of_others_are_taken() -> AbstractContextManager[Any]:
    return patch.object(transport.SeenRequestIds, "belongs", lambda *_, **__: True)


def _publish_counts_are_believed() -> AbstractContextManager[Any]:
    return patch.object(publishes, "_count", lambda call, _: replace(call, status="published"))


def _unanswered_publish_fails() -> AbstractContextManager[Any]:
    settle = publishes._settle

    def settle_otherwise(call: Any, result: Any) -> Any:
        settled = settle(call, result)
        is_error = settled.http_status is not None and settled.http_status >= 500
        return replace(settled, status="failed") if is_error else settled

    return patch.object(publishes, "_settle", settle_otherwise)


def _later_writes_ignored() -> AbstractContextManager[Any]:
    never: dict[str, Any] = {"later_write": lambda *_, **__: None, "was_changed": lambda *_, **__: False}
    return together(patch.multiple(undo, **never), patch.multiple(before_images, **never))


def _undo_does_not_look_again() -> AbstractContextManager[Any]:
    def spare_nothing(_: Any, requests: Any, **__: Any) -> Any:
        return [[request] for request in requests]

    return patch.object(executor.RunExecutor, "_spare_changed", spare_nothing)


def _floods() -> AbstractContextManager[Any]:
    return patch.object(guards, "MAX_REFUSED", 10**9)


def _cap_forgotten() -> AbstractContextManager[Any]:
    return patch.object(runs, "_limit_writes", lambda *_: nullcontext())


def _guards_forgotten() -> AbstractContextManager[Any]:
    return patch.object(runs, "_keep_rules", lambda given, _: given)


def _denied_is_final() -> AbstractContextManager[Any]:
    return patch.object(lifecycle, "_OPEN", lifecycle._OPEN - {RequestState.DENIED})


def _too_large_is_failure() -> AbstractContextManager[Any]:
    return patch.object(attribution, "_TOO_LARGE", 0)


FORMER_DEFECTS = {
    "every menu is taken to be newer than every write": OwnDefect(
        _every_menu_is_new, "false_proof", 4, (4, 6)
    ),
    "one proof of a menu covers writes after it": OwnDefect(
        _times_do_not_decide, "false_unchanged", 4, (10, 11, 12, 13, 16, 17)
    ),
    "a publish proves nothing where nothing shows": OwnDefect(
        _publish_proves_nothing, "never_proved", 32, (3,)
    ),
    "a proof looks at another journal than its run's": OwnDefect(
        _own_journal_ignored, "never_proved", 32, (3,)
    ),
    "what is not yet published is forgotten": OwnDefect(_pending_forgotten, "false_audit", 4, (8,)),
    "an answer that proves nothing is taken for a failure": OwnDefect(
        _silence_is_failure, "mislabelled", 1, (2,)
    ),
    "a run goes on without flags from before": OwnDefect(_goes_on_without_images, "unnoted", 2, (1,)),
    "all clocks are taken for one": OwnDefect(_all_clocks_are_one, "false_audit", 2, (16,)),
    "a cap is paced by a clock that people set": OwnDefect(
        _paced_by_the_wall_clock, "over_the_cap", 2, (12,)
    ),
    "keys are aged by a clock that people set": OwnDefect(
        _keys_aged_by_the_wall_clock, "doubled", 14, (13, 23)
    ),
    "the answer of another request is taken": OwnDefect(
        _answers_of_others_are_taken, "mislabelled", 33, (15,)
    ),
    "a 2xx that says nothing is taken for done": OwnDefect(_any_ok_is_success, "mislabelled", 33, (19,)),
    "the counts of a publish are not added up": OwnDefect(
        _publish_counts_are_believed, "false_publish", 8, (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    ),
    "a publish that was done and answered 5xx has failed": OwnDefect(
        _unanswered_publish_fails, "false_publish", 8, (11,)
    ),
    "an undo ignores later writes": OwnDefect(_later_writes_ignored, "false_restore", 91, (3,)),
    "an undo does not look again when it runs": OwnDefect(_undo_does_not_look_again, "overwritten", 2, (8,)),
    "a table of another business floods": OwnDefect(_floods, "flood", 81),
    "a cap is forgotten at resume": OwnDefect(_cap_forgotten, "over_the_cap", 45, (20, 24)),
    "guards are forgotten at resume": OwnDefect(_guards_forgotten, "guard", 24, (5,)),
    "a resume does not send what a credential was refused": OwnDefect(
        _denied_is_final,
        "left",
        1,
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
    ),
    "what is too large has failed": OwnDefect(_too_large_is_failure, "mislabelled", 9, (15,)),
}
