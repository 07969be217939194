"""Unpacking the body of an answer within its bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klikit_frames.api.bodies import Bounds, collect_body

from .scripts import run

BOUNDS = Bounds(max_bytes=1000, deadline=1e12)
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BODY = b'{"request_id":"r","data":"' + b"x" * 100 + b'"}'
PACKED = {
    "": BODY,
    "identity": BODY,
    "gzip": gzip.compress(BODY),
    "X-GZIP ": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "Deflate": RAW.compress(BODY) + RAW.flush(),
}


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_body__is_unpacked(coding: str, step: int) -> None:
    """Each coding that is asked for is understood, in chunks of any size."""
    packed = PACKED[coding]
    chunks = [packed[start : start + step] for start in range(0, len(packed), step)]
    assert collect_body(chunks, bounds=BOUNDS, coding=coding) == (BODY, None)


@pytest.mark.parametrize("coding", PACKED)
def test_body__that_is_empty_is_empty_in_any_coding(coding: str) -> None:
    """An answer without a body has none, whatever its headers say of it."""
    assert collect_body([], bounds=BOUNDS, coding=coding) == (b"", None)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip,identity", "nonsense"])
def test_body__in_layers_or_unknown_is_refused(coding: str) -> None:
    """What was not asked for is not unpacked."""
    assert collect_body([BODY], bounds=BOUNDS, coding=coding) == (
        b"",
        "the answer is packed in a way that was not asked for",
    )


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_bomb__costs_its_bound_only(wbits: int) -> None:
    """Megabytes of nothing in a few bytes are given up at the bound, before they are in the memory."""
    bomb = zlib.compress(bytes(50_000_000), wbits=wbits)
    coding = "gzip" if wbits == 31 else "deflate"
    tracemalloc.start()
    found = collect_body([bomb], bounds=BOUNDS, coding=coding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == (b"", "the answer is longer than 1,000 bytes")
    assert peak < 1_000_000


def test_body__that_never_begins_is_bounded() -> None:
    """A gzip header may hold a file's name: one without an end is cut at the bound too."""
    endless = (bytes([0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3]) if not n else b"A" for n in range(10**9))
    assert collect_body(endless, bounds=BOUNDS, coding="gzip") == (
        b"",
        "the answer is longer than 1,000 bytes",
    )


def test_body__behind_the_end_of_the_compression_is_not_kept() -> None:
    """What follows a finished gzip stream is no part of the body."""
    assert collect_body([gzip.compress(BODY), b"more"], bounds=BOUNDS, coding="gzip") == (BODY, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_body__cut_off_is_told(coding: str) -> None:
    """Half a compressed body is no body."""
    body, trouble = collect_body([PACKED[coding][:20]], bounds=BOUNDS, coding=coding)
    assert (body, trouble) == (b"", "the answer broke off (its compression has no end)")


@given(chunks=st.lists(st.binary(max_size=50)), coding=st.sampled_from(sorted(PACKED)))
def test_body__of_any_bytes_raises_nothing(chunks: list[bytes], coding: str) -> None:
    """Whatever arrives is a body within its bound or a trouble in words."""
    body, trouble = collect_body(chunks, bounds=BOUNDS, coding=coding)
    assert len(body) <= BOUNDS.max_bytes
    assert trouble is None or body == b""


def test_client__asks_for_what_it_can_unpack() -> None:
    """No library that happens to be installed adds a coding of its own."""
    bomb = httpx.Response(
        200,
        headers={"Content-Encoding": "gzip, gzip"},
        stream=httpx.ByteStream(gzip.compress(gzip.compress(bytes(10_000_000)))),
    )
    settled, script = run([bomb])
    assert script.received[0].headers["Accept-Encoding"] == "gzip, deflate"
    assert settled.answer
    assert (settled.answer.is_ok, settled.answer.is_readable) == (True, False)
    assert "not asked for" in (settled.trouble or "")
