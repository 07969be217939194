"""A report to mail: one HTML file that holds everything, and runs nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..frames.schemas import RESULT_COLUMNS
from ..html import paragraph_html, table_html
from .bars import plot_dark, plot_drift
from .heatmaps import plot_matrix
from .matching import CELL_COLUMNS
from .pictures import Picture
from .summaries import summary
from .timelines import plot_timeline

if TYPE_CHECKING:
    from ..planning.plan import Plan
    from ..running.results import Result

# A manager reads the first rows; the whole is in the files that the run wrote.
_MOST_ROWS = 50
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1rem 0; overflow-x: auto; } img { max-width: 100%; height: auto; background: white; }
section { overflow-x: auto; } h2 { margin-top: 2.5rem; } table { font-size: 13px; }
"""


def report(
    path: str | Path,
    *,
    title: str = "What was switched",
    plan: Plan | None = None,
    result: Result | None = None,
    proof: pd.DataFrame | None = None,
    state: pd.DataFrame | None = None,
    changes: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
) -> Path:
    """Write a report as one HTML file and return its path; an existing file is replaced.

    The file loads nothing and runs no script, so that it can be mailed. Pictures need the extra ``[plots]``.
    Tables show the first 50 rows, what went wrong first.

    Parameters
    ----------
    path : path
        The file to write.
    title : str
        The heading.
    plan : Plan, optional
        What was to be sent.
    result : Result, optional
        What became of it; also drawn as a timeline.
    proof : DataFrame, optional
        From `klikit_frames.verify`.
    state : DataFrame, optional
        From `klikit_frames.read_state`: what is on and off now, as a heat map and as bars of what is dark.
    changes : DataFrame, optional
        From `klikit_frames.drift`.
    stores : DataFrame, optional
        From `klikit_frames.stores`, for names in pictures.

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client))
    >>> page = kf.report("monday.html", state=state).read_text(encoding="utf-8")
    >>> page.startswith("<!DOCTYPE html>"), "<script" in page
    (True, False)
    """
    parts = [
        *_plan_parts(plan),
        *_result_parts(result),
        *_proof_parts(proof),
        *_change_parts(changes, stores=stores),
        *_state_parts(state, stores=stores),
    ]
    path = Path(path)
    path.write_text(_page(title, "".join(parts)), encoding="utf-8")
    return path


def _plan_parts(plan: Plan | None) -> Iterator[str]:
    if plan is None:
        return
    yield _heading("The plan")
    yield from map(paragraph_html, str(plan).splitlines())
    yield _table(plan.requests, caption="Requests, in the order in which they are sent")


def _result_parts(result: Result | None) -> Iterator[str]:
    if result is None:
        return
    yield _heading("What became of it")
    yield paragraph_html(result.summary)
    yield _figure(plot_timeline(result))
    yield _table(_result_table(result), caption="Rows, what went wrong first")


def _result_table(result: Result) -> pd.DataFrame:
    shown = [*CELL_COLUMNS, "is_enabled", *(name for name in RESULT_COLUMNS if name != "idempotency_key")]
    order = result.frame["outcome"].isin(["applied", "unchanged"]).to_numpy().argsort(kind="stable")
    return result.frame.iloc[order][shown]


def _proof_parts(proof: pd.DataFrame | None) -> Iterator[str]:
    if proof is None:
        return
    yield _heading("Read back from the server")
    yield paragraph_html(summary(proof))
    others = proof[proof["proof"].ne("confirmed").fillna(value=True)]
    if len(others):
        shown = [*CELL_COLUMNS, "is_enabled", "live", "proof", "proof_note"]
        yield _table(others[shown], caption="Rows that are not confirmed")


def _change_parts(changes: pd.DataFrame | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if changes is None:
        return
    yield _heading("What changed between two snapshots")
    yield paragraph_html(summary(changes))
    yield _figure(plot_drift(changes, stores=stores))
    yield _table(changes, caption="Changes")


def _state_parts(state: pd.DataFrame | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if state is None:
        return
    yield _heading("What is on and off now")
    yield paragraph_html(summary(state))
    if (state["scope"] == "store").any():
        yield _figure(plot_matrix(state, stores=stores))
    yield _figure(plot_dark(state, stores=stores))


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _table(frame: pd.DataFrame, *, caption: str) -> str:
    return f"<section>{table_html(frame, caption=caption, limit=_MOST_ROWS)}</section>"


def _figure(picture: Picture) -> str:
    text = escape(picture.text, quote=True)
    data = base64.b64encode(picture.png).decode()
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"></figure>'


def _page(title: str, body: str) -> str:
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1><p>Made on {made_at}.</p>{body}</body></html>"
    )
