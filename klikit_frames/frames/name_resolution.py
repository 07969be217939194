"""Name resolution: titles, SKUs, brands and branches to ids, looked up in a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import ConfigError
from .checked import harmless_as_warnings, raise_for_errors
from .headers import check_assignments, name_places, read_header, title_level
from .name_index import NameIndex, distinct_rows, plain_text, text_of
from .problems import KINDS, Positions, Problem, TextPerRow, problems_frame
from .readers import Source, read_table
from .source_tables import Reading, Table

_LEVELS = ("entity_type", "brand_id")


def resolve(
    source: Source,
    state: pd.DataFrame,
    *,
    stores: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> pd.DataFrame:
    """Return a table with ids in place of names, and with what was resolved in a column ``resolved``.

    Reads the disk if `source` is a path; never the network.

    Parameters
    ----------
    source : anything that `check_toggles` takes
        With ``title`` (or ``name``; ``item``, ``category`` or ``section``, which say the level) or ``sku`` in
        place of ``entity_id``; with ``brand`` and ``branch`` (or ``brand_title``, ``branch_title``) in place
        of ``brand_id`` and ``branch_id``. The usual words in Indonesian, German and Spanish are known too. If
        a level, a title and a SKU are given, all must fit; likewise a branch must be one of the brand's, and
        a branch without a brand must have one brand only. Case and surplus spaces do not matter. A row that
        has an id keeps it, and its name must not be another's.
    state : DataFrame
        What `read_state` returned: ``entity_type, entity_id, title``, and ``sku`` for SKUs.
    stores : DataFrame, optional
        What `stores` returned: ``brand_id, branch_id, brand_title, branch_title``; else these are read from
        `state`.
    columns, encoding, sheet
        As for `check_toggles`; ``title, sku, brand, branch`` can be given as well.

    Returns
    -------
    pandas.DataFrame
        The input's rows and columns, then ``entity_type, entity_id, brand_id, branch_id`` where they were
        missing, and ``resolved`` (text). To be read by `read_toggles`.

    Raises
    ------
    InvalidToggles
        If a name is unknown (the hint has the nearest ones), means several things (the message lists them),
        or is not that of the id beside it.
    ConfigError
        If there are names of stores and neither `stores` nor `state` has any.

    Examples
    --------
    >>> import pandas as pd
    >>> state = pd.DataFrame({"entity_type": ["item"], "entity_id": [289379], "title": ["Cimol Beef Besar"]})
    >>> named = pd.DataFrame({"item": ["cimol  beef besar"], "scope": ["business"], "is_enabled": [False]})
    >>> kf.resolve(named, state)[["entity_id", "resolved"]].to_dict("records")
    [{'entity_id': 289379, 'resolved': 'item 289379 Cimol Beef Besar'}]
    """
    reading = Reading(encoding=encoding, sheet=sheet, columns=check_assignments(columns), has_names=True)
    table = resolve_names(read_table(source, reading), state=state, stores=stores)
    problems = harmless_as_warnings(table)
    raise_for_errors(problems_frame(problems, rows=table.rows, lines=table.lines))
    return table.frame


def resolve_names(table: Table, *, state: pd.DataFrame, stores: pd.DataFrame | None = None) -> Table:
    """Return `table` with ids in place of names, and a problem for each name that is not one thing.

    Parameters
    ----------
    table : Table
        As it was read.
    state, stores : DataFrame
        See `resolve`.
    """
    resolver = _NameResolver(table)
    resolver.resolve_entities(state)
    resolver.resolve_stores(state if stores is None else stores)
    return resolver.table()


class _NameResolver:
    """One table on its way from names to ids.

    Each step looks names up, notes problems, and keeps the ids for the columns of the table.
    """

    def __init__(self, table: Table) -> None:
        header = read_header(table.names, table.columns)
        names = name_places(table.names, table.columns)
        self._table = table
        self._places = header.places
        self._names = {name: place for name, place in names.items() if place not in header.places.values()}
        self._implied_level = header.entity_type or ""
        self._ids: dict[str, TextPerRow] = {}
        self._labels: list[TextPerRow] = []
        self._problems: list[Problem] = []

    def resolve_entities(self, state: pd.DataFrame) -> None:
        """Look up titles and SKUs, of the level if it is given."""
        given = [name for name in ("sku", "title") if name in self._names and name in state]
        if not given:
            return
        queries: dict[str, TextPerRow] = {"entity_type": self._levels()}
        for name in given:
            queries[name] = self._texts(name)
        label = "title" if "title" in state else "sku"
        index = NameIndex(state, keys=["entity_type", "entity_id"], names=list(queries), title=label)
        places = self._find(index, queries, id_name="entity_id")
        self._keep(index, places, "entity_type", otherwise=queries["entity_type"])
        self._keep(index, places, "entity_id")
        self._labels.append(index.labels(places))

    def resolve_stores(self, stores: pd.DataFrame) -> None:
        """Look up brands, then branches among those of the brand; a branch without a brand by itself."""
        if "store" in self._places:
            return
        for kind in ("brand", "branch"):
            if f"{kind}_title" in self._names and f"{kind}_title" not in stores:
                raise ConfigError(
                    f"There are {kind} names, but not what they mean: give stores=kf.stores(client)."
                )
        has_brand = (self._texts("brand_id") != "") | (self._texts("brand_title") != "")
        if "brand_title" in self._names:
            self._resolve_store(stores, "brand", {"brand_title": self._texts("brand_title")})
        if "branch_title" in self._names:
            titles = self._texts("branch_title")
            queries = {"brand_id": self._texts("brand_id"), "branch_title": np.where(has_brand, titles, "")}
            self._resolve_store(stores, "branch", queries)
            self._resolve_branches_alone(stores, np.where(has_brand, "", titles))

    def table(self) -> Table:
        """Return the table with all ids that were found, and in words what they are."""
        frame = self._table.frame.copy(deep=False)
        for name, ids in self._ids.items():
            place = self._places.get(name)
            column = pd.Series(ids, index=frame.index, dtype=object)
            column = column.mask(column == "").infer_objects()
            if place is None:
                frame[name] = column
            else:
                frame.isetitem(place, column)  # type: ignore[arg-type]
        if self._labels:
            frame["resolved"] = _join(pd.DataFrame(dict(enumerate(self._labels)))).to_numpy(dtype=object)
        return replace(self._table, frame=frame, problems=[*self._table.problems, *self._problems])

    def _resolve_store(self, stores: pd.DataFrame, kind: str, queries: dict[str, TextPerRow]) -> None:
        name = f"{kind}_id"
        index = NameIndex(stores, keys=[name], names=list(queries), title=f"{kind}_title")
        places = self._find(index, queries, id_name=name)
        self._keep(index, places, name)
        self._labels.append(index.labels(places, kind=kind))

    def _resolve_branches_alone(self, stores: pd.DataFrame, titles: TextPerRow) -> None:
        if not (titles != "").any():
            return
        keys = ["brand_id", "branch_id"]
        index = NameIndex(stores, keys=keys, names=["branch_title"], title="branch_title")
        places = self._find(index, {"branch_title": titles}, id_name="branch_id")
        for name in keys:
            self._keep(index, places, name)
        self._labels.append(index.labels(places, kind="store"))

    def _keep(
        self, index: NameIndex, places: Positions, name: str, *, otherwise: TextPerRow | None = None
    ) -> None:
        """Keep the ids that were found; rows without a name keep what they had."""
        before = self._texts(name) if otherwise is None else otherwise
        self._ids[name] = np.where(places >= 0, index.values(name, places), before)

    def _find(self, index: NameIndex, queries: dict[str, TextPerRow], *, id_name: str) -> Positions:
        """Return the place in the index of each row that has a name and no id; -1 for the others.

        Names that nothing has, or several things have, and names of another than the id, are problems.
        """
        plain = pd.DataFrame({name: plain_text(texts) for name, texts in queries.items()})
        named = [name for name in queries if name not in _LEVELS]
        is_named = (plain[named] != "").any(axis=1).to_numpy(dtype=bool)
        has_id = self._texts(id_name) != ""
        positions = np.flatnonzero(is_named & ~has_id)
        places = np.full(len(plain), -1, dtype=np.intp)
        places[positions], n_hits = index.find(plain.iloc[positions])
        for code, is_bad in (("name_unknown", n_hits == 0), ("name_ambiguous", n_hits > 1)):
            self._note(code, positions[is_bad], index, plain, queries)
        beside = np.flatnonzero(is_named & has_id)
        self._note(
            "name_mismatch", beside[self._is_other(index, plain, beside, id_name)], index, plain, queries
        )
        return places

    def _is_other(
        self, index: NameIndex, plain: pd.DataFrame, positions: Positions, id_name: str
    ) -> npt.NDArray[np.bool_]:
        """Tell in which rows the name is known, and not as the name of the row's id."""
        if not len(positions):
            return np.zeros(0, dtype=bool)
        rows = plain.iloc[positions]
        _, n_hits = index.find(rows)
        ids = plain_text(self._texts(id_name)[positions])
        return (n_hits > 0) & ~index.has_pairs(rows, id_name, ids)

    def _note(
        self,
        code: str,
        positions: Positions,
        index: NameIndex,
        plain: pd.DataFrame,
        queries: dict[str, TextPerRow],
    ) -> None:
        if len(positions):
            self._problems.append(_name_problem(code, positions, index, plain, queries))

    def _texts(self, name: str) -> TextPerRow:
        if name in self._ids:
            return np.array([str(value) for value in self._ids[name]], dtype=object)
        place = self._places.get(name, self._names.get(name))
        if place is None:
            return np.full(len(self._table.frame), "", dtype=object)
        return text_of(self._table.frame.iloc[:, place])

    def _levels(self) -> TextPerRow:
        """Return the level of each row, as it says or as the name of the id or title column says."""
        title = self._names.get("title")
        title_says = title_level(self._table.names[title]) if title is not None else ""
        levels = self._texts("entity_type")
        return np.where(levels == "", self._implied_level or title_says, levels)


