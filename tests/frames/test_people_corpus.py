"""Tables as people make them give the same in the library and in the terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal, terminal
from tests.frames.cases import Case
from tests.frames.people_corpus import NAMED, PEOPLE, STATE, STORES
from tests.frames.test_toggles import format_problem, format_toggle

__all__ = ["terminal"]


@pytest.mark.parametrize("case", [*PEOPLE, *NAMED], ids=str)
def test_table__in_the_library(case: Case) -> None:
    """Each table gives just the toggles, problems and notes that it should."""
    names: dict[str, Any] = {"names": True, "state": STATE, "stores": STORES} if case in NAMED else {}
    checked = kf.check_toggles(case.source, **names)
    assert [format_toggle(row) for row in checked.toggles.to_dict("records")] == case.toggles
    assert [format_problem(row) for row in checked.problems.to_dict("records")] == case.problems
    assert case.note in " ".join(checked.notes)


@pytest.mark.parametrize("case", PEOPLE, ids=str)
def test_table__in_the_terminal(case: Case, terminal: Terminal, tmp_path: Path) -> None:
    """The terminal finds the same problems and notes, and as many good rows."""
    path = tmp_path / "table"
    path.write_bytes(case.source)
    done = terminal("check", path)
    problems = pd.read_csv(io.StringIO(done.out)) if done.out.strip() else pd.DataFrame(columns=["code"])
    assert problems["code"].tolist() == [text.rpartition(" ")[2].rstrip("?") for text in case.problems]
    assert case.note in done.err
    assert f"{len(case.toggles)} good row" in done.err


def test_tables__of_all_kinds() -> None:
    """There are at least forty."""
    assert len(PEOPLE) + len(NAMED) >= 40
