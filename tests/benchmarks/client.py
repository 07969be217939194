"""What the client costs: writes a second against bare httpx with the same threads, and the rate log apart.

Run with ``python -m tests.benchmarks.client``; prints, asserts nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

import klikit_frames as kf
from klikit_frames.api.rate_limits import RateLimiter
from klikit_frames.api.wire import ENABLE_PATHS, encode_enable
from klikit_frames.edge import SystemClock

N_THREADS = 8
N_WRITES = 2000
PATH = ENABLE_PATHS["item"]


def measure(send: Callable[[int], object]) -> float:
    """Return writes a second with eight threads."""
    began = time.perf_counter()
    with ThreadPoolExecutor(N_THREADS) as threads:
        list(threads.map(send, range(N_WRITES)))
    return N_WRITES / (time.perf_counter() - began)


def measure_bare(sandbox: kf.sandbox.Sandbox, body: bytes) -> float:
    """Return writes a second of bare httpx."""
    auth = (sandbox.partner_key, sandbox.secret_key)
    with httpx.Client(auth=auth, limits=httpx.Limits(max_connections=N_THREADS)) as http:
        url = f"{sandbox.url}{PATH}"
        return measure(lambda n: http.patch(url, content=body, headers={"Idempotency-Key": f"bare-{n}"}))


def measure_ours(sandbox: kf.sandbox.Sandbox, body: bytes) -> float:
    """Return writes a second of the client."""
    with sandbox.connect(writes_per_minute=10**6, max_connections=N_THREADS) as client:
        return measure(lambda n: client.write("PATCH", PATH, body, key=f"ours-{n}"))


def measure_admission(folder: Path | None) -> float:
    """Return microseconds that one admission takes, with the log in memory or in a shared file."""
    path = folder / "log.sqlite3" if folder else None
    pacing = RateLimiter(reads_per_minute=600, writes_per_minute=6000, clock=SystemClock(), path=path)
    began = time.perf_counter()
    for _ in range(5000):
        pacing.acquire("write")
    pacing.close()
    return (time.perf_counter() - began) / 5000 * 1e6


def main() -> None:
    """Print the figures."""
    with kf.sandbox.serve() as sandbox, tempfile.TemporaryDirectory() as folder:
        item_id = int(sandbox.state().query("entity_type == 'item'")["entity_id"].iloc[0])
        body = encode_enable([item_id], None, is_enabled=False)
        print(f"bare httpx, {N_THREADS} threads: {measure_bare(sandbox, body):7,.0f} writes a second")
        print(f"the client, {N_THREADS} threads: {measure_ours(sandbox, body):7,.0f} writes a second")
        print(f"an admission in memory:      {measure_admission(None):7,.0f} µs")
        print(f"an admission in a file:      {measure_admission(Path(folder)):7,.0f} µs")


if __name__ == "__main__":
    main()
