"""When a search stops."""

from __future__ import annotations

import pytest

from klikit_frames.planning import budget
from klikit_frames.planning.budget import SearchBudget


class Clock:
    """A clock that goes when told, and a count of the seconds that were worked."""

    now = worked = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def process_time(self) -> float:
        """Return the seconds worked."""
        return self.worked

    def check_interruption(self) -> None:
        """Never interrupt."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that budget look at."""
    clock = Clock()
    monkeypatch.setattr(budget, "edge", clock)
    return clock


def test_effort__clock(clock: Clock) -> None:
    """It is over when its seconds were worked."""
    budget = SearchBudget(5, progress=False)
    clock.worked += 4.9
    assert not budget.is_over
    clock.worked += 0.2
    assert budget.is_over


def test_effort__busy_machine(clock: Clock) -> None:
    """Where others hold the processor it goes on, but for no more than three times its seconds."""
    budget = SearchBudget(5, progress=False)
    clock.now += 14.9
    assert not budget.is_over
    clock.now += 0.2
    assert budget.is_over


@pytest.mark.parametrize(("spent_s", "left_s"), [(0, 5), (1, 3.5), (60, 2)])
def test_effort__spent_before(clock: Clock, spent_s: float, left_s: float) -> None:
    """What was spent before counts, and keeps as much again, halved, for what follows."""
    assert SearchBudget(5, progress=False, spent_s=spent_s).left_s == pytest.approx(left_s)


def test_effort__worth(clock: Clock) -> None:
    """Work goes on only while it is worth the requests saved, whatever the clock says."""
    budget = SearchBudget(5, progress=False)
    budget.charge(4e9 * 3)
    assert budget.is_over
    budget.saved = 20
    assert not budget.is_over


def test_effort__asked_for(clock: Clock) -> None:
    """A budget above the default is used, whatever it saves; its counted work ends it."""
    budget = SearchBudget(60, progress=False)
    budget.charge(4e9 * 50)
    assert not budget.is_over
    budget.charge(4e9 * 11)
    assert budget.is_over


def test_effort__affords(clock: Clock) -> None:
    """What fits is decided by counted work alone, so that a slow machine decides the same."""
    budget = SearchBudget(5, progress=False)
    clock.worked += 4.9
    assert budget.can_afford(3e10 * 4)
    budget.charge(4e9 * 2)
    assert not budget.can_afford(3e10 * 4)


def test_effort__share(clock: Clock) -> None:
    """A part has its part of the time, and ends with the whole at the latest."""
    budget = SearchBudget(6, progress=False)
    part = budget.split(3)
    assert part.left_s == pytest.approx(2)
    clock.worked += 7
    assert part.is_over


def test_effort__share_counts(clock: Clock) -> None:
    """What a part works and saves counts for the whole, which ends the part when it is no longer worth it."""
    budget = SearchBudget(5, progress=False)
    first = budget.split(2)
    first.saved += 20
    first.charge(4e9 * 3.9)
    assert not first.is_over
    second = budget.split(1)
    second.charge(4e9 * 0.2)
    assert second.is_over
    second.saved += 20
    assert not second.is_over
    assert budget.saved == 40


def test_effort__reserve(clock: Clock) -> None:
    """A part that must leave something ends at its part of the work; what it saves itself brings it more."""
    budget = SearchBudget(5, progress=False)
    part = budget.reserve(4)
    part.charge(4e9 * 0.6)
    assert part.is_over
    part.saved += 5
    assert not part.is_over
    assert not budget.is_over
