"""Options that come together are written once, and reach the command as one value.

A real host asks for a code, and the code that it names works. With ``--notify`` a command gets the summary at
the end.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import pytest
import typer
from typer.testing import CliRunner

import klikit_frames as kf
from klikit_frames.cli.option_groups import ConsentOptions, OutputOptions, WriteOptions, expand_groups
from tests.cli.conftest import Terminal, publish_everywhere


def test_expand_groups__hands_each_group_over_as_one_value() -> None:
    """What stands on the command line comes as the fields of its group, what does not as their defaults."""
    seen: list[object] = []

    def send(
        name: Annotated[str, typer.Argument()], *, agreed: ConsentOptions, connection: WriteOptions
    ) -> None:
        seen.extend([name, agreed, connection])

    app = typer.Typer()
    app.command()(expand_groups(send))
    done = CliRunner().invoke(app, ["changes.csv", "-y", "--writes-per-minute", "60", "--profile", "depok"])
    assert done.exit_code == 0, done.output
    assert seen == [
        "changes.csv",
        ConsentOptions(yes=True),
        WriteOptions(writes_per_minute=60, profile="depok"),
    ]


@pytest.mark.parametrize("words", [["--writes-per-minute", "0"], ["--json", "yes"], ["--name"]])
def test_expand_groups__keeps_what_each_option_takes(words: list[str]) -> None:
    """An option in a group is as strict as one by itself."""

    def send(*, connection: WriteOptions, output: OutputOptions) -> None:
        raise AssertionError((connection, output))

    app = typer.Typer()
    app.command()(expand_groups(send))
    assert CliRunner().invoke(app, words).exit_code == 2


WORDS = [sys.executable, "-m", "klikit_frames"]


HOST = "https://api.dev.shadowchef.co"


class Detour(httpx.HTTPTransport):
    """Carries requests for a real host's name to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        request.headers["Host"] = target.netloc.decode()
        return super().handle_request(
            httpx.Request(
                request.method,
                target,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )


@pytest.fixture
def real_host(online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kf.sandbox.Sandbox:
    """The sandbox under the name of a real host."""
    monkeypatch.setenv("KLIKIT_BASE_URL", HOST)
    monkeypatch.setattr(kf, "connect", partial(kf.connect, transport=Detour(online.url)))
    return online


def _code(text: str) -> str:
    found = re.search(r"--confirm ([0-9a-f]{8})", text)
    assert found is not None, text
    return found[1]


REPEAT = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Where the command writes what it gets."""
    return tmp_path / "heard.jsonl"


@pytest.fixture
def command(heard: Path) -> str:
    """A command that keeps what it gets."""
    return shlex.join([sys.executable, "-c", REPEAT, str(heard)])


def test_question__counts_what_is_business_wide(online: kf.sandbox.Sandbox, wide_table: Path) -> None:
    """The question tells how many requests reach every store, and no is no."""
    ours, theirs = pty.openpty()
    apply = [*WORDS, "apply", str(wide_table)]
    with subprocess.Popen(apply, stdin=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.write(ours, b"n\n")
        _, said = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert "Send 2 requests, 1 of them business-wide, to 127.0.0.1:" in said
    assert len(online.requests) == 0


def test_confirm__works_for_a_table_a_plan_and_an_undo(
    terminal: Terminal, real_host: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """The same table planned again has the same code, and so has its undo."""
    saved = tmp_path / "saved.plan.json"
    assert terminal("plan", table.rename(tmp_path / "t.csv"), "--out", saved).code == 0
    n_before = len(real_host.requests)
    for words in (["apply", tmp_path / "t.csv"], ["undo", "last"], ["apply", saved]):
        refused = terminal(*words, "--yes")
        assert refused.code == 2, refused.err
        done = terminal(*words, "--confirm", _code(refused.err))
        assert done.code == 0, done.err
        publish_everywhere(real_host)
    writes = real_host.requests.iloc[n_before:]
    assert writes["method"].eq("PATCH").sum() == 3, writes["path"].tolist()


def test_confirm__of_a_publish(terminal: Terminal, real_host: kf.sandbox.Sandbox) -> None:
    """A publish that is not confirmed ends as a run that is not: with 2, and the code to add."""
    refused = terminal("publish", "--all-stores", "--yes")
    assert refused.code == 2, refused.err
    assert "POST" not in set(real_host.requests["method"])
    assert terminal("publish", "--all-stores", "--confirm", "deadbeef").code == 6
    assert terminal("publish", "--all-stores", "--confirm", _code(refused.err)).code == 0


def test_confirm__of_nothing_is_not_asked_for(
    terminal: Terminal, real_host: kf.sandbox.Sandbox, table: Path
) -> None:
    """Where all rows hold already nothing is sent, so nobody is asked, on a real host either."""
    table.write_text(table.read_text().replace("False", "True"))
    done = terminal("apply", table, "--live")
    assert done.code == 0, done.err
    assert set(real_host.requests["method"]) == {"GET"}


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
