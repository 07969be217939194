"""Make a failing world smaller: fewer steps, then fewer accidents, as long as it fails in the same way."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Set
from pathlib import Path

from .world import SimulatedWorld
from .world_parts import N_STEPS

Number = tuple[int, int]
# Each try plays a world.
MOST_TRIES = 40


def play_once(
    seed: int, *, kept: Set[int] | None = None, spared: Set[Number] = frozenset(), n_steps: int = N_STEPS
) -> SimulatedWorld:
    """Play one world in a folder of its own, kept in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        world = SimulatedWorld(seed, Path(folder), n_steps=n_steps, kept=kept, spared=spared)
        world.play()
    return world


def shrink(
    world: SimulatedWorld, seed: int, *, play: Callable[..., SimulatedWorld] = play_once
) -> SimulatedWorld:
    """Return the smallest world found that shows the same kind of defect."""
    if world.defect is None:
        return world
    kind, n_left = world.defect.kind, MOST_TRIES
    kept, spared = set(range(world.n_steps_played + 1)) & set(range(N_STEPS)), set[Number]()
    smallest = world

    def fails(kept: set[int], spared: set[Number]) -> bool:
        nonlocal smallest, n_left
        if n_left <= 0:
            return False
        n_left -= 1
        tried = play(seed, kept=kept, spared=spared)
        if tried.defect is None or tried.defect.kind != kind:
            return False
        smallest = tried
        return True

    size = max(1, len(kept) // 2)
    while size:
        for first in sorted(kept, reverse=True)[::size]:
            dropped = set(sorted(one for one in kept if one <= first)[-size:])
            if dropped and fails(kept - dropped, spared):
                kept -= dropped
        size //= 2
    for number in smallest.happened[::-1]:
        if fails(kept, spared | {number}):
            spared.add(number)
    return smallest
