"""A frame of this package for people: what it comes to, by brand, store and name, and all of it to search."""

from __future__ import annotations

import pandas as pd

from ..errors import StateError
from ..frames.problems import problems_html, problems_text
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..overview import make_overview, read_names
from ..wording import counted
from .summaries import summary

# A page with more rows than this is slow to open and to search.
_MOST_ROWS = 2000
_CELL = {"entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"}
_PROBLEM = {"severity", "code", "column", "message", "hint", "row", "line"}


def frame_html(frame: pd.DataFrame) -> str:
    """Return a frame as HTML that needs no script: grouped, with counts, and the whole of it folded.

    Touches neither network nor disk. Colours come from the page, so light and dark both work.

    Parameters
    ----------
    frame : DataFrame
        Problems, a state, toggles, or a frame of an audit; any other is a table.

    Examples
    --------
    >>> from klikit_frames.auditing.frame_views import frame_html
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
    """Return what a frame comes to in a few lines, for a console."""
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
