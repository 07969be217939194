"""Names of dishes, stores and brands to their ids: exactly, or a problem with the nearest names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import fuzz, process

from ..errors import ConfigError
from .cell_values import text_column
from .checked import harmless_as_warnings, raise_for_errors
from .headers import check_assignments, name_places, read_header, title_level
from .problems import KINDS, Positions, Problem, TextPerRow, problems_frame
from .readers import Source, read_table
from .schemas import may_hold_ids
from .source_tables import Reading, Table

_CANDIDATES = 3
# Nearest names are searched for this often and no more: in a flood nobody reads them, and each one costs.
_MOST_SEARCHES = 200


class NameIndex:
    """Things with ids, and the names that each goes by.

    Parameters
    ----------
    frame : DataFrame
        One row per thing and place; the same thing may come often.
    keys : list of str
        The columns that make a thing.
    names : list of str
        The columns by which it is found; the last one is what nearest names are looked for in.
    title : str
        The column by which it is said.
    """

    def __init__(self, frame: pd.DataFrame, *, keys: list[str], names: list[str], title: str) -> None:
        rows = frame.dropna(subset=keys).drop_duplicates([*keys, *names]).reset_index(drop=True)
        places, _ = distinct_rows(rows[keys])
        texts = {name: text_of(rows[name]) for name in names}
        self._plain = pd.DataFrame({name: plain_text(text) for name, text in texts.items()}).assign(
            place=places
        )
        self._things = rows.assign(said=text_of(rows[title])).drop_duplicates(keys).reset_index(drop=True)
        self._keys = keys
        self._sought = names[-1]

    def find(self, names: pd.DataFrame) -> tuple[Positions, Positions]:
        """Return for each row of plain `names` the thing that fits all that are given, and how many do.

        The thing is a place in this index; -1 if not exactly one fits.
        """
        places = np.full(len(names), -1, dtype=np.intp)
        n_hits = np.zeros(len(names), dtype=np.intp)
        for rows, given in _groups_by_given(names):
            places[rows], n_hits[rows] = self._find_by(names.iloc[rows], given)
        return np.where(n_hits == 1, places, -1), n_hits

    def has_pairs(self, names: pd.DataFrame, key: str, ids: TextPerRow) -> npt.NDArray[np.bool_]:
        """Tell for each row of plain `names` whether one of the things that fit has the id in `ids`."""
        keys = self._things[key].astype(str).to_numpy(dtype=object)
        pairs = self._plain.assign(own_id=keys[self._plain["place"]])
        asked = names.assign(own_id=ids)
        has_pair = np.zeros(len(names), dtype=bool)
        for rows, given in _groups_by_given(names):
            columns = [*given, "own_id"]
            joined = asked.iloc[rows][columns].merge(
                pairs[columns].drop_duplicates(), how="left", indicator=True
            )
            has_pair[rows] = (joined["_merge"] == "both").to_numpy(dtype=bool)
        return has_pair

    def values(self, key: str, places: Positions) -> TextPerRow:
        """Return a key of the things at `places`, "" for -1."""
        values = np.append(self._things[key].to_numpy(dtype=object), "")
        return values[places]

    def labels(self, places: Positions, *, kind: str = "") -> TextPerRow:
        """Return the things at `places` in words, such as ``item 289379 Cimol Beef``, "" for -1."""
        parts = [self._things[key].astype(str) for key in self._keys]
        said = pd.Series(kind, index=self._things.index, dtype=object)
        for part in [*parts, self._things["said"]]:
            said = said + " " + part
        return np.append(said.str.strip().to_numpy(dtype=object), "")[places]

    def candidate_labels(self, names: pd.DataFrame) -> list[str]:
        """Return for each row of plain `names` the things that fit, in words."""
        return [self._some_labels(self._fitting(row)) for row in names.to_dict("records")]

    def nearest_labels(self, words: TextPerRow) -> list[str]:
        """Return for each plain title the titles nearest to it, in words; nothing beyond some hundred."""
        titles = self._plain[self._sought]
        searched = words[:_MOST_SEARCHES]
        scores = process.cdist(searched, titles.tolist(), scorer=fuzz.ratio, dtype=np.uint8)
        best = np.argsort(-scores.astype(np.int16), axis=1, kind="stable")
        places = self._plain["place"].to_numpy()
        near = [self._some_labels(pd.unique(places[order[: 4 * _CANDIDATES]])) for order in best]
        return near + [""] * (len(words) - len(searched))

    def _find_by(self, names: pd.DataFrame, given: list[str]) -> tuple[Any, Any]:
        distinct = self._plain[[*given, "place"]].drop_duplicates()
        fits = distinct.groupby(given, sort=False)["place"].agg(["first", "size"]).reset_index()
        joined = names[given].merge(fits, on=given, how="left")
        return joined["first"].fillna(-1).astype(np.intp), joined["size"].fillna(0).astype(np.intp)

    def _fitting(self, row: dict[Any, str]) -> npt.NDArray[Any]:
        fits = np.ones(len(self._plain), dtype=bool)
        for name, word in row.items():
            if word:
                fits &= (self._plain[name] == word).to_numpy(dtype=bool)
        return self._plain.loc[fits, "place"].unique()

    def _some_labels(self, places: npt.NDArray[Any]) -> str:
        said = [repr(str(thing)) for thing in self.labels(places[:_CANDIDATES])]
        more = f" and {len(places) - _CANDIDATES} more" if len(places) > _CANDIDATES else ""
        return ", ".join(said) + more


def _groups_by_given(names: pd.DataFrame) -> Iterator[tuple[Positions, list[str]]]:
    """Yield the rows in which the same names are given, with the columns of these."""
    is_given = (names != "").to_numpy(dtype=bool)
    patterns = is_given @ (1 << np.arange(is_given.shape[1]))
    for pattern in np.unique(patterns):
        given = [name for place, name in enumerate(names.columns) if pattern >> place & 1]
        yield np.flatnonzero(patterns == pattern), given


def distinct_rows(frame: pd.DataFrame) -> tuple[Positions, pd.DataFrame]:
    """Return the place of each row among the different rows, and these, in the order in which they come."""
    groups = frame.groupby(list(frame.columns), sort=False, dropna=False)
    return groups.ngroup().to_numpy().astype(np.intp), frame.drop_duplicates(ignore_index=True)


def text_of(column: pd.Series[Any]) -> TextPerRow:
    """Return each row's text, "" where blank."""
    texts = text_column(column, whole_floats=True)
    return texts.take(texts.uniques, blank="")


