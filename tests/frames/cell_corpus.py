"""Cells, scopes and rows against each other: each with the toggles and problems that are to come of it."""

# ruff: noqa: E501 - a table, one case per line

from __future__ import annotations

from tests.frames.cases import (
    CASCADED,
    GOOD,
    HEAD,
    OTHER,
    OTHER_TOGGLE,
    SCOPED,
    TOGGLE,
    Case,
    lines,
)

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

NO_LISTS = ["(", "(,)", "(663", "(663]", "[663, 664,]", "(663.0,)", "[[663]]", "(663|664)", "{663}", "((), )"]

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
    Case("no brands as Python writes them", lines(CASCADED, "item,5,663,1062,off,False,()"), [TOGGLE]),
    Case("no brands as JSON writes them", lines(CASCADED, "item,5,663,1062,off,False,[ ]"), [TOGGLE]),
    Case("one brand as Python writes it", lines(CASCADED, 'item,5,663,1062,off,True,"(663,)"'), [f"{TOGGLE} cascade 663"]),
    Case("brands as Python writes them", lines(CASCADED, 'item,5,663,1062,off,True,"(664, 663)"'), [f"{TOGGLE} cascade 663|664"]),
    Case("brands as JSON writes them", lines(CASCADED, 'item,5,663,1062,off,True,"[663, 664]"'), [f"{TOGGLE} cascade 663|664"]),
    *(Case(f"no list of brands {word!r}", lines(CASCADED, f'item,5,663,1062,off,no,"{word}"'), [], ["1:2 cascade_brand_ids cascade_brands_unreadable"]) for word in NO_LISTS),
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
