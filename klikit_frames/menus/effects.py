"""What guests will see differently, in rows and in sentences: dishes that go dark or come back, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import InvalidToggles
from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, match_rows
from ..frames.toggles import read_toggles
from ..overview import BUSINESS, Names, read_names
from ..wording import counted
from .state_arrays import DTYPES, PENDING_DTYPES, FrameMetadata, booleans, check_state, named
from .visibility import OFF, ON, PLACE_COLUMNS, UNKNOWN, Links, best_path, link_rows, live_levels, path_levels

SALES = "sales"


def find_sales(changes: pd.DataFrame, state: pd.DataFrame, rows: Codes) -> dict[str, pd.Series]:
    """Return the column ``sales`` for these rows of the state: the table's own numbers, then the state's.

    Raises
    ------
    InvalidToggles
        A value is no number; ``.problems`` has the first ten of them.
    """
    sources = [frame for frame in (changes, state) if SALES in frame.columns]
    if not sources:
        return {}
    cells = state[list(CELL_COLUMNS)].iloc[rows]
    sales = pd.Series(pd.NA, index=range(len(rows)), dtype="Float64")
    for frame in sources:
        items = frame[(frame["entity_type"] == "item").to_numpy(dtype=bool)]
        known_sales = read_sales(items).array
        sales = sales.fillna(pd.Series(known_sales.take(match_rows(cells, within=items), allow_fill=True)))
    return {SALES: sales}


def read_sales(rows: pd.DataFrame) -> pd.Series:
    """Return the column ``sales`` as numbers; a blank is missing, and what is no number is refused."""
    texts = rows[SALES].astype("string").str.strip()
    texts = texts.mask(texts == "")
    numbers: pd.Series = pd.to_numeric(texts, errors="coerce").astype("Float64")
    is_bad = texts.notna() & ~np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan))
    if is_bad.any():
        raise _no_numbers(texts[is_bad])
    return numbers


def _no_numbers(texts: pd.Series) -> InvalidToggles:
    problems = pd.DataFrame(
        {
            "row": [int(label) + 1 if isinstance(label, int) else pd.NA for label in texts.index],
            "line": pd.array([pd.NA] * len(texts), dtype="Int64"),
            "column": SALES,
            "value": texts.tolist(),
            "code": "sales_no_number",
            "message": "The sales are no number.",
            "hint": "Write 1234.5, or leave it blank.",
            "severity": "error",
        }
    )
    first = ", ".join(f"{value!r} in row {row}" for row, value in zip(problems["row"], texts, strict=True))
    first = first if len(texts) <= 10 else f"{', '.join(first.split(', ')[:10])} and {len(texts) - 10:,} more"
    return InvalidToggles(
        f"The column sales has no number: {first}. Write 1234.5, or leave it blank.", problems
    )


CAUSES = ("item", "category", "section")
_ITEM, _CATEGORY, _SECTION = range(3)
# What the menu tells of the other ways in which a dish can be away.
_TOLD = ("is_in_stock", "is_available", "visible_on", "hidden_on")
_FLAGS = ("is_enabled", "is_item_enabled", *PENDING_DTYPES)
_USED = (*CELL_COLUMNS, *_FLAGS, "title", "path", "path_ids", *_TOLD, SALES)
_KEPT = ("entity_id", "title", "path", "brand_id", "branch_id")


class _Menus(NamedTuple):
    """The menus that a change touches, with each row's level before and after it."""

    state: pd.DataFrame
    links: Links
    before: Codes
    after: Codes
    was_seen: Codes
    is_seen: Codes


