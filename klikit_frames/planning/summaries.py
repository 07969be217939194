"""A plan in words and tables, for people."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from klikit_frames.errors import PlanError
from klikit_frames.html import paragraph_html, table_html
from klikit_frames.wording import counted

if TYPE_CHECKING:
    from klikit_frames.planning.values import Plan

_VIEW_PACE = 60
_SHOWN = [
    "request_no",
    "entity_type",
    "scope",
    "is_enabled",
    "ids",
    "stores",
    "n_ids",
    "n_stores",
    "n_rows",
    "cascade_to_modifier_groups",
]


@dataclass(frozen=True)
class Estimate:
    """How long a plan takes under a rate cap.

    Attributes
    ----------
    n_requests : int
        Requests to send.
    duration_s : float
        Seconds that the cap alone makes of them.
    minutes : float
        The same in minutes.
    text : str
        The same in words.
    """

    n_requests: int
    duration_s: float
    minutes: float
    text: str

    def __str__(self) -> str:
        return self.text


def estimate_time(n_requests: int, *, writes_per_minute: float) -> Estimate:
    """Return how long `n_requests` take at `writes_per_minute`."""
    if not writes_per_minute > 0:
        raise PlanError(f"writes_per_minute is {writes_per_minute!r}; it must be above 0.")
    duration_s = n_requests * 60 / writes_per_minute
    text = f"about {_duration(duration_s)} at {writes_per_minute:g} a minute"
    return Estimate(n_requests, duration_s, duration_s / 60, text)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{ceil(seconds)} s"
    if seconds < 7200:
        return f"{ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def describe(plan: Plan) -> str:
    """Return the plan in one sentence."""
    time = estimate_time(plan.n_requests, writes_per_minute=_VIEW_PACE)
    requests = f"{counted(plan.n_rows, 'row')} → {counted(plan.n_requests, 'request')}{_wide(plan)}"
    facts = [_bound(plan), f"one per store would be {plan.baselines['per_store']:,}"]
    return "; ".join([f"{requests} ({'; '.join(facts)})", *_skipped(plan), time.text])


def _wide(plan: Plan) -> str:
    if not plan.n_business_wide:
        return ""
    is_all = plan.n_business_wide == plan.n_requests
    return ", business-wide" if is_all else f", {plan.n_business_wide:,} of them business-wide"


def _bound(plan: Plan) -> str:
    return "the fewest possible" if plan.is_optimal else f"no fewer than {plan.lower_bound:,} possible"


def _skipped(plan: Plan) -> list[str]:
    counts = plan.counts
    words = [f"{counts[reason]:,} {reason}" for reason in ("unchanged", "rejected") if counts[reason]]
    return [f"not sent: {' and '.join(words)}"] if words else []


def describe_ways(plan: Plan) -> str:
    """Return how many requests the usual ways would have taken."""
    ways = {
        "per_row": "one per row",
        "per_store": "one per store",
        "per_entity": "one per entity",
        "equal_sets": "equal sets",
    }
    return "Other ways: " + ", ".join(f"{words} {plan.baselines[way]:,}" for way, words in ways.items()) + "."


def show_html(plan: Plan) -> str:
    """Return the plan as a sentence, a count of business-wide rows, and a table of requests."""
    requests = plan.requests
    wide = requests[requests["scope"] == "business"]
    parts = [paragraph_html(f"{describe(plan)}."), paragraph_html(describe_ways(plan))]
    if len(wide):
        rows = counted(int(wide["n_rows"].sum()), "business-wide row")
        parts.append(paragraph_html(f"{rows} in {counted(len(wide), 'request')}, shown first."))
    return "".join([*parts, table_html(requests[_SHOWN], caption="Requests", limit=20)])
