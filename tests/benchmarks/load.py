"""A load client in a process of its own: single-id enable calls over 8 connections, as fast as they go.

``python -m tests.benchmarks.load PORT KEY SECRET COUNT`` prints requests a second. It speaks HTTP by hand, so
that the server is what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
import uuid

CONNECTIONS = 8
_BODY = json.dumps(
    {"ids": [289379], "isEnabled": False, "zoneStores": [{"brandID": 5297, "branchID": 1293}]}
).encode()


def make_request(token: str) -> bytes:
    """Return one request with a key of its own."""
    return (
        "PATCH /v1/partner/menus/items/enable HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Basic {token}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    ).encode() + _BODY


async def send(port: int, token: str, *, count: int) -> None:
    """Send requests over one connection, one after the other; each must be a 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(make_request(token))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:16], head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()


async def measure(port: int, token: str, *, count: int) -> float:
    """Return requests a second."""
    begin = time.perf_counter()
    share = count // CONNECTIONS
    await asyncio.gather(*(send(port, token, count=share) for _ in range(CONNECTIONS)))
    return share * CONNECTIONS / (time.perf_counter() - begin)


if __name__ == "__main__":
    port, key, secret, count = sys.argv[1:]
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()
    print(asyncio.run(measure(int(port), token, count=int(count))))
