"""Play worlds on virtual time, and judge every row, proof, undo and promise.

    python -m tests.simulation [--seeds 200] [--first 0] [--seed 7 --trace] [--hours 1]

One seed decides everything that happens in its world. Printed last: what was played and judged, and the
steps of a request's life that were not visited. It ends with 1 if something was wrong, and has then printed
the seed, the shortest trace that shows it, and the row.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count, islice

import pandas as pd

from klikit_frames.running.lifecycle import TRANSITIONS

from .shrinking import play_once, shrink
from .visits import unvisited
from .world_parts import N_STEPS, WorldCounts

_PER_TASK = 5


def play_all(seeds: list[int], *, shrinks: bool = True) -> tuple[WorldCounts, list[str]]:
    """Play some worlds, and return what was judged and the shortest trace of each with something wrong."""
    counts, wrong = WorldCounts(), []
    for seed in seeds:
        try:
            world = play_once(seed)
            counts.add(world.counts)
            if world.defect is not None:
                small = shrink(world, seed) if shrinks else world
                wrong.append("\n    ".join([f"seed {seed}", *small.trace]))
        except Exception:  # noqa: BLE001 - a crash is one of the findings
            wrong.append(f"seed {seed}\n{traceback.format_exc()}")
    gc.collect()
    return counts, wrong


def be_quiet() -> None:
    """Be quick: what accidents make the package say is not read here."""
    logging.disable()
    warnings.simplefilter("ignore")
    # Columns of a dozen texts are quicker without Arrow.
    pd.set_option("mode.string_storage", "python")


def prepare() -> None:
    """Get a process ready for many worlds: what is loaded once stays, and is not looked at again."""
    be_quiet()
    play_once(0, n_steps=6)
    gc.collect()
    gc.freeze()
    gc.disable()


def main(arguments: list[str] | None = None) -> int:
    """Play what was asked for, and return the exit code."""
    given = _parse(arguments)
    if given.seed is not None:
        be_quiet()
        world = play_once(given.seed, n_steps=given.steps)
        print("\n".join(world.trace) if given.trace or world.defect else str(world.counts))
        return int(world.defect is not None)
    counts, n_wrong, began_s = WorldCounts(), 0, time.monotonic()
    with ProcessPoolExecutor(given.jobs, initializer=prepare) as pool:
        for lots in _draw_lots(given):
            for played, wrong in pool.map(partial(play_all, shrinks=not given.whole), lots):
                counts.add(played)
                n_wrong += len(wrong)
                print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
    missing = unvisited(counts.visits)
    print(counts)
    print(f"{len(TRANSITIONS) - len(missing)} of {len(TRANSITIONS)} steps of a request's life were visited")
    print(*(f"not visited: {event} when {state}" for state, event in missing), sep="\n")
    print(f"{n_wrong} worlds with something wrong; {time.monotonic() - began_s:.0f} s")
    return int(n_wrong > 0)


def _draw_lots(given: argparse.Namespace) -> Iterator[list[list[int]]]:
    """Hand out seeds to play side by side, until there were so many or the time is up."""
    until = time.monotonic() + given.hours * 3_600 if given.hours else None
    seeds = count(given.first) if until else iter(range(given.first, given.first + given.seeds))
    while until is None or time.monotonic() < until:
        lots = [lot for _ in range(given.jobs * 4) if (lot := list(islice(seeds, _PER_TASK)))]
        if not lots:
            return
        yield lots


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this world alone")
    parser.add_argument("--steps", type=int, default=N_STEPS, help="how many steps that world has")
    parser.add_argument("--trace", action="store_true", help="print what happened in it")
    parser.add_argument("--whole", action="store_true", help="print whole traces, and search for no shorter")
    parser.add_argument("--hours", type=float, help="play until so many hours have passed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
