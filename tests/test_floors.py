"""The oldest versions that are said to do are the ones that can be installed to try them."""

from __future__ import annotations

import re
import tomllib
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = ROOT / ".ci" / "floors.txt"


def test_floors__are_those_of_the_core_dependencies() -> None:
    """Each core dependency has one pin, at the oldest version that pyproject.toml allows."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = dict(re.findall(r"^([\w-]+).*?>=([\d.]+)", each)[0] for each in required)
    pins = dict(line.split("==") for line in PINS.read_text().split("\n") if "==" in line)
    assert pins.keys() == floors.keys()
    for name, floor in floors.items():
        pairs = zip_longest(pins[name].split("."), floor.split("."), fillvalue="0")
        assert all(pinned == least for pinned, least in pairs), name
