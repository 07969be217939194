"""The fewest requests for published access matrices, and whether a certificate proves them to be the fewest.

Run from the folder of the project: ``python -m tests.benchmarks.published FOLDER``, with ``--help`` for more.
Every matrix is measured in a process of its own, so that peaks of memory do not mix. Reads every
``.csv``, ``.txt`` and ``.rmp`` file, gzipped or not: pairs ``user,permission``, or one user a line as
``u0<TAB>p1<TAB>p4``; lines that begin with ``#`` are comments, and ``user,permission`` is a header. Users
stand for stores, permissions for entities.
"""

from __future__ import annotations

import argparse
import gzip
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import klikit_frames as kf
from klikit_frames.planning.bounds import BoundEvidence
from klikit_frames.planning.plan_checks import check_plan
from tests.benchmarks.plan_certificates import check_bound, is_plan_cover, plan_with_proofs
from tests.planning.tables import toggles_of

# Ene et al., SACMAT 2008, and the best files published since.
PUBLISHED = {
    "hc": 14,
    "domino": 20,
    "emea": 34,
    "fire1": 65,
    "fire2": 10,
    "apj": 455,
    "customer": 276,
    "americas_small": 198,
    "americas_large": 415,
}
NO_CAPS = kf.Limits(None, None, None)
ENDINGS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".rmp", ".rmp.gz")


def read_matrix(path: Path) -> np.ndarray:
    """Return a file's matrix: permissions by users."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    lines = lines[1:] if lines[:1] == ["user,permission"] else lines
    pairs = []
    for line in lines:
        user, *permissions = line.split("\t") if "\t" in line else line.split(",")
        pairs += [(user, permission) for permission in permissions]
    users, permissions = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    numbers = [{name: no for no, name in enumerate(names)} for names in (users, permissions)]
    cells = np.zeros((len(permissions), len(users)), dtype=bool)
    for user, permission in pairs:
        cells[numbers[1][permission], numbers[0][user]] = True
    return cells


def caps_of(text: str) -> kf.Limits:
    """Return caps written as ``IDS,STORES,CELLS``, the last ones left out or ``-`` for none."""
    caps = [None if part == "-" else int(part) for part in text.split(",")]
    return kf.Limits(*caps, *[None] * (3 - len(caps)))


def certificate_of(plan: kf.Plan, cells: np.ndarray, parts: list[BoundEvidence], limits: kf.Limits) -> str:
    """Return by what the plan's bound is proven, and that it has the fewest requests if it has."""
    proof = check_bound(cells, parts, limits)
    if proof.bound < plan.lower_bound:
        return "none checked"
    is_proven = proof.bound == plan.n_requests and is_plan_cover(cells, plan)
    return f"cover and {proof.kind}" if is_proven else f"bound by {proof.kind}"


def measure(path: Path, budget_s: float, *, limits: kf.Limits, with_solver: bool) -> list[str]:
    """Plan one matrix, and return its line of the table."""
    if not with_solver:
        sys.modules["highspy"] = None  # type: ignore[assignment]
    cells = read_matrix(path)
    toggles, started = kf.read_toggles(toggles_of(cells)), time.process_time()
    plan, parts = plan_with_proofs(toggles, cells, limits=limits, budget_s=budget_s)
    seconds = time.process_time() - started
    check_plan(plan)
    proof = certificate_of(plan, cells, parts, limits)
    name = path.name.split(".")[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    published = PUBLISHED.get(name, "-") if limits == NO_CAPS else "-"
    figures = [plan.n_rows, plan.n_requests, plan.lower_bound, published]
    texts = [figure if isinstance(figure, str) else f"{figure:,}" for figure in figures]
    return [name, *texts, proof, f"{seconds:.1f}", f"{peak:,}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the matrices are")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for each plan")
    parser.add_argument("--without-solver", action="store_true", help="as if highspy were not installed")
    parser.add_argument("--caps", type=caps_of, default=NO_CAPS, help="as IDS,STORES,CELLS, such as 500,20")
    chosen = parser.parse_args()
    print("| set | cells | requests | bound | published | certificate | CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for path in sorted(entry for entry in chosen.folder.iterdir() if entry.name.endswith(ENDINGS)):
            options = {"limits": chosen.caps, "with_solver": not chosen.without_solver}
            line = pool.submit(measure, path, chosen.budget, **options).result()
            print(f"| {' | '.join(line)} |", flush=True)


if __name__ == "__main__":
    main()
