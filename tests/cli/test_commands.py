"""Each command, as a person uses it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command

import klikit_frames as kf
from klikit_frames.cli import exit_codes
from klikit_frames.cli.main import app
from tests.cli.conftest import Done, Terminal, item_rows, publish_everywhere, read_screen
from tests.planning.tables import planted, toggles_of
from tests.running.doubles import HoldingTransport, Milestone


def _frame(done: Done) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(done.out))


def _last_run(terminal: Terminal) -> str:
    return str(_frame(terminal("runs"))["run_id"].iloc[-1])


def _interrupt(*words: object, sign: str) -> tuple[int, str]:
    """Run a command, press Ctrl-C once its screen shows a sign, and return its exit code and the screen."""
    ours, theirs = pty.openpty()
    # Bars are drawn on a terminal only, and only on one that has a width.
    termios.tcsetwinsize(theirs, (40, 120))
    command = [sys.executable, "-m", "klikit_frames", *map(str, words)]
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        said = ""
        while not re.search(sign, said):
            said += os.read(ours, 4096).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        said += read_screen(ours)
    return process.returncode, said


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


def test_check__lists_problems_and_sends_nothing(terminal: Terminal, table: Path, tmp_path: Path) -> None:
    """Problems go to stdout as a frame, the input with a `problem` column to a file."""
    table.write_text(table.read_text().replace("False", "", 1))
    done = terminal("check", table, "--annotated", tmp_path / "mend.csv")
    assert done.code == 3
    assert _frame(done)[["row", "line", "column", "code"]].values.tolist() == [
        [1, 2, "is_enabled", "flag_blank"]
    ]
    assert pd.read_csv(tmp_path / "mend.csv")["problem"].notna().tolist() == [True, False, False, False]


def test_check__columns_of_other_names(terminal: Terminal) -> None:
    """--column says what a header means; a header may hold an equals sign."""
    table = b"Nr;Ort = Laden;An?\n5;663/1062;nein\n"
    columns = ["Nr=item_id", "Ort = Laden=store", "An?=is_enabled"]
    done = terminal("check", "-", *(word for column in columns for word in ("--column", column)), stdin=table)
    assert done.code == 0, done.err
    assert "Column 'Nr' was read as 'entity_id'." in done.err
    done = terminal("check", "-", "--column", "Nr", stdin=table)
    assert done.code == 2
    assert "--column takes HEADER=COLUMN" in done.err
    done = terminal("check", "-", "--column", "Nr=number", stdin=table)
    assert done.code == 2
    assert "'number', which is no column" in done.err


@pytest.mark.usefixtures("online")
def test_apply__names(terminal: Terminal, client: kf.Client, tmp_path: Path) -> None:
    """--names looks up dishes and stores in the live menu, down and across; near misses are problems."""
    state, stores = kf.read_state(client), kf.stores(client)
    titles = state.loc[state["entity_type"] == "item", "title"]
    title = titles[~titles.duplicated(keep=False)].iloc[0]
    store = stores.iloc[0]
    across = f"{store['brand_title']} / {store['branch_title']}"
    path = tmp_path / "names.csv"
    pd.DataFrame({"Gericht": [title], across: ["aus"]}).to_csv(path, index=False)
    done = terminal("apply", path, "--names", "--yes")
    assert done.code == 0, done.err
    row = _frame(done).iloc[0]
    assert (row["brand_id"], row["branch_id"]) == (store["brand_id"], store["branch_id"])
    assert row["outcome"] == "applied"
    path.write_text(f"Gericht,{across}\n{title}x,aus\n")
    done = terminal("check", path, "--names")
    assert done.code == 3
    assert _frame(done)[["column", "code"]].values.tolist() == [["title", "name_unknown"]]
    assert "The nearest names are" in done.out


@pytest.mark.usefixtures("online")
def test_template__filled_in(terminal: Terminal, tmp_path: Path) -> None:
    """What is filled into a template is read as it is; only CSV and XLSX are written."""
    path = tmp_path / "fill.csv"
    assert terminal("template", path, "--store", "663/1062").code == 0
    pd.read_csv(path, dtype=str).head(3).assign(is_enabled="off").to_csv(path, index=False)
    done = terminal("check", path)
    assert done.code == 0, done.err
    assert "3 good rows, 0 problems." in done.err
    assert terminal("template", tmp_path / "empty.xlsx", "--empty").code == 0
    assert terminal("template", tmp_path / "fill.parquet", "--empty").code != 0


def test_check__reads_standard_input(terminal: Terminal, table: Path) -> None:
    """A dash stands for standard input."""
    done = terminal("check", "-", stdin=table.read_bytes())
    assert done.code == 0
    assert "4 good rows, 0 problems." in done.err


def test_plan_then_apply__sends_exactly_that_plan(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A plan file is known by its content, whatever its name, and is sent once."""
    path = tmp_path / "looks_like.csv"
    assert terminal("plan", table, "--out", path).code == 0
    assert len(online.requests) == 0
    first, second = terminal("apply", path, "--yes"), terminal("apply", path, "--yes")
    assert (first.code, second.code) == (0, 0)
    pd.testing.assert_frame_equal(_frame(first), _frame(second))
    assert online.requests["method"].eq("PATCH").sum() == kf.load_plan(path).n_requests


