"""Values that only look like ids and flags, nested values and errors of formulas."""

# ruff: noqa: E501 - a table, one case per line

from __future__ import annotations

import decimal
import enum
import fractions
import io
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter

from tests.frames.cases import (
    BOTH,
    GOOD,
    HEAD,
    OTHER_TOGGLE,
    SCOPED,
    TOGGLE,
    TYPED,
    Case,
    frame,
    lines,
)


class Number(enum.IntEnum):
    """An integer with a name."""

    FIVE = 5


class Shown:
    """An object that prints as digits."""

    def __str__(self) -> str:
        return "5"

    def __repr__(self) -> str:
        return "5"


def nested(levels: int) -> list[Any]:
    """Return a list in a list in a list."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def circular() -> list[Any]:
    """Return a list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


def cells(first: object, second: object) -> pd.Series[Any]:
    """Return a column of two objects as they are."""
    column = pd.Series([None, None], dtype=object)
    column[:] = np.fromiter((first, second), dtype=object, count=2)
    return column


def error_sheet(*, openpyxl: bool = False) -> bytes:
    """Return an XLSX file in which three formulas failed."""
    buffer = io.BytesIO()
    rows: list[list[object]] = [
        [*TYPED],
        ["item", "=1/0", 663, 1062, "off"],
        ["item", 6, 663, 1062, "=NA()"],
        ["item", 5, 663, 1062, False],
    ]
    with xlsxwriter.Workbook(buffer) as book:
        book.add_worksheet("Empty & new")
        page = book.add_worksheet("Plan <48> & more")
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)
        page.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        page.write_formula(2, 4, "=NA()", None, "#N/A")
    return buffer.getvalue()


NO_IDS: dict[str, object] = {
    "list": [1], "tuple": (1,), "set": {1}, "frozenset": frozenset({1}), "array": np.array([1]), "scalar array": np.array(1),
    "Series": pd.Series([1]), "Index": pd.Index([1]), "dict": {1: 1}, "Period": pd.Period("2024"), "Fraction": fractions.Fraction(5),
    "bytes": b"5", "complex": 5 + 0j, "Timedelta": pd.Timedelta(5), "timedelta64": np.timedelta64(5), "datetime64": np.datetime64("2024"),
    "flag": True, "numpy flag": np.True_, "object that prints as digits": Shown(), "class": int, "range": range(5, 6), "text in a list": ["5"],
    "Interval": pd.Interval(5, 6), "integer of 6,000 digits": 10**6_000, "text of 6,000 digits": "0" * 6_000 + "5", "Decimal with a point": decimal.Decimal("5.0"),
}  # fmt: skip
IDS = {
    "int": 5, "numpy int": np.int8(5), "unsigned": np.uint64(5), "named int": Number.FIVE, "text": "5",
    "numpy text": np.str_("5"), "whole Decimal": decimal.Decimal(5), "whole float": 5.0,
}  # fmt: skip
NO_FLAGS: dict[str, object] = {
    "list": [True], "set": {False}, "tuple": ("off",), "array": np.array([0]), "float": 1.0, "bytes": b"on", "complex": 1 + 0j,
    "Period": pd.Period("2024"), "Fraction": fractions.Fraction(1), "dict": {"on": True}, "object that prints as digits": Shown(),
}  # fmt: skip
NO_LISTS: dict[str, object] = {
    "nested list": [[663]], "list of flags": [True], "list of Periods": [pd.Period("2024")], "dict": {663: 1}, "square array": np.array([[663]]),
    "scalar array": np.array(663), "list of lists of nothing": [[]], "Series": pd.Series([663]),
}  # fmt: skip
FORMULA_ERRORS = [
    "#DIV/0!",
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#WERT!",
    "#BEZUG!",
    "#NV",
    "#¡REF!",
    "#¿NOMBRE?",
    "#N/D",
    "Err:502",
    " #n/a ",
]

JSON_GOOD = b'{"item_id": 5, "store": "663/1062", "is_enabled": "off"'
DEEP = b"[" * 50_000 + b"]" * 50_000

