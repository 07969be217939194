"""Progress bars: the only file that knows tqdm."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from importlib import import_module
from typing import Any, Literal, Protocol

with warnings.catch_warnings():
    # tqdm warns at import where ipywidgets is missing; the text bar it falls back to is fine.
    warnings.simplefilter("ignore")
    from tqdm import tqdm as text_tqdm
    from tqdm.auto import tqdm

from . import edge
from .errors import ConfigError
from .wording import duration

_LOG = logging.getLogger("klikit_frames")
# Hosts whose cells show no widgets, and what a person sets where the output is kept as a page.
_TEXT_HOSTS = ("KAGGLE_KERNEL_RUN_TYPE", "DATABRICKS_RUNTIME_VERSION")
_BARS = "KLIKIT_BARS"
# A text bar in a saved page is a line for each time it is drawn.
_TEXT_EVERY_S = 1.0


class Bar(Protocol):
    """Anything that shows progress."""

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


class CallersBar:
    """The caller's own bar; one that raises hears nothing more, and what it tells of goes on."""

    def __init__(self, bar: Bar) -> None:
        self._bar: Bar = bar

    def update(self, n: int = 1, /) -> None:
        """Pass it on."""
        try:
            self._bar.update(n)
        except Exception:  # noqa: BLE001 - no run ends for a bar
            _LOG.warning("The progress object failed; it is not told of progress any more.", exc_info=True)
            self._bar = SilentBar()

    def close(self) -> None:
        """Pass it on."""
        try:
            self._bar.close()
        except Exception:  # noqa: BLE001 - no run ends for a bar
            _LOG.warning("The progress object could not be closed.", exc_info=True)


_TEXT_OPTIONS: dict[str, Any] = {"disable": False, "ascii": True, "mininterval": _TEXT_EVERY_S}


def draws_text() -> bool:
    """Tell whether bars are plain text: widgets do not come here, or KLIKIT_BARS is ``text``."""
    return os.environ.get(_BARS) == "text" or any(name in os.environ for name in _TEXT_HOSTS)


def page_thread() -> type[edge.Thread]:
    """Return the class of threads that may draw on the page: in marimo only its own can."""
    if "marimo._runtime.runtime" in sys.modules:
        kind: type[edge.Thread] = import_module("marimo").Thread
        return kind
    return edge.thread_kind()


class ScreenBar:
    """A bar of tqdm's, without its rate: under a cap that tells nothing."""

    def __init__(
        self, *, total: int, description: str, unit: str, text_every_s: float = _TEXT_EVERY_S
    ) -> None:
        self._description, self._text_every_s = description, text_every_s
        shown = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit} [{elapsed}{postfix}]"
        self._is_text = draws_text()
        self._described_at = edge.monotonic()
        kind, options = (text_tqdm, _TEXT_OPTIONS) if self._is_text else (tqdm, {"disable": None})
        self._tqdm = kind(
            total=total, desc=description, unit=f" {unit}", bar_format=shown, leave=True, **options
        )

    def update(self, n: int = 1, /) -> None:
        """Note that `n` more units are done."""
        self._tqdm.update(n)

    def extend(self, n: int) -> None:
        """Note that there are `n` more units than it seemed."""
        self._tqdm.total = (self._tqdm.total or 0) + n
        self._tqdm.refresh()

    def describe(self, what: str | None, *, left_s: float) -> None:
        """Say what it waits for, and how long all takes at least."""
        # In the place of the description: beside it, a narrow page has no room left for the bar.
        self._tqdm.set_description_str(what or self._description, refresh=False)
        left = f"about {duration(left_s)} left" if left_s >= 1 else ""
        self._tqdm.set_postfix_str(left, refresh=self._is_time_to_draw())

    def close(self) -> None:
        """Finish the bar."""
        self._tqdm.set_description_str(self._description, refresh=False)
        self._tqdm.set_postfix_str("", refresh=False)
        self._tqdm.close()

    def _is_time_to_draw(self) -> bool:
        now = edge.monotonic()
        if self._is_text and now - self._described_at < self._text_every_s:
            return False
        self._described_at = now
        return True


Progress = Bar | Literal[False] | None


def check_progress(progress: object) -> None:
    """Refuse what is no progress object.

    Raises
    ------
    ConfigError
        It has no ``update`` and ``close``.
    """
    has_both = all(callable(getattr(progress, name, None)) for name in ("update", "close"))
    if progress is not None and progress is not False and not has_both:
        raise ConfigError(f"progress={progress!r} is neither None nor False nor has it update and close.")


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
        return CallersBar(progress)
    # A bar made on another thread lands in whatever cell happens to run.
    if threading.current_thread() is not threading.main_thread():
        return SilentBar()
    return ScreenBar(total=total, description=description, unit=unit)