def plain_text(words: TextPerRow) -> TextPerRow:
    """Return texts without case and surplus space, as names are compared."""
    places, distinct = pd.factorize(words)
    return np.array([" ".join(word.split()).casefold() for word in distinct], dtype=object)[places]


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
        self._notes: list[str] = []

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
        """Look up brands, then branches among the brand's own; without a brand, among all branches."""
        if "store" in self._places:
            return
        for kind in ("brand", "branch"):
            self._take_ids(kind, stores)
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

    def _take_ids(self, kind: str, stores: pd.DataFrame) -> None:
        """Read a column such as ``Marke``, which may hold either, as ids where it holds ids and no name.

        Its cells stay the texts that they are: what is no good id is a problem as in a column of ids.
        """
        place = self._names.get(f"{kind}_title")
        if place is None or f"{kind}_id" in self._places or not may_hold_ids(self._table.names[place]):
            return
        texts = self._texts(f"{kind}_title")
        given = {str(text).strip() for text in texts if text != ""}
        titles = set(text_of(stores[f"{kind}_title"])) if f"{kind}_title" in stores else set()
        if given and all(text.isascii() and text.isdigit() for text in given) and not given & titles:
            del self._names[f"{kind}_title"]
            self._ids[f"{kind}_id"] = texts
            name = self._table.names[place]
            self._notes.append(f"Column {name!r} holds numbers and no names, so it was read as '{kind}_id'.")

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
        problems, notes = [*self._table.problems, *self._problems], [*self._table.notes, *self._notes]
        return replace(self._table, frame=frame, problems=problems, notes=notes)

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
