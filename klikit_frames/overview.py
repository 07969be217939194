"""The one human view of a table of changes: what goes off and on, where, by name, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from .wording import PLURALS, counted, visible_text

BUSINESS = "business-wide"
_GOOD = ("applied", "unchanged")
_MOST_LOOKED_AT = 100
_CURES = {
    "unknown": "Resume the run, or prove it, to find out.",
    "not_sent": "Resume the run to send it.",
    "failed": "Nothing was written. Apply these rows again.",
    "rejected": "The API refuses this very row. Mend it in the table and apply it again.",
    "resource_not_found": "The id or the store is not of this business. Mend it in the table.",
    "not_in_menu": "The id or the store is not of this business. Mend it in the table.",
    "auth_missing": "The API refuses the credential. Mend it, then resume the run.",
    "auth_invalid_credential": "The API refuses the credential. Mend it, then resume the run.",
    "auth_revoked": "The API refuses the credential. Mend it, then resume the run.",
    "auth_forbidden": "The credential lacks the right to write. Mend it, then resume the run.",
    "promised": "Nothing to do: a promise holds it until its end, which kf.agenda() tells.",
    "rate_limit_exceeded": "The API asked to wait for too long. Resume the run later.",
}


@dataclass(frozen=True)
class Names:
    """The titles of entities, brands and branches, as far as they are known.

    The dictionaries hold them as they came, the methods return them to be shown: what they hide is escaped.

    Attributes
    ----------
    entities : dict
        By (entity_type, entity_id).
    brands, branches : dict
        By id.
    """

    entities: dict[tuple[str, int], str] = field(default_factory=dict)
    brands: dict[int, str] = field(default_factory=dict)
    branches: dict[int, str] = field(default_factory=dict)

    def entity(self, entity_type: str, entity_id: int) -> str:
        """Return the title of an entity with its type where it is no dish, or its type and id."""
        title = self.entities.get((entity_type, entity_id))
        if title is None:
            return f"{entity_type} {entity_id}"
        shown = visible_text(title)
        return shown if entity_type == "item" else f"{shown} ({entity_type})"

    def brand(self, brand_id: int) -> str:
        """Return the title of a brand, or its id."""
        return visible_text(self.brands.get(brand_id, f"brand {brand_id}"))

    def store(self, brand_id: int, branch_id: int) -> str:
        """Return the title of a store's branch, or the store's ids."""
        return visible_text(self.branches.get(branch_id, f"{brand_id}/{branch_id}"))

    def to_json(self) -> dict[str, list[list[Any]]]:
        """Return the names as lists of ids and title, for a plan's file."""
        return {
            "entities": [[*key, title] for key, title in self.entities.items()],
            "brands": [list(pair) for pair in self.brands.items()],
            "branches": [list(pair) for pair in self.branches.items()],
        }

    @classmethod
    def from_json(cls, stored: Any) -> Names:
        """Return the names that `to_json` wrote; of anything else, none."""
        try:
            return cls(
                {(str(kind), int(n)): str(title) for kind, n, title in stored["entities"]},
                {int(n): str(title) for n, title in stored["brands"]},
                {int(n): str(title) for n, title in stored["branches"]},
            )
        except (KeyError, TypeError, ValueError):
            # Names are for the eye alone: a plan is as good without them.
            return cls()

    def restricted_to(self, rows: pd.DataFrame) -> Names:
        """Return the names that these rows need: a plan of ten rows keeps no menu of a business."""
        if not (self.entities or self.brands or self.branches):
            return self
        cells = rows[["entity_type", "entity_id"]].drop_duplicates().itertuples(index=False, name=None)
        return Names(
            {key: self.entities[key] for key in cells if key in self.entities},
            {int(n): self.brands[n] for n in rows["brand_id"].dropna().unique() if n in self.brands},
            {int(n): self.branches[n] for n in rows["branch_id"].dropna().unique() if n in self.branches},
        )

    def __or__(self, other: Names) -> Names:
        """Return both, the other's where both know a name."""
        return Names(
            self.entities | other.entities, self.brands | other.brands, self.branches | other.branches
        )


_UNREAD = "its menu could not be read, or has it no more"

# What nobody has named.
NO_NAMES = Names()


