"""The command line as a whole, and the commands doctor, profiles, demo and sandbox."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command

import klikit_frames as kf
from klikit_frames.cli import exit_codes
from klikit_frames.cli.main import app
from tests.cli.conftest import Terminal


def test_doctor__exit_codes(
    terminal: Terminal, online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No problem is 0; a problem is 1, and the other checks are shown all the same."""
    done = terminal("doctor")
    table = done.frame.set_index("check")
    assert (done.code, table.loc["credentials", "status"]) == (0, "ok")
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "wrong-secret")
    done = terminal("doctor")
    assert done.code == 1
    assert "1 problem" in done.err
    assert "wrong-secret" not in done.out + done.err
    monkeypatch.setenv("KLIKIT_BASE_URL", "http://example.org")
    done = terminal("doctor")
    assert done.code == 1
    assert "threads,ok" in done.out


def test_profiles__are_listed_and_tried(
    terminal: Terminal, sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each profile is one line: its host, and whether a read of it works."""
    path = tmp_path / "profiles.toml"
    good = f'base_url = "{sandbox.url}"\npartner_key = "{sandbox.partner_key}"\nsecret_key_env = "DEPOK"'
    path.write_text(f"[depok]\n{good}\n[bali]\n{good.replace('DEPOK', 'NOT_SET')}\n")
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    monkeypatch.setenv("DEPOK", sandbox.secret_key)
    done = terminal("profiles")
    table = pd.read_csv(io.StringIO(done.out), keep_default_na=False).set_index("profile")
    assert done.code == 1
    assert table.index.tolist() == ["bali", "depok"]
    assert table["status"].tolist() == ["problem", "ok"]
    assert "NOT_SET" in str(table.loc["bali", "found"])
    assert table["host"].tolist() == [sandbox.url.split("/")[2]] * 2
    assert sandbox.secret_key not in done.out + done.err
    done = terminal("stores", "--profile", "depock")
    assert done.code == 4
    assert "did you mean depok" in done.err


def test_demo__does_the_whole_job(terminal: Terminal, tmp_path: Path) -> None:
    """The demo needs nothing, applies every row and prints whole request_ids."""
    done = terminal("demo", "--out", tmp_path / "result.csv")
    assert done.code == 0, done.err
    result = pd.read_csv(tmp_path / "result.csv")
    assert result["outcome"].unique().tolist() == ["applied"]
    assert result["request_id"].iloc[0] in done.out


def test_sandbox__serves_until_it_is_stopped() -> None:
    """The sandbox prints three variables with which another process works, and ends on Ctrl-C."""
    words = [sys.executable, "-m", "klikit_frames", "sandbox", "--switch", "code_spelling=upper"]
    words += [
        "--switch",
        "publish_delay_s=0.5",
        "--switch",
        "date_skew_s=-60",
        "--switch",
        "write_scope=none",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        exported = dict(
            process.stdout.readline().removeprefix("export ").strip().split("=") for _ in range(3)
        )
        with (
            pytest.raises(kf.AuthError),
            kf.connect(
                exported["KLIKIT_BASE_URL"], partner_key=exported["KLIKIT_PARTNER_KEY"], secret_key="wrong"
            ) as stranger,
        ):
            kf.read_state(stranger)
        with kf.connect(
            exported["KLIKIT_BASE_URL"],
            partner_key=exported["KLIKIT_PARTNER_KEY"],
            secret_key=exported["KLIKIT_SECRET_KEY"],
        ) as client:
            assert len(kf.stores(client)) == 60
        process.send_signal(2)
        _, said = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.parametrize("words", [["--faults", "nonsense"], ["--switch", "nonsense=1"], ["--scale", "huge"]])
def test_sandbox__refuses_what_it_does_not_know(terminal: Terminal, words: list[str]) -> None:
    """An unknown fault, switch or scale ends with 2 and a sentence."""
    done = terminal("sandbox", *words)
    assert done.code == 2
    assert "Traceback" not in done.err


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


@pytest.mark.parametrize("name", ["klikit-frames", "python -m klikit_frames"])
def test_ctrl_c__is_told_alike_however_the_program_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A command that only reads says that it sends nothing, also where the program's name has spaces."""

    def press(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kf, "runs", press)
    with pytest.raises(SystemExit) as stopped:
        app(["runs"], prog_name=name)
    assert stopped.value.code == 130
    assert "this command sends nothing" in capsys.readouterr().err
