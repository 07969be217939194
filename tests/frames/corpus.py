"""Nasty files and frames, each with the toggles and the problems that are to come of it.

A toggle is said as ``item 5 663/1062 off``, a problem as ``row:line column code``, warnings with a ``?``.
"""

from __future__ import annotations

import codecs
import datetime as dt
import decimal
import gzip
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import xlsxwriter

from klikit_frames.frames.schemas import RESULT_COLUMNS

HEAD = "entity_type,entity_id,brand_id,branch_id,is_enabled"
GOOD = "item,5,663,1062,off"
TOGGLE = "item 5 663/1062 off"
OTHER = "item,6,663,1062,on"
OTHER_TOGGLE = "item 6 663/1062 on"


@dataclass(frozen=True)
class Case:
    """One source with what is to come of it."""

    name: str
    source: Any
    toggles: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        return self.name


def lines(*rows: str, end: str = "\n") -> bytes:
    """Return a CSV file."""
    return "".join(row + end for row in rows).encode()


def sheet(*rows: list[object], name: str = "Sheet1", before: int = 0) -> bytes:
    """Return an XLSX file, with some empty sheets before the one that counts."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for place in range(before):
            book.add_worksheet(f"Empty{place}")
        page = book.add_worksheet(name)
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)
    return buffer.getvalue()


def frame(**columns: object) -> pd.DataFrame:
    """Return two good rows, with some columns replaced or, if None, left out."""
    base: dict[str, object] = {
        "entity_type": ["item", "item"],
        "entity_id": [5, 6],
        "brand_id": [663, 663],
        "branch_id": [1062, 1062],
        "is_enabled": [False, True],
    }
    return pd.DataFrame({name: cells for name, cells in (base | columns).items() if cells is not None})


def indexed(index: object) -> pd.DataFrame:
    """Return two good rows under another index."""
    return frame().set_axis(index, axis=0)


def parquet(table: pd.DataFrame) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def result_csv(*outcomes: str) -> bytes:
    """Return a result file of ours with one row per outcome."""
    added = ",".join(RESULT_COLUMNS)
    rest = "," * (len(RESULT_COLUMNS) - 1)
    rows = [f"item,{5 + place},663,1062,off,'=1+1,{outcome}{rest}" for place, outcome in enumerate(outcomes)]
    return lines(f"{HEAD},note,{added}", *rows)


BOTH = [TOGGLE, OTHER_TOGGLE]

IDS = {
    "5297.0": "id_fraction",
    "5297.5": "id_fraction",
    "5.": "id_fraction",
    "5e3": "id_exponent",
    "2.8E+05": "id_exponent",
    "007": "id_padded",
    "0": "id_not_positive",
    "00": "id_not_positive",
    "-5": "id_not_positive",
    "+5": "id_signed",
    "5_000": "id_separator",
    "5.297": "id_separator",
    "5 297": "id_separator",
    "5'297": "id_separator",
    "5\u00a0297": "id_separator",
    "٥٢": "id_foreign_digits",
    "５": "id_foreign_digits",
    "²": "id_not_number",
    "0x1F": "id_not_number",
    "CBA006": "id_not_number",
    "nan": "id_not_number",
    "NA": "id_not_number",
    "True": "id_not_number",
    "5;6": "id_not_number",
    "5\u200b": "id_not_number",
    "=5": "id_not_number",
    "9223372036854775808": "id_too_large",
    "99999999999999999999": "id_too_large",
}
FLAGS = {
    **dict.fromkeys(("true", "TRUE", " Yes ", "on", "1", "y", "T", "Enabled", "enable", "active"), "on"),
    **dict.fromkeys(("Aktif", "ya", "WAHR", "ja", "\u00a0on\u00a0"), "on"),
    **dict.fromkeys(("False", "no", "OFF", "0", "n", "disable", "Disabled", "inactive"), "off"),
    **dict.fromkeys(("nonaktif", "Non-Aktif", "tidak", "FALSCH", "nein", "FAUX"), "off"),
}
NO_FLAGS = [
    "maybe",
    "2",
    "-1",
    "1.0",
    "0.0",
    "nan",
    "None",
    "x",
    "-",
    "tru",
    "false.",
    "ｔｒｕｅ",
    "10",
    "yes no",
]

CELLS = [
    *(Case(f"id {word!r}", lines(HEAD, f"item,{word},663,1062,off"), [], [f"1:2 entity_id {code}"]) for word, code in IDS.items()),
    *(Case(f"flag {word!r}", lines(HEAD, f"item,5,663,1062,{word}"), [f"item 5 663/1062 {flag}"]) for word, flag in FLAGS.items()),
    *(Case(f"no flag {word!r}", lines(HEAD, f"item,5,663,1062,{word}"), [], ["1:2 is_enabled flag_unknown"]) for word in NO_FLAGS),
    Case("largest id", lines(HEAD, "item,9223372036854775807,1,1,on"), ["item 9223372036854775807 1/1 on"]),
    Case("id in outer space", lines(HEAD, "item,  5\t,663 ,1062,off"), [TOGGLE]),
    Case("level in capitals", lines(HEAD, " ITEM ,5,663,1062,off"), [TOGGLE]),
    Case("level unknown", lines(HEAD, "dish,5,663,1062,off", OTHER), [OTHER_TOGGLE], ["1:2 entity_type entity_type_unknown"]),
    Case("level blank", lines(HEAD, ",5,663,1062,off"), [], ["1:2 entity_type entity_type_blank"]),
    Case("level of blanks", lines(HEAD, "   ,5,663,1062,off"), [], ["1:2 entity_type entity_type_blank"]),
    Case("id blank", lines(HEAD, "item,,663,1062,off"), [], ["1:2 entity_id id_blank"]),
    Case("flag blank", lines(HEAD, "item,5,663,1062,"), [], ["1:2 is_enabled flag_blank"]),
    Case("flag of blanks", lines(HEAD, "item,5,663,1062,  "), [], ["1:2 is_enabled flag_blank"]),
    Case("store missing", lines(HEAD, "item,5,,,off"), [], ["1:2 brand_id store_missing"]),
    Case("brand missing", lines(HEAD, "item,5,,1062,off"), [], ["1:2 brand_id store_half"]),
    Case("branch missing", lines(HEAD, "item,5,663,,off"), [], ["1:2 branch_id store_half"]),
    Case("brand bad", lines(HEAD, "item,5,663.0,1062,off"), [], ["1:2 brand_id id_fraction"]),
    Case("brand bad, branch blank", lines(HEAD, "item,5,x,,off"), [], ["1:2 brand_id id_not_number", "1:2 branch_id store_half"]),
    Case("all wrong at once", lines(HEAD, "dish,x,y,z,maybe"), [], [
        "1:2 entity_type entity_type_unknown", "1:2 entity_id id_not_number", "1:2 brand_id id_not_number",
        "1:2 branch_id id_not_number", "1:2 is_enabled flag_unknown",
    ]),
]  # fmt: skip

SCOPED = f"{HEAD},scope"
CASCADED = f"{HEAD},cascade_to_modifier_groups,cascade_brand_ids"
SCOPES = [
    Case("scope business", lines(SCOPED, "item,5,,,off,Business"), ["item 5 business off"]),
    Case("scope store", lines(SCOPED, "item,5,663,1062,off, STORE"), [TOGGLE]),
    Case("scope blank", lines(SCOPED, "item,5,663,1062,off,"), [], ["1:2 scope scope_blank"]),
    Case("scope unknown", lines(SCOPED, "item,5,663,1062,off,city"), [], ["1:2 scope scope_unknown"]),
    Case("scope unknown without store", lines(SCOPED, "item,5,,,off,all"), [], ["1:2 scope scope_unknown"]),
    Case("business with a store", lines(SCOPED, "item,5,663,1062,off,business"), [], ["1:2 scope store_on_business"]),
    Case("business with half a store", lines(SCOPED, "item,5,663,,off,business"), [], ["1:2 scope store_on_business"]),
    Case("scope store, no store", lines(SCOPED, "item,5,,,off,store"), [], ["1:2 brand_id store_missing"]),
    Case("business only, no store columns", lines("item_id,scope,is_enabled", "5,business,off"), ["item 5 business off"]),
    Case("store scope, no store columns", lines("item_id,scope,is_enabled", "5,store,off"), [], [
        "-:- brand_id column_missing", "-:- branch_id column_missing",
    ]),
    Case("cascade", lines(CASCADED, "item,5,663,1062,off,yes,664 | 663|664"), [f"{TOGGLE} cascade 663|664"]),
    Case("cascade to all", lines(CASCADED, "item,5,663,1062,off,yes,"), [f"{TOGGLE} cascade"]),
    Case("cascade blank", lines(CASCADED, "item,5,663,1062,off,,"), [TOGGLE]),
    Case("cascade odd", lines(CASCADED, "item,5,663,1062,off,maybe,663"), [], ["1:2 cascade_to_modifier_groups flag_unknown"]),
    Case("brands without cascade", lines(CASCADED, "item,5,663,1062,off,no,663"), [], ["1:2 cascade_brand_ids cascade_brands_unused"]),
    Case("brands with commas", lines(CASCADED, 'item,5,663,1062,off,yes,"663,664"'), [], ["1:2 cascade_brand_ids cascade_brands_unreadable"]),
    Case("brands with a gap", lines(CASCADED, "item,5,663,1062,off,yes,663||664"), [], ["1:2 cascade_brand_ids cascade_brands_unreadable"]),
]  # fmt: skip

ROWS = [
    Case("duplicate", lines(HEAD, GOOD, OTHER, GOOD), [TOGGLE, OTHER_TOGGLE, TOGGLE], ["3:4  duplicate?"]),
    Case("duplicate said otherwise", lines(HEAD, GOOD, "ITEM, 5,663,1062,No"), [TOGGLE, TOGGLE], ["2:3  duplicate?"]),
    Case("contradiction", lines(HEAD, GOOD, OTHER, "item,5,663,1062,on"), [OTHER_TOGGLE], [
        "1:2 is_enabled contradiction", "3:4 is_enabled contradiction",
    ]),
    Case("contradiction of three", lines(HEAD, GOOD, GOOD, "item,5,663,1062,on"), [], [
        "1:2 is_enabled contradiction", "2:3 is_enabled contradiction", "2:3  duplicate?", "3:4 is_enabled contradiction",
    ]),
    Case("contradiction of cascades", lines(CASCADED, "item,5,663,1062,off,yes,663", "item,5,663,1062,off,yes,664"), [], [
        "1:2 cascade_to_modifier_groups contradiction_cascade", "2:3 cascade_to_modifier_groups contradiction_cascade",
    ]),
    Case("same id, other level", lines(HEAD, GOOD, "section,5,663,1062,on"), [TOGGLE, "section 5 663/1062 on"]),
    Case("same id, other store", lines(HEAD, GOOD, "item,5,664,1062,on"), [TOGGLE, "item 5 664/1062 on"]),
    Case("bad rows contradict nobody", lines(HEAD, GOOD, "item,5,663,1062,maybe"), [TOGGLE], ["2:3 is_enabled flag_unknown"]),
    Case("business and store", lines(SCOPED, "item,5,,,off,business", "item,5,663,1062,on,store"),
         ["item 5 business off", "item 5 663/1062 on"], ["1:2 scope business_and_store?"]),
]  # fmt: skip

FILES = [
    Case("plain", lines(HEAD, GOOD, OTHER), BOTH),
    Case("no last newline", f"{HEAD}\n{GOOD}".encode(), [TOGGLE]),
    Case("windows", lines(HEAD, GOOD, OTHER, end="\r\n"), BOTH),
    Case("old mac", lines(HEAD, GOOD, OTHER, end="\r"), BOTH),
    Case("utf-8 with mark", codecs.BOM_UTF8 + lines(HEAD, GOOD), [TOGGLE], note="utf-8, by its byte order mark"),
    Case("utf-16", lines(HEAD, GOOD).decode().encode("utf-16"), [TOGGLE], note="utf-16-le"),
    Case("utf-16 big end", codecs.BOM_UTF16_BE + lines(HEAD, GOOD).decode().encode("utf-16-be"), [TOGGLE], note="utf-16-be"),
    Case("utf-16 without mark", lines(HEAD, GOOD).decode().encode("utf-16-le"), [TOGGLE], note="utf-16-le"),
    Case("utf-32", lines(HEAD, GOOD).decode().encode("utf-32"), [TOGGLE], note="utf-32-le"),
    Case("cp1252", f"{HEAD},note\n{GOOD},Crème brûlée à la carte, déjà\n".replace("carte, d", "carte; d").encode("cp1252"), [TOGGLE], note="which is a guess"),
    Case("semicolons", lines(HEAD, GOOD).replace(b",", b";"), [TOGGLE], note="semicolons"),
    Case("tabs", lines(HEAD, GOOD).replace(b",", b"\t"), [TOGGLE], note="tabs"),
    Case("bars", lines(HEAD, GOOD).replace(b",", b"|"), [TOGGLE], note="bars"),
    Case("semicolons, commas in notes", b"item_id;store;is_enabled;note\n5;663/1062;off;a, b, c\n", [TOGGLE], note="semicolons"),
    Case("sep line of Excel", b"sep=;\n" + lines(HEAD, GOOD).replace(b",", b";"), [TOGGLE], note="line 2"),
    Case("all quoted", lines(*(",".join(f'"{cell}"' for cell in row.split(",")) for row in (HEAD, GOOD))), [TOGGLE]),
    Case("quoted newline", lines(f"{HEAD},note", f'{GOOD},"a\nb"', "item,6,663,1062,maybe,"), [TOGGLE], ["2:4 is_enabled flag_unknown"]),
    Case("quoted windows newlines", lines(f"{HEAD},note", f'{GOOD},"a\r\nb\r\nc"', "item,6,663,1062,maybe,", end="\r\n"), [TOGGLE], ["2:5 is_enabled flag_unknown"]),
    Case("newline in header", b'entity_type,entity_id,brand_id,branch_id,is_enabled,"my\nnote"\nitem,5,663,1062,maybe,\n', [], ["1:3 is_enabled flag_unknown"]),
    Case("doubled quotes", lines(f"{HEAD},note", f'{GOOD},"say ""hi"", ok"'), [TOGGLE]),
    Case("blank lines inside", lines(HEAD, "", GOOD, "", "", "item,6,663,1062,"), [TOGGLE], ["5:6 is_enabled flag_blank"], note="between others were skipped: 3"),
    Case("blank rows at the end", lines(HEAD, GOOD, ",,,,", "", "  ,,,,"), [TOGGLE], note="at the end were skipped: 3"),
    Case("title row above", lines("Menu changes, week 48", "", HEAD, GOOD, "item,6,663,1062,"), [TOGGLE], ["2:5 is_enabled flag_blank"], note="line 3"),
    Case("wide title row above", lines("a,b,c,d,e,f,g,h", HEAD, GOOD), [TOGGLE], note="line 2"),
    Case("cell too many", lines(HEAD, f"{GOOD},x", OTHER), [OTHER_TOGGLE], ["1:2  row_too_long"]),
    Case("blank cell too many", lines(HEAD, GOOD, f"{OTHER},"), [TOGGLE], ["2:3  row_too_long"]),
    Case("cell too many and all else wrong", lines(HEAD, "dish,x,,,maybe,x"), [], ["1:2  row_too_long"]),
    Case("cell too many after a quoted newline", lines(f"{HEAD},note", f'{GOOD},"a\nb"', f"{OTHER},,"), [TOGGLE], ["2:4  row_too_long"]),
    Case("cells missing", lines(HEAD, "item,5,663"), [], ["1:2 branch_id store_half", "1:2 is_enabled flag_blank"]),
    Case("optional cells missing", lines(CASCADED, GOOD), [TOGGLE]),
    Case("only own cells filled", lines(f"note,{HEAD}", "total: 2,,,,,", f"x,{GOOD}"), [TOGGLE], ["1:2  row_blank"]),
    Case("NUL in an id", lines(HEAD, "item,5\0,663,1062,off", OTHER), [OTHER_TOGGLE], ["1:2 entity_id nul_character"]),
    Case("NUL in a note", lines(f"{HEAD},note", f"{GOOD},a\0b"), [], ["1:2 note nul_character"]),
    Case("quote never closed", lines(f"{HEAD},note", f"{GOOD},fine", f'{OTHER},"oops', f"{OTHER},x"), [TOGGLE], ["2:3  quote_unclosed"]),
    Case("empty", b"", [], ["-:-  file_empty"]),
    Case("only blanks", b" \n\n", [], ["-:-  file_empty"]),
    Case("only a mark", codecs.BOM_UTF8, [], ["-:-  file_empty"]),
    Case("header only", lines(HEAD)),
    Case("header and blank rows", lines(HEAD, ",,,,", "")),
    Case("no header", lines(GOOD), [], [
        "-:- entity_type column_missing", "-:- entity_id column_missing", "-:- is_enabled column_missing",
        "-:- brand_id column_missing", "-:- branch_id column_missing",
    ]),
    Case("gzip", gzip.compress(lines(HEAD, GOOD)), [TOGGLE]),
    Case("text file object", io.StringIO(f"{HEAD}\n{GOOD}\n"), [TOGGLE]),
    Case("binary file object", io.BytesIO(lines(HEAD, GOOD)), [TOGGLE]),
    Case("result of ours", result_csv("applied", "failed"), [TOGGLE, "item 6 663/1062 off"], note="result of a run"),
]  # fmt: skip

HEADERS = [
    Case("the API's spellings", b"entityType,entityID,brandID,branchID,isEnabled,isCascadeToModifierGroups,brandIDsToCascade\nitem,5,663,1062,off,on,663\n", [f"{TOGGLE} cascade 663"], note="'isEnabled' was read as 'is_enabled'"),
    Case("capitals and spaces", b" Entity Type ,ENTITY ID,Brand-ID,Branch_Id,Is  Enabled\nitem,5,663,1062,off\n", [TOGGLE]),
    Case("item_id", b"item_id,brand_id,branch_id,is_enabled\n5,663,1062,off\n", [TOGGLE], note="about one item"),
    Case("sectionID", b"sectionID,brand_id,branch_id,is_enabled\n5,663,1062,off\n", ["section 5 663/1062 off"]),
    Case("category_id and a level", b"category_id,entity_type,store,is_enabled\n5,category,663/1062,off\n6,item,663/1062,off\n7,,663/1062,off\n", ["category 5 663/1062 off", "category 7 663/1062 off"], ["2:3 entity_type entity_type_mismatch"]),
    Case("item_id and section_id", b"item_id,section_id,store,is_enabled\n5,6,663/1062,off\n", [], ["-:- entity_id column_double"]),
    Case("item_id beside entity_id", lines(f"{HEAD},item_id", f"{GOOD},77"), [TOGGLE]),
    Case("weak names", b"type,id,store,enabled\nitem,5,663/1062,off\n", [TOGGLE], note="'id' was read as 'entity_id'"),
    Case("weak names beside strong ones", lines(f"id,type,{HEAD}", f"1,vegan,{GOOD}"), [TOGGLE]),
    Case("two weak names", b"level,type,id,store,enabled\nitem,item,5,663/1062,off\n", [], ["-:- entity_type column_double"]),
    Case("column twice", lines(f"{HEAD},is_enabled", f"{GOOD},on"), [], ["-:- is_enabled column_double"]),
    Case("column in two spellings", lines(f"{HEAD},isEnabled", f"{GOOD},on"), [], ["-:- is_enabled column_double"]),
    Case("column missing", lines("entity_type,entity_id,brand_id,branch_id", "item,5,663,1062"), [], ["-:- is_enabled column_missing"]),
    Case("column misspelt", lines(HEAD.replace("is_enabled", "is_enabeld"), GOOD), [], ["-:- is_enabled column_missing"]),
    Case("cyrillic letter", lines(HEAD.replace("brand_id", "br\u0430nd_id"), GOOD), [], ["-:- brand_id column_missing"]),
    Case("cascade misspelt", lines(f"{HEAD},cascade_to_modifier_group", f"{GOOD},yes"), [], ["-:- cascade_to_modifier_groups column_lookalike"]),
    Case("own column like scope", lines(f"{HEAD},score", f"{GOOD},7"), [TOGGLE], ["-:- scope column_lookalike?"]),
    Case("zero width in a header", lines("\u200b" + HEAD, GOOD), [TOGGLE]),
    Case("nameless blank column", lines(f"{HEAD},", f"{GOOD},"), [TOGGLE]),
    Case("nameless filled column", lines(f"{HEAD},", f"{GOOD},mine"), [TOGGLE], note="'column_6'"),
    Case("store column", b"item_id,store,is_enabled\n5, 663 / 1062 ,off\n6,663/1062,on\n", BOTH),
    Case("store column bad", b"item_id,store,is_enabled\n5,663-1062,off\n6,Senopati,on\n7,663/,on\n8,,on\n", [], [
        "1:2 store store_unreadable", "2:3 store store_unreadable", "3:4 store store_unreadable", "4:5 brand_id store_missing",
    ]),
    Case("store column beside ids", lines(f"{HEAD},store", f"{GOOD},Senopati"), [TOGGLE]),
    Case("own columns twice", lines(f"{HEAD},note,note", f"{GOOD},a,b"), [TOGGLE], note="'note_2'"),
    Case("own columns like results", lines(f"{HEAD},code,message", f"{GOOD},a,b"), [TOGGLE], note="'input_code'"),
]  # fmt: skip

TYPED = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]
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
    Case("dict of lists", frame().to_dict("list"), BOTH),
    Case("polars", pl.from_pandas(frame()), BOTH, note="polars"),
    Case("polars with nulls", pl.DataFrame({name: list(cells) for name, cells in (frame().to_dict("list") | IDS_WITH_BLANK).items()}), MIXED),
    Case("polars lazy", pl.from_pandas(frame()).lazy(), BOTH),
    Case("pyarrow", pa.Table.from_pandas(frame()), BOTH),
    Case("parquet", parquet(frame()), BOTH, note="Parquet"),
    Case("parquet with nulls", parquet(frame(**IDS_WITH_BLANK).convert_dtypes()), MIXED),
    Case("broken parquet", b"PAR1 and nothing more", [], ["-:-  file_unreadable"]),
]  # fmt: skip

CASES = [*CELLS, *SCOPES, *ROWS, *FILES, *HEADERS, *SHEETS, *JSONS, *FRAMES]
