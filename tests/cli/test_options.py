"""Each option acts; a file that cannot be written is refused before anything is read or sent."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import klikit_frames as kf
from klikit_frames.cli.options import ConsentOptions, OutputOptions, WriteOptions, expand_groups
from tests.cli.conftest import Terminal, item_rows, publish_everywhere

TABLES = [
    "apply FILE --yes",
    "check FILE",
    "diff FILE",
    "resume RUN",
    "undo RUN --yes",
    "status RUN",
    "verify RUN",
]
TABLES += ["runs", "state", "demo"]


def _words(command: str, *, file: Path) -> list[str]:
    return [str(file) if word == "FILE" else word for word in command.split()]


@pytest.mark.parametrize("command", TABLES)
def test_out__unknown_suffix_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, command: str
) -> None:
    """A suffix that names no format ends every command with 2 and the known ones, before a request."""
    done = terminal(*_words(command, file=table), "--out", tmp_path / "result.txt")
    assert (done.code, done.out, len(online.requests)) == (2, "", 0)
    assert ".csv, .tsv, .xlsx, .parquet, .json, .jsonl" in done.err


PLACES = [*(f"{command} --out" for command in TABLES), "plan FILE --out", "check FILE --annotated"]
PLACES += ["undo RUN --yes --save", "report RUN --out"]


@pytest.mark.parametrize("command", PLACES)
def test_folder__that_is_missing_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, command: str
) -> None:
    """A file in a folder that is not there ends every command with 2 and that folder, before a request."""
    done = terminal(*_words(command, file=table), tmp_path / "nodir" / "result.csv")
    assert (done.code, done.out, len(online.requests)) == (2, "", 0)
    assert f"there is no folder {tmp_path / 'nodir'}" in done.err


def test_folder__in_place_of_a_file_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A folder cannot be written over, so nothing is sent."""
    (tmp_path / "folder.csv").mkdir()
    done = terminal("apply", table, "--yes", "--out", tmp_path / "folder.csv")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "is a directory" in done.err