def _name_problem(
    code: str,
    positions: Positions,
    index: NameIndex,
    plain: pd.DataFrame,
    queries: dict[str, TextPerRow],
) -> Problem:
    """Return what is wrong with some names; candidates are looked for once per different name."""
    title = list(queries)[-1]
    places, asked = distinct_rows(plain.iloc[positions])
    labels = (
        index.nearest_labels(asked[title].to_numpy())
        if code == "name_unknown"
        else index.candidate_labels(asked)
    )
    values = _value(queries, positions)
    texts = np.array(labels, dtype=object)[places]
    hints: TextPerRow = KINDS[code].hint
    if code == "name_unknown":
        messages = "'" + values + "' is not known here."
        hints = np.where(texts == "", hints, "The nearest names are " + texts + ".").astype(object)
    else:
        verb = "may be" if code == "name_ambiguous" else "is"
        messages = "'" + values + f"' {verb} " + texts + "."
    return Problem(
        code=code, positions=positions, column=title, values=values, messages=messages, hints=hints
    )


def _value(queries: dict[str, TextPerRow], positions: Positions) -> TextPerRow:
    named = [texts[positions] for name, texts in queries.items() if name not in _LEVELS]
    return _join(pd.DataFrame(dict(enumerate(named)))).to_numpy(dtype=object)


def _join(parts: pd.DataFrame) -> pd.Series[str]:
    """Join the texts of each row that are not blank."""
    joined = parts[0]
    for place in parts.columns[1:]:
        between = np.where((joined != "") & (parts[place] != ""), "; ", "")
        joined = joined + between + parts[place]
    return joined