def read_names(*frames: pd.DataFrame | None) -> Names:
    """Return the names that frames tell: of a state, of `klikit_frames.stores`, or a table's own titles.

    Touches neither network nor disk. A later frame's names win.

    Parameters
    ----------
    *frames : DataFrame or None
        Columns ``title`` (of the entity), ``brand_title`` and ``branch_title`` are read where they are, and
        ``brand_titles`` and ``branch_titles`` in the ``attrs`` of a state.
    """
    names = Names()
    for frame in frames:
        if frame is not None:
            names = names | _names_in(frame)
    return names


def _names_in(frame: pd.DataFrame) -> Names:
    return Names(
        _titles(frame, ["entity_type", "entity_id"], "title"),
        dict(frame.attrs.get("brand_titles", ())) | _titles(frame, ["brand_id"], "brand_title"),
        dict(frame.attrs.get("branch_titles", ())) | _titles(frame, ["branch_id"], "branch_title"),
    )


def _titles(frame: pd.DataFrame, keys: list[str], title: str) -> dict[Any, str]:
    """Return the titles by id; an empty one, or a column of something else, names nothing."""
    if not {*keys, title} <= set(frame.columns) or not frame.columns.is_unique:
        return {}
    rows = frame[[*keys, title]].dropna().drop_duplicates(keys)
    return {
        key if len(key) > 1 else key[0]: text.strip()
        for *parts, text in rows.itertuples(index=False, name=None)
        if isinstance(text, str) and text.strip() and (key := tuple(parts))
    }


@dataclass(frozen=True)
class Overview:
    """What a table of changes does, for people.

    Attributes
    ----------
    headline : str
        What goes off and on, in one sentence without its stop.
    facts : tuple of str
        Sentences that follow it.
    places : DataFrame
        One row per place, business-wide first: ``brand, store, n_off, n_on, n_trouble``.
    entities : DataFrame
        One row per brand and entity, what is off in most stores first: ``brand, title, where``.
    trouble : DataFrame
        One row per cause, the largest first: ``outcome, code, message, n_rows, which, cure``.
    """

    headline: str
    facts: tuple[str, ...]
    places: pd.DataFrame
    entities: pd.DataFrame
    trouble: pd.DataFrame

    @cached_property
    def by_brand(self) -> pd.DataFrame:
        """One row per brand, the same columns as ``places``; ``store`` tells how many stores there are."""
        grouped = self.places.groupby("brand", sort=False)
        summed = grouped[["n_off", "n_on", "n_trouble"]].sum()
        stores = [BUSINESS if name == BUSINESS else counted(n, "store") for name, n in grouped.size().items()]
        return summed.reset_index().assign(store=stores)[list(self.places.columns)]


def make_overview(rows: pd.DataFrame, names: Names, *, facts: Iterable[str] = ()) -> Overview:
    """Return the human view of rows: of a plan, of a result, or of any table of toggles.

    Touches neither network nor disk.

    Parameters
    ----------
    rows : DataFrame
        ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled``. With ``outcome``, rows that are
        not ``applied`` or ``unchanged`` are trouble, and only ``applied`` ones count as switched; the
        headline also tells of those that are ``unknown``.
    names : Names
        Titles; ids stand where there are none.
    facts : iterable of str
        Sentences to follow the headline.

    Examples
    --------
    >>> from klikit_frames.overview import make_overview, read_names
    >>> toggles = kf.cross_toggles("item", [1, 2], [(663, 1062), (663, 1063)], is_enabled=False)
    >>> view = make_overview(toggles, read_names(toggles))
    >>> view.headline
    '2 dishes off in 2 stores'
    >>> view.entities["where"].tolist()
    ['off in all 2 stores', 'off in all 2 stores']
    """
    cells = rows[_CELL].drop_duplicates() if "outcome" not in rows else rows[[*_CELL, "outcome"]]
    if "outcome" in cells:
        changed = cells[cells["outcome"] == "applied"].drop_duplicates(_CELL)
        trouble = rows[~rows["outcome"].isin(_GOOD)]
    else:
        changed, trouble = cells, rows.head(0)
    return Overview(
        headline=_headline_of_run(changed, trouble) if len(trouble) else headline(changed),
        facts=tuple(facts),
        places=_places(changed, trouble, names),
        entities=_entities(changed, names),
        trouble=_trouble(trouble, names),
    )


