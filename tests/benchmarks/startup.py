"""How long the package takes to start, beside what it cannot do without.

Run it with ``python -m tests.benchmarks.startup``; the best of seven starts each, in fresh processes.
"""

from __future__ import annotations

import subprocess
import sys
import time

N_STARTS = 7
FACE = "import klikit_frames as kf; kf.read_toggles, kf.plan, kf.connect, kf.run"


def measure(*words: str) -> float:
    """Return the seconds of the quickest of several starts."""
    return min(_start(*words) for _ in range(N_STARTS))


def _start(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Print each start beside its baseline, and the ratio."""
    python, pandas = measure("-c", "pass"), measure("-c", "import pandas")
    starts = {
        "klikit-frames --help": (measure("-m", "klikit_frames", "--help"), python, "python -c pass"),
        "import klikit_frames": (measure("-c", "import klikit_frames"), python, "python -c pass"),
        "import, and load read, plan, connect, run": (measure("-c", FACE), pandas, "import pandas"),
    }
    for name, (seconds, base, beside) in starts.items():
        print(f"{name}: {seconds:.3f} s; {beside}: {base:.3f} s; {seconds / base:.1f} x")


if __name__ == "__main__":
    main()
