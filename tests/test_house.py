"""The house rules that a machine can hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "klikit_frames").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
TOP_LEVEL = {"pyproject.toml", "README.md", "klikit_frames", "notebooks", "tests", "sample_data"}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
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
def test_files__stay_short(path: Path) -> None:
    """No file of the package is over 500 lines."""
    assert len(path.read_text().splitlines()) <= 500
