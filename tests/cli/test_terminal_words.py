"""The terminal's own words: no message of the package reaches it in Python, no character that it obeys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import klikit_frames
from klikit_frames.cli.main import app
from klikit_frames.cli.terminal_words import COMMANDS_OF, OPTIONS_OF, PHRASES, to_terminal

PACKAGE = Path(klikit_frames.__file__).parent
# Rooms whose words no command prints: their own faces, and the other side of the wire.
ELSEWHERE = {"forms", "sandbox"}
PYTHON = re.compile(
    r"\b(?:kf|klikit_frames)\.[a-z]|\b[a-z_]+\.?[a-z_]*\([^)]*\)|(?<![\w-])[a-z_]+=(?=$|[\w'\"{\[(.,;‹])|\.problems\b"
)
ASSIGNED = re.compile(r"--(?:column|confirm) \S+")
# Messages that need a DataFrame, a client or a callable in hand, which no command takes.
OF_PYTHON_ALONE = {
    "This client is read-only": "no command connects so",
    "This client was made in process": "no command forks",
    "not asked: marimo": "of a notebook",
    "Call kf.doctor() again": "of a notebook",
    "If it was asked in an earlier cell": "of a notebook",
    "like=": "`align` takes one store, and checks it",
    "The state has no business rows": "commands read both levels",
    "publish=": "a switch of the command",
    "max_changes=": "the command checks --max-changes itself",
    "fleet.run() takes": "the command makes the plans",
    "What ": "the command makes the plans",
    "confirm is a dict": "the command reads BUSINESS=CODE",
    " is no option of kf.run": "typer knows the options",
    "Make them text first": "of a DataFrame",
    "Make it a column first": "of a DataFrame",
    "Turn it into text first": "of a DataFrame",
    "rows='failed'": "of an argument that no command passes",
    "plot_drift draws": "no command draws it",
    "is not the path of a file": "said of mirror=, which is below",
    "is a journal that is in use here": "said of mirror=, which is below",
    "is not the path of a folder": "typer gives paths",
    " is no number of seconds": "no command takes it",
    "is the journal itself": "said of mirror=, which is below",
    "is none of": "typer knows the values",
    "Each business has its own": "no command passes it",
    "is not one of": "typer knows the values",
    "is no whole number": "typer bounds them",
    "is neither True nor False": "switches of the command",
    "limits is": "typer bounds them",
    "state is what": "commands read it themselves",
    "client is abc": "the command makes the client",
    "kf.drift(before, after)": "no command draws it",
    "progress=": "no command takes a bar",
    "run() takes a plan": "the command makes the plan",
    "deadline_s=": "no command takes a deadline",
    "on_finish=": "the command makes it of --notify",
    "kf.import_journal takes": "no command does",
    "provider_ids=": "no command takes them",
    "params=": "no command reads a path of a person's own",
    "on_attempt=": "no command does",
    " is no path of a file": "a command's paths are paths",
    " is no number from": "a command's numbers are numbers",
    " is neither a text such as": "a command's words are texts",
    " is no dict such as": "no command takes one",
    "Trouble to make": "the sandbox's spelling of a fault",
}


def library_messages() -> Iterator[tuple[str, str]]:
    """Yield each text of more than a word in the code, and where it stands; docstrings and SQL are none."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] in ELSEWHERE or path.name == "terminal_words.py":
            continue
        tree = ast.parse(path.read_text())
        skipped = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, (ast.JoinedStr, ast.Expr))
            for inner in ast.walk(node)
            if inner is not node and (isinstance(node, ast.JoinedStr) or inner is node.value)
            if not (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))
        }
        for node in ast.walk(tree):
            if id(node) not in skipped and (text := _text(node)) and " " in text.strip():
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str | None:
    """Return a string with a value of its kind in place of each expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(
        str(part.value)
        if isinstance(part, ast.Constant)
        else "'abc'"
        if getattr(part, "conversion", -1) == ord("r")
        else "abc"
        for part in node.values
    )


def is_code(text: str) -> bool:
    """Tell whether a text is SQL, HTML or CSS, which no user reads."""
    return (
        bool(re.match(r"\s*(?:<|[A-Z_]{4,} |\(SELECT)| style=|; ?charset=|^(?:max|aria-label)=", text))
        or "<" in text
    )


def test_every_message__is_said_for_a_terminal() -> None:
    """No text of the package keeps a Python call or keyword, unless no command can come to it."""
    left = {
        where: said
        for where, text in library_messages()
        # What the commands say themselves is printed as it is.
        if PYTHON.search(ASSIGNED.sub("", said := text if where.startswith("cli/") else to_terminal(text)))
        and not is_code(text)
        and not any(text.strip().startswith(start.strip()) or start in text for start in OF_PYTHON_ALONE)
    }
    assert left == {}


def test_help__speaks_of_commands_and_options() -> None:
    """No help of a command names a function of Python."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    every = {**commands, **{f"fleet {name}": command for name, command in commands["fleet"].commands.items()}}
    left = {
        name: [
            text
            for text in (command.help, command.epilog, *(param.help for param in command.params))
            if text and not text.startswith("Trouble to make")
        ]
        for name, command in every.items()
    }
    assert {name: said for name, texts in left.items() if (said := PYTHON.findall(" ".join(texts)))} == {}


def test_phrases__are_all_in_use() -> None:
    """No phrase of the table outlives the message that it was written for."""
    said = [text for _, text in library_messages()]
    assert [pattern for pattern, _ in PHRASES if not any(re.search(pattern, text) for text in said)] == []


def test_commands_and_options__are_there() -> None:
    """What the table names exists."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {command.split()[0] for command in COMMANDS_OF.values()} <= set(commands)
    fleet = commands["fleet"].commands.values()
    options = {
        option
        for command in [*commands.values(), *fleet]
        for param in command.params
        for option in param.opts
    }
    assert {*OPTIONS_OF.values(), "--no-combine", "--names", "--column", "--allow-host"} <= options | {
        "--no-combine"
    }


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("pass confirm='3f9c'; it", "add --confirm 3f9c; it"),
        ("name another journal with journal=.", "name another journal with --journal."),
        ("with the flag 'before=\"x\"' of a dish", "with the flag 'before=\"x\"' of a dish"),
        (
            "kf.resume(\"3f9c2a10ff\", client, journal='a b') goes on",
            "`klikit-frames resume 3f9c2a10 --journal 'a b'` goes on",
        ),
        ("mirror='' is not the path of a file", "The mirror '' is not the path of a file"),
        ("mirror=/a b is the journal itself", "The mirror /a b is the journal itself"),
        ("max_changes=0.2 lets 10 through", "--max-changes 0.2 lets 10 through"),
    ],
)
def test_to_terminal__of_phrases(said: str, wanted: str) -> None:
    """Values are kept as a shell takes them; what a person wrote in quotes stays."""
    assert to_terminal(said) == wanted
