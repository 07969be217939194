"""What several tests of runs look with."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf


class Bar:
    """A progress bar that does something at its first step."""

    def __init__(self, deed: object = None) -> None:
        self.n = 0
        self.is_closed = False
        self._deed = deed

    def update(self, n: int = 1, /) -> None:
        """Count, and do the deed once."""
        deed, self._deed = self._deed, None
        self.n += n
        if callable(deed):
            deed()

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


def interrupt() -> None:
    """Do as Ctrl-C does."""
    raise KeyboardInterrupt


def writes(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Return the writes that the sandbox received."""
    return sandbox.requests[sandbox.requests["method"] == "PATCH"]
