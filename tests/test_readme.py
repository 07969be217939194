"""Every block of code in the README runs."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import klikit_frames as kf
from klikit_frames.cli.main import app
from tests.forms.user_actions import look_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    (kind, text) for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
]
DEMO, TESTS, LAB = [text for kind, text in BLOCKS if kind == "sh"]
BIN = Path(sys.executable).parent


def _blocks(kind: str) -> list[str]:
    return [text for language, text in BLOCKS if language == kind]


def _without_install(block: str) -> str:
    """Run a block with the interpreter at hand instead of a fresh environment."""
    lines = [line for line in block.splitlines() if "venv .venv" not in line and "pip install" not in line]
    return "\n".join(lines).replace(".venv/bin", str(BIN))


def _shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | variables
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_house__names_files_that_exist() -> None:
    """Each file that the chapter on the house names is there."""
    chapter = README.partition("\n## The house\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:[a-z_]+/)?[a-z_]+\.py)`", chapter))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / "klikit_frames" / name).is_file()] == []


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the sample tables, as a person who has just cloned has it."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    return tmp_path


def test_first_block__does_the_main_job(clone: Path) -> None:
    """The demo prints the plan, the counts and whole request_ids, also in a narrow pipe."""
    done = _shell(_without_install(DEMO), clone, COLUMNS="40")
    assert done.returncode == 0, done.stderr
    assert "2,465 rows → " in done.stdout
    assert "2,465 applied" in done.stdout
    assert re.search(r"applied +ok +[0-9a-f]{32}", done.stdout)


def test_second_block__is_what_ci_runs() -> None:
    """The block takes a fresh environment, installs, and runs pytest; .ci/run extracts this very block."""
    venv, install, run = TESTS.splitlines()
    assert venv.endswith(" .venv")
    assert install.endswith('".[test]"')
    assert run.startswith(".venv/bin/python -m pytest")
    assert "block == 2" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_third_block__opens_a_notebook_in_jupyterlab(tmp_path: Path) -> None:
    """The block names a notebook that is there, and brings a JupyterLab up in its folder."""
    assert (ROOT / LAB.split()[-1]).is_file()
    settings = {"ServerApp": {"allow_root": True, "open_browser": False, "ip": "127.0.0.1", "port": 0}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    folders = dict.fromkeys(("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), str(tmp_path))
    lab = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", _without_install(LAB)],
        cwd=ROOT,
        env=os.environ | folders,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with lab:
        assert lab.stderr is not None
        said = list(itertools.takewhile(lambda line: "is running at" not in line, lab.stderr))
        os.killpg(lab.pid, signal.SIGKILL)
    assert f"Serving notebooks from local directory: {ROOT / 'notebooks'}" in "".join(said)


def test_public_names__are_all_on_the_page() -> None:
    """Whoever looks for a name finds it here."""
    assert [name for name in kf.__all__ if not re.search(rf"`(forms\.|sandbox\.)?{name}\b", README)] == []


def test_commands__are_all_on_the_page() -> None:
    """The chapter on the terminal names every command that there is, and what it names as one is one."""
    chapter = README.partition("## From a CSV in the terminal")[2].partition("\n## ")[0]
    table = chapter.partition("| to | commands |\n")[2].partition("\n\n")[0]
    named = {text.split()[0] for text in re.findall(r"`([^`]+)`", table) if not text.startswith("--")}
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert named == commands | {group.name for group in app.registered_groups}


def test_python_blocks__run_in_order(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pastes the snippets one after the other sees no error."""
    monkeypatch.chdir(clone)
    _run("\n".join(_blocks("python")))


def test_terminal_blocks__run_against_a_sandbox(clone: Path, sandbox: kf.sandbox.Sandbox) -> None:
    """Each block for the terminal ends with 0 while a sandbox runs beside it."""
    for block in _blocks("bash"):
        done = _shell(
            block,
            clone,
            KLIKIT_BASE_URL=sandbox.url,
            KLIKIT_PARTNER_KEY=sandbox.partner_key,
            KLIKIT_SECRET_KEY=sandbox.secret_key,
        )
        assert done.returncode == 0, block + done.stdout + done.stderr


def test_scheduler_block__runs_businesses_side_by_side(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job applies the plan of each business with its own credential, where Dagster is installed."""
    pytest.importorskip("dagster", reason="Dagster is not installed")
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    plan = kf.plan(kf.read_toggles(clone / "sample_data" / "toggles.csv"))
    names = _run(_blocks("py")[0])
    with kf.sandbox.serve() as first, kf.sandbox.serve(seed=8) as other:
        folders = [
            _business(clone / "menus" / name, sandbox, plan)
            for name, sandbox in (("one", first), ("other", other))
        ]
        config = {"ops": {"businesses": {"config": {"root": str(clone / "menus")}}}}
        assert names["monday"].execute_in_process(run_config=config).success
    assert all((folder / "result.csv").is_file() for folder in folders)


def _business(folder: Path, sandbox: kf.sandbox.Sandbox, plan: kf.Plan) -> Path:
    folder.mkdir(parents=True)
    plan.save(folder / "monday.plan.json")
    variables = {
        "BASE_URL": sandbox.url,
        "PARTNER_KEY": sandbox.partner_key,
        "SECRET_KEY": sandbox.secret_key,
    }
    (folder / "klikit.env").write_text(
        "\n".join(f"KLIKIT_{name}={value}" for name, value in variables.items())
    )
    return folder


@pytest.mark.parametrize("name", ["toggle_form.png", "toggle_form_dark.png"])
def test_picture__of_the_form_is_no_older_than_the_code(name: str) -> None:
    """The pictures of the form are taken with the style and the script that it has today.

    `tests/browser/test_pictures.py` says how to take them, and holds their words to those of the form.
    """
    with Image.open(ROOT / "notebooks" / name) as picture:
        assert picture.info["Source"] == look_of(kf.forms.ToggleForm)


def test_picture__of_the_plan_is_no_older_than_the_code() -> None:
    """The picture on the first screen tells the rows and requests that the sample has today."""
    plan = kf.plan(kf.read_toggles(ROOT / "sample_data" / "toggles.csv"))
    with Image.open(ROOT / "notebooks" / "plan.png") as picture:
        assert picture.info["Description"] == kf.plot_plan(plan).text
    assert f"{plan.n_rows:,} rows" in README.partition("## Try it")[0]
    assert f"{plan.n_requests} requests" in README.partition("## Try it")[0]
