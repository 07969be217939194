"""Valid rows held against each other and against a live menu: duplicates, contradictions, likely mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..wording import counted
from .cell_keys import find_repeated, rank_values, whole_numbers
from .problems import Problem
from .schemas import TIME_COLUMNS

_OFFSET = re.compile(r"(?:Z|z|[+-]\d\d(?::?\d\d)?)$")

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
# Numbers below this can be packed with others.
_MOST_ROOM = 2**63
_ENTITY = ["entity_type", "entity_id"]
_STORE = ["brand_id", "branch_id"]
_PLACE = ["entity_type", "scope", *_STORE]
_SECTION_OF_PATH = re.compile(r"(?:^|\|)([0-9]{1,18})(?:/|$|(?=\|))")


@dataclass(frozen=True, kw_only=True)
class ValidRows:
    """What each sound row wants, and for what.

    Attributes
    ----------
    toggles : pandas.DataFrame
        The columns of toggles.
    positions : array of int
        The place of each among the rows of the table.
    rows, lines : array of int
        How the person counts them; `lines` is None for a frame.
    sources : array of str, optional
        The table of each, where there are several.
    words : dict, optional
        By the name of a column of words, numbers from 0 that are equal for equal words.
    """

    toggles: pd.DataFrame
    positions: npt.NDArray[np.intp]
    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64] | None
    sources: npt.NDArray[np.object_] | None = None
    words: Mapping[str, npt.NDArray[np.int8]] = field(default_factory=dict)

    def take(self, places: Places) -> ValidRows:
        """Return some of these rows."""
        return ValidRows(
            toggles=self.toggles.iloc[places],
            positions=self.positions[places],
            rows=self.rows[places],
            lines=None if self.lines is None else self.lines[places],
            sources=None if self.sources is None else self.sources[places],
            words={name: codes[places] for name, codes in self.words.items()},
        )

    def codes(self, names: Sequence[str]) -> Ints:
        """Return a number for each row, the same for rows that are equal in these columns."""
        packed, room = np.zeros(len(self.toggles), dtype=np.int64), 1
        for name in names:
            codes, span = self._column_codes(name)
            if span == 1:
                continue
            if room * span >= _MOST_ROOM:
                packed, room = rank_values(packed)[1], len(packed)
                codes, span = rank_values(codes)[1], len(codes)
            packed = packed * span + codes
            room *= span
        return packed

    def _column_codes(self, name: str) -> tuple[npt.NDArray[Any], int]:
        """Return numbers from 0 that are equal for equal cells, and how many there may be."""
        column, codes = self.toggles[name], np.empty(0, dtype=np.int64)
        if name in self.words:
            codes = self.words[name].astype(np.int64)
        elif column.dtype.kind == "i":
            codes = whole_numbers(column, blank=0)
        else:
            codes = pd.factorize(column, use_na_sentinel=False)[0].astype(np.int64)
        if not len(codes):
            return codes, 1
        low = int(codes.min())
        span = int(codes.max()) - low + 1
        return (codes if span == 1 else codes - low), span

    def row_labels(self, places: npt.NDArray[np.intp]) -> Any:
        """Say rows as the person counts them, with line and table; texts can be added on both sides."""
        labels = [str(row) for row in self.rows[places].tolist()]
        if self.lines is not None:
            lines = self.lines[places].tolist()
            # What is no line of a file has none.
            labels = [
                f"{row} (line {line})" if line > 0 else row for row, line in zip(labels, lines, strict=True)
            ]
        if self.sources is not None:
            labels = [f"{row} of {name}" for row, name in zip(labels, self.sources[places], strict=True)]
        return np.array(labels, dtype=object)

    def find(self, code: str, places: npt.NDArray[np.intp], **said: Any) -> list[Problem]:
        """Return a problem about some of these rows, if there are any."""
        if not len(places):
            return []
        return [Problem(code=code, positions=self.positions[places], **said)]


def row_problems(valid_rows: ValidRows) -> list[Problem]:
    """Return what is wrong or odd between rows; rows for disjoint times say nothing against each other."""
    mixed = _mixed_scopes(valid_rows)
    # Most tables have each place once, which is quickly seen; the other rows are looked at by themselves.
    repeated = find_repeated(valid_rows.codes([*_ENTITY, "scope", *_STORE]))
    return mixed + (_repeated_problems(valid_rows.take(repeated)) if len(repeated) else [])


def _repeated_problems(valid_rows: ValidRows) -> list[Problem]:
    """Return contradictions and repetitions among rows each of which has another for its place."""
    toggles = valid_rows.toggles
    places = rank_values(valid_rows.codes([*_ENTITY, "scope", *_STORE]))[1]
    targets = valid_rows.codes(["is_enabled", "cascade_to_modifier_groups", "cascade_brand_ids"])
    repeats = _pair(places, targets)
    times = [name for name in TIME_COLUMNS if name in toggles and toggles[name].notna().any()]
    if times:
        repeats = _pair(repeats, _groups(toggles[times].astype(str)))
        places = _pair(places, _overlapping(places, toggles))
    return _contradictions(valid_rows, places, targets) + _duplicates(valid_rows, repeats)


def _overlapping(places: Ints, toggles: pd.DataFrame) -> Ints:
    """Return a number for each row, the same where the times of two rows for one place overlap.

    A row without a start is on from now, one without an end for good, and so is one whose time is no time.
    """
    if _has_mixed_clocks(toggles):
        # Without a time zone these cannot be compared; `schedule` does.
        return np.arange(len(toggles), dtype=np.int64)
    starts, ends = _times(toggles, "starts_at", blank=-np.inf), _times(toggles, "ends_at", blank=np.inf)
    order = np.lexsort((starts, places))
    latest = pd.Series(ends[order]).groupby(places[order]).cummax().to_numpy()
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (places[order][1:] != places[order][:-1]) | (starts[order][1:] >= latest[:-1])
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    return numbers


def _has_mixed_clocks(toggles: pd.DataFrame) -> bool:
    """Tell whether some times have an offset from UTC and some have none."""
    columns = [toggles[name].dropna().astype(str).str.strip() for name in TIME_COLUMNS if name in toggles]
    times = pd.concat(columns)
    has_offset = times[times != ""].str.contains(_OFFSET)
    return bool(has_offset.any() and not has_offset.all())


def _times(toggles: pd.DataFrame, name: str, *, blank: float) -> npt.NDArray[np.float64]:
    """Return a column of times in seconds, `blank` where there is none or it cannot be read."""
    if name not in toggles:
        return np.full(len(toggles), blank)
    times = pd.to_datetime(toggles[name].astype(str), format="ISO8601", utc=True, errors="coerce")
    seconds = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(seconds.fillna(blank), dtype=np.float64)


def _groups(columns: pd.DataFrame) -> Ints:
    """Give the different rows of some columns a number each."""
    number = np.zeros(len(columns), dtype=np.int64)
    for name in columns:
        number = _pair(number, pd.factorize(columns[name])[0].astype(np.int64))
    return number


def _pair(first: Ints, second: Ints) -> Ints:
    """Give the different pairs a number each, below the count of rows, so that products never overflow."""
    ranks = rank_values(second)[1]
    return rank_values(first * (int(ranks.max(initial=0)) + 1) + ranks)[1]


def _first_places(groups: Ints) -> Places:
    """Return where each group has its first row."""
    first = np.empty(int(groups.max(initial=-1)) + 1, dtype=np.intp)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    return first


def _duplicates(valid_rows: ValidRows, same: Ints) -> list[Problem]:
    first = _first_places(same)[same]
    repeats = np.flatnonzero(first != np.arange(len(same)))
    messages = "The row repeats row " + valid_rows.row_labels(first[repeats]) + "."
    return valid_rows.find("duplicate", repeats, messages=messages)


def _contradictions(valid_rows: ValidRows, places: Ints, targets: Ints) -> list[Problem]:
    partner = _partners(places, targets)
    flags = valid_rows.toggles["is_enabled"].to_numpy(dtype=bool)
    conflicting = np.flatnonzero(partner >= 0)
    is_opposite = flags[conflicting] != flags[partner[conflicting]]
    opposite, other = conflicting[is_opposite], conflicting[~is_opposite]
    off_or_on = np.where(flags[partner[opposite]], "on.", "off.").astype(object)
    said = "Row " + valid_rows.row_labels(partner[opposite]) + " wants the same entity and place "
    flag_words = np.where(flags[opposite], "true", "false").astype(object)
    cascades = (
        "Row " + valid_rows.row_labels(partner[other]) + " wants other cascade options for the same entity."
    )
    return [
        *valid_rows.find(
            "contradiction", opposite, column="is_enabled", values=flag_words, messages=said + off_or_on
        ),
        *valid_rows.find(
            "contradiction_cascade", other, column="cascade_to_modifier_groups", messages=cascades
        ),
    ]


def _partners(places: Ints, targets: Ints) -> Places:
    """Return for each row the first row for the same place that wants something else, or -1."""
    first = _first_places(places)
    is_other = targets != targets[first[places]]
    other = np.full(len(first), -1, dtype=np.intp)
    others = np.flatnonzero(is_other)[::-1]
    other[places[others]] = others
    return np.where(is_other, first[places], other[places])


def _mixed_scopes(valid_rows: ValidRows) -> list[Problem]:
    is_store = (valid_rows.toggles["scope"] == "store").to_numpy(dtype=bool)
    if is_store.all() or not is_store.any():
        return []
    entities = rank_values(valid_rows.codes(_ENTITY))[1]
    first_store = np.full(int(entities.max(initial=-1)) + 1, -1, dtype=np.intp)
    stores = np.flatnonzero(is_store)[::-1]
    first_store[entities[stores]] = stores
    partner = first_store[entities]
    rows = np.flatnonzero(~is_store & (partner >= 0))
    messages = "The entity also has store rows, such as row " + valid_rows.row_labels(partner[rows]) + "."
    return valid_rows.find("business_and_store", rows, column="scope", values="business", messages=messages)


def menu_problems(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    """Return warnings about rows that a live menu makes doubtful."""
    return [*section_conflicts(valid_rows, state), *_missing_entities(valid_rows, state)]


def is_off_menu(toggles: pd.DataFrame, state: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return a mask of the toggles whose entity is not on the menu of their own place.

    A place and level of which `state` has no row was not read, and says nothing. Modifier options are on no
    menu by themselves, and are never in the mask.

    Parameters
    ----------
    toggles : DataFrame
        The columns of toggles.
    state : DataFrame
        What `read_state` returned, with its ``attrs``.
    """
    if not {*_PLACE, "entity_id"} <= set(state.columns):
        return np.zeros(len(toggles), dtype=bool)
    entity, place = [*_PLACE, "entity_id"], _PLACE
    try:
        wanted, live = (_keys(frame) for frame in (toggles, state))
    except (TypeError, ValueError):  # a state whose ids are no ids says nothing
        return np.zeros(len(toggles), dtype=bool)
    off_menu = ~_is_in(wanted[entity], live[entity]) & _is_in(wanted[place], live[place])
    options = toggles["entity_id"].isin(list(state.attrs.get("modifier_option_ids", ())))
    is_option = (toggles["entity_type"] == "item") & options
    return off_menu & ~is_option.to_numpy(dtype=bool)