def proof_overview(proof: pd.DataFrame, names: Names) -> Overview:
    """Return the human view of what was read back: what is confirmed, and the rest by cause."""
    was_sent = proof["outcome"].isin(["applied", "unknown"])
    unread = was_sent.map({True: _UNREAD, False: "the run did not write it, so there is nothing to prove"})
    notes = proof["proof_note"].fillna(unread)
    rows = proof.assign(outcome=proof["proof"].fillna("not known"), code=None, message=notes)
    rows["outcome"] = rows["outcome"].mask(rows["outcome"] == "confirmed", "applied")
    return make_overview(rows, names)


_CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]


# Of such a row it is known that nothing goes off or on by it.
_STILL = {"unchanged", "rejected", "failed", "not_sent", "differs"}


def headline(changed: pd.DataFrame) -> str:
    """Return what goes off and on: how many dishes in how many stores, and what is business-wide."""
    wide = changed["scope"] == "business"
    parts = [*_store_phrases(changed[~wide]), *_wide_phrases(changed[wide])]
    return "; ".join(parts) if parts else "Nothing goes off or on"


def _headline_of_run(changed: pd.DataFrame, trouble: pd.DataFrame) -> str:
    """Return what went off and on, and what may have, of which nobody knows it."""
    doubtful = trouble[~trouble["outcome"].isin(_STILL)].drop_duplicates(_CELL)
    if doubtful.empty:
        return headline(changed)
    done = f"{headline(changed)}; not" if len(changed) else "Not"
    return f"{done} known: {headline(doubtful)}"


def _store_phrases(rows: pd.DataFrame) -> list[str]:
    phrases = []
    for is_enabled in (False, True):
        part = rows[rows["is_enabled"].eq(is_enabled)]
        if len(part):
            n_stores = len(part[["brand_id", "branch_id"]].drop_duplicates())
            phrases.append(f"{_entity_counts(part)} {_flag(is_enabled)} in {counted(n_stores, 'store')}")
    return [", ".join(phrases)] if phrases else []


def _wide_phrases(rows: pd.DataFrame) -> list[str]:
    parts = ((is_enabled, rows[rows["is_enabled"].eq(is_enabled)]) for is_enabled in (False, True))
    phrases = [f"{_entity_counts(part)} {_flag(is_enabled)}" for is_enabled, part in parts if len(part)]
    return [f"{', '.join(phrases)} {BUSINESS}"] if phrases else []


def _entity_counts(rows: pd.DataFrame) -> str:
    """Return how many different entities there are, dishes first."""
    counts = rows.drop_duplicates(["entity_type", "entity_id"])["entity_type"].value_counts(sort=False)
    phrases = [
        counted(int(counts[kind]), singular, many=many)
        for kind, (singular, many) in PLURALS.items()
        if kind in counts.index
    ]
    return " and ".join(phrases)


def _flag(is_enabled: bool) -> str:  # noqa: FBT001 - one flag is all it is about
    return "on" if is_enabled else "off"


def _places(changed: pd.DataFrame, trouble: pd.DataFrame, names: Names) -> pd.DataFrame:
    counts = pd.DataFrame(
        {
            "n_off": _count(changed[changed["is_enabled"].eq(False)]),  # noqa: FBT003 - pandas
            "n_on": _count(changed[changed["is_enabled"].eq(True)]),  # noqa: FBT003 - pandas
            "n_trouble": _count(trouble),
        }
    )
    counts = counts.fillna(0).astype("int64")
    labels = [_place(int(brand), int(branch), names) for brand, branch in counts.index]
    places = counts.reset_index(drop=True)
    places.insert(0, "brand", pd.Series([brand for brand, _ in labels], dtype="str"))
    places.insert(1, "store", pd.Series([store for _, store in labels], dtype="str"))
    order = sorted(range(len(places)), key=lambda n: (labels[n][0] != BUSINESS, *labels[n]))
    return places.iloc[order].reset_index(drop=True)


