"""A frame for people: one line in words, and all of it by brand, store and name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from ..errors import StateError
from ..frames.problems import problems_html, problems_text
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..menus.effects import describe_effect
from ..overview import make_overview, read_names
from ..wording import counted, visible_text

_CHANGE_WORDS = {
    "change": "to change",
    "already": "hold already",
    "not_in_menu": "not in the menu",
    "unknown": "not known",
}
_PROOF_WORDS = {
    "confirmed": "confirmed",
    "differs": "differ",
    "not_visible_yet": "not visible before a publish",
}
_DRIFT_WORDS = {
    "switched_on": "switched on",
    "switched_off": "switched off",
    "appeared": "appeared",
    "gone": "gone",
    "not_read": "not read both times",
    "unknown": "not known",
}
_DARK_WORDS = {
    "itself": "off themselves",
    "category": "by their category",
    "section": "by their section",
    "all items": "with all items off",
}
_DIFFERENCE_WORDS = {
    "differs": "with other flags",
    "only_store": "only in the first",
    "only_other": "only in the other",
}

# A page with more rows than this is slow to open and to search.
_MOST_ROWS = 2000
_CELL = {"entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"}
_PROBLEM = {"severity", "code", "column", "message", "hint", "row", "line"}


def summary(frame: pd.DataFrame) -> str:
    """Return one line in words on a frame of an audit.

    Pure. It is counted from the rows at hand: of a filtered frame it tells what is left.

    Parameters
    ----------
    frame : DataFrame
        From `read_state`, `diff`, `effect`, `verify`, `drift`, `effective`, `dark_categories`, `mixed`,
        `overrides`, `compare_stores` or `align`.

    Raises
    ------
    StateError
        It is none of these.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> kf.summary(state)
    '... rows of the business level: ... on, ... off.'
    """
    if not isinstance(frame, pd.DataFrame):
        raise StateError(
            f"A summary is made of a frame of this package's audits, not of a {type(frame).__name__}."
        )
    for column, tell in _TELLERS.items():
        if column in frame.columns:
            return visible_text(tell(frame))
    raise StateError(
        "A summary is made of a frame of this package's audits; this one has no column of theirs."
    )


def _tell_diff(frame: pd.DataFrame) -> str:
    return f"{_rows(frame)}: {_counted(frame['change'], _CHANGE_WORDS)}."


def _tell_proof(frame: pd.DataFrame) -> str:
    rest = int(frame["proof"].isna().sum())
    unknown = f", {rest:,} not known" if rest else ""
    return f"{_rows(frame)}: {_counted(frame['proof'], _PROOF_WORDS)}{unknown}."


def _tell_drift(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "Nothing changed."
    return f"{_rows(frame, 'change')} {_places(frame)}: {_counted(frame['drift'], _DRIFT_WORDS)}."


def _tell_dark(frame: pd.DataFrame) -> str:
    dark = frame[frame["dark_because"].notna()]
    what = "dark categories" if "n_items_on" in frame.columns else f"of {_rows(frame)} dark"
    if dark.empty:
        return f"0 {what}."
    return f"{len(dark):,} {what} {_places(dark)}: {_counted(dark['dark_because'], _DARK_WORDS)}."


def _tell_effect(frame: pd.DataFrame) -> str:
    return " ".join(describe_effect(frame))


def _tell_mixed(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "Every entity is on, or off, in all stores alike."
    most = frame.iloc[0]
    return f"{_rows(frame, 'entity')} mixed; the most divided is {most['title']}, {most['where']}."


def _tell_overrides(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "No store differs from the business."
    return f"{_rows(frame, 'store row')} {_places(frame)} differ from the business: {_flags(frame)}."


def _tell_difference(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "The two stores are alike."
    counts = _counted(frame["difference"], _DIFFERENCE_WORDS)
    return f"The stores differ in {_rows(frame, 'entity')}: {counts}."


def _tell_toggles(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "Nothing to toggle."
    return f"{_rows(frame, 'toggle')} {_places(frame)}: {_flags(frame)}."


def _tell_state(frame: pd.DataFrame) -> str:
    return f"{_rows(frame)} {_places(frame, preposition='of')}: {_flags(frame)}."


# The first column that a frame has says what it is; later ones stand in several kinds.
_TELLERS: Mapping[str, Callable[[pd.DataFrame], str]] = {
    "because": _tell_effect,
    "proof": _tell_proof,
    "change": _tell_diff,
    "drift": _tell_drift,
    "dark_because": _tell_dark,
    "where": _tell_mixed,
    "business_is_enabled": _tell_overrides,
    "difference": _tell_difference,
    "cascade_to_modifier_groups": _tell_toggles,
    "is_enabled": _tell_state,
}


def _rows(frame: pd.DataFrame, word: str = "row") -> str:
    if len(frame) == 1:
        return f"1 {word}"
    return f"{len(frame):,} {word.removesuffix('y')}ies" if word.endswith("y") else f"{len(frame):,} {word}s"


def _counted(values: pd.Series, words: Mapping[str, str]) -> str:
    """Say how many there are of each, in the order of the words; leave out zeros."""
    counts = values.value_counts(sort=False)
    phrases = [f"{int(counts[value]):,} {word}" for value, word in words.items() if value in counts.index]
    return ", ".join(phrases) or "none"


def _flags(frame: pd.DataFrame) -> str:
    flags = frame["is_enabled"].astype("boolean")
    n_unknown = int(flags.isna().sum())
    unknown = f", {n_unknown:,} not known" if n_unknown else ""
    return f"{int(flags.sum()):,} on, {int((~flags).sum()):,} off{unknown}"


def _places(frame: pd.DataFrame, *, preposition: str = "in") -> str:
    """Say where the rows are: business level, so many stores, or both."""
    is_store = frame["scope"] == "store"
    n_stores = len(frame.loc[is_store, ["brand_id", "branch_id"]].drop_duplicates())
    stores = f"{n_stores:,} store" if n_stores == 1 else f"{n_stores:,} stores"
    parts = [*(["the business level"] if not is_store.all() else []), *([stores] if n_stores else [])]
    return f"{preposition} {' and '.join(parts)}" if parts else "of nothing"


def frame_html(frame: pd.DataFrame) -> str:
    """Return a frame as HTML that needs no script: grouped, with counts, and the whole of it folded.

    Touches neither network nor disk. Colours come from the page, so light and dark both work.

    Parameters
    ----------
    frame : DataFrame
        Problems, a state, toggles, or a frame of an audit; any other is a table.

    Examples
    --------
    >>> from klikit_frames.auditing.summaries import frame_html
    >>> toggles = kf.cross_toggles("item", [1, 2], [(663, 1062)], is_enabled=False)
    >>> frame_html(toggles).startswith("<p>2 toggles in 1 store: 0 on, 2 off.</p>")
    True
    """
    if set(frame.columns) >= _PROBLEM:
        return problems_html(frame, notes=[])
    whole = table_html(frame, caption="As they stand in the frame", limit=_MOST_ROWS)
    every = fold_html(f"All {counted(len(frame), 'row')}", whole)
    said = _summary(frame)
    head = paragraph_html(said) if said else ""
    if not set(frame.columns) >= _CELL:
        return head + every
    return head + overview_html(make_overview(_told(frame), read_names(frame))) + every


def frame_text(frame: pd.DataFrame) -> str:
    """Return a frame's summary in a few lines, for a console."""
    if set(frame.columns) >= _PROBLEM:
        return problems_text(frame)
    return _summary(frame) or counted(len(frame), "row")


def _summary(frame: pd.DataFrame) -> str:
    try:
        return summary(frame)
    except (StateError, KeyError):
        return ""


def _told(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the view is about: what is to change, or what is known to be off or on."""
    if "change" in frame.columns:
        return frame[frame["change"].eq("change").fillna(value=False)]
    return frame[frame["is_enabled"].notna()]
