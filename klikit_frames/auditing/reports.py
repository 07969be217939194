"""A report to mail: one HTML file that holds everything, and runs nothing."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from .. import edge
from ..errors import as_path, check_type
from ..frames.cell_keys import CELL_COLUMNS
from ..frames.schemas import RESULT_COLUMNS
from ..html import TABLE_STYLE, escape, fold_html, overview_html, paragraph_html, table_html, trouble_html
from ..overview import BUSINESS, NO_NAMES, Names, make_overview, proof_overview, read_names
from ..planning.plan import Plan
from ..running.journal_files import MEMORY
from ..running.results import Result
from ..wording import SHORT_ID, counted
from .audits import drift_by_store
from .pictures import NEEDS_PLOTS, Picture, can_draw, plot_plan, plot_timeline
from .state_pictures import plot_dark, plot_drift, plot_matrix
from .summaries import summary

# A manager reads the first rows; the whole is in the files that the run wrote.
_MOST_ROWS = 50
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
body { overflow-wrap: anywhere; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
figcaption { font-size: 13px; } @media (min-width: 60rem) { figcaption { display: none; } }
section { overflow-x: auto; overflow-wrap: normal; }
summary { cursor: pointer; padding: 0.4rem 0; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; } dd { margin: 0; }
pre { white-space: pre-wrap; } h2 { margin-top: 2rem; } table { font-size: 13px; }
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
    audit: pd.DataFrame | None = None,
    stores: pd.DataFrame | None = None,
    by: str | None = None,
    file: str | Path | None = None,
) -> Path:
    """Write a report as one HTML file and return its path; an existing file is replaced.

    The file loads nothing and runs no script, so that it can be mailed and read on a phone. It says what went
    off and on by brand, store and name, what was not done and what to do; ids fold away, 50 rows of them.
    Pictures need the extra ``[plots]``; without it the page has none, and says so.

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
    audit : DataFrame, optional
        From `klikit_frames.audit`: what has drifted by brand, store and name, and since when.
    stores : DataFrame, optional
        From `klikit_frames.stores`, for names.
    by : str, optional
        Who did it.
    file : path, optional
        The table that it came from; only its name is shown.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client))
    >>> page = kf.report("monday.html", state=state).read_text(encoding="utf-8")
    >>> page.startswith("<!DOCTYPE html>"), "<script" in page
    (True, False)
    """
    arguments = {
        "title": (title, str, "str()"),
        "by": (by, str, "str()"),
        "plan": (plan, Plan, "kf.plan()"),
        "result": (result, Result, "kf.run()"),
        "proof": (proof, pd.DataFrame, "kf.verify()"),
        "state": (state, pd.DataFrame, "kf.read_state()"),
        "changes": (changes, pd.DataFrame, "kf.drift()"),
        "audit": (audit, pd.DataFrame, "kf.audit()"),
        "stores": (stores, pd.DataFrame, "kf.stores()"),
    }
    for name, (value, kind, made_by) in arguments.items():
        if value is not None:
            check_type(name, value, kind, made_by=made_by)
    there = as_path("path", path)
    check_type("title", title, str, made_by="a person")
    parts = [
        *_origin_parts(by=by, file=file),
        *_audit_parts(audit, stores=stores),
        *_result_parts(result, stores=stores),
        *_proof_parts(proof, (NO_NAMES if result is None else result.names) | read_names(stores, proof)),
        *_plan_parts(plan, is_done=result is not None),
        *_way_back_parts(result),
        *_change_parts(changes, stores=stores),
        *_state_parts(state, stores=stores),
        *_missing_parts(),
    ]
    return write_page(there, title, "".join(parts))


def write_page(path: Path, title: str, body: str) -> Path:
    """Write a page of HTML that loads nothing and runs nothing, and return its path."""
    edge.write_file(path, _page(title, body))
    return path


def _origin_parts(*, by: str | None, file: str | Path | None) -> Iterator[str]:
    facts = {"By": by, "File": None if file is None else as_path("file", file).name}
    if given := {name: text for name, text in facts.items() if text}:
        yield _terms(given)


def _audit_parts(audit: pd.DataFrame | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if audit is None:
        return
    yield _heading("Held against the wanted table")
    yield paragraph_html(summary(audit))
    drifted = drift_by_store(audit, read_names(stores, audit))
    if len(drifted):
        yield paragraph_html("What has drifted, by brand, store and name:")
        yield from _drift_folds(drifted)
    others = audit[audit["change"].isin(["not_in_menu", "unknown"])]
    if len(others):
        shown = [*CELL_COLUMNS, "is_enabled", "source", "change"]
        yield fold_html("Rows that could not be compared", _table(others[shown], caption="Not compared"))


def _drift_folds(drifted: pd.DataFrame) -> Iterator[str]:
    """Return a fold for each brand, its tables as narrow as a phone; the first is open."""
    since = drifted["since"].dt.strftime("%m-%d %H:%M")
    live = drifted["live"] + ", not " + drifted["wanted"]
    table = drifted.assign(live=live, since=since).rename(columns={"live": "is", "since": "since (UTC)"})
    for n, brand in enumerate(table["brand"].unique().tolist()):
        rows = table[table["brand"] == brand]
        shown = rows[["what", "store", "is", "since (UTC)"]]
        if brand == BUSINESS:
            shown = shown.drop(columns="store")
        title = f"{brand[0].upper()}{brand[1:]}: {counted(len(rows), 'row')}"
        yield fold_html(title, _table(shown, caption="As it is now"), is_open=n == 0)


def _plan_parts(plan: Plan | None, *, is_done: bool) -> Iterator[str]:
    if plan is None:
        return
    yield _heading("The plan")
    if is_done:
        # What it switched stands above already.
        yield from map(paragraph_html, (*str(plan).splitlines(), *plan.effect))
    else:
        yield overview_html(plan.overview, limit=None)
    if plan.n_requests:
        yield _figure(plot_plan, plan)
    yield fold_html(
        "Requests", _table(plan.requests, caption="Requests, in the order in which they are sent")
    )


def _result_parts(result: Result | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if result is None:
        return
    yield _heading("What became of it")
    yield _run_facts(result)
    names = result.names | read_names(stores, result.frame)
    yield overview_html(make_overview(result.frame, names, facts=[result.account]), limit=None)
    yield from _way_on_parts(result)
    if drawn := _figure(plot_timeline, result):
        yield fold_html("When each request left", drawn)
    yield fold_html("Rows and request ids", _table(_result_table(result), caption="What went wrong first"))


def _way_on_parts(result: Result) -> Iterator[str]:
    """Say how to go on with what is not settled."""
    if result.resume_hint:
        yield paragraph_html("To go on with what is not settled, in the terminal of the person who ran it:")
        yield _command("resume", result)


def _way_back_parts(result: Result | None) -> Iterator[str]:
    """Say how to take it back, where there is something to take back and a journal that knows it."""
    if result is None or not result.counts["applied"] or result.journal == MEMORY:
        return
    yield _heading("How to undo it")
    yield paragraph_html(
        "In the terminal of the person who ran it; what somebody else changed since is spared:"
    )
    yield _command("undo", result)


def _command(name: str, result: Result) -> str:
    # A page that is mailed tells the name of a file, and no folder of the person's machine.
    journal = "" if result.journal is None else f" --journal {shlex.quote(Path(result.journal).name)}"
    return f"<pre>klikit-frames {name} {escape(result.run_id[:SHORT_ID] + journal)}</pre>"


def _run_facts(result: Result) -> str:
    """Return where, when and by what run it was done, as a list of terms."""
    sent = result.frame["sent_at"].dropna()
    facts = {"Host": result.host, "Run": result.run_id}
    if len(sent):
        last = result.frame["settled_at"].dropna().max()
        first, last = f"{sent.min():%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
        until = last.removeprefix(first[: len("2026-03-09 ")])
        facts["Sent"] = f"{first} UTC" if first == last else f"{first} to {until} UTC"
    return _terms(facts)


def _terms(facts: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()) + "</dl>"


def _result_table(result: Result) -> pd.DataFrame:
    shown = [*CELL_COLUMNS, "is_enabled", *(name for name in RESULT_COLUMNS if name != "idempotency_key")]
    order = result.frame["outcome"].isin(["applied", "unchanged"]).to_numpy().argsort(kind="stable")
    return result.frame.iloc[order][shown]


def _proof_parts(proof: pd.DataFrame | None, names: Names) -> Iterator[str]:
    if proof is None:
        return
    yield _heading("Read back from the server")
    yield paragraph_html(summary(proof))
    others = proof[proof["proof"].ne("confirmed").fillna(value=True)]
    if len(others):
        yield trouble_html(proof_overview(proof, names))
        shown = [*CELL_COLUMNS, "is_enabled", "live", "proof", "proof_note"]
        yield fold_html("Rows that are not confirmed", _table(others[shown], caption="Not confirmed"))


def _change_parts(changes: pd.DataFrame | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if changes is None:
        return
    yield _heading("What changed between two snapshots")
    yield paragraph_html(summary(changes))
    yield _figure(plot_drift, changes, stores=stores)
    yield _table(changes, caption="Changes")


def _state_parts(state: pd.DataFrame | None, *, stores: pd.DataFrame | None) -> Iterator[str]:
    if state is None:
        return
    yield _heading("What is on and off now")
    yield paragraph_html(summary(state))
    if (state["scope"] == "store").any():
        yield _figure(plot_matrix, state, stores=stores)
    yield _figure(plot_dark, state, stores=stores)


def _missing_parts() -> Iterator[str]:
    if not can_draw():
        yield paragraph_html(f"This page has no pictures. {NEEDS_PLOTS}")


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _table(frame: pd.DataFrame, *, caption: str) -> str:
    return f"<section>{table_html(frame, caption=caption, limit=_MOST_ROWS)}</section>"


def _figure(plot: Callable[..., Picture], *data: Any, **options: Any) -> str:
    """Return what a function draws, or nothing where it cannot draw: the page says so at its end."""
    if not can_draw():
        return ""
    picture = plot(*data, **options)
    text = escape(picture.text)
    png = base64.b64encode(picture.png).decode()
    # A phone shows it whole and small: what it says stands below it, and its names are read by zooming in.
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{png}">'
        f"<figcaption>{text}. Zoom in to read the names.</figcaption></figure>"
    )


def _page(title: str, body: str) -> str:
    body = body.replace(TABLE_STYLE, "")
    made_at = edge.now().strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{TABLE_STYLE}<style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1><p>Made on {made_at}.</p>{body}</body></html>"
    )
