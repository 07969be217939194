"""Bytes to text: which encoding a file has, told and never guessed silently."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from klikit_frames.errors import ConfigError

# The longer marks first: UTF-32's begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What spreadsheets write where they do not write Unicode.
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp437",
    "cp850",
    "cp874",
    "cp932",
    "gb18030",
    "big5",
]
_USUAL = "cp1252"
_SAMPLE = 1 << 18


def to_utf8(content: bytes, *, encoding: str | None = None) -> tuple[bytes, list[str]]:
    r"""Return `content` as UTF-8 without a byte order mark, and in words what was decided.

    Parameters
    ----------
    content : bytes
        A whole file.
    encoding : str, optional
        What the person says it is; a mark in the file or plain UTF-8 is seen without it.

    Examples
    --------
    >>> from klikit_frames.frames.encodings import to_utf8
    >>> text, notes = to_utf8("note\nBún chả".encode("utf-16"))
    >>> text.decode(), notes
    ('note\nBún chả', ['Read as utf-16-le, by its byte order mark.'])
    """
    for mark, name in _MARKS:
        if encoding is None and content.startswith(mark):
            return _recode(content[len(mark) :], name), [f"Read as {name}, by its byte order mark."]
    if encoding is not None:
        return _recode(content, _known(encoding)), [f"Read as {encoding}, as asked."]
    if _is_utf8(content):
        return content, ["Read as utf-8."]
    name = _find_encoding(content)
    return _recode(content, name), [
        f"Read as {name}, which is a guess: the file is not UTF-8. Give encoding=... if texts look wrong."
    ]


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(
            f"There is no encoding {encoding!r}; utf-8, utf-16 and cp1252 are the usual ones."
        ) from None


def _is_utf8(content: bytes) -> bool:
    # UTF-16 of plain ASCII is valid UTF-8 too, with a NUL beside every letter.
    if content[:_SAMPLE].count(0) * 3 > len(content[:_SAMPLE]):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _find_encoding(content: bytes) -> str:
    sample = content[:_SAMPLE]
    if sample.count(0) * 3 > len(sample):
        return "utf-16-be" if sample[0::2].count(0) > sample[1::2].count(0) else "utf-16-le"
    matches = from_bytes(sample, cp_isolation=_CANDIDATES)
    best = matches.best()
    if best is None:
        return _USUAL
    ties = {*best.could_be_from_charset}
    ties |= {
        match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)
    }
    # Most languages of cp1250 and cp1252 look alike to a statistic, and the latter is far more frequent.
    return _USUAL if _USUAL in ties else best.encoding


def _recode(content: bytes, encoding: str) -> bytes:
    # Undecodable bytes become U+FFFD: they can only spoil a text, never make an id or a flag.
    text = content.decode(encoding, errors="replace")
    return text.removeprefix("\ufeff").encode(errors="replace")
