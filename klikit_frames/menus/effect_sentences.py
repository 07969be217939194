"""What guests will see differently, in sentences."""

from __future__ import annotations

import pandas as pd

from ..errors import InvalidToggles
from ..overview import BUSINESS, Names, read_names
from ..wording import counted
from .effects import CAUSES, find_effect
from .sales import SALES

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
        told = describe_effect(
            find_effect(changes.drop(columns=SALES), state.drop(columns=SALES, errors="ignore"))
        )
        return (*told, str(error))


def describe_effect(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return what `klikit_frames.effect` found as sentences, counted from the rows at hand."""
    names = read_names(frame)
    dark, back = (frame[frame["is_visible"].eq(other=flag).fillna(value=False)] for flag in (False, True))
    told = [
        _headline(dark, back),
        *_causes(frame),
        *_emptied(frame, names),
        *_money(dark, names),
        *_told_by_menus(back),
        *_not_known(frame),
    ]
    return (*told, _NOT_JUDGED) if len(frame) else tuple(told)


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


def _causes(frame: pd.DataFrame) -> list[str]:
    counts = frame["because"].value_counts()
    if set(counts.index) <= {"item"}:
        return []
    words = {"item": "the dish itself", "category": "its category", "section": "its section"}
    told = [f"{words[cause]}: {int(counts[cause]):,}" for cause in CAUSES if cause in counts.index]
    return [f"Because of {', of '.join(told)}."]


def _emptied(frame: pd.DataFrame, names: Names) -> list[str]:
    """Warn of categories and stores that have nothing to show any more, in the places at hand."""
    pairs = frame[["brand_id", "branch_id"]].drop_duplicates().astype(object)
    here = set(pairs.where(pairs.notna(), None).itertuples(index=False, name=None))
    categories = [one for one in frame.attrs.get("emptied_categories", ()) if tuple(one[1:]) in here]
    places = [pair for pair in frame.attrs.get("emptied_places", ()) if tuple(pair) in here]
    told = []
    if categories:
        first = [f"{title}{_at(names, *pair)}" for title, *pair in categories[:_MOST]]
        many = counted(len(categories), "category", many="categories")
        told.append(f"Then empty: {many} ({_listed(first, n=len(categories))}).")
    if places:
        first = [_place(names, *pair) for pair in places[:_MOST]]
        many = counted(len(places), "menu" if (None, None) in here else "store")
        told.append(f"Then without any dish: {many} ({_listed(first, n=len(places))}).")
    return told


def _money(dark: pd.DataFrame, names: Names) -> list[str]:
    if SALES not in dark.columns or dark[SALES].notna().sum() == 0:
        return []
    known = dark[dark[SALES].notna()].sort_values(SALES, ascending=False, kind="stable")
    rows = known[["title", "brand_id", "branch_id", SALES]].head(_MOST).itertuples(index=False, name=None)
    listed = [f"{title}{_at(names, *pair)}: {sales:,.0f}" for title, *pair, sales in rows]
    n_unknown = len(dark) - len(known)
    rest = f" Of {counted(n_unknown, 'change')} no sales are known." if n_unknown else ""
    return [f"Sales at risk: {known[SALES].sum():,.0f}, most of all {_listed(listed, n=len(known))}.{rest}"]


def _told_by_menus(back: pd.DataFrame) -> list[str]:
    """Say what the menus tell of dishes that come back and that guests may not get all the same."""
    told = []
    if "is_in_stock" in back.columns or "is_available" in back.columns:
        columns = [name for name in ("is_in_stock", "is_available") if name in back.columns]
        n_out = int(back[columns].eq(other=False).fillna(value=False).any(axis="columns").sum())
        told += [f"Out of stock by the menu: {n_out:,} of {len(back):,} that come back."] if n_out else []
    if "hidden_on" in back.columns:
        hidden = back["hidden_on"].dropna()
        providers = sorted(
            {part for text in hidden for part in str(text).split("|")}, key=lambda n: (len(n), n)
        )
        many = counted(len(hidden), "change")
        told += [f"Hidden on some providers ({', '.join(providers)}): {many}."] if len(hidden) else []
    return told


def _not_known(frame: pd.DataFrame) -> list[str]:
    n_unread, n_unknown = (frame.attrs.get(name, 0) for name in ("n_unread", "n_unknown"))
    told = []
    if frame["brand_id"].isna().any():
        told.append(
            "Business-wide rows are told at the business level; which stores override it, no menu tells."
        )
    if n_unread:
        told.append(f"Not told: {counted(n_unread, 'row')} of menus that were not read.")
    if n_unknown:
        many = counted(n_unknown, "dish", many="dishes")
        told.append(f"Not told: {many} whose flag, or that of what stands above, is not known.")
    return told


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
