"""What all our anywidgets share: script, style, and commands of the page of which none is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from .page_commands import Command, last_number, new_commands

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """Return the ES module of a widget: what all share, then its own. Reads both from this folder."""
    return "\n".join((_FOLDER / part).read_text(encoding="utf-8") for part in ("page.js", name))


class BaseWidget(anywidget.AnyWidget):
    """A widget that is told what to do by a numbered list of commands, and draws by setting traits."""

    summary = t.Unicode().tag(sync=True)
    view = t.Dict().tag(sync=True)
    rows: Any = t.List().tag(sync=True)
    commands: Any = t.List().tag(sync=True)
    done = t.Int().tag(sync=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.draw()
        self.observe(self._on_message, names="commands")

    def draw(self) -> None:
        """Set the traits that are drawn."""
        raise NotImplementedError

    def apply_command(self, command: Command) -> None:
        """Carry out one command."""
        raise NotImplementedError

    def _on_message(self, change: dict[str, list[dict[str, object]]]) -> None:
        for command in new_commands(change["new"], done=self.done):
            self.apply_command(command)
        with self.hold_sync():
            self.done = last_number(change["new"], done=self.done)
            self.draw()
