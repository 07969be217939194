"""Screens for a person at a terminal: tables as wide as the terminal, never a wrapped row, nothing obeyed.

Colour is a second signal only: every table reads the same without it, and ``NO_COLOR`` turns it off.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from klikit_frames.terminal_text import visible_text
from klikit_frames.wording import PLURALS, SHORT_ID, counted, time_ago

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from klikit_frames.overview import Names, Overview

MOST_ROWS = 20
_STYLES = {"off": "red", "on": "green", "not done": "bold red"}
_HEADINGS = {"n_off": "off", "n_on": "on", "n_trouble": "not done", "n_rows": "rows", "cure": "what to do"}
_IDS = ("run_id", "request_id", "idempotency_key", "plan_id", "plan_digest")
# A table of a person's own has any number of columns; more than these fit no terminal.
_MOST_COLUMNS = 8


def print_overview(view: Overview, *, to_stderr: bool = False, is_brief: bool = False) -> None:
    """Print the human view: headline, facts, what was not done, brands or stores, and dishes by name.

    Brief is without the brands and dishes, for what was shown a moment ago.
    """
    console = _console(to_stderr=to_stderr)
    console.print(f"{visible_text(view.headline)}.", style="bold")
    for fact in view.facts:
        console.print(visible_text(fact, multiline=True))
    if len(view.trouble):
        _print_causes(console, view)
    if is_brief:
        return
    places = view.places if len(view.places) <= MOST_ROWS else view.by_brand
    if len(places):
        console.print()
        print_frame(_without_empty(places), to_stderr=to_stderr, what="places")
    if len(view.entities):
        console.print()
        print_frame(view.entities.rename(columns={"title": "what"}), to_stderr=to_stderr, what="dishes")


def print_requests(requests: pd.DataFrame) -> None:
    """Print a request a row: what it writes, for how many entities, in how many stores."""
    flags = ["on" if is_enabled else "off" for is_enabled in requests["is_enabled"]]
    counts = zip(requests["n_ids"].tolist(), requests["entity_type"], strict=True)
    what = [counted(n, PLURALS[kind][0], many=PLURALS[kind][1]) for n, kind in counts]
    stores = [counted(n, "store") if n else "business-wide" for n in requests["n_stores"].tolist()]
    shown = requests.assign(no=requests["request_no"].astype("object"), flag=flags, what=what, where=stores)
    print_frame(shown[["no", "flag", "what", "where", "ids", "n_rows"]], limit=len(shown))


def print_proof(proof: pd.DataFrame, names: Names) -> None:
    """Print what is not confirmed, a paragraph a cause."""
    from klikit_frames.overview import make_overview

    rows = proof.assign(outcome=proof["proof"].fillna("not known"), code=None, message=proof["proof_note"])
    rows["outcome"] = rows["outcome"].mask(rows["outcome"] == "confirmed", "applied")
    _print_causes(_console(to_stderr=False), make_overview(rows, names))


def print_toggles(toggles: pd.DataFrame, *named_by: pd.DataFrame) -> None:
    """Print what a table changes, with the names that it and other frames tell."""
    from klikit_frames.overview import make_overview, read_names

    print_overview(make_overview(toggles, read_names(*named_by, toggles)))


def print_drifted(audited: pd.DataFrame, *, to_stderr: bool = False) -> None:
    """Print what has drifted from a wanted table, by brand, store and name, and since when."""
    from klikit_frames.auditing.audits import drift_by_store
    from klikit_frames.overview import read_names

    drifted = drift_by_store(audited, read_names(audited))
    print_frame(drifted, to_stderr=to_stderr, what="rows that have drifted")


def print_state(state: pd.DataFrame) -> None:
    """Print how many flags are off and on at each place."""
    from klikit_frames.overview import make_overview, read_names

    view = make_overview(state[state["is_enabled"].notna()], read_names(state))
    print_frame(_without_empty(view.places), what="places")


def print_effect(found: pd.DataFrame) -> None:
    """Print a dish and place a row, what guests no longer see first; then what it comes to, in sentences."""
    from klikit_frames.menus.effects import describe_effect
    from klikit_frames.overview import BUSINESS, read_names

    names = read_names(found)
    pairs = found[["brand_id", "branch_id"]].fillna(-1).itertuples(index=False, name=None)
    where = [BUSINESS if pair[0] < 0 else names.store(*pair) for pair in pairs]
    shown = found.assign(
        where=where, guests=found["is_visible"].map({True: "see it again", False: "no longer"})
    )
    columns = ["title", "where", "guests", "because", *(["sales"] if "sales" in found.columns else [])]
    print_frame(shown[columns].rename(columns={"title": "what"}), what="changes")
    for sentence in describe_effect(found):
        _console(to_stderr=False).print(visible_text(sentence))


def with_names(rows: pd.DataFrame, names: Names | None = None) -> pd.DataFrame:
    """Return the rows with two columns more: ``what`` and ``where``, by name."""
    from klikit_frames.overview import BUSINESS, NO_NAMES, read_names

    known = (names or NO_NAMES) | read_names(rows)
    entities = zip(rows["entity_type"], rows["entity_id"], strict=True)
    places = zip(rows["scope"], rows["brand_id"], rows["branch_id"], strict=True)
    where = [BUSINESS if scope == "business" else known.store(*pair) for scope, *pair in places]
    return rows.assign(what=[known.entity(*key) for key in entities], where=where)


def _print_causes(console: Console, view: Overview) -> None:
    """Print what was not done, a paragraph a cause: these sentences are read whole."""
    from rich.text import Text

    for cause in view.trouble.head(MOST_ROWS // 2).itertuples():
        said = " ".join(str(part) for part in (cause.code, cause.message) if part)
        outcome = str(cause.outcome).replace("_", " ")
        count = (f"\n{counted(int(str(cause.n_rows)), 'row')} {outcome}", "bold red")
        console.print(Text.assemble(count, visible_text(f": {said}")))
        console.print(visible_text(f"{cause.which}. {cause.cure}".rstrip()))


def _without_empty(places: pd.DataFrame) -> pd.DataFrame:
    """Leave out the count of what was not done where all was done."""
    return places if places["n_trouble"].any() else places.drop(columns="n_trouble")


def print_frame(
    frame: pd.DataFrame, *, to_stderr: bool = False, limit: int = MOST_ROWS, what: str = "rows"
) -> None:
    """Print the first rows as a table that is as wide as the terminal, and a sentence on the rest."""
    if frame.empty:
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    shown = frame.iloc[:limit, :_MOST_COLUMNS]
    for name in shown.columns:
        heading = _HEADINGS.get(str(name), str(name))
        is_number = shown[name].dtype.kind in "iuf" and not str(name).endswith("_id")
        table.add_column(
            Text(visible_text(heading)),
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if is_number else "left",
            style=_STYLES.get(heading, ""),
        )
    for row in shown.itertuples(index=False, name=None):
        named = zip(shown.columns, row, strict=True)
        table.add_row(*(Text(visible_text(cell_text(str(name), value))) for name, value in named))
    _console(to_stderr=to_stderr).print(table)
    if len(frame) > limit:
        told = f"The first {limit} of {len(frame):,} {what} are shown; --out FILE writes all rows."
        _console(to_stderr=True).print(told)


def cell_text(column: str, value: Any) -> str:
    """Return a cell as a person reads it: short ids, relative times, lists by their first members."""
    if isinstance(value, (tuple, list)):
        more = f" +{len(value) - 3}" if len(value) > 3 else ""
        return ", ".join(map(str, value[:3])) + more
    if value is None or str(value) in {"", "nan", "NaT", "<NA>"}:
        return ""
    if isinstance(value, datetime):
        return time_ago(value, now=datetime.now(UTC))
    if column in _IDS:
        return str(value)[:SHORT_ID]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not column.endswith("_id"):
        return f"{value:,.2f}".removesuffix(".00")
    return str(value)


def _console(*, to_stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