def test_plan__keeps_its_caps(terminal: Terminal, table: Path) -> None:
    """A cap of one id a request, and --no-combine, give one request per row."""
    capped = _frame(terminal("plan", table, "--max-ids", 1, "--max-stores", 1))
    alone = _frame(terminal("plan", table, "--no-combine"))
    assert (capped["n_rows"].tolist(), alone["n_rows"].tolist()) == ([1] * 4, [1] * 4)


def test_apply__skips_what_already_holds(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """With --live a row that holds is unchanged, and nothing is sent for it."""
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    done = terminal("apply", table, "--yes", "--live")
    assert done.code == 0, done.err
    assert _frame(done)["outcome"].tolist() == ["unchanged"] * 4


def test_status__tells_a_run_row_by_row(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """A finished run is told again from the journal, without a request."""
    applied = terminal("apply", table, "--yes")
    n_sent = len(online.requests)
    told = terminal("status", _last_run(terminal))
    assert told.code == 0, told.err
    pd.testing.assert_frame_equal(_frame(told), _frame(applied))
    assert len(online.requests) == n_sent


def test_status__does_not_wait_for_a_run_that_goes_on(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A run that goes on is told as it stands and ends with 1; verify and report refuse it at once."""
    transport, milestone = HoldingTransport(), Milestone()
    plan = kf.plan(kf.read_toggles(table), combine=False)
    with online.connect(max_connections=1, transport=transport) as client:
        # Without a reading before it, each step is one request.
        job = kf.start(plan, client, before="none", progress=milestone)
        assert transport.has_come.wait(60)
        assert milestone.is_reached.wait(60)
        told = terminal("status", job.run_id)
        assert told.code == 1, told.err
        assert sorted(_frame(told)["outcome"]) == ["applied"] * 3 + ["unknown"]
        assert "still being run" in told.err
        assert "resume" not in told.err
        for words in (["verify", job.run_id], ["report", job.run_id, "--out", tmp_path / "report.html"]):
            refused = terminal(*words)
            assert refused.code == 1
            assert "3 of 4 rows" in refused.err
        transport.let_go.set()
        assert job.result().counts["applied"] == 4
    assert not (tmp_path / "report.html").exists()


def test_state__reads_the_business_or_a_store(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """Without words the business level; with --store the flags of that store."""
    business = _frame(terminal("state"))
    store = _frame(terminal("state", "--store", "5297/1293"))
    assert business["scope"].unique().tolist() == ["business"]
    assert store[["brand_id", "branch_id"]].drop_duplicates().values.tolist() == [[5297, 1293]]


def test_state__refuses_half_a_store(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """A store is BRAND/BRANCH; anything else is refused with an example."""
    done = terminal("state", "--store", "5297")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "5297/1293" in done.err


def test_diff_verify_undo__go_round(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """What diff calls a change is confirmed after apply and publish, and undone by undo."""
    before = _frame(terminal("diff", table))["change"]
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    run_id = _last_run(terminal)
    assert _frame(terminal("verify", run_id))["proof"].tolist() == ["confirmed"] * 4
    assert _frame(terminal("diff", table))["change"].tolist() == ["already"] * 4
    undone = terminal("undo", run_id, "--yes")
    assert undone.code == 0, undone.err
    publish_everywhere(online)
    pd.testing.assert_series_equal(_frame(terminal("diff", table))["change"], before)


def test_report__is_one_file(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """The report of a run is one HTML file without a script."""
    terminal("apply", table, "--yes")
    done = terminal("report", _last_run(terminal), "--out", tmp_path / "report.html")
    assert done.code == 0, done.err
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "applied" in text
    assert "The plan" in text
    assert text.count("<img ") == 2
    assert "Read back" not in text


def test_report__with_the_table_and_the_proof(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """--file puts the name of the table on the page, no folder; --verify what is read back now."""
    own = ["--journal", tmp_path / "own.sqlite3"]
    assert terminal("apply", table, "--yes", *own).code == 0
    publish_everywhere(online)
    path = tmp_path / "report.html"
    done = terminal("report", "last", "--file", table, "--verify", "--out", path, *own)
    assert done.code == 0, done.err
    text = path.read_text(encoding="utf-8")
    assert "<dd>changes.csv</dd>" in text
    assert str(tmp_path) not in text
    assert "Read back from the server" in text
    assert "4 confirmed" in text


def test_report__whose_proof_cannot_be_read(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """With a credential that is gone --verify ends with 4, as `verify` does, and writes no page."""
    assert terminal("apply", table, "--yes").code == 0
    online.revoke()
    done = terminal("report", "last", "--verify", "--out", tmp_path / "report.html")
    assert done.code == 4, done.err
    assert not (tmp_path / "report.html").exists()
    assert terminal("report", "last", "--out", tmp_path / "report.html").code == 0


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
    """A fault, switch or scale that there is not ends with 2 and a sentence."""
    done = terminal("sandbox", *words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_ctrl_c__ends_with_130_and_the_line_that_resumes(online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """An interrupted apply prints how to go on, and that line finishes the job."""
    online.inject("latency", seconds=0.5, match="PATCH")
    plan = kf.plan(item_rows(online, n=40), combine=False)
    plan.save(tmp_path / "plan.json")
    out = tmp_path / "result.json"
    code, said = _interrupt("apply", tmp_path / "plan.json", "--yes", "--out", out, sign=r" [1-9]\d*/40 ")
    assert code == 130, said
    assert len(json.loads(out.read_text())) == 40
    assert 0 < online.requests["method"].eq("PATCH").sum() < 40
    hint = next(line for line in said.splitlines() if line.startswith("klikit-frames resume "))
    online.clear_faults()
    words = [sys.executable, "-m", "klikit_frames", *hint.split()[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c__while_it_plans_sends_nothing(online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """An apply interrupted before it has a plan ends with 130 and says so; nothing was sent or noted."""
    toggles_of(planted(300, 300, 60, share=0.2, seed=1)).to_csv(tmp_path / "hard.csv", index=False)
    words = ["apply", tmp_path / "hard.csv", "--yes", "--out", tmp_path / "result.csv"]
    code, said = _interrupt(*words, sign="Fewer requests")
    assert code == 130, said
    assert "Interrupted: nothing more is sent." in said
    assert not (tmp_path / "result.csv").exists()
    assert not online.requests["method"].eq("PATCH").any()
    assert kf.runs().empty


def test_runs__prune(terminal: Terminal) -> None:
    """Pruning lists what it removed; an age that is none is refused with the cure."""
    done = terminal("runs", "--prune", "90d")
    assert (done.code, len(_frame(done))) == (0, 0)
    assert "0 runs removed" in done.err
    assert "length of time" in terminal("runs", "--prune", "soon").err
