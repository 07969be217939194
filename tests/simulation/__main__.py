"""Play worlds on virtual time, and judge every row, proof, undo and promise.

    python -m tests.simulation --seeds 200      worlds 0 to 199
    python -m tests.simulation --hours 1        for a night
    python -m tests.simulation --seed 7         one world alone; with --trace, all that happened in it

One seed decides everything that happens in its world. Printed last: what was played and judged, and the
steps of a request's life that were not visited. It ends with 1 if something was wrong, and has then printed
the seed, the shortest trace that shows it, and the row. Ctrl-C ends it with what was played until then.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count, islice

import pandas as pd
from tqdm import tqdm

from klikit_frames.running.lifecycle import TRANSITIONS

from .shrinking import play_once, shrink
from .visits import unvisited
from .world_parts import N_STEPS, WorldCounts

# How many worlds a process has before it, so that none waits for the one who tells of them.
_AHEAD = 4


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
    gc.collect()
    gc.freeze()
    gc.disable()


def main(arguments: list[str] | None = None) -> int:
    """Play what was asked for, and return the exit code."""
    given = _parse(arguments)
    return _play_many(given) if given.seed is None else _play_alone(given)


def _play_alone(given: argparse.Namespace) -> int:
    be_quiet()
    world = play_once(given.seed, n_steps=given.steps)
    if world.defect is not None and not (given.trace or given.whole):
        world = shrink(world, given.seed)
    print("\n".join(world.trace) if given.trace or world.defect else str(world.counts))
    return int(world.defect is not None)


def _play_many(given: argparse.Namespace) -> int:
    counts, n_wrong, code, ended_by, began_s = WorldCounts(), 0, 0, "", time.monotonic()
    bar = tqdm(total=None if given.hours else given.seeds, desc="worlds", disable=None)
    with ProcessPoolExecutor(given.jobs, initializer=_begin_work) as pool, bar:
        played = _play_side_by_side(pool, given)
        try:
            for world, wrong in played:
                counts.add(world)
                n_wrong += len(wrong)
                bar.update()
                bar.set_postfix_str(f"{n_wrong} wrong")
                with bar.external_write_mode():
                    print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
        except KeyboardInterrupt:
            code, ended_by = 130, "; it was stopped"
            pool.shutdown(wait=False, cancel_futures=True)
        except BrokenProcessPool:
            code, ended_by = 1, "; a process that played worlds was killed"
    missing = unvisited(counts.visits)
    print(counts)
    print(f"{len(TRANSITIONS) - len(missing)} of {len(TRANSITIONS)} steps of a request's life were visited")
    print(*(f"not visited: {event} when {state}" for state, event in missing), sep="\n")
    print(f"{n_wrong} worlds with something wrong; {time.monotonic() - began_s:.0f} s{ended_by}")
    return code or int(n_wrong > 0)


def _begin_work() -> None:
    """Get a worker ready; Ctrl-C is for the process that hands out the worlds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        prepare()
    except Exception:
        # The pool would tell of it in the log alone, and that is off.
        traceback.print_exc()
        raise


def _play_side_by_side(
    pool: ProcessPoolExecutor, given: argparse.Namespace
) -> Iterator[tuple[WorldCounts, list[str]]]:
    """Play worlds in the order of their seeds, a few ahead of what is printed, until the time is up."""
    until = time.monotonic() + given.hours * 3_600 if given.hours else None
    seeds = count(given.first) if until else iter(range(given.first, given.first + given.seeds))
    waiting: deque[Future[tuple[WorldCounts, list[str]]]] = deque()
    while True:
        is_time_left = until is None or time.monotonic() < until
        for seed in islice(seeds, given.jobs * _AHEAD - len(waiting) if is_time_left else 0):
            waiting.append(pool.submit(play_all, [seed], shrinks=not given.whole))
        if not waiting:
            return
        yield waiting.popleft().result()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=_positive, default=200, help="how many worlds (200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--hours", type=float, help="go on for so many hours, in place of --seeds")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count(), help="how many side by side")
    parser.add_argument("--seed", type=int, help="play this world alone, in this process")
    parser.add_argument("--steps", type=_positive, default=N_STEPS, help=f"how many it has then ({N_STEPS})")
    parser.add_argument("--trace", action="store_true", help="print all that happened in it")
    parser.add_argument("--whole", action="store_true", help="search for no shorter trace of what is wrong")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
