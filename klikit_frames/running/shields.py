"""Work that Ctrl-C does not break into."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def shield(work: Callable[[], Made]) -> Made:
    """Return what `work` returns, or raise what it raises; whoever presses Ctrl-C waits for its end.

    An interrupt reaches the main thread only, so the work is done on another.

    Examples
    --------
    >>> from klikit_frames.running.shields import shield
    >>> shield(lambda: 1 + 1)
    2
    """
    with ThreadPoolExecutor(1, thread_name_prefix="klikit-frames-shield") as pool:
        future = pool.submit(work)
        while True:
            try:
                return future.result()
            except KeyboardInterrupt:
                continue
