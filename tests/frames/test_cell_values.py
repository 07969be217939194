"""What the text of one cell says: words, ids, lists of ids, and what is wrong with an id."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from klikit_frames.frames.cell_values import (
    FLAG_WORDS,
    LARGEST_ID,
    FactorizedText,
    find_id_fault,
    is_formula_error,
    parse_id_lists,
    parse_ids,
    parse_words,
)


def _words(*texts: str) -> npt.NDArray[np.object_]:
    return np.array(texts, dtype=object)


def test_parse_words__by_the_table_alone() -> None:
    """Case and outer space aside a word is what the table says, and nothing else is taken for one."""
    texts = FactorizedText(codes=np.arange(4), uniques=_words(" Yes ", "NON AKTIF", "yess", ""))
    assert parse_words(texts, FLAG_WORDS).tolist() == [True, False, None, None]


def test_parse_ids__ascii_digits_alone() -> None:
    """An id is a positive number of plain digits, and anything else is none."""
    good = {" 1 ": 1, "5297": 5297, "1000000000000000000": 10**18, str(LARGEST_ID): LARGEST_ID}
    bad = ["", "0", "01", "-1", "+1", "1.0", "1e3", "1 000", "1_000", "٣", "x", str(LARGEST_ID + 1), "1" * 20]
    ids = parse_ids(_words(*good, *bad))
    assert ids.dtype == np.int64
    assert ids.tolist() == [*good.values(), *[0] * len(bad)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("663", (663,)),
        (" 664 | 663 | 664 ", (663, 664)),
        ("()", ()),
        ("[]", ()),
        (" [ ] ", ()),
        ("(663,)", (663,)),
        ("(663, )", (663,)),
        ("(663)", (663,)),
        ("[664, 663]", (663, 664)),
        ("(664,663,664)", (663, 664)),
        ("663,664", None),
        ("(663]", None),
        ("(663|664)", None),
        ("[,663]", None),
        ("(,)", None),
        ("(663,,)", None),
        ("(663,664,)", None),
        ("", None),
        ("663|", None),
        ("663|x", None),
        ("(0,)", None),
    ],
)
def test_parse_id_lists__as_people_and_programs_write_them(text: str, ids: tuple[int, ...] | None) -> None:
    """Ids stand between bars, or as Python and JSON write them; one bad id and there is no list."""
    assert parse_id_lists(_words(text)).tolist() == [ids]


@pytest.mark.parametrize(
    ("text", "code", "meant"),
    [
        ("#DIV/0!", "formula_error", None),
        ("Err:502", "formula_error", None),
        ("0", "id_not_positive", None),
        ("-5", "id_not_positive", None),
        (" 007 ", "id_padded", 7),
        ("9223372036854775808", "id_too_large", None),
        ("+5", "id_signed", 5),
        ("5,297", "id_separator", 5297),
        ("1'234.567", "id_separator", 1_234_567),
        ("12_34", "id_separator", 1234),
        ("5297.0", "id_fraction", 5297),
        ("+5297,00", "id_fraction", 5297),
        ("5297.", "id_fraction", 5297),
        ("5297.5", "id_fraction", None),
        ("-5297.0", "id_fraction", None),
        ("1.5e3", "id_exponent", None),
        ("5E+07", "id_exponent", None),
        ("٣", "id_foreign_digits", 3),
        ("dish 5", "id_not_number", None),
        ("", "id_not_number", None),
        ("two\nlines", "id_not_number", None),
        ("+" + "1" * 60, "id_signed", None),
        ("0" * 59 + "1", "id_padded", 1),
        ("0" * 60 + "1", "id_padded", None),
    ],
)
def test_find_id_fault__names_the_fault_and_what_was_meant(text: str, code: str, meant: int | None) -> None:
    """Each text that is no id has one fault, and a hint only where the meaning is plain."""
    hint = "" if meant is None else f"Write {meant} if that is the id."
    assert find_id_fault(text) == (code, hint)


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        (" #DIV/0! ", True),
        ("#¡DIV/0!", True),
        ("#WERT!", True),
        ("#NAME?", True),
        ("#n/a", True),
        ("#N/D", True),
        ("#NV", True),
        ("err:502", True),
        ("Err:50", False),
        ("#1 dish!", False),
        ("#DIV/0", False),
        ("the #NAME?", False),
    ],
)
def test_is_formula_error__in_any_language(text: str, *, is_error: bool) -> None:
    """What a spreadsheet shows for a formula that failed is known; a dish that looks like one is not."""
    assert is_formula_error(text) is is_error
