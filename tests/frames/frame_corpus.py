"""Sheets, JSON Lines and frames: each with the toggles and problems that are to come of it."""

# ruff: noqa: E501 - a table, one case per line

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]

from tests.frames.cases import (
    BOTH,
    OTHER_TOGGLE,
    TOGGLE,
    TYPED,
    Case,
    frame,
    indexed,
    parquet,
    sheet,
)

SHEETS = [
    Case("sheet of numbers", sheet(TYPED, ["item", 5, 663, 1062, False]), [TOGGLE]),
    Case("sheet of texts", sheet(TYPED, ["item", "5", "663", "1062", "off"]), [TOGGLE]),
    Case("sheet with numbers as flags", sheet(TYPED, ["item", 5, 663, 1062, 0]), [TOGGLE]),
    Case("sheet with a title row", sheet(["Week 48"], [], TYPED, ["item", 5, 663, 1062, "maybe"]), [], ["1:4 is_enabled flag_unknown"], note="line 3"),
    Case("sheet with blank rows", sheet(TYPED, [""], ["item", 5, 663, 1062, False], ["", " "]), [TOGGLE], note="at the end"),
    Case("sheet with a long number", sheet(TYPED, ["item", 123456789012345678, 663, 1062, False]), [], ["1:2 entity_id id_imprecise"]),
    Case("sheet with 16 digits", sheet(TYPED, ["item", 1234567890123456, 663, 1062, False]), [], ["1:2 entity_id id_imprecise"]),
    Case("sheet with 15 digits", sheet(TYPED, ["item", 123456789012345, 663, 1062, False]), ["item 123456789012345 663/1062 off"]),
    Case("sheet with a long text", sheet(TYPED, ["item", "123456789012345678", 663, 1062, False]), ["item 123456789012345678 663/1062 off"]),
    Case("sheet with a fraction", sheet(TYPED, ["item", 5.5, 663, 1062, False]), [], ["1:2 entity_id id_fraction"]),
    Case("sheet with a text fraction", sheet(TYPED, ["item", "5.0", 663, 1062, False]), [], ["1:2 entity_id id_fraction"]),
    Case("second sheet", sheet(TYPED, ["item", 5, 663, 1062, False], name="Plan", before=1), [TOGGLE], note="'Plan'"),
    Case("empty workbook", sheet(), [], ["-:-  file_empty"]),
    Case("broken workbook", b"PK\x03\x04 and nothing more", [], ["-:-  file_unreadable"]),
]  # fmt: skip

JSON_ROW = (
    b'{"entity_type": "item", "entity_id": 5, "brand_id": 663, "branch_id": 1062, "is_enabled": false}\n'
)
JSONS = [
    Case("json lines", JSON_ROW, [TOGGLE]),
    Case("json array", b"[" + JSON_ROW + b"]", [TOGGLE]),
    Case("json without a key", JSON_ROW + b'{"entity_type": "item", "entity_id": 6, "is_enabled": true}', [TOGGLE], ["2:2 brand_id store_missing"]),
    Case("json null", JSON_ROW.replace(b"false", b"null"), [], ["1:1 is_enabled flag_blank"]),
    Case("json fraction", JSON_ROW.replace(b": 5,", b": 5.0,"), [], ["1:1 entity_id id_fraction"]),
    Case("json flag as an id", JSON_ROW.replace(b": 5,", b": true,"), [], ["1:1 entity_id id_not_number"]),
    Case("json list", JSON_ROW.replace(b"}", b', "cascade_to_modifier_groups": true, "cascade_brand_ids": [664, 663]}'), [f"{TOGGLE} cascade 663|664"]),
    Case("json broken line", JSON_ROW + b"\n{oops\n" + JSON_ROW.replace(b": 5,", b": 6,"), [TOGGLE, "item 6 663/1062 off"], ["3:3  json_invalid"]),
    Case("json of another kind", JSON_ROW + b"[1]\n", [TOGGLE], ["2:2  json_invalid"]),
    Case("json large id beside a null", JSON_ROW.replace(b": 5,", b": 9007199254740993,") + JSON_ROW.replace(b": 5,", b": null,"), ["item 9007199254740993 663/1062 off"], ["2:2 entity_id id_blank"]),
    Case("json key twice", JSON_ROW + JSON_ROW.replace(b'"brand_id"', b'"entity_id": 6, "brand_id"'), [TOGGLE], ["2:2  json_invalid"]),
    Case("json with half an emoji", JSON_ROW.replace(b"}", b', "note": "cut \\ud83d"}') + JSON_ROW.replace(b": 5,", b": 6,"), ["item 5 663/1062 off", "item 6 663/1062 off"], ["1:1 note character_cut?"]),
    Case("json with half an emoji in a name", JSON_ROW.replace(b"}", b', "cut \\ud83d": 1}'), [TOGGLE]),
    Case("json with half an emoji as a flag", JSON_ROW.replace(b"false", b'"\\ude00"'), [], ["1:1 is_enabled character_cut"]),
    Case("json with half an emoji in a list", JSON_ROW.replace(b"}", b', "tags": [{"a": ["\\ud83d"]}]}'), [TOGGLE], ["1:1 tags character_cut?"]),
    Case("json with half an emoji and no object", JSON_ROW + b'"\\ud83d"\n', [TOGGLE], ["2:2  json_invalid"]),
    Case("json with a whole emoji", JSON_ROW.replace(b"}", b', "note": "\\ud83d\\ude00"}'), [TOGGLE]),
    Case("json large id", JSON_ROW.replace(b": 5,", b": 9223372036854775808,"), [], ["1:1 entity_id id_too_large"]),
]  # fmt: skip

