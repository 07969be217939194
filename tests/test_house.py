"""The house rules that a machine can hold."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "klikit_frames").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
OWN_MODULES = [
    path for path in sorted((ROOT / "klikit_frames").rglob("*.py")) if "sandbox" not in path.parts[-2:]
]
# What no single module does: the tests of a room as a whole.
SCENARIOS = {
    "test_bad_input",
    "test_certificates",
    "test_document",
    "test_examples",
    "test_expired_keys",
    "test_faults",
    "test_histories",
    "test_interruptions",
    "test_journal_damage",
    "test_kills",
    "test_nights",
    "test_people_corpus",
    "test_promise_machine",
    "test_round_trips",
    "test_secrets",
    "test_snapshots",
    "test_spoilt_answers",
    "test_state_machine",
}
# What may touch the disk beside the edge: the journal, its locks and copies, and what is kept beside it.
ON_DISK = {
    "api/rate_storage",
    "edge",
    "menus/readings",
    "running/journal_copies",
    "running/journal_files",
    "running/journal_migration",
    "running/locks",
}
# The faces make files for a page in a folder that is gone after it, and read what the package itself brings.
OF_A_FACE = {"forms/base_widget", "forms/run_panel", "forms/timed_changes", "forms/upload_form", "health"}
DISK_CALLS = {
    *("chmod", "copy2", "copyfile", "fdopen", "fsync", "ftruncate", "hardlink_to", "makedirs"),
    *("mkdir", "mkdtemp", "mkstemp", "move", "NamedTemporaryFile", "open", "read_bytes", "read_text"),
    *("rmdir", "rmtree", "symlink_to", "TemporaryDirectory", "TemporaryFile", "touch", "unlink"),
    *("write_bytes", "write_text"),
}
REFUSALS = {"TID251", "NPY002", "PTH123"}
OF_THE_WORLD = [
    "import time; time.time()",
    "from time import sleep",
    "from datetime import datetime; datetime.now()",
    "from datetime import date; date.today()",
    "import pandas as pd; pd.Timestamp.now()",
    "import random; random.random()",
    "import secrets",
    "import os; os.urandom(8)",
    "from uuid import uuid4",
    "import numpy as np; np.random.rand()",
    "import threading; threading.Thread(target=print)",
    "from threading import Timer",
    "from concurrent.futures import ThreadPoolExecutor",
    "import concurrent.futures; concurrent.futures.ThreadPoolExecutor(1)",
    "import asyncio",
    "import multiprocessing",
    "import subprocess",
    "import os; os.system('true')",
    "import socket; socket.socket()",
    "from http.client import HTTPConnection",
    "from urllib.request import urlopen",
    "import urllib.request",
    "open('file')",
]
TOP_LEVEL = {"pyproject.toml", "README.md", "klikit_frames", "notebooks", "tests", "sample_data"}


# mypy reads all of the code: half a minute where nothing else works, and far more beside a busy loop.
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "klikit_frames", "tests"],
        ["importlinter.cli", "lint-imports"],
    ],
    ids=" ".join,
)
def test_tools__find_nothing(command: list[str]) -> None:
    """Lint, format, types and import directions are clean."""
    call = [sys.executable, "-m", *command]
    if command[0] == "importlinter.cli":
        call = [str(Path(sys.executable).parent / "lint-imports")]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_top_level__holds_these_and_nothing_more() -> None:
    """A newcomer sees six names at the top."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {line.split("/")[0] for line in tracked.splitlines()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files__hold_one_concept(path: Path) -> None:
    """A file that has grown over 500 lines holds two concepts."""
    assert len(path.read_text().splitlines()) <= 500


def test_modules__each_name_stands_once() -> None:
    """A module's name tells what it is without its room; the sandbox stands apart and may repeat some."""
    counts = Counter(path.stem for path in OWN_MODULES if path.stem != "__init__")
    assert [name for name, n in counts.items() if n > 1] == []


def test_classes__each_public_name_stands_once() -> None:
    """One word means one thing: no two public classes share a name."""
    trees = (ast.parse(path.read_text()) for path in OWN_MODULES)
    counts = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, n in counts.items() if n > 1 and not name.startswith("_")] == []


def test_tests__mirror_the_package() -> None:
    """A room's test file bears the name of the module that it tests, or of a scenario that takes several."""
    rooms = [path.parent for path in (ROOT / "klikit_frames").glob("*/__init__.py")]
    modules = {(room.name, f"test_{path.stem}") for room in rooms for path in room.glob("*.py")}
    tests = {
        (room.name, path.stem) for room in rooms for path in (ROOT / "tests" / room.name).glob("test_*.py")
    }
    assert {(room, name) for room, name in tests - modules if name not in SCENARIOS} == set()


def _called(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _module(path: Path) -> str:
    return str(path.relative_to(ROOT / "klikit_frames").with_suffix(""))


def test_disk__is_touched_at_the_edge() -> None:
    """Files are opened, written and removed by the edge and by those who keep the journal; no one else."""
    touching = {_module(path) for path in OWN_MODULES if DISK_CALLS & set(map(_name, _called(path)))}
    assert touching == ON_DISK | OF_A_FACE


def test_draws__have_a_seed() -> None:
    """One table gives one plan: numpy draws from a seed that is handed in."""
    unseeded = [
        f"{_module(path)}:{call.lineno}"
        for path in OWN_MODULES
        for call in _called(path)
        if _name(call) == "default_rng" and not (call.args or call.keywords)
    ]
    assert unseeded == []


def test_sorting__says_what_becomes_of_equal_values() -> None:
    """Equal values are ordered as they come, or it is said that it makes no odds: else processors differ."""
    words = {"argsort": "kind", "sort_values": "kind", "value_counts": "sort"}
    unsaid = [
        f"{_module(path)}:{call.lineno}"
        for path in OWN_MODULES
        for call in _called(path)
        if _name(call) in words and words[_name(call)] not in {word.arg for word in call.keywords}
    ]
    assert unsaid == []


@pytest.mark.parametrize("room", ["accessor.py", "cli/a.py", "fleet/a.py", "forms/a.py", "running/a.py"])
def test_edge__is_the_only_way_to_the_world(room: str) -> None:
    """Clocks, draws, threads, programs, sockets and files of its own are refused to every module."""
    call = [sys.executable, "-m", "ruff", "check", "--output-format", "json"]
    done = subprocess.run(
        [*call, "--stdin-filename", f"klikit_frames/{room}", "-"],
        cwd=ROOT,
        input="\n".join(OF_THE_WORLD),
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {
        finding["location"]["row"] for finding in json.loads(done.stdout) if finding["code"] in REFUSALS
    }
    assert [OF_THE_WORLD[row - 1] for row in sorted(refused)] == OF_THE_WORLD
