"""Journals that travel: files that cannot be taken in or written are told with the cure, and stay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import klikit_frames as kf

from .test_mirrors import write_newer


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)


def _other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


SPOILERS = {
    "missing": (Path.unlink, "No such file .* Name an exported journal"),
    "text": (lambda path: path.write_text("My notes. " * 500), "name an exported journal, or a mirror"),
    "empty": (lambda path: path.write_bytes(b""), "name an exported journal, or a mirror"),
    "other program": (_other_database, "name an exported journal, or a mirror"),
    "newer": (write_newer, "newer version of klikit_frames; install that version"),
    "damaged": (_damage, "an older copy of it may be whole"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "an older copy of it may be whole"),
}


@pytest.fixture
def away(client: kf.Client, journal: Path, tmp_path: Path, singles: kf.Plan) -> Path:
    """A copy of a journal with one run."""
    kf.run(singles, client, journal=journal, deadline_s=0, progress=False)
    return kf.export_journal(tmp_path / "away.sqlite3", journal=journal)


@pytest.mark.parametrize("kind", SPOILERS)
def test_import__of_a_file_of_no_use(kind: str, away: Path, tmp_path: Path) -> None:
    """It is said what is wrong and what to do; the file stays as it is, and no journal is made."""
    spoil, told = SPOILERS[kind]
    spoil(away)  # type: ignore[operator]
    content = away.read_bytes() if away.exists() else None
    with pytest.raises(kf.JournalError, match=told) as caught:
        kf.import_journal(away, journal=tmp_path / "elsewhere.sqlite3")
    assert str(away) in str(caught.value)
    assert "klikit_frames-" not in str(caught.value)
    assert not (tmp_path / "elsewhere.sqlite3").exists()
    assert (away.read_bytes() if away.exists() else None) == content


@pytest.mark.parametrize("kind", ["text", "other program", "newer", "damaged"])
def test_mirror__that_is_of_no_use_is_not_replaced(
    kind: str, away: Path, journal: Path, client: kf.Client, singles: kf.Plan
) -> None:
    """Nobody knows what such a file holds: the run does not begin, and the file stays."""
    SPOILERS[kind][0](away)  # type: ignore[operator]
    content = away.read_bytes()
    with pytest.raises(kf.JournalError, match=r"nothing was sent.* Name another file with mirror=") as caught:
        kf.run(singles, client, journal=journal, mirror=away, progress=False)
    assert "make room" not in str(caught.value).lower()
    assert away.read_bytes() == content


def test_export__without_a_journal(tmp_path: Path) -> None:
    """A journal that is not there is no empty one: a slip in its name must not look like a safe copy."""
    with pytest.raises(kf.JournalError, match=r"There is no journal .*slip.sqlite3: nothing was exported"):
        kf.export_journal(tmp_path / "away.sqlite3", journal=tmp_path / "slip.sqlite3")
    assert not (tmp_path / "away.sqlite3").exists()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_far_path__that_is_a_device(journal: Path, client: kf.Client, singles: kf.Plan) -> None:
    """A device gives bytes for ever: it is refused before it is looked into."""
    with pytest.raises(kf.ConfigError, match="not the path of a file"):
        kf.import_journal("/dev/zero", journal=journal)
    with pytest.raises(kf.ConfigError, match="othing was sent"):
        kf.run(singles, client, journal=journal, mirror="/dev/zero", progress=False)
