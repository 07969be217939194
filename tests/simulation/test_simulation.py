"""A few worlds on virtual time; many more are played by ``python -m tests.simulation``."""

from __future__ import annotations

from pathlib import Path

import pytest

from .world import SimulatedWorld

# Each of these has found something once.
FOUND = {
    3: "a business-wide write that a menu shows was taken for a store's own, later one",
    113: "a write that was sent twice was held to be later than one that its menu shows",
}


@pytest.mark.filterwarnings("ignore:The state is not complete")
@pytest.mark.parametrize("seed", [*FOUND, 11])
def test_world__every_row_is_told_as_it_is(seed: int, tmp_path: Path) -> None:
    """Whatever befalls a business, what is told of its rows, proofs and undos is true."""
    world = SimulatedWorld(seed, tmp_path, n_episodes=3)
    counts = world.play()
    assert (counts.judged.cases, counts.judged.n_defects) == ([], 0), world.trace


@pytest.mark.filterwarnings("ignore:The state is not complete")
def test_world__plays_again(tmp_path: Path) -> None:
    """One seed gives one trace."""
    worlds = [SimulatedWorld(17, tmp_path / name, n_episodes=2) for name in ("one", "other")]
    for world in worlds:
        world.folder.mkdir()
        world.play()
    assert worlds[0].trace == worlds[1].trace
