"""The states of a request, and the one table of what follows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from klikit_frames.model import Outcome
from klikit_frames.running.lifecycle import (
    TRANSITIONS,
    EndReason,
    Event,
    RequestState,
    advance,
    can_become,
    check_step,
)

README = Path(__file__).parents[2] / "README.md"


def draw_diagram() -> str:
    """Return the table of transitions as a diagram in Mermaid."""
    labels: dict[tuple[RequestState, RequestState], list[Event]] = {}
    for (source, event), target in TRANSITIONS.items():
        labels.setdefault((source, target), []).append(event)
    steps = [f"    {source} --> {target}: {', '.join(events)}" for (source, target), events in labels.items()]
    ends = [f"    {state} --> [*]" for state in RequestState if state.is_final]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {RequestState.PLANNED}", *steps, *ends])


def test_transitions__drawn_in_the_readme() -> None:
    """The README shows the very table that the program goes by."""
    assert draw_diagram() in README.read_text()


def test_states__are_open_final_or_to_be_read() -> None:
    """Each state that the journal stores is sent again, over, or waits for a reading."""
    for state in set(RequestState) - {RequestState.PLANNED}:
        assert state.is_open + state.is_final + (state is RequestState.EXPIRED) == 1
        assert isinstance(state.outcome, Outcome)


def test_states__what_may_have_arrived_is_never_told_as_not_sent_or_failed() -> None:
    """A row whose request may have been done is applied or unknown."""
    for state in RequestState:
        if state.may_have_arrived:
            assert state.outcome in {Outcome.APPLIED, Outcome.UNKNOWN}


def test_advance__refuses_every_step_that_is_not_in_the_table() -> None:
    """What cannot happen in a state raises at once."""
    for state, event in itertools.product(RequestState, Event):
        if (state, event) not in TRANSITIONS:
            with pytest.raises(ValueError, match=f"{state} cannot {event}"):
                advance(state, event)
    with pytest.raises(ValueError, match="applied cannot become in_flight"):
        check_step(RequestState.APPLIED, RequestState.IN_FLIGHT)


def test_can_become__follows_any_number_of_steps() -> None:
    """What steps of the table lead to can be reached, also by several of them, and nothing else."""
    reached = {state: {state} for state in RequestState}
    for _ in RequestState:
        for (source, _event), target in TRANSITIONS.items():
            reached[source] |= reached[target]
    reachable = {
        state: {target for target in RequestState if can_become(state, target)} for state in RequestState
    }
    assert reachable == reached
    assert RequestState.APPLIED in reachable[RequestState.PLANNED]
    assert reachable[RequestState.APPLIED] == {RequestState.APPLIED}


def test_end_reasons__each_has_a_sentence() -> None:
    """However a run ends, its summary can say so."""
    assert [reason for reason in EndReason if not reason.sentence] == [EndReason.FINISHED]
