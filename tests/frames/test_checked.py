"""Checked toggles: own columns and their names."""

from __future__ import annotations

import time

import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import RESULT_COLUMNS
from tests.frames.cases import GOOD, HEAD, lines

N_COLUMNS = 10_000


def wide(*names: str) -> bytes:
    """Return a file of one good row with many own columns."""
    return lines(",".join([HEAD, *names]), ",".join([GOOD, *["1"] * len(names)]))


@pytest.mark.parametrize(
    ("name", "first_names"),
    [("note", ["note", "note_2", "note_3"]), ("code", ["input_code", "input_code_2", "input_code_3"])],
)
def test_own_columns__thousands_of_one_name(name: str, first_names: list[str]) -> None:
    """Each of many equal headers comes back under a name of its own, as quickly as different headers."""
    equal, different = wide(*[name] * N_COLUMNS), wide(*(f"own {place}" for place in range(N_COLUMNS)))
    kf.check_toggles(wide("note"))
    seconds = []
    for source in (different, equal):
        start = time.process_time()
        toggles = kf.check_toggles(source).toggles
        seconds.append(time.process_time() - start)
    assert toggles.columns.is_unique
    assert not {*toggles.columns} & {*RESULT_COLUMNS}
    assert toggles.columns[5:8].tolist() == first_names
    assert seconds[1] < 4 * seconds[0]
