"""Tables as people make them: other languages, titles, merged cells, totals, two header lines, pivots, names."""

# ruff: noqa: E501 - a table, one case per line

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd
import xlsxwriter

from tests.frames.cases import BOTH, OTHER_TOGGLE, TOGGLE, Case, lines, sheet

# The menu and the stores that names are looked up in.
STATE = pd.DataFrame(
    [("item", 5, "Soto Ayam", "S-5"), ("item", 6, "Nasi Goreng", "S-6"), ("item", 7, "Es Teh", "S-7"), ("item", 8, "Es Teh", "S-8")],
    columns=["entity_type", "entity_id", "title", "sku"],
)  # fmt: skip
STORES = pd.DataFrame(
    [(663, 1062, "Kopi", "Depok"), (663, 1063, "Kopi", "Bogor"), (664, 1062, "Mie", "Depok")],
    columns=["brand_id", "branch_id", "brand_title", "branch_title"],
)


def merged(*rows: Sequence[object], down: tuple[int, int, int] | None = None, title: str = "") -> bytes:
    """Return an XLSX file with a merged title above, and cells of one column merged downwards."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        page = book.add_worksheet("Plan")
        above = 1 if title else 0
        if title:
            page.merge_range(0, 0, 0, len(rows[0]) - 1, title)
        for place, row in enumerate(rows):
            page.write_row(place + above, 0, row)
        if down:
            first, last, column = down
            page.merge_range(first + above, column, last + above, column, rows[first][column])
    return buffer.getvalue()


OFF_ON = BOTH
DE = ["Artikel-Nr.", "Marken-Nr.", "Filialnummer", "An/Aus"]
ID = ["ID Menu", "ID Merek", "ID Cabang", "Aktif"]
ES = ["ID producto", "ID marca", "ID sucursal", "Activo"]
EN = ["Item No.", "Brand number", "Outlet ID", "Status"]

PEOPLE = [
    Case("german", lines("Artikel-Nr.;Marken-Nr.;Filialnummer;An/Aus", "5;663;1062;aus", "6;663;1062;ein"), OFF_ON, note="by its meaning"),
    Case("german with dishes", lines("Gericht;Artikelnummer;Marken-ID;Filial-ID;Aktiv", "Soto;5;663;1062;nein", "Nasi;6;663;1062;ja"), OFF_ON),
    Case("german from Excel", sheet(DE, [5, 663, 1062, "FALSCH"], [6, 663, 1062, "WAHR"]), OFF_ON),
    Case("german, levels as own words", lines("Art,Artikel-Nr.,store,Status", "Suppe,5,663/1062,inaktiv"), [TOGGLE]),
    Case("indonesian", lines("ID Menu,ID Merek,ID Cabang,Aktif", "5,663,1062,tidak", "6,663,1062,ya"), OFF_ON),
    Case("indonesian with names beside", lines("Nama Menu,ID Menu,Merek,ID Merek,Cabang,ID Cabang,Status", "Soto,5,Kopi,663,Depok,1062,nonaktif"), [TOGGLE]),
    Case("indonesian from Excel", sheet(ID, [5, 663, 1062, "mati"], [6, 663, 1062, "nyala"]), OFF_ON),
    Case("spanish", lines("ID producto,ID marca,ID sucursal,Activo", "5,663,1062,no", "6,663,1062,sí"), OFF_ON),
    Case("spanish with dishes", lines("Plato;Número plato;Marca ID;Sucursal ID;Estado", "Sopa;5;663;1062;apagado"), [TOGGLE]),
    Case("spanish from Excel", sheet(ES, [5, 663, 1062, "FALSO"], [6, 663, 1062, "VERDADERO"]), OFF_ON),
    Case("english", lines("Dish,Item No.,Brand number,Outlet ID,Status", "Soup,5,663,1062,off"), [TOGGLE]),
    Case("english, shouted", lines("ITEM ID,BRAND ID,BRANCH ID,ON/OFF", "5,663,1062,OFF"), [TOGGLE]),
    Case("english, section numbers", lines("Section number,store,Active", "5,663/1062,no"), ["section 5 663/1062 off"]),
    Case("german, categories", lines("Kategorie-Nr.,store,aktiv", "5,663/1062,aus"), ["category 5 663/1062 off"]),
    Case("merged title", merged(DE, [5, 663, 1062, "aus"], title="Speisekarte März"), [TOGGLE], note="'Speisekarte März'"),
    Case("title of one word", sheet(["Menu"], EN, [5, 663, 1062, "off"]), [TOGGLE], note="line 2"),
    Case("title of a known word", lines("Status,,,", "Item No.,Brand number,Outlet ID,Status", "5,663,1062,off"), [TOGGLE]),
    Case("title, author and date", lines("Changes,,,", "by Ayu,,,", "2026-03-01,,,", "", "ID Menu,ID Merek,ID Cabang,Aktif", "5,663,1062,tidak"), [TOGGLE], note="line 5"),
    Case("title in a file of semicolons", lines("März, Filialen", "Artikel-Nr.;Marken-Nr.;Filialnummer;An/Aus", "5;663;1062;aus"), [TOGGLE], note="semicolons"),
    Case("brand merged over its rows", merged(EN, [5, 663, 1062, "off"], [6, "", 1062, "on"], down=(1, 2, 1)), OFF_ON, note="Merged cells"),
    Case("flag merged over rows", merged(EN, [5, 663, 1062, "off"], [5, 663, 1063, ""], down=(1, 2, 3)), [TOGGLE, "item 5 663/1063 off"]),
    Case("cells merged over blank rows", merged(EN, [5, 663, 1062, "off"], ["", "", "", ""], down=(1, 2, 1)), [TOGGLE]),
    Case("merged title and merged brand", merged(DE, [5, 663, 1062, "aus"], [6, "", 1062, "an"], down=(1, 2, 1), title="KW 48"), OFF_ON),
    Case("totals below", lines("Item No.,Brand number,Outlet ID,Status", "5,663,1062,off", "Total,,,1"), [TOGGLE], note="totals"),
    Case("totals in german", sheet(DE, [5, 663, 1062, "aus"], [], ["Summe", "", "", 1]), [TOGGLE], note="'Summe'"),
    Case("totals in indonesian and blank rows", lines("ID Menu,ID Merek,ID Cabang,Aktif", "5,663,1062,tidak", ",,,", "Jumlah: 1,,,", ",,,"), [TOGGLE], note="at the end were skipped"),
    Case("totals in spanish", lines("ID producto,ID marca,ID sucursal,Activo", "5,663,1062,no", "Total general,,,"), [TOGGLE], note="totals"),
    Case("two lines of totals", lines("item_id,store,is_enabled", "5,663/1062,off", "Subtotal,,1", "Grand total,,1"), [TOGGLE], note="totals"),
    Case("groups above the header", lines("What,,Where,,", "Dish,Item No.,Brand number,Outlet ID,Status", "Soup,5,663,1062,off"), [TOGGLE], note="line 2"),
    Case("brands above branches", lines(",663,,664", "item_id,1062,1063,1062", "5,off,,on"), [TOGGLE, "item 5 664/1062 on"]),
    Case("brands above branches in a sheet", sheet(["", 663, "", 664], ["Artikel-Nr.", 1062, 1063, 1062], [5, "aus", "", "an"]), [TOGGLE, "item 5 664/1062 on"]),
    Case("title, brands above branches", sheet(["March"], ["", 663, ""], ["item_id", 1062, 1063], [5, "off", "on"]), [TOGGLE, "item 5 663/1063 on"]),
    Case("pivot", lines("item_id,663/1062,663/1063", "5,off,", "6,on,"), OFF_ON, note="Stores stand across"),
    Case("pivot in german", sheet(["Gericht", "Artikel-Nr.", "663/1062", "663/1063"], ["Soto", 5, "aus", ""], ["Nasi", 6, "an", ""]), OFF_ON),
    Case("pivot with totals", lines("item_id,663/1062,663/1063", "5,off,", "Total,1,0"), [TOGGLE], note="totals"),
    Case("pivot of ones and zeros", sheet(["item_id", "663/1062"], [5, 0], [6, 1]), OFF_ON),
    Case("pivot with crosses", lines("item_id,663/1062", "5,off", "6,x"), [TOGGLE], ["2:3 663/1062 flag_unknown"]),
    Case("failed lookups", lines("Artikel-Nr.;Marken-Nr.;Filialnummer;An/Aus", "#NV;663;1062;aus", "6;663;1062;an"), [OTHER_TOGGLE], ["1:2 entity_id formula_error"]),
    Case("headers with line breaks", lines('"Item\nNo.","Brand\nnumber",Outlet ID,Status', "5,663,1062,off"), [TOGGLE]),
    Case("headers with colons and stars", lines("Item No.*:,Brand number*:,Outlet ID*:,Status*:", "5,663,1062,off"), [TOGGLE]),
    Case("header that nobody knows", lines("код,магазин,включено", "5,663/1062,off"), [], [f"-:- {name} column_missing" for name in ("entity_type", "entity_id", "is_enabled", "brand_id", "branch_id")]),
]  # fmt: skip

NAMED = [
    Case("names in english", lines("Dish,Brand,Branch,Status", "Soto Ayam,Kopi,Depok,off", "nasi goreng,Kopi,Depok,on"), OFF_ON),
    Case("names in german", sheet(["Gericht", "Marke", "Filiale", "An/Aus"], ["Soto Ayam", "Kopi", "Depok", "aus"]), [TOGGLE]),
    Case("names in indonesian", lines("Nama Menu;Merek;Cabang;Aktif", "Soto Ayam;Kopi;Depok;tidak"), [TOGGLE], ["1:2 entity_type entity_type_blank"][:0]),
    Case("names in spanish", lines("Plato,Marca,Sucursal,Activo", "Soto Ayam,Kopi,Depok,no"), [TOGGLE]),
    Case("codes in place of names", lines("SKU,store,Status", "s-5,663/1062,off", "S-6,663/1062,on"), OFF_ON),
    Case("names with totals", lines("Dish,Brand,Branch,Status", "Soto Ayam,Kopi,Depok,off", "Total,,,1"), [TOGGLE], note="totals"),
    Case("brand names merged", merged(["Dish", "Brand", "Branch", "Status"], ["Soto Ayam", "Kopi", "Depok", "off"], ["Nasi Goreng", "", "Depok", "on"], down=(1, 2, 1), title="Week 48"), OFF_ON),
    Case("pivot of names", lines("Dish,Kopi / Depok,Kopi / Bogor", "Soto Ayam,off,", "Nasi Goreng,on,"), OFF_ON, note="Stores stand across"),
    Case("pivot of names, the other way round", lines("Gericht;Depok - Kopi;Bogor - Kopi", "Soto Ayam;aus;", "Nasi Goreng;an;"), OFF_ON),
    Case("pivot of branches beside brands", lines("Dish,Brand,Depok,Bogor", "Soto Ayam,Kopi,off,on"), [TOGGLE, "item 5 663/1063 on"]),
    Case("brand names above branch names", sheet(["", "Kopi", "", "Mie"], ["Dish", "Depok", "Bogor", "Depok"], ["Soto Ayam", "off", "", "on"]), [TOGGLE, "item 5 664/1062 on"]),
    Case("a near miss", lines("Dish,Brand,Branch,Status", "Soto Ayem,Kopi,Depok,off", "Nasi Goreng,Kopi,Depok,on"), [OTHER_TOGGLE], ["1:2 title name_unknown"]),
    Case("a name of two dishes", lines("Dish,Brand,Branch,Status", "Es Teh,Kopi,Depok,off"), [], ["1:2 title name_ambiguous"]),
    Case("an id beside another's name", lines("Dish,item_id,store,Status", "Nasi Goreng,5,663/1062,off"), [], ["1:2 title name_mismatch"]),
]  # fmt: skip
