"""The house rules that a machine can hold."""

from __future__ import annotations

import ast
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
TOP_LEVEL = {"pyproject.toml", "README.md", "klikit_frames", "notebooks", "tests", "sample_data"}


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
