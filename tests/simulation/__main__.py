"""Play worlds on virtual time, and judge every row, proof and undo.

    python -m tests.simulation [--seeds 200] [--first 0] [--seed 7 --trace] [--hours 1]

One seed decides everything that happens in its world. Printed last: what was played and judged; all defects
must be 0, otherwise it ends with 1 and has printed the seed and the trace of each world with a defect.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from pathlib import Path

from .world import SimulatedWorld, WorldCounts

_PER_TASK = 10


def play(seed: int, folder: Path) -> tuple[SimulatedWorld, bool]:
    """Play one world and return it, and whether it came to its end."""
    world = SimulatedWorld(seed, folder)
    try:
        world.play()
    except Exception:  # noqa: BLE001 - a crash is one of the findings
        world.trace.append(traceback.format_exc())
        return world, False
    return world, True


def play_all(seeds: list[int]) -> tuple[WorldCounts, list[str]]:
    """Play some worlds, and return what was judged and the trace of each in which something was wrong."""
    counts, wrong = WorldCounts(), []
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_STATE_HOME"] = home
        for seed in seeds:
            world, is_whole = play(seed, Path(home))
            counts.add(world.counts)
            if not is_whole or world.counts.judged.n_defects:
                wrong.append("\n    ".join([f"seed {seed}", *world.trace]))
    counts.judged.cases.clear()
    return counts, wrong


def main(arguments: list[str] | None = None) -> int:
    """Play what was asked for, and return the exit code."""
    given = _parse(arguments)
    if given.seed is not None:
        with tempfile.TemporaryDirectory() as home:
            os.environ["XDG_STATE_HOME"] = home
            world, is_whole = play(given.seed, Path(home))
        print("\n".join(world.trace) if given.trace or not is_whole else str(world.counts))
        return int(not is_whole or world.counts.judged.n_defects > 0)
    counts, n_wrong = WorldCounts(), 0
    with ProcessPoolExecutor(given.jobs) as pool:
        for lots in _draw_lots(given):
            for played, wrong in pool.map(play_all, lots):
                counts.add(played)
                n_wrong += len(wrong)
                print(*wrong, sep="\n", flush=True)
    print(counts)
    print(f"{n_wrong} worlds with something wrong")
    return int(n_wrong > 0)


def _draw_lots(given: argparse.Namespace) -> Iterator[list[list[int]]]:
    """Hand out seeds to play side by side, until there were so many or the time is up."""
    until = time.monotonic() + given.hours * 3_600 if given.hours else None
    seeds = count(given.first) if until else iter(range(given.first, given.first + given.seeds))
    while until is None or time.monotonic() < until:
        lots = [list(islice(seeds, _PER_TASK)) for _ in range(given.jobs)]
        if not lots[0]:
            return
        yield lots


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this world alone")
    parser.add_argument("--trace", action="store_true", help="print what happened in it")
    parser.add_argument("--hours", type=float, help="play until so many hours have passed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
