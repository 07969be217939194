"""Columns as factorized text, and text to level, scope, flag, id and list of ids by explicit tables.

Each table is looked up once per different text of a column, never once per row.
"""

from __future__ import annotations

import datetime as dt
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import fuzz, process

from .schemas import ENTITY_TYPES, SCOPES

# Types whose text is what a person would type. The text of others can look like a number: Period("2024").
_PLAIN_TYPES = (numbers.Integral, float, np.floating, np.bool_, Decimal)

# Python refuses to print integers of thousands of digits; no id has more than 63 bits.
_MOST_BITS = 1_000

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
# Nearest words are looked for this often and no more: in a flood nobody reads them one by one.
_MOST_GUESSES = 1_000
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


@dataclass(frozen=True)
class FactorizedText:
    """A column as text: its unique texts, and for each row the place of its text among them.

    Attributes
    ----------
    codes : array of int
        One per row; -1 where the cell is blank.
    uniques : array of str
        Each text once.
    has_floats : bool
        Whether the column held floats.
    """

    codes: npt.NDArray[np.intp]
    uniques: npt.NDArray[np.object_]
    has_floats: bool = False

    @property
    def is_blank(self) -> npt.NDArray[np.bool_]:
        """Which rows are blank."""
        return self.codes < 0

    def take(self, values: npt.NDArray[Any], *, blank: object) -> npt.NDArray[Any]:
        """Return one value per row, from `values` with one per unique text; `blank` for blank rows."""
        lookup = np.empty(len(values) + 1, dtype=values.dtype)
        lookup[:-1] = values
        lookup[-1:].fill(blank)  # code -1 is the last place
        return lookup[self.codes]