def effect(plan_or_toggles: Any, state: pd.DataFrame) -> pd.DataFrame:
    """Return the dishes that guests will see, or no longer see, once a plan or a table is true.

    Touches neither network nor disk, but for a file given as toggles. A dish is visible if it, its category
    and its section are on, along at least one of its paths. What is written and not yet published counts as
    live. Stock, opening hours and paused stores are not judged: the last columns have what the menu tells.

    Parameters
    ----------
    plan_or_toggles : Plan, DataFrame, path or buffer
        A plan, or whatever `klikit_frames.read_toggles` takes. A number in a column ``sales``, of the dish in
        the place of its row, is the money at risk.
    state : DataFrame
        From `klikit_frames.read_state`, with ``path_ids``; it may have a column ``sales`` as well.

    Returns
    -------
    pandas.DataFrame
        One row per item and place whose visibility changes: ``entity_id``, ``title``, ``path``, ``brand_id``,
        ``branch_id`` (missing at the business level), ``was_visible``, ``is_visible`` (boolean), ``because``
        (text: ``item``, ``category`` or ``section``, the nearest that is switched); then ``sales`` where any
        are known, and ``is_in_stock``, ``is_available``, ``visible_on``, ``hidden_on`` as far as the state
        has them. Dishes that go dark come first, those with the highest sales at the top. A business row is
        reported at the business level only: which stores override it cannot be read. `klikit_frames.summary`
        tells it in words, with the categories and stores that are then empty.

    Raises
    ------
    InvalidToggles
        The table has bad rows, or sales that are no numbers; ``.problems`` lists them.
    StateError
        `state` is not a state, has no paths, or has a cell twice.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=[(5297, 1293)])
    >>> dishes = state[state["entity_type"].eq("item") & state["is_enabled"]].head(2)
    >>> off = kf.cross_toggles("item", dishes["entity_id"], [(5297, 1293)], is_enabled=False)
    >>> kf.effect(off, state)[["was_visible", "is_visible", "because"]].values.tolist()
    [[True, False, 'item'], [True, False, 'item']]
    """
    return find_effect(_read_changes(plan_or_toggles), check_state(state, also=["path_ids"]))


def _read_changes(plan_or_toggles: Any) -> pd.DataFrame:
    """Return the rows that change something: of a plan those that it sends or finds as they should be."""
    rows = None if isinstance(plan_or_toggles, pd.DataFrame) else getattr(plan_or_toggles, "rows", None)
    if isinstance(rows, pd.DataFrame):
        return rows[rows["skipped_as"].ne("rejected").fillna(value=True)]
    return read_toggles(plan_or_toggles)


