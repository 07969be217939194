"""Which steps of a request's life were visited: each event, in each state in which it can happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from klikit_frames.running import attribution, journal_copies, journal_maintenance, lifecycle, records
from klikit_frames.running.journal import Journal
from klikit_frames.running.lifecycle import TRANSITIONS, Event, RequestState

Visit = tuple[str, str]


@contextmanager
def visits_of(visits: Counter[Visit]) -> Iterator[None]:
    """Count each step of a request's life that is made meanwhile."""

    def advance(state: RequestState, event: Event) -> RequestState:
        visits[state.name, event.name] += 1
        return lifecycle.advance(state, event)

    def check_step(state: RequestState, target: RequestState) -> None:
        # What an answer is, `advance` has counted; all other steps of one state lead to different ones.
        if state is not RequestState.IN_FLIGHT or target in {RequestState.IN_FLIGHT, RequestState.EXPIRED}:
            events = [event for (source, event), to in TRANSITIONS.items() if (source, to) == (state, target)]
            visits.update((state.name, event.name) for event in events)
        lifecycle.check_step(state, target)

    def begin(self: Journal, *given: Any, requests: Iterable[records.Request], **options: Any) -> None:
        visits[RequestState.PLANNED.name, Event.RECORD.name] += 1
        begin_as_ever(self, *given, requests=requests, **options)

    def write_copy(book: Journal, *given: Any, **options: Any) -> int:
        visits.update((state.name, Event.COPY.name) for state in _states_to_copy(book))
        return write_as_ever(book, *given, **options)

    begin_as_ever, write_as_ever = Journal.begin, journal_copies.write_copy
    with ExitStack() as stack:
        stack.enter_context(patch.object(attribution, "advance", advance))
        stack.enter_context(patch.object(records, "check_step", check_step))
        stack.enter_context(patch.object(Journal, "begin", begin))
        stack.enter_context(patch.object(journal_maintenance, "write_copy", write_copy))
        yield


def _states_to_copy(book: Journal) -> set[RequestState]:
    runs = book.runs()
    ids = runs.loc[runs["status"] == lifecycle.EndReason.RUNNING, "run_id"]
    states = {request.state for run_id in ids for request in book.requests(run_id)}
    return {state for state in states if (state, Event.COPY) in TRANSITIONS}


def unvisited(visits: Mapping[Visit, int]) -> list[Visit]:
    """Return the steps of the table that were not made."""
    return sorted({(state.name, event.name) for state, event in TRANSITIONS} - visits.keys())
