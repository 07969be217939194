"""What all our anywidgets share: script, style, a fallback, and commands of which none is lost."""

from __future__ import annotations

import threading
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from .page_commands import Command, last_number, new_commands

_FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """Return the ES module of a widget: what all share, then its own parts. Reads these from this folder."""
    return "\n".join((_FOLDER / part).read_text(encoding="utf-8") for part in ("page.js", *names))


def style(*names: str) -> str:
    """Return the style sheet of a widget: what all share, then its own parts. Reads these files."""
    return "\n".join((_FOLDER / part).read_text(encoding="utf-8") for part in ("page.css", *names))


class BaseWidget(anywidget.AnyWidget):
    """A widget that is told what to do by a numbered list of commands, and draws by setting traits."""

    _css = style()

    commands: Any = t.List().tag(sync=True, echo_update=False)
    done = t.Int().tag(sync=True)

    def __init__(self, **values: Any) -> None:
        # The page and the threads that read and send both draw: one at a time, or a trait's change is lost.
        self._pen = threading.RLock()
        super().__init__(**values)
        self.redraw()
        self.observe(self._on_message, names="commands")

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the page has set."""
        with self._pen:
            super().set_state(sync_data)

    def redraw(self) -> None:
        """Show everything as it is now."""
        with self._pen, self.hold_sync():
            self.draw()

    def draw(self) -> None:
        """Set the traits that are drawn."""
        raise NotImplementedError

    def apply_command(self, command: Command) -> None:
        """Carry out one command."""
        raise NotImplementedError

    def static_text(self) -> str:
        """Return the widget for a terminal."""
        raise NotImplementedError

    def static_html(self) -> str:
        """Return the widget for a page without widgets."""
        lines = "<br>".join(escape(line) for line in self.static_text().splitlines())
        return f"<p>{lines}</p>"

    def __repr__(self) -> str:
        """Return text for a terminal."""
        return self.static_text()

    def _repr_html_(self) -> str:
        return self.static_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**(data or {}), "text/plain": self.static_text(), "text/html": self.static_html()}
        return (data, *rest) if rest else data

    def _on_message(self, change: dict[str, list[dict[str, object]]]) -> None:
        # What a thread looks at anew must not be looked at otherwise in the middle of that.
        with self._pen, self.hold_sync():
            for command in new_commands(change["new"], done=self.done):
                self.apply_command(command)
            self.done = last_number(change["new"], done=self.done)
            self.draw()
