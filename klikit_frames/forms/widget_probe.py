"""A widget that nobody sees, for asking the front end of a notebook whether it answers."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import anywidget
import traitlets as t

from .. import edge

_SCRIPT = """
export default {
  initialize({ model }) {
    model.set("is_answered", true);
    model.save_changes();
  },
};
"""


class WidgetProbe(anywidget.AnyWidget):
    """Asks once, when it is made, and hears the answer if one ever comes.

    Most front ends answer only after the cell has ended, for the kernel hears nothing before: so it is kept,
    and looked at again later. Where the kernel has a thread for widgets the answer comes at once.
    """

    _esm = _SCRIPT
    is_answered = t.Bool().tag(sync=True)

    def __init__(self, **values: Any) -> None:
        self._answer = threading.Event()
        self._asked_at = edge.monotonic()
        super().__init__(**values)
        self.observe(self._note_answer, names="is_answered")

    @property
    def has_answered(self) -> bool:
        """Whether the front end has answered by now."""
        return self._answer.is_set()

    @property
    def asked_s(self) -> float:
        """Seconds since it was asked."""
        return edge.monotonic() - self._asked_at

    def wait(self, seconds: float) -> bool:
        """Wait for the answer, so long at most; returns whether it came."""
        return self._answer.wait(seconds)

    def _note_answer(self, _change: object) -> None:
        self._answer.set()


@cache
def ask_front_end() -> WidgetProbe:
    """Return the probe of this process; the first call makes it, and so asks."""
    return WidgetProbe()