def _count(rows: pd.DataFrame) -> pd.Series[int]:
    """Return how many rows each place has; a business-wide one counts under (-1, -1)."""
    keys = [rows[name].astype("Int64").fillna(-1).astype("int64") for name in ("brand_id", "branch_id")]
    return rows.groupby(keys).size()


def _place(brand_id: int, branch_id: int, names: Names) -> tuple[str, str]:
    if brand_id < 0:
        return BUSINESS, BUSINESS
    return names.brand(brand_id), names.store(brand_id, branch_id)


def _entities(changed: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return what happens to each entity of each brand, in words."""
    rows = changed.assign(brand_id=changed["brand_id"].astype("Int64").fillna(-1).astype("int64"))
    is_on = rows["is_enabled"].eq(True).astype("int64")  # noqa: FBT003 - pandas
    keys = ["brand_id", "entity_type", "entity_id"]
    counts = rows.assign(n_on=is_on, n_off=1 - is_on).groupby(keys, sort=False)[["n_off", "n_on"]].sum()
    n_stores = rows[rows["brand_id"] >= 0].groupby("brand_id")["branch_id"].nunique()
    counts = counts.sort_values(["n_off", "n_on"], ascending=False, kind="stable")
    entity_rows = [
        (
            BUSINESS if brand_id < 0 else names.brand(brand_id),
            names.entity(entity_type, entity_id),
            _where(n_off, n_on, of=None if brand_id < 0 else int(n_stores[brand_id])),
        )
        for (brand_id, entity_type, entity_id), n_off, n_on in zip(
            counts.index, counts["n_off"].tolist(), counts["n_on"].tolist(), strict=True
        )
    ]
    frame = pd.DataFrame(entity_rows, columns=["brand", "title", "where"], dtype="str")
    return frame.sort_values("brand", key=lambda brand: brand != BUSINESS, kind="stable", ignore_index=True)


def _where(n_off: int, n_on: int, *, of: int | None) -> str:
    """Return where an entity goes off and on, of so many stores; of None is business-wide.

    Examples
    --------
    >>> from klikit_frames.overview import _where
    >>> _where(3, 0, of=12), _where(3, 9, of=12), _where(0, 12, of=12), _where(1, 0, of=None)
    ('off in 3 of 12 stores', 'off in 3, on in 9 of 12 stores', 'on in all 12 stores', 'off business-wide')
    """
    flags = [f"{flag} in {n:,}" for flag, n in (("off", n_off), ("on", n_on)) if n]
    if of is None:
        return f"{'off' if n_off else 'on'} {BUSINESS}"
    if len(flags) == 1 and n_off + n_on == of:
        return f"{'off' if n_off else 'on'} in {'all ' if of > 1 else ''}{counted(of, 'store')}"
    return f"{', '.join(flags)} of {counted(of, 'store')}"


def _trouble(rows: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return what went wrong, one row per cause; the rows of one cause share outcome, code and message."""
    columns = ["outcome", "code", "message", "n_rows", "which", "cure"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    cause = [rows[name].astype("object").fillna("") for name in ("outcome", "code", "message")]
    trouble_rows = [
        (*key, len(part), _which(part, names), _CURES.get(str(key[1]), _CURES.get(str(key[0]), "")))
        for key, part in rows.groupby(cause, sort=False)
    ]
    frame = pd.DataFrame(trouble_rows, columns=columns)
    return frame.sort_values("n_rows", ascending=False, kind="stable", ignore_index=True)


def _which(rows: pd.DataFrame, names: Names) -> str:
    """Return the first rows of a cause by name, and how many more there are."""
    places = rows[["entity_type", "entity_id", "brand_id", "branch_id"]].head(_MOST_LOOKED_AT)
    names_of_rows = (
        names.entity(entity_type, entity_id)
        + (f" {BUSINESS}" if pd.isna(brand_id) else f" in {names.store(brand_id, branch_id)}")
        for entity_type, entity_id, brand_id, branch_id in places.itertuples(index=False, name=None)
    )
    # Several sections of one store may have one name: said once, it says as much.
    cases = list(dict.fromkeys(names_of_rows))[:3]
    n_more = len(rows) - len(cases)
    return "; ".join([*cases, f"and {n_more:,} more"] if n_more else cases)
