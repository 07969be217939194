"""What will happen, before it happens: a plan in a few lines and a table. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from ..auditing.undo import Undo
from ..html import paragraph_html, table_html
from ..wording import counted
from .item_index import ItemIndex

if TYPE_CHECKING:
    from ..planning.plan import Plan

_MOST_LINES = 5
_FACTS = ("Rows", "Requests", "Time", "Already so", "Refused", "Touches")


def preview_html(plan: Plan, *, writes_per_minute: float, index: ItemIndex | None = None) -> str:
    """Return what `plan` will do: rows, requests, minutes, what holds already, and what it touches.

    Examples
    --------
    >>> from klikit_frames.forms.previews import preview_html
    >>> plan = kf.plan(kf.cross_toggles("item", [7], [(5297, 1293)], is_enabled=False))
    >>> "1 item in 1 store" in preview_html(plan, writes_per_minute=300)
    True
    """
    facts = dict(zip(_FACTS, plan_facts(plan, writes_per_minute=writes_per_minute), strict=True))
    lines = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(said)}</td></tr>' for name, said in facts.items() if said
    )
    table = f'<table><caption style="text-align:left">The plan</caption>{lines}</table>'
    return table + _touched_html(plan, index) + _undo_html(plan)


def plan_facts(plan: Plan, *, writes_per_minute: float) -> tuple[str, ...]:
    """Return the facts of `plan` in words; an empty one need not be said."""
    counts = plan.counts
    unchanged, rejected = counts["unchanged"], counts["rejected"]
    bound = " (the fewest possible)" if plan.is_optimal else f" (no plan has fewer than {plan.lower_bound:,})"
    return (
        f"{plan.n_rows:,}, of which {counts['sent']:,} are sent",
        f"{plan.n_requests:,}{bound}" if plan.n_requests else "none",
        plan.estimate(writes_per_minute).text if plan.n_requests else "",
        f"{counted(unchanged, 'row')}, not sent" if unchanged else "",
        f"{counted(rejected, 'row')} of what is not in this business's menu, not sent" if rejected else "",
        touched(plan),
    )


def touched(plan: Plan) -> str:
    """Say how many entities are switched in how many stores, and what is business-wide.

    Examples
    --------
    >>> from klikit_frames.forms.previews import touched
    >>> touched(kf.plan(kf.business_toggles("section", [6825], is_enabled=False)))
    '1 section switched off business-wide, wherever it is inherited'
    """
    rows = plan.rows
    rows = rows[rows["skipped_as"].isna()]
    groups = rows.groupby(["entity_type", "is_enabled", "scope"], sort=True)
    return "; ".join(_group(group) for _, group in groups)


def _group(rows: pd.DataFrame) -> str:
    entity_type, is_enabled, scope = rows[["entity_type", "is_enabled", "scope"]].iloc[0]
    n = rows["entity_id"].nunique()
    what = counted(n, entity_type, many={"category": "categories"}.get(entity_type, ""))
    flag = "on" if is_enabled else "off"
    if scope == "business":
        return f"{what} switched {flag} business-wide, wherever {'it is' if n == 1 else 'they are'} inherited"
    n_stores = len(rows[["brand_id", "branch_id"]].drop_duplicates())
    return f"{what} in {counted(n_stores, 'store')} switched {flag}"


def _undo_html(plan: Plan) -> str:
    if not isinstance(plan, Undo):
        return ""
    kept = table_html(plan.kept, caption="Kept as they are", limit=_MOST_LINES) if len(plan.kept) else ""
    return kept + "".join(paragraph_html(note) for note in plan.notes)


def _touched_html(plan: Plan, index: ItemIndex | None) -> str:
    requests = plan.requests
    if requests.empty:
        return paragraph_html("There is nothing to send: every row holds already or is refused.")
    shown = requests[["request_no", "entity_type", "scope", "is_enabled", "n_ids", "n_stores", "n_rows"]]
    shown = shown.head(_MOST_LINES)
    named = zip(shown["entity_type"], requests["ids"], strict=False)
    shown = shown.assign(what=[_titles(entity_type, ids, index) for entity_type, ids in named])
    table = table_html(shown, caption="The requests, in sending order")
    n_more = len(requests) - len(shown)
    return table + (paragraph_html(f"And {n_more:,} more.") if n_more else "")


def _titles(entity_type: str, ids: tuple[int, ...], index: ItemIndex | None) -> str:
    names = [_title(entity_type, entity_id, index) for entity_id in ids[:3]]
    return ", ".join(names) + (f" and {len(ids) - 3:,} more" if len(ids) > 3 else "")


def _title(entity_type: str, entity_id: int, index: ItemIndex | None) -> str:
    position = None if index is None else index.positions.get((entity_type, entity_id))
    titled = "" if index is None or position is None else index.columns["title"].texts[position]
    return titled or str(entity_id)
