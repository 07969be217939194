"""Kill runs by the thousand, at every step and at any moment, with and without faults, and judge every row.

    python -m tests.benchmarks.chaos [N_KILLS] [SEED]

Printed: worlds, kills and rows judged; what was lost, doubled or mislabelled must be 0, otherwise it ends
with 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import klikit_frames as kf
from tests.running.fault_worlds import FAULTS, STEPS, run_fault_world
from tests.running.outcome_oracle import OracleCounts


def main(n_kills: int, seed: int) -> int:
    """Run worlds until so many processes were killed; return the exit code."""
    counts, rng, started = OracleCounts(), random.Random(seed), time.monotonic()
    with kf.sandbox.serve() as sandbox, tempfile.TemporaryDirectory() as folder:
        while counts.kills < n_kills:
            step = rng.choice([*STEPS, "any moment"])
            faults = rng.sample(FAULTS, rng.choice([0, 0, 1, 3]))
            journal = Path(folder) / f"{counts.worlds}.sqlite3"
            run_fault_world(sandbox, journal, step=step, rng=rng, counts=counts, faults=faults)
            if counts.worlds % 50 == 0:
                print(counts, flush=True)
    for case in counts.cases:
        print(case)
    print(f"{counts}, in {time.monotonic() - started:,.0f} s with seed {seed}")
    return int(counts.lost + counts.doubled + counts.mislabelled > 0)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("n_kills", type=int, nargs="?", default=2_000)
    arguments.add_argument("seed", type=int, nargs="?", default=7)
    given = arguments.parse_args()
    sys.exit(main(given.n_kills, given.seed))
