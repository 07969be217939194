"""Screens for a person at a terminal: tables as wide as the terminal, no wrapped row, no control character.

Colour is a second signal only: every table reads the same without it, and ``NO_COLOR`` turns it off.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import edge
from ..wording import PLURALS, SHORT_ID, counted, outcome_words, time_ago, visible_text
from .terminal_words import to_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import Console

    from ..overview import Names, Overview

MOST_ROWS = 20
_STYLES = {"off": "red", "on": "green", "not done": "bold red"}
_STATUS_STYLES = {"warning": "yellow", "problem": "bold red"}
_HEADINGS = {"n_off": "off", "n_on": "on", "n_trouble": "not done", "n_rows": "rows", "started_at": "started"}
_IDS = ("run_id", "request_id", "idempotency_key", "plan_id", "plan_digest")
# A person's own table has any number of columns; no terminal fits more than these.
_MOST_COLUMNS = 8
# Blanks between columns.
_GAP = 2


def print_overview(view: Overview, *, to_stderr: bool = False, is_brief: bool = False) -> None:
    """Print the human view: headline, facts, what was not done, brands or stores, and dishes by name.

    A brief view leaves out the brands and dishes, which were shown a moment ago.
    """
    print_text(f"{view.headline}.", to_stderr=to_stderr, style="bold")
    for fact in view.facts:
        print_text(to_terminal(fact), to_stderr=to_stderr)
    _print_causes(view, to_stderr=to_stderr)
    if is_brief:
        return
    places = view.places if len(view.places) <= MOST_ROWS else view.by_brand
    if len(places):
        print_text("", to_stderr=to_stderr)
        print_frame(_without_empty(places), to_stderr=to_stderr, what="places")
    if len(view.entities):
        print_text("", to_stderr=to_stderr)
        print_frame(view.entities.rename(columns={"title": "what"}), to_stderr=to_stderr, what="dishes")


def print_requests(requests: pd.DataFrame) -> None:
    """Print one row per request: what it writes, for how many entities, in how many stores."""
    flags = ["on" if is_enabled else "off" for is_enabled in requests["is_enabled"]]
    counts = zip(requests["n_ids"].tolist(), requests["entity_type"], strict=True)
    what = [counted(n, PLURALS[kind][0], many=PLURALS[kind][1]) for n, kind in counts]
    stores = [counted(n, "store") if n else "business-wide" for n in requests["n_stores"].tolist()]
    shown = requests.assign(no=requests["request_no"].astype("object"), flag=flags, what=what, where=stores)
    print_frame(shown[["no", "flag", "what", "where", "ids", "n_rows"]], limit=len(shown))


def print_proof(proof: pd.DataFrame, names: Names) -> None:
    """Print what is not confirmed, one paragraph per cause."""
    from ..overview import proof_overview

    _print_causes(proof_overview(proof, names))


def print_problems(problems: pd.DataFrame, *, to_stderr: bool = False) -> None:
    """Print what is wrong with a table, by kind: how often and where, the first case, the cure."""
    from ..frames.problems import cause_title, count_problems, group_problems

    print_text(count_problems(problems), to_stderr=to_stderr, style="bold")
    causes = group_problems(problems)
    for cause in causes.head(MOST_ROWS // 2).itertuples():
        style = "bold red" if cause.severity == "error" else "bold"
        print_text(f"\n{cause_title(cause)}", to_stderr=to_stderr, style=style)
        print_text(to_terminal(f"{cause.message} {cause.hint}".rstrip()), to_stderr=to_stderr, indent=2)
    rest = len(causes) - MOST_ROWS // 2
    if rest > 0:
        print_text(
            f"\nAnd {counted(rest, 'more kind')}; check FILE --out PROBLEMS.csv writes all.",
            to_stderr=to_stderr,
        )


def print_findings(findings: pd.DataFrame) -> None:
    """Print one line per finding: its status, what was checked, what was found; advice stands below it."""
    for finding in findings.fillna("").to_dict("records"):
        name = str(next(iter(finding.values())))
        said = ", ".join(filter(None, [finding.get("host", ""), to_terminal(finding["found"])]))
        style = _STATUS_STYLES.get(finding["status"], "")
        print_text(f"{finding['status']:<7}  {name}: {said}", style=style, hanging=9)
        if finding.get("advice"):
            print_text(to_terminal(finding["advice"]), indent=9)


def print_publishes(published: pd.DataFrame, names: Names) -> None:
    """Print how many stores of each brand were published, and which were not and why."""
    rows = published.assign(n_done=published["outcome"].eq("published"))
    rows["brand"] = [names.brand(int(brand)) for brand in rows["brand_id"]]
    groups = rows.groupby("brand", sort=True)["n_done"]
    counts = groups.agg(["size", "sum"]).rename(columns={"size": "stores", "sum": "published"})
    print_frame(counts.reset_index(), what="brands")
    for (outcome, message), part in rows[~rows["n_done"]].groupby(
        ["outcome", "message"], dropna=False, sort=False
    ):
        print_text(f"\n{counted(len(part), 'store')} {str(outcome).replace('_', ' ')}", style="bold red")
        print_text(visible_text(to_terminal(str(message))), indent=2)
        # Several brands may have a branch of one name.
        for brand, stores in part.groupby("brand", sort=True):
            branches = [
                names.store(*pair) for pair in zip(stores["brand_id"], stores["branch_id"], strict=True)
            ]
            more = f" and {len(branches) - 5:,} more" if len(branches) > 5 else ""
            print_text(f"{brand}: {', '.join(branches[:5])}{more}", indent=2)


def print_toggles(toggles: pd.DataFrame, *named_by: pd.DataFrame) -> None:
    """Print what a table changes, with the names that it and other frames tell."""
    from ..overview import make_overview, read_names

    print_overview(make_overview(toggles, read_names(*named_by, toggles)))


def print_not_compared(compared: pd.DataFrame, *named_by: pd.DataFrame) -> None:
    """Print which rows of a table no menu has, by name."""
    from ..overview import make_overview, read_names

    rows = compared[compared["change"].isin(["not_in_menu", "unknown"])]
    causes = rows.assign(outcome=rows["change"], code=None, message=None)
    _print_causes(make_overview(causes, read_names(*named_by, compared)))


def print_drifted(audited: pd.DataFrame, *, to_stderr: bool = False) -> None:
    """Print what has drifted from a wanted table, brand by brand: store, name, and since when."""
    print_drifted_of({"": audited}, to_stderr=to_stderr)


def print_drifted_of(audited: Mapping[str, pd.DataFrame], *, to_stderr: bool = False) -> None:
    """Print what has drifted in each business, by brand: said above its rows, it leaves the names room."""
    from ..auditing.audits import drift_by_store
    from ..overview import read_names

    n_left, n_all = MOST_ROWS, 0
    for business, frame in audited.items():
        drifted = drift_by_store(frame, read_names(frame))
        n_all += len(drifted)
        for brand, rows in drifted.head(n_left).groupby("brand", sort=False):
            heading = f"\n{business}: {brand}" if business else f"\n{brand}"
            print_text(heading, to_stderr=to_stderr, style="bold")
            print_frame(rows.drop(columns="brand"), to_stderr=to_stderr)
            n_left -= len(rows)
    if n_all > MOST_ROWS:
        print_rest(MOST_ROWS, of=n_all, what="rows that have drifted")


def print_state(state: pd.DataFrame) -> None:
    """Print how many flags are off and on at each place."""
    from ..overview import make_overview, read_names

    view = make_overview(state[state["is_enabled"].notna()], read_names(state))
    print_frame(_without_empty(view.places), what="places")


def print_effect(effect: pd.DataFrame) -> None:
    """Print one row per dish and place, what guests no longer see first; then a summary in sentences."""
    from ..menus.effects import describe_effect
    from ..overview import BUSINESS, read_names

    names = read_names(effect)
    pairs = effect[["brand_id", "branch_id"]].fillna(-1).itertuples(index=False, name=None)
    where = [BUSINESS if pair[0] < 0 else names.store(*pair) for pair in pairs]
    shown = effect.assign(
        where=where, guests=effect["is_visible"].map({True: "see it again", False: "no longer"})
    )
    columns = ["title", "where", "guests", "because", *(["sales"] if "sales" in effect.columns else [])]
    print_frame(shown[columns].rename(columns={"title": "what"}), what="changes")
    for sentence in describe_effect(effect):
        print_text(sentence)


def with_names(rows: pd.DataFrame, names: Names | None = None) -> pd.DataFrame:
    """Return the rows with two columns more: ``what`` and ``where``, by name."""
    from ..overview import BUSINESS, NO_NAMES, read_names

    all_names = (names or NO_NAMES) | read_names(rows)
    entities = zip(rows["entity_type"], rows["entity_id"], strict=True)
    places = zip(rows["scope"], rows["brand_id"], rows["branch_id"], strict=True)
    where = [BUSINESS if scope == "business" else all_names.store(*pair) for scope, *pair in places]
    return rows.assign(what=[all_names.entity(*key) for key in entities], where=where)


def _print_causes(view: Overview, *, to_stderr: bool = False) -> None:
    """Print what was not done, one paragraph per cause: these sentences are never cut."""
    for cause in view.trouble.head(MOST_ROWS // 2).itertuples():
        # A line of a stranger's message must not look like one of the package's.
        said = ": ".join(visible_text(to_terminal(str(part))) for part in (cause.code, cause.message) if part)
        n_rows = int(str(cause.n_rows))
        what = f"\n{counted(n_rows, 'row')} {outcome_words(str(cause.outcome), n=n_rows)}"
        print_text(what, to_stderr=to_stderr, style="bold red")
        if said:
            print_text(said, to_stderr=to_stderr, indent=2)
        sentence = to_terminal(f"{cause.which}. {cause.cure}".rstrip())
        print_text(sentence, to_stderr=to_stderr, indent=2)


def _without_empty(places: pd.DataFrame) -> pd.DataFrame:
    """Leave out the count of rows not done where there are none."""
    return places if places["n_trouble"].any() else places.drop(columns="n_trouble")


def print_frame(
    frame: pd.DataFrame, *, to_stderr: bool = False, limit: int = MOST_ROWS, what: str = "rows"
) -> None:
    """Print the first rows as a table that is as wide as the terminal, and a sentence on the rest."""
    if frame.empty:
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    shown = frame.iloc[:limit, :_MOST_COLUMNS]
    cells = {
        _HEADINGS.get(str(name), str(name)): [
            Text(visible_text(cell_text(str(name), value))) for value in column
        ]
        for name, column in shown.items()
    }
    natural = [
        max(Text(visible_text(name)).cell_len, *(text.cell_len for text in cells[name])) for name in cells
    ]
    widths = fit_widths(natural, available=width() - _GAP * (len(natural) - 1))
    for name, most, (column_name, column) in zip(cells, widths, shown.items(), strict=True):
        is_number = column.dtype.kind in "iuf" and not str(column_name).endswith("_id")
        table.add_column(
            Text(visible_text(name)),
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if is_number else "left",
            width=most,
            style=_STYLES.get(name, ""),
        )
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    _console(to_stderr=to_stderr).print(table)
    if len(frame) > limit:
        print_rest(limit, of=len(frame), what=what)


def print_rest(n_shown: int, *, of: int, what: str) -> None:
    """Say how many rows of a table are shown, and how to have all."""
    print_text(f"The first {n_shown} of {of:,} {what} are shown; --out FILE writes all rows.", to_stderr=True)


def fit_widths(natural: Sequence[int], *, available: int) -> list[int]:
    """Return the width of each column: the widest are narrowed first, and short ones stay whole.

    Examples
    --------
    >>> from klikit_frames.cli.screens import fit_widths
    >>> fit_widths([8, 30, 5], available=60), fit_widths([8, 30, 40, 5], available=60)
    ([8, 30, 5], [8, 23, 24, 5])
    """
    widths = list(natural)
    while sum(widths) > max(available, len(widths)):
        widest = max(widths)
        widths[widths.index(widest)] = widest - 1
    return widths


def width() -> int:
    """Return how many columns the terminal has."""
    return _console(to_stderr=True).width


def print_text(
    text: str, *, to_stderr: bool = False, style: str = "", indent: int = 0, hanging: int | None = None
) -> None:
    """Print lines of text, broken between words where they are too long; a word is never cut.

    `indent` is that of each line, `hanging` that of its continuation lines.
    """
    from rich.text import Text

    console = _console(to_stderr=to_stderr)
    below = indent if hanging is None else hanging
    for line in text.split("\n"):
        parts = wrap_words(visible_text(line), most=console.width - max(indent, below))
        for place, part in enumerate(parts):
            console.print(Text(" " * (below if place else indent) + part, style=style), soft_wrap=True)


def wrap_words(line: str, *, most: int) -> list[str]:
    """Return a line in parts of at most so many columns; a longer word, such as a path, stays whole.

    Examples
    --------
    >>> from klikit_frames.cli.screens import wrap_words
    >>> wrap_words("Saved to /a/long/path.csv now", most=12)
    ['Saved to', '/a/long/path.csv', 'now']
    """
    from rich.cells import cell_len

    first, *words = line.split(" ")
    parts = [first]
    for word in words:
        longer = f"{parts[-1]} {word}"
        if parts[-1].strip() and cell_len(longer) > most:
            parts.append(word)
        else:
            parts[-1] = longer
    return parts


def cell_text(column: str, value: Any) -> str:
    """Return a cell as a person reads it: short ids, relative times, lists by their first members."""
    if isinstance(value, (tuple, list)):
        more = f" +{len(value) - 3}" if len(value) > 3 else ""
        return ", ".join(map(str, value[:3])) + more
    if value is None or str(value) in {"", "nan", "NaT", "<NA>"}:
        return ""
    if isinstance(value, datetime):
        return time_ago(value, now=edge.now())
    if column in _IDS:
        return str(value)[:SHORT_ID]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not column.endswith("_id"):
        return f"{value:,.2f}".removesuffix(".00")
    return str(value)


def _console(*, to_stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
