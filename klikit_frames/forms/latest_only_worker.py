"""Work that must not hold up the page: one thread, and only the newest job counts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..progress import page_thread

Work = Callable[[], None]


class LatestOnlyWorker:
    """Runs what was asked for last, in the background; what was asked before and has not begun is dropped.

    Examples
    --------
    >>> from klikit_frames.forms.latest_only_worker import LatestOnlyWorker
    >>> latest, done = LatestOnlyWorker(), []
    >>> latest.ask(lambda: done.append("drawn"))
    >>> latest.wait()
    >>> done
    ['drawn']
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._next: Work | None = None
        self._is_busy = False

    def ask(self, work: Work) -> None:
        """Have `work` done next, instead of whatever waits."""
        with self._free:
            self._next = work
            if not self._is_busy:
                self._is_busy = True
                page_thread()(target=self._go, daemon=True).start()

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when nothing is left to do, or after `timeout_s`."""
        with self._free:
            self._free.wait_for(lambda: not self._is_busy, timeout=timeout_s)

    def _go(self) -> None:
        while (work := self._take()) is not None:
            try:
                work()
            except BaseException:
                self._rest()
                raise

    def _take(self) -> Work | None:
        with self._free:
            work, self._next = self._next, None
            if work is None:
                self._rest()
            return work

    def _rest(self) -> None:
        with self._free:
            self._is_busy = False
            self._free.notify_all()
