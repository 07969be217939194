"""When a search stops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from klikit_frames import edge
from klikit_frames.planning.budget import SearchBudget


class StillClock(edge.World):
    """A clock that goes on, and seconds that were worked, only as a test says."""

    seconds = worked_s = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.seconds

    def process_time(self) -> float:
        """Return the seconds worked."""
        return self.worked_s


@pytest.fixture
def clock() -> Iterator[StillClock]:
    """The clock by which budgets go."""
    clock = StillClock()
    with edge.use(clock):
        yield clock


def test_budget__clock(clock: StillClock) -> None:
    """It is over when its seconds were worked."""
    budget = SearchBudget(5, progress=False)
    clock.worked_s += 4.9
    assert not budget.is_over
    clock.worked_s += 0.2
    assert budget.is_over


def test_budget__busy_machine(clock: StillClock) -> None:
    """Where others hold the processor it goes on, but for no more than three times its seconds."""
    budget = SearchBudget(5, progress=False)
    clock.seconds += 14.9
    assert not budget.is_over
    clock.seconds += 0.2
    assert budget.is_over


@pytest.mark.parametrize(("spent_s", "left_s"), [(0, 5), (1, 3.5), (60, 2)])
def test_budget__spent_before(clock: StillClock, spent_s: float, left_s: float) -> None:
    """What was spent before counts, and keeps as much again, halved, for what follows."""
    assert SearchBudget(5, progress=False, spent_s=spent_s).left_s == pytest.approx(left_s)


def test_budget__worth(clock: StillClock) -> None:
    """Work goes on only while it is worth the requests saved, whatever the clock says."""
    budget = SearchBudget(5, progress=False)
    budget.charge(4e9 * 3)
    assert budget.is_over
    budget.saved = 20
    assert not budget.is_over


def test_budget__asked_for(clock: StillClock) -> None:
    """A budget above the default is used, whatever it saves; its counted work ends it."""
    budget = SearchBudget(60, progress=False)
    budget.charge(4e9 * 50)
    assert not budget.is_over
    budget.charge(4e9 * 11)
    assert budget.is_over


def test_budget__affords(clock: StillClock) -> None:
    """What fits is decided by counted work alone, so that a slow machine decides the same."""
    budget = SearchBudget(5, progress=False)
    clock.worked_s += 4.9
    assert budget.can_afford(3e10 * 4)
    budget.charge(4e9 * 2)
    assert not budget.can_afford(3e10 * 4)


def test_budget__share(clock: StillClock) -> None:
    """A part has its part of the time, and ends with the whole at the latest."""
    budget = SearchBudget(6, progress=False)
    part = budget.split(3)
    assert part.left_s == pytest.approx(2)
    clock.worked_s += 7
    assert part.is_over


def test_budget__share_counts(clock: StillClock) -> None:
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


def test_budget__reserve(clock: StillClock) -> None:
    """A part that must leave something ends at its part of the work; what it saves itself brings it more."""
    budget = SearchBudget(5, progress=False)
    part = budget.reserve(4)
    part.charge(4e9 * 0.6)
    assert part.is_over
    part.saved += 5
    assert not part.is_over
    assert not budget.is_over