def text_column(
    column: pd.Series[Any], *, whole_floats: bool = False, with_lists: bool = False
) -> FactorizedText:
    """Return a column as text, whatever its dtype.

    Parameters
    ----------
    column : pandas.Series
        Object, text, category, numpy, nullable or Arrow dtype.
    whole_floats : bool
        Whether a float that is a whole number, and small enough to be exact (below 2**53 for float64), is the
        text of that number, as for ids that pandas turned into floats. Otherwise it stays ``1.0``.
    with_lists : bool
        Whether a cell may be a list, tuple, set or array of values; its text is then ``663|664``.

    Notes
    -----
    Text, numbers and flags become what a person would type. Any other value, such as a Period or a Fraction,
    becomes its representation, so that it is never taken for a number.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.intp)
        categories = column.cat.categories.to_series()
        inner = text_column(categories, whole_floats=whole_floats, with_lists=with_lists)
        return FactorizedText(np.append(inner.codes, -1)[codes], inner.uniques, inner.has_floats)
    formatter = _Formatter(bound=_exact_below(column.dtype) if whole_floats else 0, with_lists=with_lists)
    has_floats = column.dtype.kind == "f"
    if _is_mixed(column):
        has_floats = any(isinstance(value, float) and value == value for value in column)  # noqa: PLR0124
        column = pd.Series(_format_cells(column, formatter), dtype=object)
    codes, uniques = pd.factorize(column)
    return _without_blanks(codes, _format_uniques(pd.Series(uniques), formatter), has_floats=has_floats)


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "O" and pd.api.types.infer_dtype(column) not in {"string", "empty"}


def _exact_below(dtype: Any) -> int:
    """Return the bound below which floats of a dtype are every whole number."""
    if dtype.kind != "f":
        return 2**53
    kind = np.finfo(getattr(dtype, "numpy_dtype", dtype))
    return 1 << int(kind.nmant) + 1


def _format_uniques(uniques: pd.Series[Any], formatter: _Formatter) -> npt.NDArray[np.object_]:
    if uniques.dtype.kind in "iu":
        uniques = uniques.astype(str)
    texts = uniques.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(texts) not in {"string", "empty"}:
        texts = np.array([formatter.format(value) for value in texts], dtype=object)
    return texts


def _without_blanks(
    codes: npt.NDArray[np.intp], uniques: npt.NDArray[np.object_], *, has_floats: bool
) -> FactorizedText:
    is_blank = np.array([not text or text.isspace() for text in uniques], dtype=bool)
    if not is_blank.any():
        return FactorizedText(codes, uniques, has_floats)
    kept = np.where(is_blank, -1, np.cumsum(~is_blank) - 1)
    return FactorizedText(np.append(kept, -1)[codes], uniques[~is_blank], has_floats)


def _format_cells(column: pd.Series[Any], formatter: _Formatter) -> list[str]:
    """Return the text of every cell, formatted once per object: many cells are the same object."""
    cells = list(column)  # some arrays make new objects each time they are iterated
    objects = {id(value): value for value in cells}
    texts = {key: formatter.format(value) for key, value in objects.items()}
    return [texts[id(value)] for value in cells]


@dataclass(frozen=True, kw_only=True)
class _Formatter:
    """Formats one value as text.

    Attributes
    ----------
    bound : int
        A float that is a whole number below it is formatted without decimal point.
    with_lists : bool
        See `text_column`.
    """

    bound: int
    with_lists: bool

    def format(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if self.with_lists and _is_list(value):
            members = _Formatter(bound=0, with_lists=False)
            return "|".join(map(members.format, value))
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return ""
        if isinstance(value, (float, np.floating)) and _is_whole(float(value), self.bound):
            return str(int(value))
        return _format_other(value)


def _format_other(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)
    return str(value) if isinstance(value, _PLAIN_TYPES) else f"{type(value).__name__} {value!r}"


def _is_list(value: Any) -> bool:
    return isinstance(value, (tuple, list, set, frozenset)) or (
        isinstance(value, np.ndarray) and value.ndim == 1
    )


def _is_whole(number: float, bound: int) -> bool:
    return number.is_integer() and abs(number) < bound


def parse_words(texts: FactorizedText, table: Mapping[str, Any]) -> npt.NDArray[np.object_]:
    """Return the value in `table` of each different text, ignoring case and outer space; None without one."""
    values = [table.get(word.strip().casefold()) for word in texts.uniques]
    return np.array(values, dtype=object)


def guess_words(words: npt.NDArray[np.object_], table: dict[str, Any]) -> list[str] | None:
    """Return for each text that is not in `table` a hint with the nearest word that is; None for a flood.

    Examples
    --------
    >>> import numpy as np
    >>> from klikit_frames.frames.cell_values import SCOPE_WORDS, guess_words
    >>> guess_words(np.array(["stor"], dtype=object), SCOPE_WORDS)
    ["Did you mean 'store'?"]
    """
    if not len(words) or len(words) > _MOST_GUESSES:
        return None
    accepted = ", ".join(sorted({str(value).lower() for value in table.values()}))
    return [_guess(word.strip().casefold(), list(table), f"Write one of: {accepted}.") for word in words]


def _guess(word: str, words: list[str], otherwise: str) -> str:
    if word in {"1.0", "0.0"} and "1" in words:
        return "It came as a float, as pandas makes of 1 and 0 with blanks: read the table with dtype=str."
    nearest = process.extractOne(word, words, scorer=fuzz.ratio, score_cutoff=70)
    return f"Did you mean {nearest[0]!r}?" if nearest else otherwise


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
    """Suggest what a person most likely meant; the suggestion is never applied."""
    if len(word) > _MOST_DIGITS:
        return 0
    if code in {"id_padded", "id_signed", "id_foreign_digits"}:
        return _parse_id(str(int(word)))
    if code == "id_fraction":
        whole, _, rest = re.sub(",", ".", word.lstrip("+")).partition(".")
        return _parse_id(whole) if not rest.strip("0") else 0
    return _parse_id(re.sub(r"\D", "", word)) if code == "id_separator" else 0
