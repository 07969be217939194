"""A file in pieces, and tables as people make them."""

from __future__ import annotations

import base64

import pytest

from klikit_frames.forms.uploads import MOST_BYTES, PiecewiseFile, check_file
from tests.frames.cases import Case
from tests.frames.people_corpus import NAMED, PEOPLE, STATE, STORES
from tests.frames.test_toggles import say_problem, say_toggle


def piece(data: bytes, *, at: int, size: int, file_id: str = "a") -> dict[str, object]:
    """Return a piece as the page sends it."""
    text = base64.b64encode(data).decode()
    return {"id": file_id, "name": "x.csv", "size": size, "at": at, "data": text}


def test_piecewise_file__pieces_that_come_twice_or_late() -> None:
    """A piece that comes again is not taken twice, and one that leaves a gap is not taken at all."""
    file = PiecewiseFile()
    for at, data in ((0, b"ab"), (0, b"ab"), (4, b"ef"), (2, b"cd"), (2, b"cd"), (4, b"ef")):
        file.take(piece(data, at=at, size=6))
    assert (file.is_whole, file.content) == (True, b"abcdef")


def test_piecewise_file__another_file() -> None:
    """The first piece of another file starts over; what is no piece changes nothing."""
    file = PiecewiseFile()
    for one in (piece(b"ab", at=0, size=4), piece(b"xy", at=0, size=2, file_id="b"), {}, {"id": "b"}):
        file.take(one)
    assert (file.is_whole, file.content) == (True, b"xy")


def test_piecewise_file__limits() -> None:
    """More than was announced, more than the limit, and text that is no base64 are not taken."""
    file = PiecewiseFile()
    file.take(piece(b"ab", at=0, size=MOST_BYTES + 1))
    assert file.file_id == ""
    file.take(piece(b"ab", at=0, size=3))
    file.take(piece(b"cd", at=2, size=3))
    file.take({**piece(b"", at=2, size=3), "data": "%"})
    assert (file.is_whole, file.content) == (False, b"ab")


# Where the ids are there, names beside them are a person's own, as in the terminal without its option.
READ = [case for case in [*PEOPLE, *NAMED] if case.name != "an id beside another's name"]


@pytest.mark.parametrize("case", READ, ids=str)
def test_check_file__as_the_library_does(case: Case) -> None:
    """Each table that people make gives in the form just what it gives in the library."""
    checked = check_file(case.source, columns={}, state=STATE, stores=STORES)
    assert [say_toggle(row) for row in checked.toggles.to_dict("records")] == case.toggles
    assert [say_problem(row) for row in checked.problems.to_dict("records")] == case.problems
    assert case.note in " ".join(checked.notes)
