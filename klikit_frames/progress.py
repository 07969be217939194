"""Progress bars: the only file that knows tqdm."""

from __future__ import annotations

import threading
import warnings
from typing import Literal, Protocol, cast

with warnings.catch_warnings():
    # tqdm warns at import where ipywidgets is missing; the text bar it falls back to is fine.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm


class Bar(Protocol):
    """Anything that can be told of progress."""

    def update(self, n: int = 1, /) -> object:
        """Note that `n` more units are done."""

    def close(self) -> object:
        """Finish the bar."""


class SilentBar:
    """A bar that shows nothing."""

    def update(self, n: int = 1, /) -> None:
        """Ignore progress."""

    def close(self) -> None:
        """Do nothing."""


Progress = Bar | Literal[False] | None


def open_bar(progress: Progress, *, total: int, description: str, unit: str) -> Bar:
    """Return the bar to report to: the caller's own, a silent one, or tqdm's for this screen.

    Parameters
    ----------
    progress : object with ``update`` and ``close``, or False, or None
        None draws in a notebook and on a terminal and stays silent in a pipe.
    total : int
        Units in all.
    description, unit : str
        What is being done, and to what.
    """
    if progress is False:
        return SilentBar()
    if progress is not None:
        return progress
    # A bar made on another thread lands in whatever cell happens to run.
    if threading.current_thread() is not threading.main_thread():
        return SilentBar()
    return cast("Bar", tqdm(total=total, desc=description, unit=f" {unit}", disable=None, leave=True))
