"""How fast the sandbox is, and how much room it takes.

Run it with ``python -m tests.benchmarks.sandbox``. The load comes from a process of its own; a bare
Starlette application on the same server, machine and minute is the yardstick for requests a second.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pandas as pd
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import klikit_frames as kf
from klikit_frames.sandbox.server import Server

N_REQUESTS = 4_000
Row = tuple[str, str, str]


async def say_done(request: Request) -> JSONResponse:
    """Answer what the sandbox answers, and do nothing."""
    await request.body()
    return JSONResponse({"request_id": "0" * 32, "data": {"message": "status updated"}})


@contextmanager
def bare_server() -> Iterator[int]:
    """Run a bare Starlette application; yield its port."""
    route = Route("/v1/partner/menus/items/enable", say_done, methods=["PATCH"])
    server = Server(Starlette(routes=[route]), port=0)
    yield server.port
    server.stop()


def requests_a_second(port: int, *, key: str, secret: str) -> float:
    """Return what the load client measures."""
    command = [sys.executable, "-m", "tests.benchmarks.load", str(port), key, secret, str(N_REQUESTS)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def rates() -> Iterator[Row]:
    """Measure single-id enable calls over 8 connections, and the yardstick."""
    with bare_server() as port:
        bare = requests_a_second(port, key="a", secret="b")
    with kf.sandbox.serve() as sandbox:
        port = int(sandbox.page_url.rpartition(":")[2])
        rate = requests_a_second(port, key=sandbox.partner_key, secret=sandbox.secret_key)
    yield "single-id enables, 8 connections", f"{rate:,.0f} a second", "1,000"
    yield "the same from bare Starlette", f"{bare:,.0f} a second", f"ratio {rate / bare:.2f}"


def demo_start() -> Row:
    """Measure how long a demo sandbox takes to start and to stop."""
    begin = time.perf_counter()
    sandbox = kf.sandbox.serve()
    started = time.perf_counter()
    sandbox.close()
    stopped = time.perf_counter()
    return "demo: start, stop", f"{started - begin:.3f} s, {stopped - started:.3f} s", "start 0.3 s"


def large() -> Iterator[Row]:
    """Measure the large business: start, one request of 250,000 overrides, memory."""
    begin = time.perf_counter()
    with kf.sandbox.serve(scale="large") as sandbox:
        yield "large: start", f"{time.perf_counter() - begin:.2f} s", "5 s"
        seconds = enable_500_by_500(sandbox)
        yield "large: one request of 500 ids x 500 stores", f"{seconds:.2f} s", "3 s"
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield "large: memory of the process, at most", f"{peak_mb:.0f} MB", "500 MB"


def enable_500_by_500(sandbox: kf.sandbox.Sandbox) -> float:
    """Return the seconds that one request of 250,000 overrides takes."""
    auth = (sandbox.partner_key, sandbox.secret_key)
    with httpx.Client(base_url=sandbox.url, auth=auth, timeout=60, trust_env=False) as http:
        branches = http.get("/branches").json()["data"]["results"]
        items = http.get("/menus/items", params={"size": 600}).json()["data"]["results"]
        stores = [{"brandID": brand, "branchID": b["id"]} for b in branches for brand in b["brand_ids"]]
        ids = [item["id"] for item in items if not item["onlyModifier"]]
        body = {"ids": ids[:500], "isEnabled": False, "zoneStores": stores[:500]}
        begin = time.perf_counter()
        http.patch("/menus/items/enable", json=body).raise_for_status()
        return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    rows = [demo_start(), *large(), *rates()]
    print(pd.DataFrame(rows, columns=["what", "measured", "wanted"]).to_string(index=False))


if __name__ == "__main__":
    main()
