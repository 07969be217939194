"""The exit codes, each reached the way a person reaches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames import edge
from tests.cli.conftest import Terminal, publish_everywhere

REAL_HOST = "https://gateway-enterprise.klikit.io/v1/partner"


def test_0__all_rows_applied(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """A good table with --yes is made true and ends with 0."""
    done = terminal("apply", table, "--yes")
    assert done.code == 0, done.err
    assert "4 applied" in done.err


def test_1__some_rows_rejected(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """One id of nobody leaves the others applied and ends with 1."""
    last = table.read_text().splitlines()[-1].split(",")
    with table.open("a") as file:
        file.write(",".join([last[0], "999999999", *last[2:]]) + "\n")
    done = terminal("apply", table, "--yes")
    assert done.code == 1, done.err
    assert "4 applied" in done.err
    assert "1 rejected" in done.err


@pytest.mark.parametrize("words", [["apply", "no_such.csv"], ["apply"], ["nonsense"], ["check", "--odd"]])
def test_2__wrong_usage(terminal: Terminal, words: list[str]) -> None:
    """A word that is not understood or a file that is not there ends with 2."""
    assert terminal(*words).code == 2


def test_2__not_confirmed(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """Off a terminal nothing is sent without --yes."""
    done = terminal("apply", table)
    assert (done.code, len(online.requests)) == (2, 0)
    assert "--yes" in done.err


def test_2__real_host_names_the_code_to_confirm(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host that is not this machine --yes is not enough: the plan's code is asked for."""
    monkeypatch.setenv("KLIKIT_BASE_URL", REAL_HOST)
    done = terminal("apply", table, "--yes")
    assert done.code == 2
    assert "--confirm" in done.err


def test_2__folder_in_place_of_a_file(terminal: Terminal, tmp_path: Path) -> None:
    """A folder is called a folder, not a file that is not there."""
    done = terminal("check", tmp_path)
    assert done.code == 2
    assert "is a folder" in done.err


@pytest.mark.skipif(os.name != "posix", reason="has pipes")
def test_2__pipe_in_place_of_a_file(terminal: Terminal, tmp_path: Path) -> None:
    """A pipe with a name is not said to be missing: standard input is the way."""
    os.mkfifo(tmp_path / "pipe")
    done = terminal("check", tmp_path / "pipe")
    assert done.code == 2
    assert "it is no file; name one, or send it to standard input and name it -." in done.err


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".xlsx", ".tsv"])
@pytest.mark.parametrize("command", ["plan", "diff"])
def test_2__state_of_no_use(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, *, tmp_path: Path, command: str, suffix: str
) -> None:
    """A snapshot in a format that is not read ends with 2 and the two that are."""
    path = tmp_path / f"state{suffix}"
    assert terminal("state", "--out", path).code == 0
    done = terminal(command, table, "--state", path)
    assert done.code == 2
    assert ".parquet or .csv" in done.err
    assert ".parquet" in terminal(command, "--help").out


def test_2__state_that_is_a_table(terminal: Terminal, table: Path) -> None:
    """A table of changes handed in as the state is refused, with 2."""
    done = terminal("plan", table, "--state", table)
    assert done.code == 2
    assert "no column" in done.err


def test_2__file_that_cannot_be_read(
    terminal: Terminal, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the system keeps closed is named with the system's reason, with 2."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(table))

    monkeypatch.setattr(edge, "read_file", refuse)
    done = terminal("apply", table, "--yes")
    assert (done.code, done.err) == (2, f"{table}: Permission denied.\n")


def test_2__real_host_counts_what_is_business_wide(
    terminal: Terminal, online: kf.sandbox.Sandbox, wide_table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that asks for the code tells how many requests reach every store."""
    monkeypatch.setenv("KLIKIT_BASE_URL", REAL_HOST)
    done = terminal("apply", wide_table)
    assert done.code == 2
    assert "2 requests, 1 of them business-wide, add --confirm" in done.err.splitlines()[-1]


def test_3__problems(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """A table with a bad flag is refused whole, with 3, and the server hears nothing."""
    table.write_text(table.read_text().replace("False", "maybe", 1))
    done = terminal("apply", table, "--yes")
    assert (done.code, len(online.requests)) == (3, 0)
    assert "maybe" in done.err


@pytest.mark.parametrize("name", ["KLIKIT_BASE_URL", "KLIKIT_PARTNER_KEY", "KLIKIT_SECRET_KEY"])
def test_4__missing_credentials(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A missing variable is named in one sentence, with 4, and nothing is sent."""
    monkeypatch.delenv(name)
    done = terminal("apply", table, "--yes")
    assert (done.code, len(online.requests)) == (4, 0)
    assert name in done.err


def test_4__wrong_credentials(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong secret ends with 4, names the variables and writes nothing."""
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "not-the-secret")
    done = terminal("apply", table, "--yes")
    assert done.code == 4, done.err
    assert "KLIKIT_SECRET_KEY" in done.err
    assert "not-the-secret" not in done.err
    assert not online.requests["method"].eq("PATCH").any()


def test_5__server_away(terminal: Terminal, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, that is said once, nothing is sent or noted as a run, and the end is 5."""
    with kf.sandbox.serve() as gone:
        url = gone.url
    monkeypatch.setenv("KLIKIT_BASE_URL", url)
    monkeypatch.setenv("KLIKIT_PARTNER_KEY", "key")
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "secret")
    done = terminal("apply", table, "--yes", "--json")
    assert done.code == 5, done.err
    assert done.out == ""
    assert "nothing was sent" in done.err
    assert "no connection was opened" in done.err
    assert "There is no run yet." in terminal("runs").err


def test_6__edited_plan(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path) -> None:
    """A plan file changed by hand is refused with 6, and nothing is sent."""
    path = tmp_path / "monday.plan.json"
    assert terminal("plan", table, "--out", path).code == 0
    path.write_text(path.read_text().replace("false", "true", 1))
    done = terminal("apply", path, "--yes")
    assert (done.code, len(online.requests)) == (6, 0)


def test_6__plan_of_another_host(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plan that has run on one host is refused on another."""
    path = tmp_path / "monday.plan.json"
    terminal("plan", table, "--out", path)
    assert terminal("apply", path, "--yes").code == 0
    with kf.sandbox.serve() as other:
        monkeypatch.setenv("KLIKIT_BASE_URL", other.url)
        monkeypatch.setenv("KLIKIT_PARTNER_KEY", other.partner_key)
        monkeypatch.setenv("KLIKIT_SECRET_KEY", other.secret_key)
        done = terminal("apply", path, "--yes")
        assert done.code == 6, done.err
        assert not other.requests["method"].eq("PATCH").any()


def test_10__changes_to_make(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """`plan --exit-code --live` says 10 while there is something to send, and 0 once it holds."""
    assert terminal("plan", table, "--live", "--exit-code").code == 10
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    assert terminal("plan", table, "--live", "--exit-code").code == 0
