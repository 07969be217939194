"""Make a failing world smaller: fewer steps, then fewer accidents, as long as it fails in the same way."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from .oracle import DefectError, check_secret
from .story_world import StoryWorld
from .world import SimulatedWorld
from .world_parts import N_STEPS

Number = tuple[int, int]
Play = Callable[..., SimulatedWorld]
# How many steps are played in all tries together: what is left of a world is quicker to play each time.
MOST_STEPS = 400


def play_once(
    seed: int, *, kept: Set[int] | None = None, spared: Set[Number] = frozenset(), n_steps: int = N_STEPS
) -> SimulatedWorld:
    """Play one world in a folder of its own, kept in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        world = StoryWorld(seed, Path(folder), n_steps=n_steps, kept=kept, spared=spared)
        world.play()
        if world.defect is None:
            try:
                check_secret(world.folder, world.trace)
            except DefectError as defect:
                world.defect = defect
                world.trace.append(f"DEFECT {defect}")
    return world


def shrink(
    world: SimulatedWorld, seed: int, *, play: Play = play_once, most_steps: int = MOST_STEPS
) -> SimulatedWorld:
    """Return the smallest world found that shows the same kind of defect."""
    if world.defect is None:
        return world
    search = _Search(world, seed, play, most_steps, kept=set(range(world.n_steps_played + 1)))
    while search.leave_out_steps() | search.leave_out_accidents():
        pass
    return search.smallest


@dataclass(slots=True)
class _Search:
    """What is left of a failing world, and how much may still be played."""

    smallest: SimulatedWorld
    seed: int
    play: Play
    n_left: int
    kept: set[int]
    spared: set[Number] = field(default_factory=set)

    def leave_out_steps(self) -> bool:
        """Leave out halves, then smaller parts, then single steps; tell whether any was."""
        n_before, size = len(self.kept), max(1, len(self.kept) // 2)
        while size:
            for part in self._parts(size):
                self._fails(self.kept - part, self.spared)
            size //= 2
        return len(self.kept) < n_before

    def leave_out_accidents(self) -> bool:
        """Leave out accidents, the last ones first; tell whether any was."""
        n_before = len(self.spared)
        for number in self.smallest.happened[::-1]:
            self._fails(self.kept, self.spared | {number})
        return len(self.spared) > n_before

    def _parts(self, size: int) -> Iterator[set[int]]:
        """Yield the steps in parts, from the last on: what fails at the end needs little of the beginning."""
        steps = sorted(self.kept, reverse=True)
        return ({*steps[first : first + size]} for first in range(0, len(steps), size))

    def _fails(self, kept: set[int], spared: set[Number]) -> bool:
        """Play what is left, and keep to it if that fails in the same way."""
        if not kept or self.n_left < len(kept):
            return False
        self.n_left -= len(kept)
        tried = self.play(self.seed, kept=kept, spared=spared)
        wanted = self.smallest.defect
        if tried.defect is None or wanted is None or tried.defect.kind != wanted.kind:
            return False
        self.smallest, self.kept, self.spared = tried, kept, spared
        return True
