"""One column at a time: text to level, scope, flag, id and list of ids, by explicit tables.

Each table is looked up once per different text of a column, never once per row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .factorized_text import FactorizedText
from .schemas import ENTITY_TYPES, SCOPES

LARGEST_ID = 2**63 - 1

ENTITY_TYPE_WORDS = {word: word for word in ENTITY_TYPES}
SCOPE_WORDS = {word: word for word in SCOPES}

# Case and outer space aside. English, Indonesian, German, Spanish, and what Excel exports in other locales.
FLAG_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "enable", "enabled", "active"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "disable", "disabled", "inactive"), False),
    **dict.fromkeys(("aktif", "ya", "nyala", "benar", "ja", "an", "wahr", "vrai", "oui", "verdadero"), True),
    **dict.fromkeys(("nonaktif", "non-aktif", "non aktif", "tidak", "mati", "salah"), False),
    **dict.fromkeys(("nein", "aus", "falsch", "faux", "non", "falso"), False),
    **dict.fromkeys(
        ("ein", "aktiv", "aktiviert", "hidup", "aktifkan", "sí", "si", "activo", "activado"), True
    ),
    **dict.fromkeys(("encendido", "habilitado", "activar", "einschalten", "nyalakan"), True),
    **dict.fromkeys(("inaktiv", "deaktiviert", "tidak aktif", "nonaktifkan", "matikan", "inactivo"), False),
    **dict.fromkeys(("desactivado", "apagado", "deshabilitado", "desactivar", "ausschalten"), False),
}

_ID = re.compile("[1-9][0-9]{0,18}")
# What spreadsheets show for a formula that failed, in any language: #DIV/0!, #WERT!, #N/A, Err:502.
_FORMULA_ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/ ]*[!?]|#N/[AD]|#NV|Err:[0-9]{3}", re.IGNORECASE)
# Beyond this length no hint of what an id may mean is looked for.
_MOST_DIGITS = 60

_BRACKETS = ("()", "[]")

# What is wrong with a text that is no id; the first pattern that fits the whole text says it.
_ID_FAULTS = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        ("formula_error", _FORMULA_ERROR.pattern),
        ("id_not_positive", "0+|-[0-9]+"),
        ("id_padded", "0[0-9]+"),
        ("id_too_large", "[0-9]+"),
        ("id_signed", r"\+[0-9]+"),
        ("id_separator", r"[0-9]{1,3}([., '’_\u00a0\u202f][0-9]{3})+|[0-9]+(_[0-9]+)+"),
        ("id_fraction", "[+-]?[0-9]*[.,][0-9]*"),
        ("id_exponent", "[+-]?[0-9.,]+[eE][+-]?[0-9]+"),
        ("id_foreign_digits", r"\d+"),
        ("id_not_number", "(?s:.*)"),
    )
)


def parse_words(texts: FactorizedText, table: Mapping[str, Any]) -> npt.NDArray[np.object_]:
    """Return for each different text what `table` says of it, case and outer space aside, or None."""
    values = [table.get(word.strip().casefold()) for word in texts.uniques]
    return np.array(values, dtype=object)


def parse_ids(words: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """Return the id that each text says, 0 where it says none.

    An id is ASCII digits, positive, at most 2**63 - 1, without leading zeros, outer space aside.

    Examples
    --------
    >>> import numpy as np
    >>> from klikit_frames.frames.cell_values import parse_ids
    >>> parse_ids(np.array([" 5297", "5297.0", "+1", "9223372036854775808"], dtype=object))
    array([5297,    0,    0,    0])
    """
    ids = [_parse_id(word.strip()) for word in words]
    return np.array(ids, dtype=np.int64)


def parse_id_lists(words: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return the tuple of ids that each text says, sorted and without doubles, None where it says none.

    Lists as Python and JSON write them are taken too, since pandas saves them so: ``()``, ``(663,)`` or
    ``[663, 664]``.

    Examples
    --------
    >>> import numpy as np
    >>> from klikit_frames.frames.cell_values import parse_id_lists
    >>> parse_id_lists(np.array(["664|663|664", "(663,)", "663,664"], dtype=object)).tolist()
    [(663, 664), (663,), None]
    """
    return np.fromiter(map(_parse_id_list, words), dtype=object, count=len(words))


def find_id_fault(word: str) -> tuple[str, str]:
    """Return the code of what is wrong with a text that is no id, and the likely meaning as a hint.

    Examples
    --------
    >>> from klikit_frames.frames.cell_values import find_id_fault
    >>> find_id_fault("5297.0")
    ('id_fraction', 'Write 5297 if that is the id.')
    """
    word = word.strip()
    code = next(code for code, pattern in _ID_FAULTS if pattern.fullmatch(word))
    meant = _meant_id(code, word)
    return code, f"Write {meant} if that is the id." if meant else ""


def is_formula_error(word: str) -> bool:
    """Tell whether this is the error that a spreadsheet shows for a failed formula.

    Examples
    --------
    >>> from klikit_frames.frames.cell_values import is_formula_error
    >>> is_formula_error("#DIV/0!"), is_formula_error("#WERT!"), is_formula_error("#1 dish!")
    (True, True, False)
    """
    return _FORMULA_ERROR.fullmatch(word.strip()) is not None


def _parse_id(word: str) -> int:
    if not _ID.fullmatch(word):
        return 0
    number = int(word)
    return number if number <= LARGEST_ID else 0


def _parse_id_list(word: str) -> tuple[int, ...] | None:
    ids = {_parse_id(part.strip()) for part in _list_parts(word.strip())}
    return None if 0 in ids else tuple(sorted(ids))


def _list_parts(word: str) -> list[str]:
    if word[:1] + word[-1:] not in _BRACKETS:
        return word.split("|")
    first, *others = word[1:-1].split(",")
    if not others and not first.strip():
        return []
    return [first] if len(others) == 1 and not others[0].strip() else [first, *others]


def _meant_id(code: str, word: str) -> int:
    """Say what a person most likely meant; it is never taken for granted."""
    if len(word) > _MOST_DIGITS:
        return 0
    if code in {"id_padded", "id_signed", "id_foreign_digits"}:
        return _parse_id(str(int(word)))
    if code == "id_fraction":
        whole, _, rest = re.sub(",", ".", word.lstrip("+")).partition(".")
        return _parse_id(whole) if not rest.strip("0") else 0
    return _parse_id(re.sub(r"\D", "", word)) if code == "id_separator" else 0
