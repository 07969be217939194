"""``--notify``: a command gets the summary at the end."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal

REPEAT = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Where the command writes what it gets."""
    return tmp_path / "heard.jsonl"


@pytest.fixture
def command(heard: Path) -> str:
    """A command that keeps what it gets."""
    return shlex.join([sys.executable, "-c", REPEAT, str(heard)])


def test_notify__hears_how_each_sending_command_ended(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, *, heard: Path, command: str
) -> None:
    """Apply, resume, publish and undo each tell their end once."""
    publish = ["publish", "--run", "last", "--yes"]
    for words in (["apply", table, "--yes"], ["resume", "last"], publish, ["undo", "last", "--yes"]):
        done = terminal(*words, "--notify", command)
        assert done.code == 0, done.err
    summaries = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [(one["action"], one["counts"]) for one in summaries if one["action"] == "publish"] == [
        ("publish", {"published": 1})
    ]
    assert [(one["action"], one["counts"].get("applied")) for one in summaries] == [
        ("apply", 4),
        ("resume", 4),
        ("publish", None),
        ("undo", 4),
    ]


def test_notify__hears_of_an_error_once(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, *, heard: Path, command: str
) -> None:
    """A table that is no good and a credential that is refused are told too, each once."""
    bad = table.with_name("bad.csv")
    bad.write_text("entity_type,entity_id,is_enabled\nitem,x,off\n")
    assert terminal("apply", bad, "--yes", "--notify", command).code == 3
    online.revoke()
    assert terminal("apply", table, "--yes", "--notify", command).code == 4
    summaries = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [one["error"] for one in summaries] == ["InvalidToggles", "AuthError"]


def test_notify__that_fails_changes_no_exit_code(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path
) -> None:
    """The run is as good as it was, and the failure is told on stderr."""
    done = terminal("apply", table, "--yes", "--notify", shlex.join([sys.executable, "-c", "exit(3)"]))
    assert done.code == 0
    assert "Nobody was notified" in done.err


def test_notify__of_no_program_sends_nothing(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path
) -> None:
    """A typing error in the command is found before the first request."""
    done = terminal("apply", table, "--yes", "--notify", "no-such-program")
    assert (done.code, len(online.requests)) == (4, 0)
