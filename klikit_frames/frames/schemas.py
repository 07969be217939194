"""Schemas: the columns of every frame that crosses a room, and the words that people write above them."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Hashable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import KlikitFramesError

if TYPE_CHECKING:
    import pandas as pd

ENTITY_TYPES = ("section", "category", "item")
SCOPES = ("business", "store")

TOGGLE_COLUMNS = (
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "cascade_to_modifier_groups",
    "cascade_brand_ids",
)
WORD_COLUMNS = ("entity_type", "scope")
# When a timed row goes on or off, and when it comes back; kept as they are read.
TIME_COLUMNS = ("starts_at", "ends_at")
PROBLEM_COLUMNS = ("row", "line", "column", "value", "code", "message", "hint", "severity")
RESULT_COLUMNS = (
    "outcome",
    "code",
    "http_status",
    "message",
    "request_id",
    "request_no",
    "idempotency_key",
    "attempts",
    "sent_at",
    "settled_at",
)
_LOADING = threading.Lock()
OUTCOMES = ("applied", "unchanged", "rejected", "failed", "unknown", "not_sent")
STATE_COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title")


def validate_toggles(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if it keeps the contract of a frame of toggles; nothing is ever coerced.

    Raises
    ------
    KlikitFramesError
        If it does not, which is a fault of this package and not of the table it was made from.
    """
    # Its modules import each other, so that threads which begin to load it at once end in a deadlock.
    with _LOADING:
        from pandera.errors import SchemaError, SchemaErrors

        schema = _toggles_schema()
    try:
        # Own columns are not in the contract, and there may be thousands of them. In place: no cell is
        # changed, and a copy would take as much memory again.
        schema.validate(frame.loc[:, list(TOGGLE_COLUMNS)], inplace=True)
    except (SchemaError, SchemaErrors) as error:
        raise KlikitFramesError(f"A table was read wrongly, please report it: {error}") from None
    return frame


@cache
def _toggles_schema() -> Any:
    """Build the contract once; pandera is slow to load, and most of this package goes without it."""
    import pandera.pandas as pa

    def column(dtype: object, *checks: Any, **options: Any) -> Any:
        return pa.Column(dtype, list(checks), coerce=False, **options)

    return pa.DataFrameSchema(
        {
            "entity_type": column(str, pa.Check.isin(ENTITY_TYPES)),
            "entity_id": column("int64", pa.Check.ge(1)),
            "scope": column(str, pa.Check.isin(SCOPES)),
            "brand_id": column("Int64", pa.Check.ge(1), nullable=True),
            "branch_id": column("Int64", pa.Check.ge(1), nullable=True),
            "is_enabled": column("bool"),
            "cascade_to_modifier_groups": column("bool"),
            "cascade_brand_ids": column(object),
        },
        checks=[pa.Check(_has_store_where_scope_says, name="a store on store rows, and only there")],
        strict=False,
        unique_column_names=True,
    )


def _has_store_where_scope_says(frame: pd.DataFrame) -> Any:
    is_store = frame["scope"] == "store"
    return (frame["brand_id"].notna() == is_store) & (frame["branch_id"].notna() == is_store)


# The API's and the package's own short spellings.
ALIASES = {
    "id": "entity_id",
    "type": "entity_type",
    "level": "entity_type",
    "enabled": "is_enabled",
    "flag": "is_enabled",
    "iscascadetomodifiergroups": "cascade_to_modifier_groups",
    "brandidstocascade": "cascade_brand_ids",
    "store": "store",
    "stores": "store",
}
TYPED_IDS = {f"{entity_type}id": entity_type for entity_type in ENTITY_TYPES}

_NUMBER_WORDS = ("id", "no", "nr", "number", "nummer", "nomor", "numero", "num")


def _ids(*nouns: str) -> list[str]:
    """Return the usual spellings of "number of": ``itemid``, ``iditem``, ``itemnr`` and so on."""
    pairs = [(noun, number) for noun in nouns for number in _NUMBER_WORDS]
    return [noun + number for noun, number in pairs] + [number + noun for noun, number in pairs]


