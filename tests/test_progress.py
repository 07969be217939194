"""Bars: the caller's own, none, or tqdm's."""

from __future__ import annotations

import sys
import threading
from typing import Literal

import pytest

from klikit_frames import edge
from klikit_frames.errors import ConfigError
from klikit_frames.progress import Bar, ScreenBar, SilentBar, check_progress, open_bar, page_thread


class Counter:
    """A bar of the caller's own."""

    def __init__(self) -> None:
        self.n = 0

    def update(self, n: int = 1, /) -> None:
        self.n += n

    def close(self) -> None:
        self.n = -1


def _open(progress: Bar | Literal[False] | None) -> Bar:
    return open_bar(progress, total=3, description="Sending", unit="requests")


def test_open_bar__false_is_silent() -> None:
    """False shows nothing."""
    assert isinstance(_open(False), SilentBar)


def test_open_bar__tells_the_callers_own() -> None:
    """An object with update and close counts what is done, and is closed."""
    counter = Counter()
    bar = _open(counter)
    bar.update(2)
    assert counter.n == 2
    bar.close()
    assert counter.n == -1


def test_open_bar__object_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """A progress object that raises is not called again, and that is logged once."""

    class Broken(Counter):
        def update(self, n: int = 1, /) -> None:
            super().update(n)
            raise RuntimeError("no room to draw")

    broken = Broken()
    bar = _open(broken)
    bar.update(1)
    bar.update(1)
    bar.close()
    assert broken.n == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("progress", [True, "yes", 1, object()])
def test_check_progress__is_no_progress_object(progress: object) -> None:
    """What has no update and close is refused by name."""
    with pytest.raises(ConfigError, match="progress="):
        check_progress(progress)


def test_open_bar__is_silent_off_the_main_thread() -> None:
    """A worker thread never draws, since its bar would land in another cell."""
    made: list[Bar] = []
    thread = threading.Thread(target=lambda: made.append(_open(None)))
    thread.start()
    thread.join()
    assert isinstance(made[0], SilentBar)


def test_open_bar__draws_nothing_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    """The automatic bar is quiet where there is no terminal."""
    bar = _open(None)
    bar.update(3)
    bar.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("variable", ["KAGGLE_KERNEL_RUN_TYPE", "DATABRICKS_RUNTIME_VERSION", "KLIKIT_BARS"])
def test_open_bar__is_text_where_widgets_do_not_come(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There the bar is a line of plain signs, also where the output is no terminal."""
    monkeypatch.setenv(variable, "text")
    bar = _open(None)
    bar.update(3)
    bar.close()
    said = capsys.readouterr().err
    assert "Sending: 100%|" in said
    assert said.isascii()


def test_screen_bar__says_what_it_waits_for_and_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts requests, and under a cap it says that it waits for it and how long all takes."""
    monkeypatch.setenv("KLIKIT_BARS", "text")
    # A line of a saved page each time: so only once a second, but here at once.
    bar = ScreenBar(total=3, description="Sending", unit="requests", text_every_s=0.0)
    bar.describe("Waiting for the cap", left_s=400)
    bar.extend(0)
    said = capsys.readouterr().err
    bar.close()
    assert "Waiting for the cap:   0%|" in said
    assert "0/3 requests" in said
    assert ", about 7 min left]" in said


def test_screen_bar__of_text_is_drawn_once_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a saved page each drawing is a line: however often the wait is drawn, it stays a few."""

    class Frozen(edge.World):
        def monotonic(self) -> float:
            return 0.0

    monkeypatch.setenv("KLIKIT_BARS", "text")
    with edge.use(Frozen()):
        bar = ScreenBar(total=500, description="Sending", unit="requests")
        for left_s in range(500):
            bar.describe(None, left_s=left_s)
        n_drawn = capsys.readouterr().err.count("Sending")
        bar.close()
    assert n_drawn == 1


def test_page_thread__is_marimos_in_marimo(monkeypatch: pytest.MonkeyPatch) -> None:
    """In marimo only its own threads may draw; anywhere else a thread is a thread."""
    monkeypatch.delitem(sys.modules, "marimo._runtime.runtime", raising=False)
    assert page_thread() is threading.Thread
    marimo = pytest.importorskip("marimo")
    monkeypatch.setitem(sys.modules, "marimo._runtime.runtime", marimo)
    drawn = threading.Event()
    thread = page_thread()(target=drawn.set, daemon=True)
    thread.start()
    assert isinstance(thread, marimo.Thread)
    assert drawn.wait(600)
