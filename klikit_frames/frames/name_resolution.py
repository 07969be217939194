"""Names in place of ids: titles, SKUs, brands and branches, looked up in a state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import ConfigError
from .checked import raise_for_errors
from .header_words import plain_name
from .headers import read_header
from .name_index import NameIndex, distinct_rows, plain_text, text_of
from .problems import KINDS, Positions, Problem, TextPerRow, problems_frame
from .readers import Source, read_table
from .schemas import ENTITY_TYPES
from .source_tables import Reading, Table

_TITLES = ("title", "name", "entitytitle", "entityname", *ENTITY_TYPES)
_BRANDS = ("brandtitle", "brandname", "brand")
_BRANCHES = ("branchtitle", "branchname", "branch")


def resolve(
    source: Source,
    state: pd.DataFrame,
    *,
    stores: pd.DataFrame | None = None,
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
        of ``brand_id`` and ``branch_id``. A row that has an id keeps it. If a level, a title and a SKU are
        given, all must fit; likewise a branch must be one of the brand's. Case and surplus spaces do not
        matter.
    state : DataFrame
        What `read_state` returned: ``entity_type, entity_id, title``, and ``sku`` for SKUs.
    stores : DataFrame, optional
        What `stores` returned: ``brand_id, branch_id, brand_title, branch_title``; else these are read from
        `state`.
    encoding, sheet
        As for `check_toggles`.

    Returns
    -------
    pandas.DataFrame
        The input's rows and columns, then ``entity_type, entity_id, brand_id, branch_id`` where they were
        missing, and ``resolved`` (text). To be read by `read_toggles`.

    Raises
    ------
    InvalidToggles
        If a name is unknown (the hint has the nearest ones) or means several things (the message lists them).
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
    table = read_table(source, Reading(encoding=encoding, sheet=sheet))
    names = _Names(table)
    names.find_entities(state)
    names.find_stores(state if stores is None else stores)
    problems = [*table.problems, *names.problems]
    raise_for_errors(problems_frame(problems, rows=table.rows, lines=table.lines))
    return names.resolved()


class _Names:
    """One table on its way from names to ids."""

    def __init__(self, table: Table) -> None:
        self.problems: list[Problem] = []
        self._table = table
        self._places = read_header(table.names).places
        self._ids: dict[str, TextPerRow] = {}
        self._said: list[TextPerRow] = []

    def find_entities(self, state: pd.DataFrame) -> None:
        """Look up titles and SKUs, of the level if it is given."""
        title, sku = self._named(_TITLES), self._named(("sku",))
        given = {
            name: text_of(self._table.frame.iloc[:, place])
            for name, place in (("sku", sku), ("title", title))
            if place is not None and name in state
        }
        if not given:
            return
        queries = {"entity_type": self._levels(title), **given}
        said = "title" if "title" in state else "sku"
        index = NameIndex(state, keys=["entity_type", "entity_id"], names=list(queries), title=said)
        found = self._find(index, queries, among=self._texts("entity_id") == "")
        for name, own in (("entity_type", queries["entity_type"]), ("entity_id", self._texts("entity_id"))):
            self._ids[name] = np.where(found >= 0, index.values(name, found), own)
        self._said.append(index.say(found))

    def find_stores(self, stores: pd.DataFrame) -> None:
        """Look up brands, then branches among those of the brand."""
        for kind, names in (("brand", _BRANDS), ("branch", _BRANCHES)):
            place = self._named(names)
            if place is None or "store" in self._places:
                continue
            if f"{kind}_title" not in stores:
                raise ConfigError(
                    f"There are {kind} names, but not what they mean: give stores=kf.stores(client)."
                )
            self._find_store(stores, kind, text_of(self._table.frame.iloc[:, place]))

    def resolved(self) -> pd.DataFrame:
        """Return the table with all ids that were found, and in words what they are."""
        frame = self._table.frame.copy(deep=False)
        for name, ids in self._ids.items():
            place = self._places.get(name)
            known = pd.Series(ids, index=frame.index, dtype=object)
            frame[name if place is None else self._table.names[place]] = known.mask(
                known == ""
            ).infer_objects()
        if self._said:
            said = pd.DataFrame(dict(enumerate(self._said)))
            frame["resolved"] = _join(said).to_numpy(dtype=object)
        return frame

    def _find_store(self, stores: pd.DataFrame, kind: str, titles: TextPerRow) -> None:
        name = f"{kind}_id"
        queries = {"brand_id": self._texts("brand_id")} if kind == "branch" else {}
        queries[f"{kind}_title"] = titles
        index = NameIndex(stores, keys=[name], names=list(queries), title=f"{kind}_title")
        found = self._find(index, queries, among=self._texts(name) == "")
        self._ids[name] = np.where(found >= 0, index.values(name, found), self._texts(name))
        self._said.append(index.say(found, kind=kind))

    def _find(self, index: NameIndex, queries: dict[str, TextPerRow], *, among: TextPerRow) -> Positions:
        """Return the place in the index of each row `among` those that have a name; -1 for the others."""
        plain = pd.DataFrame({name: plain_text(words) for name, words in queries.items()})
        named = [name for name in queries if name not in {"entity_type", "brand_id"}]
        positions = np.flatnonzero((plain[named] != "").any(axis=1).to_numpy(dtype=bool) & among)
        found = np.full(len(plain), -1, dtype=np.intp)
        found[positions], hits = index.find(plain.iloc[positions])
        for code, is_bad in (("name_unknown", hits == 0), ("name_ambiguous", hits > 1)):
            bad = positions[is_bad]
            if len(bad):
                self.problems.append(_problem(code, bad, index, plain, queries))
        return found

    def _named(self, names: tuple[str, ...]) -> int | None:
        """Return the place of the first column that is called one of `names`."""
        plain = [plain_name(name) for name in self._table.names]
        return next((plain.index(name) for name in names if name in plain), None)

    def _texts(self, name: str) -> TextPerRow:
        if name in self._ids:
            return np.array([str(one) for one in self._ids[name]], dtype=object)
        place = self._places.get(name)
        if place is None:
            return np.full(len(self._table.frame), "", dtype=object)
        return text_of(self._table.frame.iloc[:, place])

    def _levels(self, title: int | None) -> TextPerRow:
        """Return the level of each row, as it says or as the name of the title's column says."""
        implied = plain_name(self._table.names[title]) if title is not None else ""
        levels = self._texts("entity_type")
        return np.where(levels == "", implied, levels) if implied in ENTITY_TYPES else levels