# Ids whose name says the level.
GUESSED_TYPED_IDS = {
    **dict.fromkeys(_ids("item", "dish", "product", "menuitem", "menu"), "item"),
    **dict.fromkeys(_ids("hidangan", "produk", "makanan"), "item"),
    **dict.fromkeys(
        _ids("artikel", "gericht", "gerichte", "gerichts", "speise", "speisen", "produkt"), "item"
    ),
    **dict.fromkeys(_ids("plato", "articulo", "producto", "delplato", "delproducto", "delarticulo"), "item"),
    **dict.fromkeys(
        _ids("category", "kategori", "kategorie", "kategorien", "categoria", "delacategoria"), "category"
    ),
    **dict.fromkeys(
        _ids("section", "menusection", "bagian", "seksi", "abschnitt", "abschnitts", "bereich", "bereichs"),
        "section",
    ),
    **dict.fromkeys(_ids("seccion", "delaseccion"), "section"),
}
GUESSED = {
    **dict.fromkeys(_ids("entity", "entitas", "entidad"), "entity_id"),
    **dict.fromkeys(_ids("brand", "merek", "merk", "marke", "marken", "marca", "delamarca"), "brand_id"),
    **dict.fromkeys(_ids("branch", "outlet", "location", "cabang", "gerai", "lokasi"), "branch_id"),
    **dict.fromkeys(
        _ids("filiale", "filial", "standort", "standorts", "sucursal", "delasucursal"), "branch_id"
    ),
    **dict.fromkeys(("jenis", "tipe", "typ", "art", "ebene", "tipo", "nivel", "kind"), "entity_type"),
    **dict.fromkeys(("scope", "cakupan", "lingkup", "geltungsbereich", "alcance", "ambito"), "scope"),
    **dict.fromkeys(("status", "onoff", "on", "active", "isactive", "switch", "turn"), "is_enabled"),
    **dict.fromkeys(("aktif", "isaktif", "statusaktif", "nyalamati", "nyala"), "is_enabled"),
    **dict.fromkeys(("aktiv", "aktiviert", "istaktiv", "anaus", "einaus", "schalter"), "is_enabled"),
    **dict.fromkeys(("activo", "activado", "estado", "habilitado", "encendido", "sino"), "is_enabled"),
}

# Columns of names, which are looked up in a live menu: these words mean a title, a SKU, a brand or a branch.
TITLE_WORDS = (
    "title", "name", "entitytitle", "entityname", "itemtitle", "itemname", *ENTITY_TYPES,
    "dish", "dishname", "menuitem", "product", "productname", "menu", "hidangan", "namahidangan", "namamenu",
    "namaproduk", "namaitem", "produk", "nama", "gericht", "gerichtname", "artikel", "artikelname", "speise",
    "bezeichnung", "produkt", "plato", "nombre", "articulo", "producto", "nombredelplato",
)  # fmt: skip
SKU_WORDS = ("sku", "itemsku", "kodesku", "skucode")
BRAND_WORDS = (
    "brandtitle",
    "brandname",
    "brand",
    "merek",
    "merk",
    "namamerek",
    "marke",
    "markenname",
    "marca",
)
BRANCH_WORDS = (
    "branchtitle", "branchname", "branch", "outlet", "outletname", "location", "cabang", "namacabang",
    "gerai", "filiale", "filialname", "standort", "sucursal", "nombredelasucursal", "local",
)  # fmt: skip
NAME_WORDS = {
    **dict.fromkeys(TITLE_WORDS, "title"),
    **dict.fromkeys(SKU_WORDS, "sku"),
    **dict.fromkeys(BRAND_WORDS, "brand_title"),
    **dict.fromkeys(BRANCH_WORDS, "branch_title"),
}
# Title words that say the level of every row.
TITLE_LEVELS = {
    **{entity_type: entity_type for entity_type in ENTITY_TYPES},
    **dict.fromkeys(("dish", "dishname", "itemname", "itemtitle", "menuitem"), "item"),
    **dict.fromkeys(("hidangan", "namahidangan", "namaitem", "gericht", "gerichtname", "plato"), "item"),
    **dict.fromkeys(("speise", "artikel", "artikelname", "nombredelplato"), "item"),
}


# Of these words nobody knows whether names or ids stand below them.
_NAMES_OR_IDS = {
    "brand", "merek", "merk", "marke", "marca",
    "branch", "outlet", "location", "cabang", "gerai", "filiale", "standort", "sucursal", "local",
}  # fmt: skip


def may_hold_ids(name: Hashable) -> bool:
    """Tell whether a column of brands or branches may hold their ids as well as their names.

    Examples
    --------
    >>> from klikit_frames.frames.schemas import may_hold_ids
    >>> may_hold_ids("Marke"), may_hold_ids("brand_name")
    (True, False)
    """
    return word_key(name) in _NAMES_OR_IDS


@lru_cache(maxsize=1 << 16)
def plain_name(name: Hashable) -> str:
    """Return a column name without case, spaces, signs and characters that cannot be seen.

    Examples
    --------
    >>> from klikit_frames.frames.schemas import plain_name
    >>> plain_name(" Entity ID ")
    'entityid'
    """
    text = unicodedata.normalize("NFKC", name) if isinstance(name, str) else ""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@lru_cache(maxsize=1 << 16)
def word_key(name: Hashable) -> str:
    """Return a column name as `plain_name`, and without accents: as the keys of the tables here are written.

    Examples
    --------
    >>> from klikit_frames.frames.schemas import word_key
    >>> word_key("Artículo Nº"), word_key("Verfügbar?")
    ('articulono', 'verfugbar')
    """
    letters = unicodedata.normalize("NFKD", plain_name(name))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def guess_meaning(name: Hashable) -> str | None:
    """Return the column that a name probably means, in any of the languages; None if it says nothing."""
    key = word_key(name)
    if key in TYPED_IDS or key in GUESSED_TYPED_IDS:
        return "entity_id"
    return ALIASES.get(key) or GUESSED.get(key) or NAME_WORDS.get(key)
