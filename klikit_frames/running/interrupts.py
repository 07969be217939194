"""Work that Ctrl-C does not break into."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Let Ctrl-C do nothing for a while: what is being done takes an instant, and half of it helps nobody.

    Examples
    --------
    >>> import signal
    >>> from klikit_frames.running.interrupts import ignore_sigint
    >>> with ignore_sigint():
    ...     signal.raise_signal(signal.SIGINT)
    """
    # No other thread is interrupted by Ctrl-C, and none may say what it does.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
