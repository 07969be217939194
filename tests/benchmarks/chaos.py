"""Kill runs by the thousand among every accident there is, and judge every row, proof and undo.

    python -m tests.benchmarks.chaos [N_KILLS] [SEED] [--lives N]

Each scenario is drawn from the seed and its own number: a plan, faults, kills at a step or at any moment,
clock jumps, forks, answers that say nothing or come twice, publishes that are queued or lie, other people's
edits and publishes; then the run goes on to its end, is verified, and undone. Printed: scenarios, kills, rows
and proofs judged; all the defects must be 0, otherwise it ends with 1.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

import klikit_frames as kf
from tests.running.accident_scenarios import AccidentScenario, describe
from tests.running.fault_scenarios import MOST_KILLS
from tests.running.outcome_oracle import ScenarioCounts


def main(n_kills: int, seed: int, *, n_lives: int = MOST_KILLS, only: int | None = None) -> int:
    """Run scenarios until so many processes were killed; return the exit code."""
    counts, started = ScenarioCounts(), time.monotonic()
    n_crashed, number = 0, 0 if only is None else only
    with kf.sandbox.serve() as sandbox, tempfile.TemporaryDirectory() as folder:
        # The journal of whoever runs this has no part in it.
        os.environ["XDG_STATE_HOME"] = folder
        while counts.n_kills < n_kills:
            rng = random.Random(f"{seed} {number}")
            journal = Path(folder) / f"{number}.sqlite3"
            scenario = AccidentScenario(sandbox, journal, rng=rng, counts=counts, n_lives=n_lives)
            n_crashed += not _play(scenario, name=f"scenario {number} of seed {seed} with {n_lives} lives")
            number += 1
            if only is not None:
                break
            if counts.n_scenarios % 20 == 0:
                print(counts, flush=True)
    print(f"{counts}; {n_crashed} crashed, in {time.monotonic() - started:,.0f} s with seed {seed}")
    return int(counts.n_defects + n_crashed > 0)


def _play(scenario: AccidentScenario, *, name: str) -> bool:
    """Play one scenario, tell what was wrong in it, and return whether it came to its end."""
    counts, is_whole = scenario.counts, True
    n_defects = counts.n_defects
    try:
        scenario.play()
    except Exception:  # noqa: BLE001 - a crash is one of the findings
        is_whole = False
        traceback.print_exc(file=sys.stdout)
    if not is_whole or counts.n_defects > n_defects:
        print(
            f"{name}:\n    {describe(scenario)}",
            *counts.cases[:6],
            sep="\n  ",
            flush=True,
        )
    counts.cases.clear()
    return is_whole


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("n_kills", type=int, nargs="?", default=2_000)
    arguments.add_argument("seed", type=int, nargs="?", default=7)
    arguments.add_argument(
        "--lives", type=int, default=MOST_KILLS, help="processes of a scenario that may be killed"
    )
    arguments.add_argument("--only", type=int, help="play the scenario of this number alone")
    given = arguments.parse_args()
    sys.exit(main(given.n_kills, given.seed, n_lives=given.lives, only=given.only))
