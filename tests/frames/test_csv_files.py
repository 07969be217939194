"""Encodings found out, and named."""

from __future__ import annotations

import pytest

import klikit_frames as kf
from klikit_frames.frames.csv_files import to_utf8
from tests.frames.cases import GOOD, HEAD


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("cp1252", "Crème brûlée à la carte"),
        ("cp1252", "Käsespätzle mit Röstzwiebeln"),
        ("cp1252", "jalapeño"),
        ("cp1250", "Žluťoučký kůň, smažený sýr"),
        ("cp1251", "Борщ с говядиной и сметаной"),
        ("cp1253", "Μουσακάς με μελιτζάνα"),
        ("cp932", "ラーメンと餃子"),
        ("utf-8", "Bún chả"),
        ("utf-8-sig", "Bún chả"),
        ("utf-16", "Bún chả"),
        ("utf-32", "Bún chả"),
    ],
)
def test_encoding__found(encoding: str, note: str) -> None:
    """Texts are read as they were written, and the encoding that was taken is named."""
    rows = "".join(f'{GOOD.replace("5", str(place))},"{note}"\n' for place in range(1, 6))
    checked = kf.check_toggles(f"{HEAD},note\n{rows}".encode(encoding))
    assert set(checked.toggles["note"]) == {note}
    assert checked.notes[0].startswith("Read as ")


def test_encoding__guess_is_told() -> None:
    """A guess is called one; where several encodings say the same, the most usual is named."""
    assert to_utf8("Größe".encode("cp1252"))[1][0].startswith("Read as cp1252, which is a guess")


def test_encoding__undecodable_bytes() -> None:
    """Bytes that fit no encoding spoil a text, never an id or a flag."""
    checked = kf.check_toggles(f"{HEAD},note\n{GOOD},".encode() + b"a\x81\xffb\n", encoding="utf-8")
    assert checked.toggles["entity_id"].tolist() == [5]
    assert checked.toggles["note"].tolist() == ["a\ufffd\ufffdb"]