def find_effect(changes: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return `effect` of checked toggles; the state has ``path_ids``."""
    touched, state_keys = encode_keys([changes, state], columns=PLACE_COLUMNS)
    used = [name for name in _USED if name in state.columns]
    menus = _change_menus(changes, state[used].iloc[np.flatnonzero(np.isin(state_keys, touched))])
    is_item = (menus.state["entity_type"] == "item").to_numpy(dtype=bool)
    differs = is_item & (menus.was_seen != menus.is_seen)
    is_known = (menus.was_seen != UNKNOWN) & (menus.is_seen != UNKNOWN)
    rows = np.flatnonzero(differs & is_known)
    effects = _table(menus, rows).assign(**find_sales(changes, menus.state, rows))
    effects.attrs = {
        name: menus.state.attrs[name]
        for name in ("brand_titles", "branch_titles")
        if name in menus.state.attrs
    }
    effects.attrs |= {
        "emptied_categories": _emptied_categories(menus),
        "emptied_places": _emptied_places(menus, is_item),
        "n_unknown": int((differs & ~is_known).sum()),
        "n_unread": int((~np.isin(touched, state_keys)).sum()),
    }
    return _ranked(effects)


def _change_menus(changes: pd.DataFrame, state: pd.DataFrame) -> _Menus:
    """Return the menus with what each row is now, and what it is once the changes are made."""
    links = link_rows(state)
    before = live_levels(state)
    after = before.copy()
    position = match_rows(changes, within=state)
    wanted = np.where(changes["is_enabled"].to_numpy(dtype=bool), ON, OFF)
    after[position[position >= 0]] = wanted[position >= 0]
    seen = [np.minimum(levels, best_path(levels, links, n_rows=len(state))) for levels in (before, after)]
    return _Menus(state, links, before, after, *seen)


def _table(menus: _Menus, rows: Codes) -> pd.DataFrame:
    places = menus.state.iloc[rows].reset_index(drop=True)
    if "path" not in places.columns:
        places["path"] = pd.Series(pd.NA, index=places.index, dtype=DTYPES["path"])
    return places[list(_KEPT)].assign(
        was_visible=booleans((menus.was_seen[rows] == ON).astype(np.int8)),
        is_visible=booleans((menus.is_seen[rows] == ON).astype(np.int8)),
        because=named(_causes(menus)[rows], CAUSES),
        **{name: places[name] for name in _TOLD if name in places.columns},
    )


def _causes(menus: _Menus) -> Codes:
    """Return for each row the nearest thing that is switched and that decides whether it is seen."""
    row, _, category = menus.links
    goes_dark = menus.was_seen == ON
    is_dark = goes_dark[row]
    open_before, open_after = (
        path_levels(levels, menus.links) == ON for levels in (menus.before, menus.after)
    )
    is_open = np.where(is_dark, open_before, open_after)
    # What is off on the side where guests do not see the dish, and open on the other, was switched.
    unseen = np.where(is_dark, menus.after[category], menus.before[category])
    by_category = np.zeros(len(menus.state), dtype=bool)
    by_category[row[is_open & (category >= 0) & (unseen == OFF)]] = True
    is_own = np.where(goes_dark, menus.after, menus.before) == OFF
    return np.select([is_own, by_category], [_ITEM, _CATEGORY], default=_SECTION)


def _emptied_categories(menus: _Menus) -> FrameMetadata:
    """Return title, brand and branch of each category that is shown, and has no dish to show any more."""
    row, _, category = menus.links
    inside = category >= 0
    counts = []
    for levels, least in ((menus.before, ON), (menus.after, UNKNOWN)):
        shown = np.minimum(levels[row], path_levels(levels, menus.links))[inside] >= least
        counts.append(np.bincount(category[inside], weights=shown, minlength=len(menus.state)))
    is_emptied = (counts[0] > 0) & (counts[1] == 0) & (menus.is_seen == ON)
    return _as_tuples(menus.state.iloc[np.flatnonzero(is_emptied)][["title", "brand_id", "branch_id"]])


def _emptied_places(menus: _Menus, is_item: Codes) -> FrameMetadata:
    """Return brand and branch of each menu that showed a dish, and shows none any more."""
    items = menus.state[list(PLACE_COLUMNS)].iloc[np.flatnonzero(is_item)]
    items = items.assign(was=menus.was_seen[is_item] == ON, stays=menus.is_seen[is_item] != OFF)
    places = items.groupby(list(PLACE_COLUMNS), dropna=False, sort=False)[["was", "stays"]].any()
    empty = places[places["was"] & ~places["stays"]].reset_index()
    return _as_tuples(empty[["brand_id", "branch_id"]])


def _as_tuples(frame: pd.DataFrame) -> FrameMetadata:
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return FrameMetadata(rows)


def _ranked(effect: pd.DataFrame) -> pd.DataFrame:
    """Return what goes dark first; in each half the highest sales first, else the menus' own order."""
    by = ["is_visible", SALES] if SALES in effect.columns else ["is_visible"]
    order = [True, False][: len(by)]
    return effect.sort_values(by, ascending=order, kind="stable", na_position="last", ignore_index=True)


_MOST = 3
# A menu cannot tell these, so nothing is said about them.
_NOT_JUDGED = (
    "Not told here, since a menu does not tell it: opening hours, paused stores, stock that runs out."
)


def foretell(changes: pd.DataFrame, state: pd.DataFrame | None) -> tuple[str, ...]:
    """Return the sentences for a plan's view; none where there is no state, or it has no paths.

    Parameters
    ----------
    changes : DataFrame
        Checked toggles.
    state : DataFrame or None
        Live flags.
    """
    if state is None or "path_ids" not in state.columns or "title" not in state.columns:
        return ()
    try:
        return describe_effect(find_effect(changes, state))
    except InvalidToggles as error:
        sentences = describe_effect(
            find_effect(changes.drop(columns=SALES), state.drop(columns=SALES, errors="ignore"))
        )
        return (*sentences, str(error))


def describe_effect(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return what `klikit_frames.effect` found as sentences, counted from the rows at hand."""
    names = read_names(frame)
    dark, back = (frame[frame["is_visible"].eq(other=flag).fillna(value=False)] for flag in (False, True))
    sentences = [
        _headline(dark, back),
        *_cause_sentences(frame),
        *_emptied(frame, names),
        *_money(dark, names),
        *_told_by_menus(back),
        *_not_known(frame),
    ]
    return (*sentences, _NOT_JUDGED) if len(frame) else tuple(sentences)


def _headline(dark: pd.DataFrame, back: pd.DataFrame) -> str:
    parts = [
        f"{verb} {counted(part['entity_id'].nunique(), 'dish', many='dishes')}{_places(part)}"
        for verb, part in (("no longer see", dark), ("see again", back))
        if len(part)
    ]
    return f"Guests {' and '.join(parts) or 'see every dish as before'}."


def _places(rows: pd.DataFrame) -> str:
    is_store = rows["brand_id"].notna()
    n_stores = len(rows.loc[is_store, ["brand_id", "branch_id"]].drop_duplicates())
    parts = [f"in {counted(n_stores, 'store')}"] if n_stores else []
    parts += ["at the business level"] if not is_store.all() else []
    return f" {' and '.join(parts)}"


def _cause_sentences(frame: pd.DataFrame) -> list[str]:
    counts = frame["because"].value_counts(sort=False)
    if set(counts.index) <= {"item"}:
        return []
    words = {"item": "the dish itself", "category": "its category", "section": "its section"}
    phrases = [f"{words[cause]}: {int(counts[cause]):,}" for cause in CAUSES if cause in counts.index]
    return [f"Because of {', of '.join(phrases)}."]


def _emptied(frame: pd.DataFrame, names: Names) -> list[str]:
    """Warn of categories and stores that have nothing to show any more, in the places at hand."""
    pairs = frame[["brand_id", "branch_id"]].drop_duplicates().astype(object)
    here = set(pairs.where(pairs.notna(), None).itertuples(index=False, name=None))
    categories = [
        category for category in frame.attrs.get("emptied_categories", ()) if tuple(category[1:]) in here
    ]
    places = [pair for pair in frame.attrs.get("emptied_places", ()) if tuple(pair) in here]
    sentences = []
    if categories:
        first = [f"{title}{_at(names, *pair)}" for title, *pair in categories[:_MOST]]
        many = counted(len(categories), "category", many="categories")
        sentences.append(f"Then empty: {many} ({_listed(first, n=len(categories))}).")
    if places:
        first = [_place(names, *pair) for pair in places[:_MOST]]
        many = counted(len(places), "menu" if (None, None) in here else "store")
        sentences.append(f"Then without any dish: {many} ({_listed(first, n=len(places))}).")
    return sentences


def _money(dark: pd.DataFrame, names: Names) -> list[str]:
    if SALES not in dark.columns or dark[SALES].notna().sum() == 0:
        return []
    sold = dark[dark[SALES].notna()].sort_values(SALES, ascending=False, kind="stable")
    rows = sold[["title", "brand_id", "branch_id", SALES]].head(_MOST).itertuples(index=False, name=None)
    listed = [f"{title}{_at(names, *pair)}: {sales:,.0f}" for title, *pair, sales in rows]
    n_unknown = len(dark) - len(sold)
    rest = f" Of {counted(n_unknown, 'change')} no sales are known." if n_unknown else ""
    return [f"Sales at risk: {sold[SALES].sum():,.0f}, most of all {_listed(listed, n=len(sold))}.{rest}"]


def _told_by_menus(back: pd.DataFrame) -> list[str]:
    """Say what the menus tell of dishes that come back and that guests may not get all the same."""
    sentences = []
    if "is_in_stock" in back.columns or "is_available" in back.columns:
        columns = [name for name in ("is_in_stock", "is_available") if name in back.columns]
        n_out = int(back[columns].eq(other=False).fillna(value=False).any(axis="columns").sum())
        sentences += (
            [f"Out of stock by the menu: {n_out:,} of {len(back):,} that come back."] if n_out else []
        )
    if "hidden_on" in back.columns:
        hidden = back["hidden_on"].dropna()
        providers = sorted(
            {part for text in hidden for part in str(text).split("|")}, key=lambda n: (len(n), n)
        )
        many = counted(len(hidden), "change")
        sentences += [f"Hidden on some providers ({', '.join(providers)}): {many}."] if len(hidden) else []
    return sentences


def _not_known(frame: pd.DataFrame) -> list[str]:
    n_unread, n_unknown = (frame.attrs.get(name, 0) for name in ("n_unread", "n_unknown"))
    sentences = []
    if frame["brand_id"].isna().any():
        sentences.append(
            "Business-wide rows are told at the business level; which stores override it, no menu tells."
        )
    if n_unread:
        sentences.append(f"Not told: {counted(n_unread, 'row')} of menus that were not read.")
    if n_unknown:
        many = counted(n_unknown, "dish", many="dishes")
        sentences.append(f"Not told: {many} whose flag, or that of what stands above, is not known.")
    return sentences


def _at(names: Names, brand_id: int | None, branch_id: int | None) -> str:
    place = _place(names, brand_id, branch_id)
    return f" {place}" if place == BUSINESS else f" in {place}"


def _place(names: Names, brand_id: int | None, branch_id: int | None) -> str:
    if brand_id is None or branch_id is None or pd.isna(brand_id):
        return BUSINESS
    return names.store(brand_id, branch_id)


def _listed(first: list[str], *, n: int) -> str:
    """Return the first of `n` things, and how many more there are."""
    return "; ".join(first) + (f" and {n - len(first):,} more" if n > len(first) else "")
