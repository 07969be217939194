"""A thread that keeps promises for as long as the notebook of its form is open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import KlikitFramesError
from ..progress import page_thread
from ..scheduling.following import follow_ticks

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath


class PromiseKeeper:
    """Ticks in the background until it is stopped, or the kernel ends.

    Uses the network and the journal, as ``klikit-frames tick --follow`` does; beside that or another keeper
    it does no harm, since two ticks at once are one.

    Parameters
    ----------
    client : Client
        Whose promises.
    journal : path, optional
        As for ``kf.run``.
    report : callable
        Gets the frame of each tick that had something to do.
    on_end : callable
        Called when it ends by itself, with what is wrong.
    """

    def __init__(
        self,
        client: Client,
        *,
        journal: JournalPath,
        report: Callable[[pd.DataFrame], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._client = client
        self._journal = journal
        self._report = report
        self._on_end = on_end
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_on(self) -> bool:
        """Whether promises are kept just now."""
        return self._stop is not None

    def start(self) -> None:
        """Keep promises from now on."""
        if self._stop is None:
            self._stop = threading.Event()
            self._thread = page_thread()(target=self._follow, args=(self._stop,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Keep no more; a tick that is under way is let finish."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when its last thread has ended, or after `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _follow(self, stop: threading.Event) -> None:
        trouble = "It was interrupted."
        try:
            follow_ticks(self._client, journal=self._journal, report=self._report, stop=stop)
        except KlikitFramesError as error:
            trouble = str(error)
        except Exception as error:
            trouble = f"Something went wrong inside klikit_frames: {error!r}."
            raise
        finally:
            if self._stop is stop:
                self._stop = None
                self._on_end(f"Promises are no longer kept from here. {trouble}")