def count_off_menu(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return how many toggles each place has whose entity is not on its menu; most first.

    Returns
    -------
    pandas.DataFrame
        ``scope`` (text), ``brand_id``, ``branch_id`` (Int64, missing for the business menu), ``n_rows``.
    """
    off_menu = toggles.loc[is_off_menu(toggles, state), ["scope", *_STORE]]
    counts = off_menu.groupby(["scope", *_STORE], dropna=False, sort=False).size()
    frame = counts.rename("n_rows").reset_index()
    return frame.sort_values("n_rows", ascending=False, kind="stable", ignore_index=True)


def place_names(toggles: pd.DataFrame) -> pd.Series[str]:
    """Return the menu of each toggle in words: ``store 5297/1293``, or ``business``."""
    brands, branches = (toggles[name].astype("string").fillna("") for name in _STORE)
    stores = ("the menu of store " + brands + "/" + branches).astype(object)
    return stores.where(toggles["scope"] == "store", "the business menu")


def _missing_entities(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    rows = np.flatnonzero(is_off_menu(valid_rows.toggles, state))
    if not len(rows):
        return []
    toggles = valid_rows.toggles.iloc[rows]
    places = place_names(toggles)
    n_others = places.map(places.value_counts(sort=False)).astype(int) - 1
    others = n_others.map(lambda n: f", like {counted(n, 'other row')}." if n else ".")
    names = toggles["entity_type"].astype(object).str.capitalize() + " " + toggles["entity_id"].astype(str)
    messages = (names + " is not on " + places + others).to_numpy(dtype=object)
    values = toggles["entity_id"].astype(str).to_numpy(dtype=object)
    return valid_rows.find("not_on_menu", rows, column="entity_id", values=values, messages=messages)


def _keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each row's key as plain objects and numbers, whatever the dtypes were."""
    ids = {name: frame[name].astype("Int64").fillna(0).astype("int64") for name in (*_STORE, "entity_id")}
    return pd.DataFrame({name: frame[name].astype(object) for name in ("entity_type", "scope")} | ids)


def _is_in(rows: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.bool_]:
    joined = rows.merge(others.drop_duplicates(), how="left", indicator=True)
    return (joined["_merge"] == "both").to_numpy(dtype=bool)


def section_conflicts(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    """Return a warning for each item row that a row for its own section goes against in the same place.

    Which items a section has is read from ``path_ids`` of `state`; without that column nothing is known.
    """
    if not {"entity_type", "entity_id", "path_ids"}.issubset(state.columns):
        return []
    toggles = valid_rows.toggles.reset_index(drop=True).assign(place=np.arange(len(valid_rows.toggles)))
    sections = toggles[toggles["entity_type"] == "section"].rename(columns={"entity_id": "section_id"})
    items = toggles[toggles["entity_type"] == "item"].merge(_members(state), on="entity_id")
    pairs = _opposite_pairs(items.assign(is_enabled=~items["is_enabled"]), sections)
    rows, partners = (pairs[name].to_numpy(dtype=np.intp) for name in ("place", "place_section"))
    messages = "Its section is switched the other way in row " + valid_rows.row_labels(partners) + "."
    return valid_rows.find("section_and_item", rows, column="is_enabled", messages=messages)


def _members(state: pd.DataFrame) -> pd.DataFrame:
    """Return which section each item is in, from paths such as ``6827/39118|6828/39119``."""
    items = state.loc[state["entity_type"] == "item", ["entity_id", "path_ids"]].dropna().drop_duplicates()
    items["section_id"] = [_SECTION_OF_PATH.findall(str(paths)) for paths in items["path_ids"]]
    members = items[["entity_id", "section_id"]].explode("section_id").dropna().drop_duplicates()
    # Without any member both columns are of type object, which merges with no column of ids.
    return members.astype("int64")


def _opposite_pairs(items: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    """Pair item rows with section rows for the same place; a business row is in every place."""
    is_wide_item, is_wide_section = items["scope"] == "business", sections["scope"] == "business"
    pairs = [
        _merge(items[~is_wide_item], sections[~is_wide_section], ["section_id", "is_enabled", *_STORE]),
        _merge(items, sections[is_wide_section], ["section_id", "is_enabled"]),
        _merge(items[is_wide_item], sections[~is_wide_section], ["section_id", "is_enabled"]),
    ]
    return pd.concat(pairs).drop_duplicates("place").sort_values("place", kind="stable")


def _merge(items: pd.DataFrame, sections: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    first = sections.drop_duplicates(keys)[[*keys, "place"]]
    return items[[*keys, "place"]].merge(first, on=keys, suffixes=("", "_section"))
