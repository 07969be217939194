"""Name index: look up ids by titles, SKUs and other names, and find the nearest names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import fuzz, process

from .factorized_text import text_column
from .problems import Positions, TextPerRow

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