ODD_VALUES = [
    *(Case(f"{name} as an id", frame(entity_id=cells(value, 6)), [OTHER_TOGGLE], [f"1:- entity_id {'id_fraction' if 'point' in name else 'id_padded' if 'text of' in name else 'id_not_number'}"]) for name, value in NO_IDS.items()),
    *(Case(f"{name} as a real id", frame(entity_id=cells(value, 6)), BOTH) for name, value in IDS.items()),
    *(Case(f"{name} as a flag", frame(is_enabled=cells(value, True)), [OTHER_TOGGLE], ["1:- is_enabled flag_unknown"]) for name, value in NO_FLAGS.items()),
    *(Case(f"{name} as brands", frame(cascade_to_modifier_groups=True, cascade_brand_ids=cells(value, ())), [f"{OTHER_TOGGLE} cascade"], ["1:- cascade_brand_ids cascade_brands_unreadable"]) for name, value in NO_LISTS.items()),
    Case("set of brands", frame(cascade_to_modifier_groups=True, cascade_brand_ids=cells({664, 663}, np.array([663]))), [f"{TOGGLE} cascade 663|664", f"{OTHER_TOGGLE} cascade 663"]),
    Case("periods as ids", frame(entity_id=pd.PeriodIndex(["2024", "2025"], freq="Y")), [], ["1:- entity_id id_not_number", "2:- entity_id id_not_number"]),
    Case("category of periods as ids", frame(entity_id=pd.Categorical(pd.PeriodIndex(["2024", "2025"], freq="Y"))), [], ["1:- entity_id id_not_number", "2:- entity_id id_not_number"]),
    Case("complex numbers as ids", frame(entity_id=[5 + 0j, 6 + 0j]), [], ["1:- entity_id id_not_number", "2:- entity_id id_not_number"]),
    Case("timedeltas as ids", frame(entity_id=pd.to_timedelta([5, 6])), [], ["1:- entity_id id_not_number", "2:- entity_id id_not_number"]),
    Case("list as a level", frame(entity_type=cells(["item"], "item")), [OTHER_TOGGLE], ["1:- entity_type entity_type_unknown"]),
    Case("list as a brand", frame(brand_id=cells([663], 663)), [OTHER_TOGGLE], ["1:- brand_id id_not_number"]),
    Case("list as a scope", frame(scope=cells(["store"], "store")), [OTHER_TOGGLE], ["1:- scope scope_unknown"]),
    Case("deep list in a note", frame(note=cells(nested(50_000), "a")), [OTHER_TOGGLE], ["1:- note value_nested"]),
    Case("deep list as an id", frame(entity_id=cells(nested(50_000), 6)), [OTHER_TOGGLE], ["1:- entity_id value_nested"]),
    Case("list of itself", frame(note=cells(circular(), "a")), [OTHER_TOGGLE], ["1:- note value_nested"]),
    Case("shallow list in a note", frame(note=cells(nested(20), "a")), BOTH),
    Case("json nested deep", JSON_GOOD + b', "note": ' + DEEP + b"}\n" + JSON_GOOD.replace(b"5,", b"6,") + b"}", ["item 6 663/1062 off"], ["1:1  json_invalid"]),
    Case("json nested by hundreds", JSON_GOOD + b', "note": ' + DEEP[49_700:50_300] + b"}\n" + JSON_GOOD.replace(b"5,", b"6,") + b"}", ["item 6 663/1062 off"], ["1:1 note value_nested"]),
    Case("json array nested deep", b"[" + JSON_GOOD + b', "note": ' + DEEP + b"}]", [], ["1:1  json_invalid"]),
    Case("json of brackets", DEEP, [], ["1:1  json_invalid"]),
    Case("json of objects in objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, [], ["1:1  json_invalid"]),
    Case("json with an id of 6,000 digits", JSON_GOOD.replace(b": 5", b": " + b"9" * 6_000) + b"}", [], ["1:1 entity_id id_too_large"]),
    *(Case(f"{error!r} as an id", lines(HEAD, f"item,{error},663,1062,off"), [], ["1:2 entity_id formula_error"]) for error in FORMULA_ERRORS),
    Case("errors of formulas everywhere", lines(SCOPED, "#REF!,5,#REF!,1062,#N/A,#NAME?"), [], [
        "1:2 entity_type formula_error", "1:2 scope formula_error", "1:2 brand_id formula_error", "1:2 is_enabled formula_error",
    ]),
    Case("error of a formula as a store", b"item_id,store,is_enabled\n5,#REF!,off\n", [], ["1:2 store formula_error"]),
    Case("error of a formula beside another word", lines(HEAD, "item,5,663,1062,#N/A", "item,6,663,1062,maybe"), [], ["1:2 is_enabled formula_error", "2:3 is_enabled flag_unknown"]),
    Case("error of a formula in a note", lines(f"{HEAD},note", f"{GOOD},#N/A"), [TOGGLE]),
    Case("errors of formulas in a sheet", error_sheet(), [TOGGLE], ["1:2 entity_id formula_error", "2:3 is_enabled formula_error"]),
    Case("csv whose first header begins with a bracket", b"[note],item_id,store,is_enabled\na,5,663/1062,off\n", [TOGGLE]),
    Case("csv whose first header begins with a brace", b"{note};item_id;store;is_enabled\na;5;663/1062;off\n", [TOGGLE]),
    Case("csv whose first header is in quotes and brackets", b'[{"note"}],item_id,store,is_enabled\na,5,663/1062,off\n', [TOGGLE]),
    Case("NUL in a name", lines(f"{HEAD},no\0te", f"{GOOD},a"), [], ["-:- no\ufffdte nul_character"]),
    Case("NUL in a name of a frame", frame().assign(**{"no\0te": 1}), [], ["-:- no\ufffdte nul_character"]),
]  # fmt: skip
