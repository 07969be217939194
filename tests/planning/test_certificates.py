"""The checkers of certificates tell right from wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.benchmarks.published import read_matrix
from tests.planning.certificates import are_sound_prices, is_cover, is_fooling_set

CELLS = {(0, 0), (0, 1), (1, 1)}


def test_is_cover__exact() -> None:
    """A cover holds every cell and no other."""
    assert is_cover(CELLS, [([0], [0, 1]), ([0, 1], [1])])
    assert not is_cover(CELLS, [([0], [0, 1])])
    assert not is_cover(CELLS, [([0, 1], [0, 1])])


def test_is_fooling_set__apart() -> None:
    """Cells that fit into one rectangle, or are none of the table, prove nothing."""
    assert is_fooling_set(CELLS, [(0, 0), (1, 1)])
    assert not is_fooling_set(CELLS, [(0, 0), (0, 1)])
    assert not is_fooling_set(CELLS, [(1, 0)])


def test_are_sound_prices__caps() -> None:
    """Prices are sound if no request within the caps is worth more than 1; those of no cell prove nothing."""
    dear, cheap = dict.fromkeys(CELLS, 1.0), dict.fromkeys(CELLS, 0.5)
    assert are_sound_prices(CELLS, dear, (1, 1, 1))
    assert not are_sound_prices(CELLS, dear, (2, 1, 9))
    assert are_sound_prices(CELLS, cheap, (2, 2, 2))
    assert not are_sound_prices(CELLS, {**cheap, (1, 0): 0.0}, (2, 2, 2))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.csv", "user,permission\nu0,p1\nu0,p2\nu1,p2\n"),
        ("users.rmp", "# made by hand\nu0\tp1\tp2\n\n# another\nu1\tp2\n"),
    ],
)
def test_read_matrix__formats(name: str, text: str, tmp_path: Path) -> None:
    """Both public formats are read: pairs with a header, and one user a line with comments."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with gzip.open(tmp_path / f"{name}.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        assert read_matrix(path).tolist() == [[True, False], [True, True]]
