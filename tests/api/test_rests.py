"""The rest that a credential takes after a 429."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from klikit_frames.api.ratelimits import MAX_PAUSE_S
from klikit_frames.api.rests import LOOK_EVERY_S, Rest, SharedRest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a shared rest may be."""
    return tmp_path / "pacing" / "one.rest"


def test_rest__is_over_at_its_end_and_before_its_beginning() -> None:
    """A clock that is set back ends it as well as time does."""
    rest = Rest(100.0, 130.0)
    assert [rest.left(now) for now in (99.0, 100.0, 129.0, 130.0)] == [0.0, 30.0, 1.0, 0.0]


SENDER = """
import sys
from pathlib import Path
from klikit_frames.api.rests import Rest, SharedRest
SharedRest(Path(sys.argv[1])).begin(Rest(100.0, 130.0))
"""


def test_rest__is_known_to_other_processes(path: Path) -> None:
    """What one process was told by the server, the others keep too, as soon as they look again."""
    other = SharedRest(path)
    assert other.left(110.0 - 2 * LOOK_EVERY_S) == 0.0
    subprocess.run([sys.executable, "-c", SENDER, str(path)], check=True)
    assert other.left(110.0) == 20.0


def test_rest__a_clock_that_is_set_back_looks_again(path: Path) -> None:
    """A machine's clock that was set back delays no look at what others were told."""
    other = SharedRest(path)
    assert other.left(900.0) == 0.0
    SharedRest(path).begin(Rest(100.0, 130.0))
    assert other.left(110.0) == 20.0


def test_rest__without_a_file_is_ones_own() -> None:
    """Without a path nobody else is told."""
    rest = SharedRest()
    rest.begin(Rest(100.0, 130.0))
    assert (rest.left(110.0), SharedRest().left(110.0)) == (20.0, 0.0)


@pytest.mark.parametrize("content", [b"", b"100.0", b"x y", b"\xff\xfe", b"nan nan", b"1 2 3"])
def test_rest__lives_with_a_file_of_no_use(path: Path, content: bytes) -> None:
    """A file that is half written or rubbish says nothing, and is written anew."""
    path.parent.mkdir()
    path.write_bytes(content)
    assert SharedRest(path).left(110.0) == 0.0
    SharedRest(path).begin(Rest(100.0, 130.0))
    assert SharedRest(path).left(110.0) == 20.0


def test_rest__of_the_file_is_bounded(path: Path) -> None:
    """No file can stop a program for longer than a server can."""
    SharedRest(path).begin(Rest(100.0, 1e12))
    assert SharedRest(path).left(100.0) == MAX_PAUSE_S


def test_rest__goes_on_in_memory_where_nothing_may_be_written(tmp_path: Path) -> None:
    """A home that cannot be written to costs the sharing, not the rest."""
    (tmp_path / "file").write_text("in the way")
    rest = SharedRest(tmp_path / "file" / "one.rest")
    rest.begin(Rest(100.0, 130.0))
    assert rest.left(110.0) == 20.0


def test_rest__is_private(path: Path) -> None:
    """Only the person may look into the folder and the file."""
    SharedRest(path).begin(Rest(100.0, 130.0))
    assert [oct(one.stat().st_mode & 0o777) for one in (path.parent, path)] == ["0o700", "0o600"]
