"""How much work a call makes, told without a clock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import klikit_frames

PACKAGE = str(Path(klikit_frames.__file__).parent)


def count_lines(call: Callable[[], Any]) -> int:
    """Return how many lines of the package a call runs in this thread: the same on every machine."""
    n_lines = 0

    def trace_line(_frame: FrameType, event: str, _given: Any) -> Any:
        nonlocal n_lines
        n_lines += event == "line"
        return trace_line

    def trace_call(frame: FrameType, _event: str, _given: Any) -> Any:
        return trace_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    traced_before = sys.gettrace()
    sys.settrace(trace_call)
    try:
        call()
    finally:
        sys.settrace(traced_before)
    return n_lines
