"""The widget that asks whether the front end answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.forms.base_widget import WidgetProbe, ask_front_end


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that looks like a notebook's kernel, whose page says nothing by itself."""
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", ModuleType("ipykernel.zmqshell"))
    # Another test of the same process may have brought marimo along.
    monkeypatch.delitem(sys.modules, "marimo._runtime.runtime", raising=False)
    ask_front_end.cache_clear()
    ask_front_end().timeout_s = 0.0
    yield
    ask_front_end().close()
    ask_front_end.cache_clear()


class LaterCell(edge.World):
    """The machine ten seconds later."""

    def monotonic(self) -> float:
        return super().monotonic() + 10


def _widgets() -> tuple[str, str, str]:
    check = kf.doctor().set_index("check").loc["widgets"]
    return str(check["status"]), str(check["found"]), str(check["advice"])


@pytest.mark.usefixtures("kernel")
def test_doctor__asks_the_page_and_looks_again() -> None:
    """Nothing is known at first, then that no answer came, then that one did."""
    assert _widgets()[:2] == ("warning", "no answer within 0 s")
    with edge.use(LaterCell()):
        status, finding, advice = _widgets()
    assert (status, "and no answer" in finding, "CSV" in advice) == ("warning", True, True)
    ask_front_end().set_state({"is_answered": True})
    assert _widgets() == ("ok", "the front end has answered", "")


def test_probe__hears_one_answer() -> None:
    """What the page sets is the answer."""
    probe = WidgetProbe()
    probe.timeout_s = 0.0
    assert not probe.wait()
    probe.set_state({"is_answered": True})
    assert probe.wait()
    assert probe.has_answered
    probe.close()
