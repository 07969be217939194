"""Bars: the caller's own, none, or tqdm's."""

from __future__ import annotations

import threading

from klikit_frames.progress import Bar, SilentBar, open_bar


class Counter:
    """A bar of the caller's own."""

    def __init__(self) -> None:
        self.n = 0

    def update(self, n: int = 1, /) -> None:
        self.n += n

    def close(self) -> None:
        self.n = -1


def _open(progress: Bar | bool | None) -> Bar:
    return open_bar(progress, total=3, description="Sending", unit="requests")


def test_open_bar__false_is_silent() -> None:
    """False shows nothing."""
    assert isinstance(_open(False), SilentBar)


def test_open_bar__returns_the_callers_own() -> None:
    """An object with update and close is used as it is."""
    own = Counter()
    assert _open(own) is own


def test_open_bar__is_silent_off_the_main_thread() -> None:
    """A worker thread never draws, since its bar would land in another cell."""
    made: list[Bar] = []
    thread = threading.Thread(target=lambda: made.append(_open(None)))
    thread.start()
    thread.join()
    assert isinstance(made[0], SilentBar)


def test_open_bar__draws_nothing_in_a_pipe(capfd) -> None:
    """The automatic bar is quiet where there is no terminal."""
    bar = _open(None)
    bar.update(3)
    bar.close()
    assert capfd.readouterr() == ("", "")
