"""A few worlds on virtual time, of which each has found something; many more are played by the command."""

from __future__ import annotations

import pytest

from klikit_frames.running.lifecycle import TRANSITIONS, Event, RequestState

from . import shrinking
from .oracle import DefectError
from .own_defects import OWN_DEFECTS
from .shrinking import play_once, shrink
from .visits import unvisited
from .world import SimulatedWorld

pytestmark = pytest.mark.filterwarnings("ignore")

# Each of these has found something once.
FOUND = {
    11: "a row without a request of its own was proved to differ by a publish that was only queued",
}


@pytest.mark.parametrize("seed", FOUND)
def test_world__all_that_is_told_is_so(seed: int) -> None:
    """Whatever befalls a business, what is told of its rows, proofs, undos and promises is true."""
    world = play_once(seed)
    assert world.defect is None, world.trace


def test_world__plays_again() -> None:
    """One seed gives one trace, in whatever folder it is played."""
    one, other = (play_once(102, n_steps=8) for _ in range(2))
    assert one.trace == other.trace


@pytest.mark.parametrize("name", OWN_DEFECTS)
def test_own_defect__is_found(name: str) -> None:
    """What is put in on purpose shows in the world of its seed."""
    defect = OWN_DEFECTS[name]
    with defect.put_in():
        world = play_once(defect.seed)
    assert world.defect is not None
    assert world.defect.kind == defect.kind


class _Played(SimulatedWorld):
    """A world whose trouble needs its steps 3 and 5, and one accident of step 3."""

    def __init__(self, kept: set[int], spared: set[tuple[int, int]]) -> None:
        self.trace = [f"step {step}" for step in sorted(kept)]
        self.n_steps_played = 8
        self.happened = [one for one in ((1, 1), (3, 1), (3, 2)) if one[0] in kept and one not in spared]
        fails = {3, 5} <= kept and (3, 2) in self.happened
        self.defect = DefectError("doubled", "a key") if fails else None


def test_shrink__keeps_what_it_needs() -> None:
    """Steps and accidents that a defect does not need are left out."""
    whole = _Played(set(range(9)), set())
    small = shrink(whole, 7, play=lambda _, *, kept, spared: _Played(kept, spared))
    assert (small.trace, small.happened) == (["step 3", "step 5"], [(3, 2)])


def test_shrink__is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up after so many tries, with the smallest that it found."""
    monkeypatch.setattr(shrinking, "MOST_TRIES", 0)
    whole = _Played(set(range(9)), set())
    assert shrink(whole, 7, play=lambda _, *, kept, spared: _Played(kept, spared)) is whole


def test_unvisited__names_each_step_of_the_table() -> None:
    """Every event in every state where it can happen is looked for."""
    assert len(unvisited({})) == len(TRANSITIONS)
    seen = (RequestState.IN_FLIGHT.name, Event.ACCEPT.name)
    assert seen not in unvisited({seen: 1})
