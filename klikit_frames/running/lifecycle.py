"""The life of a request, of a run and of a promise: states, events, and one table of transitions.

Everything that asks where a request stands asks here: the journal's SQL lists, the worker pool, the rules on
idempotency keys, and the outcome of each row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from ..model import Outcome


class RequestState(StrEnum):
    """Where a request stands; the values are what the journal stores."""

    PLANNED = "planned"
    RECORDED = "recorded"
    IN_FLIGHT = "in_flight"
    APPLIED = "applied"
    REJECTED = "rejected"
    SPLIT = "split"
    FAILED = "failed"
    DENIED = "denied"
    UNKNOWN = "unknown"
    STORED_FAILURE = "stored_failure"
    EXPIRED = "expired"
    UNSEEN = "unseen"
    NOT_SENT = "not_sent"
    KEPT = "kept"

    @property
    def is_open(self) -> bool:
        """Whether `resume` sends it, under the key that it has."""
        return self in _OPEN

    @property
    def is_untouched(self) -> bool:
        """Whether it is still to be sent, and the API has surely done nothing of it."""
        return self in _UNTOUCHED

    @property
    def is_final(self) -> bool:
        """Whether nothing can change it any more."""
        return not any(self is source for source, _ in TRANSITIONS)

    @property
    def may_have_arrived(self) -> bool:
        """Whether the API may have done what it asks for."""
        return self in _ARRIVED

    @property
    def needs_reading(self) -> bool:
        """Whether reading the menus back may settle it."""
        return self in _TO_BE_READ

    @property
    def outcome(self) -> Outcome:
        """The outcome of its rows."""
        match self:
            case (
                RequestState.PLANNED
                | RequestState.RECORDED
                | RequestState.NOT_SENT
                | RequestState.SPLIT
                | RequestState.KEPT
            ):
                return Outcome.NOT_SENT
            case RequestState.APPLIED:
                return Outcome.APPLIED
            case RequestState.REJECTED:
                return Outcome.REJECTED
            case RequestState.FAILED | RequestState.DENIED:
                return Outcome.FAILED
            case (
                RequestState.IN_FLIGHT
                | RequestState.UNKNOWN
                | RequestState.STORED_FAILURE
                | RequestState.EXPIRED
                | RequestState.UNSEEN
            ):
                return Outcome.UNKNOWN
            case _:
                assert_never(self)


class Event(StrEnum):
    """What happens to a request."""

    RECORD = "record"
    KEEP = "find it changed since"
    SPARE = "find a part of it changed since"
    SEND = "send"
    ACCEPT = "accept"
    REJECT_ONE = "reject one"
    REJECT_MANY = "reject many"
    FAIL = "fail"
    DENY = "deny"
    LOSE = "lose the answer"
    REPEAT = "repeat a stored failure"
    WITHHOLD = "withhold"
    EXPIRE = "outlive its key"
    CONFIRM = "confirm by reading"
    REFUTE = "refute by reading"
    COPY = "copy while it runs"
    CLEAR = "find undone by reading"


_S = RequestState
_OPEN = frozenset(
    {_S.RECORDED, _S.IN_FLIGHT, _S.UNKNOWN, _S.STORED_FAILURE, _S.NOT_SENT, _S.DENIED, _S.UNSEEN},
)
_UNTOUCHED = frozenset({_S.RECORDED, _S.NOT_SENT, _S.DENIED})
_TO_BE_READ = frozenset({_S.UNKNOWN, _S.STORED_FAILURE, _S.EXPIRED, _S.UNSEEN})
_ARRIVED = frozenset({_S.IN_FLIGHT, _S.APPLIED, *_TO_BE_READ})

# Each event leads to one state, from the states in which it can happen.
_EVENTS: dict[Event, tuple[frozenset[RequestState], RequestState]] = {
    Event.RECORD: (frozenset({_S.PLANNED}), _S.RECORDED),
    # An undo leaves what was changed after it was planned.
    Event.KEEP: (_UNTOUCHED, _S.KEPT),
    Event.SPARE: (_UNTOUCHED, _S.SPLIT),
    Event.SEND: (_OPEN, _S.IN_FLIGHT),
    Event.ACCEPT: (frozenset({_S.IN_FLIGHT}), _S.APPLIED),
    Event.REJECT_ONE: (frozenset({_S.IN_FLIGHT}), _S.REJECTED),
    # A part need not be sent to be split: where all other parts were accepted, it is the one refused.
    Event.REJECT_MANY: (frozenset({_S.RECORDED, _S.IN_FLIGHT}), _S.SPLIT),
    Event.FAIL: (frozenset({_S.IN_FLIGHT}), _S.FAILED),
    Event.DENY: (frozenset({_S.IN_FLIGHT}), _S.DENIED),
    Event.LOSE: (frozenset({_S.IN_FLIGHT}), _S.UNKNOWN),
    Event.REPEAT: (frozenset({_S.IN_FLIGHT}), _S.STORED_FAILURE),
    Event.WITHHOLD: (frozenset({_S.IN_FLIGHT}), _S.NOT_SENT),
    Event.EXPIRE: (frozenset({_S.IN_FLIGHT, _S.UNKNOWN, _S.STORED_FAILURE}), _S.EXPIRED),
    Event.CONFIRM: (_TO_BE_READ, _S.APPLIED),
    Event.REFUTE: (frozenset({_S.STORED_FAILURE}), _S.FAILED),
    # A copy of a journal cannot know what the run did after the copy was made.
    Event.COPY: (_UNTOUCHED, _S.UNSEEN),
    Event.CLEAR: (frozenset({_S.UNSEEN}), _S.NOT_SENT),
}

TRANSITIONS: dict[tuple[RequestState, Event], RequestState] = {
    (source, event): target
    for event, (sources, target) in _EVENTS.items()
    for source in RequestState
    if source in sources
}
_STEPS = {(source, target) for (source, _), target in TRANSITIONS.items()}


def advance(state: RequestState, event: Event) -> RequestState:
    """Return the state that follows.

    Raises
    ------
    ValueError
        The event cannot happen in this state: a mistake in the program.

    Examples
    --------
    >>> from klikit_frames.running.lifecycle import Event, RequestState, advance
    >>> advance(RequestState.IN_FLIGHT, Event.ACCEPT).value
    'applied'
    """
    if (state, event) not in TRANSITIONS:
        raise ValueError(f"A request that is {state} cannot {event}.")
    return TRANSITIONS[state, event]


def check_step(state: RequestState, target: RequestState) -> None:
    """Refuse a step that no event of the table makes.

    Raises
    ------
    ValueError
        A mistake in the program.
    """
    if (state, target) not in _STEPS:
        raise ValueError(f"A request that is {state} cannot become {target}.")


def can_become(state: RequestState, target: RequestState) -> bool:
    """Tell whether any number of steps leads from one state to the other.

    Examples
    --------
    >>> from klikit_frames.running.lifecycle import RequestState, can_become
    >>> can_become(RequestState.UNKNOWN, RequestState.APPLIED)
    True
    >>> can_become(RequestState.APPLIED, RequestState.UNKNOWN)
    False
    """
    seen, ahead = set(), {state}
    while ahead:
        seen |= ahead
        ahead = {after for source, after in _STEPS if source in ahead} - seen
    return target in seen


class EndReason(StrEnum):
    """How a run stands: it goes on, it is done, or why it ended before all was sent."""

    RUNNING = "running"
    KILLED = "killed"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    TOO_MANY_FAILURES = "too_many_failures"
    ALL_REFUSED = "all_refused"
    CANARY = "canary"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNREAD = "unread"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """The sentence that a person reads; empty where the run simply finished."""
        return _SENTENCES[self]

    @property
    def stops_at_once(self) -> bool:
        """Whether the person who ended the run waits for it to return."""
        return self in {EndReason.INTERRUPTED, EndReason.CANCELLED, EndReason.DEADLINE}


_SENTENCES = {
    EndReason.RUNNING: "It is still being run.",
    EndReason.KILLED: "Its process was killed.",
    EndReason.FINISHED: "",
    EndReason.INTERRUPTED: "It was interrupted.",
    EndReason.CANCELLED: "It was cancelled.",
    EndReason.DEADLINE: "It reached its deadline.",
    EndReason.TOO_MANY_FAILURES: "It was stopped because too many rows failed.",
    EndReason.ALL_REFUSED: (
        "It was stopped because the API refused the first rows one by one and accepted none: perhaps the "
        "table is of another business, or its ids are old."
    ),
    EndReason.CANARY: (
        "It was stopped because the first requests were not all accepted, or did not read back as asked."
    ),
    EndReason.REFUSED: (
        "It was stopped because the API refused the credential. Once that is mended, resume sends the rest."
    ),
    EndReason.UNREACHABLE: "It was stopped because no connection could be opened.",
    EndReason.UNREAD: "It was stopped because the menus could not be read; the rest waits for a resume.",
    EndReason.FAILED: "It was stopped by an error on this machine.",
}


class PromiseStatus(StrEnum):
    """How a promise stands; the values are what the journal stores and what people see."""

    WAITING = "waiting"
    ACTIVE = "active"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done for it."""
        return self in {PromiseStatus.WAITING, PromiseStatus.ACTIVE}