def test_folder__that_is_read_only_is_refused_first(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A folder that takes no file is named before anything is sent."""
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.csv")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "read-only" in done.err


@pytest.mark.parametrize(("suffix", "extra"), [(".xlsx", "[excel]"), (".parquet", "[parquet]")])
def test_out__format_that_needs_an_extra_is_refused_first(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    extra: str,
) -> None:
    """Where the library of a format is not installed, the extra that brings it is named, with 4."""
    monkeypatch.setattr("klikit_frames.cli.options.find_spec", lambda name: None)
    done = terminal("apply", table, "--yes", "--out", tmp_path / f"result{suffix}")
    assert (done.code, len(online.requests)) == (4, 0)
    assert extra in done.err


def test_out__suffix_in_capitals_is_understood(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A .CSV is a .csv, for what is written and for the input with its problems."""
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.CSV")
    assert done.code == 0, done.err
    assert terminal("check", table, "--annotated", tmp_path / "mend.CSV").code == 0
    assert len((tmp_path / "result.CSV").read_text().splitlines()) == 5
    assert len((tmp_path / "mend.CSV").read_text().splitlines()) == 5


@pytest.fixture
def mixed_plan(online: kf.sandbox.Sandbox, tmp_path: Path) -> Path:
    """A plan of six requests, of which the first two are of nobody's ids."""
    rows = item_rows(online, n=6)
    rows.loc[rows.index[:2], "entity_id"] = [999_999_001, 999_999_002]
    plan = kf.plan(rows.sort_values("entity_id", ascending=False), combine=False)
    return plan.save(tmp_path / "mixed.plan.json")


def _outcomes(text: str) -> dict[str, int]:
    return dict(Counter(pd.read_csv(io.StringIO(text))["outcome"].tolist()))


OUT_OF_RANGE = [
    "apply --on-error panic",
    "apply --max-failures -1",
    "apply --first 0",
    "apply --writes-per-minute 0",
    "plan --max-ids 0",
    "plan --max-stores 0",
    "plan --time-budget-s -1",
]


SAMPLES = Path(__file__).parents[2] / "sample_data"


def test_on_error__goes_on_unless_told_to_stop(terminal: Terminal, mixed_plan: Path) -> None:
    """By default every other row is applied."""
    done = terminal("apply", mixed_plan, "--yes")
    assert (done.code, _outcomes(done.out)) == (1, {"applied": 4, "rejected": 2})


@pytest.mark.parametrize("words", [["--on-error", "stop"], ["--max-failures", "0"]])
def test_on_error__stops_when_told(
    terminal: Terminal, mixed_plan: Path, online: kf.sandbox.Sandbox, words: list[str]
) -> None:
    """A run that may not fail ends early, and says why."""
    done = terminal("apply", mixed_plan, "--yes", *words)
    assert done.code == 1
    assert "too many rows failed" in done.err
    assert set(_outcomes(done.out)) >= {"rejected"}


@pytest.mark.parametrize("words", OUT_OF_RANGE)
def test_options__out_of_range_are_named(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, words: str
) -> None:
    """An unknown value is wrong usage: 2, the option's name, and nothing is sent."""
    command, option, value = words.split()
    done = terminal(command, table, option, value)
    assert (done.code, len(online.requests)) == (2, 0)
    assert option in done.err


def test_live__is_not_for_a_plan(terminal: Terminal, mixed_plan: Path, online: kf.sandbox.Sandbox) -> None:
    """A plan is sent as it was saved, so --live beside one is refused instead of ignored."""
    done = terminal("apply", mixed_plan, "--yes", "--live")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "--live" in done.err


def test_live__is_not_beside_a_snapshot(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A plan is made against the live flags or a snapshot; both at once are refused."""
    with online.connect() as client:
        snapshot = kf.save_state(kf.read_state(client), tmp_path / "live.csv")
    n_before = len(online.requests)
    done = terminal("plan", table, "--live", "--state", snapshot)
    assert (done.code, len(online.requests)) == (2, n_before)
    assert "--live" in done.err
    assert "--state" in done.err


def test_first__reads_the_canary_back(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """Where reads are live the first request is proved and the rest follow."""
    online.set(store_read="live")
    done = terminal("apply", table, "--yes", "--first", 1)
    assert (done.code, _outcomes(done.out)) == (0, {"applied": 4})


def test_journal__keeps_a_history_of_its_own(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A run in a named journal is listed there, and not in the default journal."""
    named = tmp_path / "own.sqlite3"
    assert terminal("apply", table, "--yes", "--journal", named).code == 0
    assert "There is no run yet." in terminal("runs").err
    assert len(terminal("runs", "--journal", named).frame) == 1


def test_state__is_what_a_plan_is_made_against(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A snapshot in which the rows hold leaves nothing to send, without a connection."""
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    with online.connect() as client:
        pairs = kf.read_toggles(table)[["brand_id", "branch_id"]].drop_duplicates()
        snapshot = kf.save_state(kf.read_state(client, stores=pairs), tmp_path / "live.parquet")
    n_before = len(online.requests)
    done = terminal("plan", table, "--state", snapshot, "--exit-code")
    assert (done.code, len(online.requests)) == (0, n_before)
    assert "4 unchanged" in done.err
    diffed = terminal("diff", table, "--state", snapshot)
    assert diffed.frame["change"].tolist() == ["already"] * 4


def test_save__keeps_the_plan_that_takes_it_back(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """`undo --save` writes a plan and sends nothing that writes."""
    terminal("apply", table, "--yes")
    publish_everywhere(online)
    run_id = terminal("runs").frame["run_id"].iloc[-1]
    n_writes = online.requests["method"].ne("GET").sum()
    done = terminal("undo", run_id, "--save", tmp_path / "back.plan.json")
    assert done.code == 0, done.err
    assert kf.load_plan(tmp_path / "back.plan.json").n_rows == 4
    assert online.requests["method"].ne("GET").sum() == n_writes


def test_writes_per_minute__is_the_cap_that_is_kept(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path
) -> None:
    """A run under a cap of one's own gets there."""
    assert terminal("apply", table, "--yes", "--writes-per-minute", 600).code == 0


@pytest.mark.parametrize(("words", "n_menus"), [([], 1), (["--before", "none"], 0)])
def test_before__is_read_unless_told_not_to(
    terminal: Terminal, mixed_plan: Path, online: kf.sandbox.Sandbox, words: list[str], n_menus: int
) -> None:
    """Flags from before are read, and named in the estimate, unless nobody wants them."""
    n_asked = len(online.requests)
    done = terminal("apply", mixed_plan, "--yes", *words)
    asked = online.requests.iloc[n_asked:]
    is_menu = asked["method"].eq("GET") & asked["path"].str.contains("/menus")
    assert is_menu.sum() == n_menus
    assert ("1 menu read first" in done.err) is bool(n_menus)


def test_live__counts_what_the_named_journal_wrote(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """Applied again with --live before any publish, the rows hold already, though no menu shows it yet."""
    words = ["apply", table, "--yes", "--live", "--journal", tmp_path / "own.sqlite3"]
    assert terminal(*words).out.count(",applied,") == 4
    assert terminal(*words).out.count(",already_set,") == 4


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("python_calamine", ["check", "changes.xlsx"], "excel"),
        ("pyarrow", ["check", "changes.parquet"], "parquet"),
        ("xlsxwriter", ["template", "new.xlsx", "--empty"], "excel"),
        ("pyarrow", ["diff", "changes.csv", "--state", "state.parquet"], "parquet"),
        ("keyring", ["stores", "--profile", "kept"], "keyring"),
    ],
)
def test_extra__of_a_file_is_named(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    module: str,
    words: list[str],
    extra: str,
) -> None:
    """A bare install says in one sentence which extra a file, or a secret in the keyring, needs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "toggles.xlsx", "changes.xlsx")
    Path("changes.csv").write_text("item_id,store,is_enabled\n1,1/2,off\n")
    for name in ("changes.parquet", "state.parquet"):
        Path(name).write_bytes(b"PAR1")
    url = "https://api.dev.shadowchef.co/v1/partner"
    profile = f'[kept]\nbase_url = "{url}"\npartner_key = "x"\nsecret_key_keyring = "kept"\n'
    Path("profiles.toml").write_text(profile)
    monkeypatch.setenv("KLIKIT_PROFILES", "profiles.toml")
    monkeypatch.setitem(sys.modules, module, None)
    done = terminal(*words)
    assert done.code == 4, done.err
    assert f"pip install 'klikit-frames[{extra}]'" in done.err


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
    assert [
        (summary["action"], summary["counts"]) for summary in summaries if summary["action"] == "publish"
    ] == [("publish", {"published": 1})]
    assert [(summary["action"], summary["counts"].get("applied")) for summary in summaries] == [
        ("apply", 4),
        ("resume", 4),
        ("publish", None),
        ("undo", 4),
    ]


def test_notify__hears_of_an_error_once(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, *, heard: Path, command: str
) -> None:
    """A table that is no good and a credential that is refused are reported too, each once."""
    bad = table.with_name("bad.csv")
    bad.write_text("entity_type,entity_id,is_enabled\nitem,x,off\n")
    assert terminal("apply", bad, "--yes", "--notify", command).code == 3
    online.revoke()
    assert terminal("apply", table, "--yes", "--notify", command).code == 4
    summaries = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [summary["error"] for summary in summaries] == ["InvalidToggles", "AuthError"]


def test_notify__that_fails_changes_no_exit_code(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path
) -> None:
    """The run is as good as it was, and the failure is named on stderr."""
    done = terminal("apply", table, "--yes", "--notify", shlex.join([sys.executable, "-c", "exit(3)"]))
    assert done.code == 0
    assert "Nobody was notified" in done.err


def test_notify__of_no_program_sends_nothing(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path
) -> None:
    """A typing error in the command is found before the first request."""
    done = terminal("apply", table, "--yes", "--notify", "no-such-program")
    assert (done.code, len(online.requests)) == (4, 0)