def _problem(
    code: str, positions: Positions, index: NameIndex, plain: pd.DataFrame, queries: dict[str, TextPerRow]
) -> Problem:
    """Say what is wrong with some names, once for each different one."""
    title = list(queries)[-1]
    places, asked = distinct_rows(plain.iloc[positions])
    said = (
        index.candidate_labels(asked)
        if code == "name_ambiguous"
        else index.nearest_labels(asked[title].to_numpy())
    )
    values = _value(queries, positions)
    texts = np.array(said, dtype=object)[places]
    if code == "name_ambiguous":
        messages = "'" + values + "' may be " + texts + "."
        hints: TextPerRow = KINDS[code].hint
    else:
        messages = "'" + values + "' is not known here."
        hints = np.where(texts == "", KINDS[code].hint, "The nearest names are " + texts + ".").astype(object)
    return Problem(
        code=code, positions=positions, column=title, values=values, messages=messages, hints=hints
    )


def _value(queries: dict[str, TextPerRow], positions: Positions) -> TextPerRow:
    named = [words[positions] for name, words in queries.items() if name not in {"entity_type", "brand_id"}]
    return _join(pd.DataFrame(dict(enumerate(named)))).to_numpy(dtype=object)


def _join(parts: pd.DataFrame) -> pd.Series[str]:
    """Join the texts of each row that are not blank."""
    joined = parts[0]
    for place in parts.columns[1:]:
        between = np.where((joined != "") & (parts[place] != ""), "; ", "")
        joined = joined + between + parts[place]
    return joined
