"""What the page asks for, carried out on a selection. Pure; a command that makes no sense changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .selections import Selection

Command = Mapping[str, object]
_PLAIN: dict[str, Callable[[Selection], None]] = {
    "tick_page": Selection.tick_page,
    "tick_matching": Selection.tick_matching,
    "invert": Selection.invert,
    "clear": Selection.clear,
    "undo": Selection.undo,
}


def apply_command(selection: Selection, command: Command) -> None:
    """Carry out one command of the page on `selection`.

    Examples
    --------
    >>> from klikit_frames.forms.page_commands import apply_command
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

    The page repeats what it has no answer to yet: of a busy kernel's trait only the newest value
    survives.

    Examples
    --------
    >>> from klikit_frames.forms.page_commands import new_commands
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
    >>> from klikit_frames.forms.page_commands import last_number
    >>> last_number([{"type": "clear", "seq": 4}], done=2)
    4
    """
    return max([done, *(_number(command) for command in commands)])
