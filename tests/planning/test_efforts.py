"""When a search stops."""

from __future__ import annotations

import pytest

from klikit_frames.planning import efforts
from klikit_frames.planning.efforts import Effort


class Clock:
    """A clock that goes when told."""

    now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that efforts look at."""
    clock = Clock()
    monkeypatch.setattr(efforts, "time", clock)
    return clock


def test_effort__clock(clock: Clock) -> None:
    """It is over when its seconds have passed."""
    effort = Effort(5, progress=False)
    clock.now += 4.9
    assert not effort.is_over
    clock.now += 0.2
    assert effort.is_over


@pytest.mark.parametrize(("spent_s", "left_s"), [(0, 5), (1, 3.5), (60, 2)])
def test_effort__spent_before(clock: Clock, spent_s: float, left_s: float) -> None:
    """What was spent before counts, and keeps as much again, halved, for what follows."""
    assert Effort(5, progress=False, spent_s=spent_s).left_s == pytest.approx(left_s)


def test_effort__worth(clock: Clock) -> None:
    """Work goes on only while it is worth the requests saved, whatever the clock says."""
    effort = Effort(60, progress=False)
    effort.work(4e9 * 5)
    assert effort.is_over
    effort.saved = 10
    assert not effort.is_over


def test_effort__share(clock: Clock) -> None:
    """A part has its part of the time, and ends with the whole at the latest."""
    effort = Effort(6, progress=False)
    part = effort.share(3)
    assert part.left_s == pytest.approx(2)
    clock.now += 7
    assert part.is_over
