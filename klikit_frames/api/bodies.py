"""The body of an answer, unpacked by no more than its bound."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from .pacing import Kind

# What is asked for; with more than these, a few bytes can be packed in layers until they fill the memory.
ACCEPTED_CODINGS = "gzip, deflate"
# The menu tree of 50,000 items is about 30 MB; an answer to a write is one line.
MAX_BYTES: dict[Kind, int] = {"read": 64 * 2**20, "write": 2**20}
# An answer may take this many timeouts to arrive in all, however steadily it drips.
MAX_TIMEOUTS: dict[Kind, float] = {"read": 10.0, "write": 2.0}
_PLAIN = {"", "identity"}
_GZIP = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS}
_ZLIB_METHOD = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an answer is read, and until when."""

    max_bytes: int
    deadline: float


def bound(kind: Kind, *, timeout_s: float) -> Bounds:
    """Return the bounds of one answer whose request is about to leave."""
    return Bounds(max_bytes=MAX_BYTES[kind], deadline=time.monotonic() + MAX_TIMEOUTS[kind] * timeout_s)


class _BrokenError(Exception):
    """The body is given up; the text says why."""


def collect_body(
    chunks: Iterable[bytes],
    *,
    bounds: Bounds,
    coding: str = "",
    stopwatch: Callable[[], float] = time.monotonic,
) -> tuple[bytes, str | None]:
    """Return the whole body, or nothing and why it was given up.

    Parameters
    ----------
    chunks : iterable of bytes
        As they come over the wire.
    bounds : Bounds
        Hold for what arrives and for what it unpacks to.
    coding : str
        The answer's ``Content-Encoding``.
    stopwatch : callable
        Tells the time that the deadline is in.

    Examples
    --------
    >>> from klikit_frames.api.bodies import Bounds, collect_body
    >>> collect_body([b"1234", b"5678"], bounds=Bounds(max_bytes=6, deadline=1e12))
    (b'', 'the answer is longer than 6 bytes')
    """
    received = _receive(chunks, bounds=bounds, stopwatch=stopwatch)
    try:
        return _unpack(received, coding=coding.strip().lower(), max_bytes=bounds.max_bytes), None
    except _BrokenError as broken:
        return b"", str(broken)
    except zlib.error:
        return b"", "the answer broke off (its compression is damaged)"


def _receive(chunks: Iterable[bytes], *, bounds: Bounds, stopwatch: Callable[[], float]) -> Iterator[bytes]:
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        _check_length(n_bytes, max_bytes=bounds.max_bytes)
        if stopwatch() > bounds.deadline:
            raise _BrokenError("the answer dripped in too slowly")
        yield chunk


def _unpack(chunks: Iterator[bytes], *, coding: str, max_bytes: int) -> bytes:
    if coding in _PLAIN:
        return b"".join(chunks)
    if coding != "deflate" and coding not in _GZIP:
        raise _BrokenError("the answer is packed in a way that was not asked for")
    first = next(filter(None, chunks), b"")
    unpacker = zlib.decompressobj(_GZIP.get(coding) or _guess_deflate(first))
    body = bytearray()
    for chunk in chain([first], chunks):
        # One byte beyond the bound is enough to know.
        body += unpacker.decompress(chunk, max_bytes + 1 - len(body)) if not unpacker.eof else b""
        _check_length(len(body), max_bytes=max_bytes)
    if first and not unpacker.eof:
        raise _BrokenError("the answer broke off (its compression has no end)")
    return bytes(body)


def _guess_deflate(first: bytes) -> int:
    """Return the window of "deflate", by which some servers mean it without the header of zlib."""
    return zlib.MAX_WBITS if first[:1] and first[0] & 15 == _ZLIB_METHOD else -zlib.MAX_WBITS


def _check_length(n_bytes: int, *, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise _BrokenError(f"the answer is longer than {max_bytes:,} bytes")