IDS_WITH_BLANK = {"scope": ["store", "business"], "brand_id": [663, None], "branch_id": [1062, None]}
MIXED = [TOGGLE, "item 6 business on"]
FRAMES = [
    Case("frame", frame(), BOTH),
    Case("frame of texts", frame(entity_id=["5", "6"], is_enabled=["off", "on"]), BOTH),
    Case("frame of string", frame().astype("string"), BOTH),
    Case("frame of object", frame().astype(object), BOTH),
    Case("frame of category", frame().astype("category"), BOTH),
    Case("frame of Int64 and boolean", frame().convert_dtypes(), BOTH),
    Case("frame of Arrow", frame().convert_dtypes(dtype_backend="pyarrow"), BOTH),
    Case("frame of int8 and uint16", frame().astype({"entity_id": "int8", "branch_id": "uint16"}), BOTH),
    Case("float ids of blanks", frame(**IDS_WITH_BLANK), MIXED, note="'brand_id' holds floats"),
    Case("Int64 ids with blanks", frame(**IDS_WITH_BLANK).convert_dtypes(), MIXED),
    Case("object ids with blanks", frame(**IDS_WITH_BLANK).astype(object), MIXED),
    Case("blanks of all kinds", frame(**(IDS_WITH_BLANK | {"brand_id": [663, pd.NA], "branch_id": [1062, float("nan")]})), MIXED),
    Case("float category", frame(entity_id=pd.Series([5.0, 6.0], dtype="category")), BOTH, note="'entity_id' holds floats"),
    Case("float fraction", frame(entity_id=[5.5, 6.0]), [OTHER_TOGGLE], ["1:- entity_id id_fraction"]),
    Case("float from 2**53", frame(entity_id=[2.0**53, 6.0]), [OTHER_TOGGLE], ["1:- entity_id id_imprecise"]),
    Case("float below 2**53", frame(entity_id=[2.0**53 - 1, 6.0]), ["item 9007199254740991 663/1062 off", OTHER_TOGGLE]),
    Case("float far above", frame(entity_id=[1e20, 6.0]), [OTHER_TOGGLE], ["1:- entity_id id_imprecise"]),
    Case("float infinite", frame(entity_id=[np.inf, 6.0]), [OTHER_TOGGLE], ["1:- entity_id id_not_number"]),
    Case("float negative", frame(entity_id=[-5.0, 6.0]), [OTHER_TOGGLE], ["1:- entity_id id_not_positive"]),
    Case("float32 from 2**24", frame(entity_id=pd.Series([2**24, 6], dtype="float32")), [OTHER_TOGGLE], ["1:- entity_id id_imprecise"]),
    Case("text fraction in a frame", frame(entity_id=["5297.0", "6"]), [OTHER_TOGGLE], ["1:- entity_id id_fraction"]),
    Case("decimal", frame(entity_id=[decimal.Decimal(5), decimal.Decimal("6.0")]), [TOGGLE], ["2:- entity_id id_fraction"]),
    Case("uint64 above the largest", frame(entity_id=pd.Series([2**63, 6], dtype="uint64")), [OTHER_TOGGLE], ["1:- entity_id id_too_large"]),
    Case("flags as ids", frame(entity_id=[True, False]), [], ["1:- entity_id id_not_number", "2:- entity_id id_not_number"]),
    Case("a flag among ids", frame(entity_id=pd.Series([1, True], dtype=object)), ["item 1 663/1062 off"], ["2:- entity_id id_not_number"]),
    Case("a date as an id", frame(entity_id=[dt.date(2026, 1, 2), 6]), [OTHER_TOGGLE], ["1:- entity_id id_not_number"]),
    Case("ints as flags", frame(is_enabled=[0, 1]), BOTH),
    Case("numpy flags", frame(is_enabled=pd.Series([np.False_, np.True_], dtype=object)), BOTH),
    Case("nullable flags", frame(is_enabled=pd.array([False, None], dtype="boolean")), [TOGGLE], ["2:- is_enabled flag_blank"]),
    Case("object flags with None", frame(is_enabled=[False, None]), [TOGGLE], ["2:- is_enabled flag_blank"]),
    Case("float flags", frame(is_enabled=[0.0, 1.0]), [], ["1:- is_enabled flag_unknown", "2:- is_enabled flag_unknown"]),
    Case("mixed flags", frame(is_enabled=["off", True]), BOTH),
    Case("tuples of brands", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[(664, 663), ()]), [f"{TOGGLE} cascade 663|664", f"{OTHER_TOGGLE} cascade"]),
    Case("lists of brands", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[[664], None]), [f"{TOGGLE} cascade 664", f"{OTHER_TOGGLE} cascade"]),
    Case("list with a fraction", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[[1.5], []]), [f"{OTHER_TOGGLE} cascade"], ["1:- cascade_brand_ids cascade_brands_unreadable"]),
    Case("floats of brands and blanks", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[664.0, None]), [f"{TOGGLE} cascade 664", f"{OTHER_TOGGLE} cascade"], note="'cascade_brand_ids' holds floats"),
    Case("one brand as an int", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[664, 663]), [f"{TOGGLE} cascade 664", f"{OTHER_TOGGLE} cascade 663"]),
    Case("index of texts", indexed(["a", "b"]), BOTH),
    Case("index with doubles", indexed([7, 7]), BOTH),
    Case("index of times", indexed(pd.to_datetime(["2026-01-02", "2026-01-03"])), BOTH),
    Case("nested index", indexed(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])), BOTH),
    Case("id in the index", frame().set_index("entity_id"), [], ["-:- entity_id column_missing"]),
    Case("nested columns", frame().set_axis(pd.MultiIndex.from_product([["x"], TYPED]), axis=1), [], ["-:-  columns_nested"]),
    Case("column twice in a frame", frame().set_axis(["entity_type", "entity_id", "brand_id", "brand_id", "is_enabled"], axis=1), [], [
        "-:- brand_id column_double", "-:- branch_id column_missing",
    ]),
    Case("columns that are numbers", pd.concat([frame(), pd.DataFrame({0: [1, 2], 1: [3, 4]})], axis=1), BOTH),
    Case("blank row in a frame", pd.concat([frame(), pd.DataFrame([{}])], ignore_index=True).astype(object), BOTH, ["3:-  row_blank"]),
    Case("empty frame", frame().iloc[:0]),
    Case("frame of nothing", pd.DataFrame(), [], [f"-:- {name} column_missing" for name in ("entity_type", "entity_id", "is_enabled", "brand_id", "branch_id")]),
    Case("list of dicts", frame().to_dict("records"), BOTH),
    Case("list of dicts with a large id and none", [row | {"entity_id": entity_id} for row, entity_id in zip(frame().to_dict("records"), [9007199254740993, None], strict=True)], ["item 9007199254740993 663/1062 off"], ["2:- entity_id id_blank"]),
    Case("dict of lists", frame().to_dict("list"), BOTH),
    Case("polars", pl.from_pandas(frame()), BOTH, note="polars"),
    Case("polars with nulls", pl.DataFrame({name: list(cells) for name, cells in (frame().to_dict("list") | IDS_WITH_BLANK).items()}), MIXED),  # type: ignore[call-overload]
    Case("polars lazy", pl.from_pandas(frame()).lazy(), BOTH),
    Case("pyarrow", pa.Table.from_pandas(frame()), BOTH),
    Case("parquet", parquet(frame()), BOTH, note="Parquet"),
    Case("parquet with nulls", parquet(frame(**IDS_WITH_BLANK).convert_dtypes()), MIXED),
    Case("half an emoji in a frame", frame(note=pd.Series(["a", "b \ude00"], dtype=object)), BOTH, ["2:- note character_cut?"]),
    Case("half an emoji in two columns", frame(note=pd.Series(["\ud83d", "b"], dtype=object), scope=pd.Series(["\ud83d", "store"], dtype=object)), [OTHER_TOGGLE], ["1:- note character_cut?", "1:- scope character_cut"]),
    Case("half an emoji in a list of dicts", [row | {"note": note} for row, note in zip(frame().to_dict("records"), ["\ud83d", None], strict=True)], BOTH, ["1:- note character_cut?"]),
    Case("half an emoji among brands", frame(cascade_to_modifier_groups=True, cascade_brand_ids=[("\ud83d",), ()]), [f"{OTHER_TOGGLE} cascade"], ["1:- cascade_brand_ids character_cut"]),
    Case("broken parquet", b"PAR1 and nothing more", [], ["-:-  file_unreadable"]),
]  # fmt: skip
