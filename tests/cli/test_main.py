"""The command line as a whole: help, versions, extras that are missing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command

import klikit_frames as kf
from klikit_frames.cli import exit_codes
from klikit_frames.cli.main import app
from tests.cli.conftest import Terminal


def _commands(group: object, *above: str) -> list[tuple[str, ...]]:
    """Return the words of every command that there is, those in groups with the group's before them."""
    inner = getattr(group, "commands", None)
    return [above] if inner is None else [w for name in inner for w in _commands(inner[name], *above, name)]


COMMANDS = _commands(get_command(app))


def test_help__lists_every_command_and_exit_code(terminal: Terminal) -> None:
    """One page tells what there is and how it ends."""
    done = terminal("--help")
    assert done.code == 0
    assert all(f"\n  {words[0]} " in done.out for words in COMMANDS)
    assert all(f"\n{code.value:>6}  " in done.out for code in exit_codes.ExitCode)


@pytest.mark.parametrize("words", [["--help"], ["fleet", "--help"]])
def test_help__cuts_no_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """The sentence beside each command is short enough for 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    commands = terminal(*words).out.partition("Commands:")[2]
    assert [line for line in commands.splitlines() if line.endswith(("...", "…"))] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help__of_each_command_has_an_example_that_is_understood(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    """Each command says how it is called, with options that it has, and fits a terminal of 80 columns."""
    said = terminal(*words, "--help").out
    examples = re.findall(r"^ +klikit-frames (.*)$", said.partition("Examples:")[2], flags=re.M)
    assert examples
    for example in examples:
        parts = example.split()
        assert tuple(parts[: len(words)]) == words
        assert all(part in said.partition("Examples:")[0] for part in parts if part.startswith("--"))
    assert max(map(len, said.splitlines())) <= 100


def test_extra__that_is_missing_is_named() -> None:
    """Without its libraries the sandbox says which extra brings them, in the terminal and in Python."""
    hidden = "import sys; sys.modules['starlette'] = None; sys.argv = ['klikit-frames', 'demo']; "
    tried = "import klikit_frames as kf\ntry: kf.sandbox\nexcept ModuleNotFoundError as error: print(error)\n"
    code = f"{hidden}\n{tried}from klikit_frames.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert done.stdout == "The sandbox needs an extra: pip install 'klikit-frames[sandbox]'.\n"
    assert "pip install 'klikit-frames[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_version__is_the_packages(terminal: Terminal) -> None:
    """`--version` prints one line."""
    assert terminal("--version").out == f"klikit-frames {kf.__version__}\n"
