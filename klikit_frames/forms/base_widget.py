"""What all widgets share: script, style, a page without widgets, and the commands that a page sends.

Also a widget that nobody sees, for asking the front end of a notebook whether it answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from .. import edge
from ..html import escape
from ..wording import visible_text
from .selections import Selection

_FOLDER = Path(__file__).parent
_COMMENTS = ("//", "/*")

Command = Mapping[str, object]
_PLAIN: dict[str, Callable[[Selection], None]] = {
    "tick_page": Selection.tick_page,
    "tick_matching": Selection.tick_matching,
    "invert": Selection.invert,
    "clear": Selection.clear,
    "undo": Selection.undo,
}


def script(*names: str) -> str:
    """Return the ES module of a widget: what all share, then its own parts. Reads these from this folder."""
    return _joined("page.js", *names)


def style(*names: str) -> str:
    """Return the style sheet of a widget: what all share, then its own parts. Reads these files."""
    return _joined("page.css", *names)


def _joined(*names: str) -> str:
    """Return files of this folder as one, without what only people read: each widget sends all of it."""
    texts = [(_FOLDER / name).read_text(encoding="utf-8") for name in names]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(_COMMENTS))


class BaseWidget(anywidget.AnyWidget):
    """A widget that carries out numbered commands of its page, and draws by setting traits."""

    _css = style()

    commands: Any = t.List().tag(sync=True, echo_update=False)
    done = t.Int().tag(sync=True)

    def __init__(self, **values: Any) -> None:
        # The page and the threads that read and send both draw. Without a lock a trait's change could be
        # lost.
        self._draw_lock = threading.RLock()
        super().__init__(**values)
        self.redraw()
        self.observe(self._on_message, names="commands")

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take the values that the page has set."""
        with self._draw_lock:
            super().set_state(sync_data)

    def redraw(self) -> None:
        """Show everything as it is now."""
        with self._draw_lock, self.hold_sync():
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
        return visible_text(self.static_text(), multiline=True)

    def _repr_html_(self) -> str:
        return self.static_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**(data or {}), "text/plain": repr(self), "text/html": self.static_html()}
        return (data, *rest) if rest else data

    def _on_message(self, change: dict[str, list[dict[str, object]]]) -> None:
        # No thread may redraw in the middle of this.
        with self._draw_lock, self.hold_sync():
            for command in new_commands(change["new"], done=self.done):
                self.apply_command(command)
            self.done = last_number(change["new"], done=self.done)
            self.draw()


def apply_command(selection: Selection, command: Command) -> None:
    """Carry out one command of the page on `selection`.

    Examples
    --------
    >>> from klikit_frames.forms.base_widget import apply_command
    >>> from klikit_frames.forms.item_index import Column, ItemIndex
    >>> from klikit_frames.forms.selections import Selection
    >>> columns = {"title": Column("Title", ["Fig"])}
    >>> selection = Selection(ItemIndex("fruit", [("item", 1)], columns, {}, ["fig"]))
    >>> apply_command(selection, {"type": "tick", "key": "item:1", "on": True})
    >>> selection.ticked
    {('item', 1)}
    """
    match command:
        case {"type": str(kind)} if kind in _PLAIN:
            _PLAIN[kind](selection)
        case {"type": "search", "text": str(text)}:
            selection.search(text)
        case {"type": "filter", "name": str(name), "choice": str(choice)}:
            selection.narrow(name, choice=choice)
        case {"type": "sort", "column": str(column)}:
            selection.sort(column)
        case {"type": "turn", "step": int(step)}:
            selection.turn(selection.view.page + step)
        case {"type": "tick", "key": str(name), "on": bool(is_ticked)} if name in selection.index.by_token:
            selection.tick(selection.index.by_token[name], is_ticked=is_ticked)


def new_commands(commands: list[dict[str, object]], *, done: int) -> list[dict[str, object]]:
    """Return the commands of the page that come after number `done`, in the order in which they were given.

    The page sends a command again until it is answered: while the kernel is busy, only the newest value of a
    trait reaches it.

    Examples
    --------
    >>> from klikit_frames.forms.base_widget import new_commands
    >>> new_commands([{"type": "clear", "seq": 4}, {"type": "undo", "seq": 5}], done=4)
    [{'type': 'undo', 'seq': 5}]
    """
    return sorted((command for command in commands if _number(command) > done), key=_number)


def _number(command: Command) -> int:
    seq = command.get("seq")
    return seq if isinstance(seq, int) else 0


def last_number(commands: list[dict[str, object]], *, done: int) -> int:
    """Return the highest number among `commands` and `done`.

    Examples
    --------
    >>> from klikit_frames.forms.base_widget import last_number
    >>> last_number([{"type": "clear", "seq": 4}], done=2)
    4
    """
    return max([done, *(_number(command) for command in commands)])


def brief_table_html(head: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> str:
    """Return a table without a style of its own: it is saved with the notebook, so every byte counts.

    Examples
    --------
    >>> from klikit_frames.forms.base_widget import brief_table_html
    >>> brief_table_html(["Id"], [["7"]], caption="One")
    '<table><caption>One</caption><tr><th scope="col">Id</th></tr><tr><td>7</td></tr></table>'
    """
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{first}</tr>{body}</table>"


_SCRIPT = """
export default {
  initialize({ model }) {
    model.set("is_answered", true);
    model.save_changes();
  },
};
"""


class WidgetProbe(anywidget.AnyWidget):
    """Asks the front end once, when it is made, and notes the answer if one comes.

    Most front ends answer only after the cell has ended, since the kernel receives nothing before. So the
    probe is kept, and checked again later. A kernel with a thread for widgets gets the answer at once.
    """

    _esm = _SCRIPT
    is_answered = t.Bool().tag(sync=True)

    # How long a cell waits for the front end: most answer only after it has ended.
    timeout_s = 2.0

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

    def wait(self) -> bool:
        """Wait for the answer, `timeout_s` at most; returns whether it came."""
        return self._answer.wait(self.timeout_s)

    def _note_answer(self, _change: object) -> None:
        self._answer.set()


@cache
def ask_front_end() -> WidgetProbe:
    """Return the probe of this process; the first call makes it, which asks."""
    return WidgetProbe()
