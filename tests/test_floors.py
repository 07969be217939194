"""The oldest versions that are said to do are the ones that can be installed to try them."""

from __future__ import annotations

import re
import tomllib
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = ROOT / ".ci" / "floors.txt"


def test_floors__are_those_of_pyproject() -> None:
    """Each library that users install has one pin, at the oldest version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {
        name: of for name, of in project["optional-dependencies"].items() if name not in {"all", "test"}
    }
    required = [requirement for of in (project["dependencies"], *extras.values()) for requirement in of]
    floors = dict(re.findall(r"^([\w-]+).*?>=([\d.]+)", requirement)[0] for requirement in required)
    pins = dict(line.split("==") for line in PINS.read_text().split("\n") if "==" in line)
    assert len(floors) == len(required)
    assert pins.keys() == floors.keys()
    for name, floor in floors.items():
        pairs = zip_longest(pins[name].split("."), floor.split("."), fillvalue="0")
        assert all(pinned == least for pinned, least in pairs), name


def test_floors__are_what_ci_installs() -> None:
    """The second half of CI runs on the oldest Python and with these pins, and with no others."""
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    _, half = (ROOT / ".ci" / "run").read_text().split("rm -rf .venv-oldest\n")
    assert f"python{oldest.removeprefix('>=')} -m venv .venv-oldest" in half
    (install,) = [line for line in half.splitlines() if "pip install" in line]
    assert install.endswith('--editable ".[test]" --requirement .ci/floors.txt')
