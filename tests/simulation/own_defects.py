"""Defects put into the package on purpose, and a seed whose world finds each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from klikit_frames import edge
from klikit_frames.api.client import Client
from klikit_frames.running import classification
from klikit_frames.running.journal import Journal
from klikit_frames.running.lifecycle import Event

Put = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class OwnDefect:
    """What is wrong, how it is put in for a while, what the oracle calls it, and where it shows."""

    put_in: Put
    kind: str
    seed: int


def _attempt_not_committed() -> AbstractContextManager[Any]:
    return patch.object(Journal, "record_attempt", lambda *_: None)


def _key_drawn_anew() -> AbstractContextManager[Any]:
    write = Client.write

    def write_anew(self: Client, *given: Any, key: str, **options: Any) -> Any:
        return write(self, *given, key=str(edge.draw_uuid()), **options)

    return patch.object(Client, "write", write_anew)


def _verdict_on_neighbours() -> AbstractContextManager[Any]:
    event_of = classification._event

    def accuse(settled: Any, *, n_cells: int, had_silence: bool) -> Event:
        event = event_of(settled, n_cells=n_cells, had_silence=had_silence)
        return Event.REJECT_ONE if event is Event.REJECT_MANY else event

    return patch.object(classification, "_event", accuse)


OWN_DEFECTS = {
    "a try is not committed before it leaves": OwnDefect(_attempt_not_committed, "false_audit", 106),
    "a key is drawn anew for each try": OwnDefect(_key_drawn_anew, "mislabelled", 100),
    "a verdict on the neighbours of a foreign id": OwnDefect(_verdict_on_neighbours, "mislabelled", 102),
}
