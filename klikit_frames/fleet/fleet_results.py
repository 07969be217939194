"""What became of many businesses: one table, one view, one report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ..auditing.reports import write_page
from ..errors import AuthError, KlikitFramesError, RunFailed, TransportError, as_path, check_type
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..overview import NO_NAMES, Overview, headline, make_overview
from ..planning.plan import Plan
from ..running.attribution import attribute, count_outcomes
from ..running.journal_files import MEMORY
from ..running.lifecycle import EndReason
from ..running.notifications import summarise_result
from ..running.results import Result, write_csv, write_excel
from ..wording import counted
from .business_tasks import TaskOutcome

COLUMN = "business"
_GOOD = ("applied", "unchanged")
_MOST_CASES = 10
_COUNTS = ("applied", "unchanged", "rejected", "failed", "unknown", "not_sent")
_CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
_NO_ROWS = pd.DataFrame(columns=_CELL)


@dataclass(frozen=True, eq=False, repr=False)
class FleetResult:
    """What became of every row of many businesses' plans; made by `run` of a fleet.

    Attributes
    ----------
    results : dict of Result
        By business. One that could not begin has a result too: its rows are ``not_sent``, with the reason.
    errors : dict of KlikitFramesError
        By business, what kept it from ending as it should.
    notes : tuple of str
        What else there is to know.
    """

    results: Mapping[str, Result]
    errors: Mapping[str, KlikitFramesError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per input row: ``business``, then the columns of ``kf.run``'s result.

        In the order of the table that was split, where its index tells it; else business by business.
        """
        parts = [_with_business(business, result.frame) for business, result in self.results.items()]
        if not parts:
            return pd.DataFrame({COLUMN: pd.Series(dtype="str"), "outcome": pd.Series(dtype="str")})
        merged = pd.concat(parts)
        return merged.sort_index() if merged.index.is_unique else merged.reset_index(drop=True)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows of all businesses ended in each of the six outcomes."""
        return count_outcomes(self.frame["outcome"])

    @cached_property
    def businesses(self) -> pd.DataFrame:
        """One row per business: ``business, host, run_id, status, n_rows``, the six outcomes, ``reason``."""
        columns = [COLUMN, "host", "run_id", "status", "n_rows", *_COUNTS, "reason"]
        rows = [
            {
                COLUMN: business,
                "host": result.host,
                "run_id": result.run_id,
                "status": str(result.status),
                "n_rows": len(result.frame),
                **result.counts,
                "reason": str(self.errors.get(business, "")),
            }
            for business, result in self.results.items()
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def failed(self) -> pd.DataFrame:
        """The rows that are not ``applied`` or ``unchanged``."""
        return self.frame[~self.frame["outcome"].isin(_GOOD)]

    @property
    def is_interrupted(self) -> bool:
        """Whether a person, or a deadline, stopped any business."""
        return any(result.is_interrupted for result in self.results.values())

    @property
    def account(self) -> str:
        """The counts in one line, the businesses that had trouble, and what else there is to know."""
        outcomes = ", ".join(f"{n:,} {outcome}" for outcome, n in self.counts.items() if n) or "no rows"
        size = (
            f"{counted(len(self.results), 'business', many='businesses')}, {counted(len(self.frame), 'row')}"
        )
        bad = [business for business, result in self.results.items() if len(result.failed)]
        more = f" and {len(bad) - _MOST_CASES:,} more" if len(bad) > _MOST_CASES else ""
        trouble = [f"Not all is done in {', '.join(bad[:_MOST_CASES])}{more}."] if bad else []
        return " ".join([f"{size}: {outcomes}.", *trouble, *self.notes])

    @property
    def summary(self) -> str:
        """The account, and what to do next."""
        is_open = any(result.n_open or result.n_unpublished for result in self.results.values())
        return f"{self.account} The rest: kf.fleet.run with the same plans." if is_open else self.account

    @cached_property
    def overview(self) -> Overview:
        """What was switched, for people: by business and brand, and what was not done, by cause."""
        views = {business: result.overview for business, result in self.results.items()}
        return Overview(
            headline=headline(_distinct_cells(self.frame)),
            facts=(self.account,),
            places=_stacked(views, "places", named="brand"),
            entities=_stacked(views, "entities", named="brand"),
            trouble=_stacked(views, "trouble", named="which"),
        )

    def raise_for_failures(self) -> None:
        """Raise unless every row of every business is ``applied`` or ``unchanged``.

        Raises
        ------
        RunFailed
            The message names the businesses; ``.result`` is this result.
        """
        if len(self.failed):
            bad = [
                f"- {name}: {result.account}" for name, result in self.results.items() if len(result.failed)
            ]
            more = [f"- and {len(bad) - _MOST_CASES:,} more"] if len(bad) > _MOST_CASES else []
            raise RunFailed("\n".join([self.summary, *bad[:_MOST_CASES], *more]), self)

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the frame as a CSV file in UTF-8 and return its path; formulas are defused."""
        return write_csv(self.frame, path)

    def to_excel(self, path: str | PathLike[str]) -> Path:
        """Write the frame as an XLSX file and return its path; needs the extra ``[excel]``."""
        return write_excel(self.frame, path)

    def report(self, path: str | PathLike[str], *, title: str = "What was switched") -> Path:
        """Write a report as one HTML file that loads nothing, and return its path.

        The businesses as a table, those with trouble first, then each by brand, store and name.
        """
        check_type("title", title, str, made_by="a person")
        return write_page(as_path("path", path), title, self._view(limit=None))

    def __repr__(self) -> str:
        return f"<FleetResult: {self.summary}>"

    def _repr_html_(self) -> str:
        return self._view(limit=20)

    def _view(self, *, limit: int | None) -> str:
        view = self.overview
        is_bad = [len(self.results[business].failed) == 0 for business in self.businesses[COLUMN]]
        ordered = self.businesses.iloc[sorted(range(len(is_bad)), key=is_bad.__getitem__)]
        shown = ordered[
            [COLUMN, "n_rows", *(name for name in _COUNTS if self.counts[name]), "status", "reason"]
        ]
        parts = [
            f"<p><strong>{paragraph_html(view.headline)[3:-4]}.</strong></p>",
            *map(paragraph_html, (self.account, *_rest(self.summary, self.account))),
            table_html(shown, caption="Businesses", limit=limit or len(shown)),
        ]
        names = ordered[COLUMN] if limit is None else ordered[COLUMN].head(limit)
        parts += [
            fold_html(
                f"{name}: {self.results[name].account}",
                overview_html(self.results[name].overview, limit=limit),
            )
            for name in names
        ]
        return "".join(parts)


def collect(plans: Mapping[str, Plan], outcomes: Mapping[str, TaskOutcome]) -> FleetResult:
    """Return the result of a fleet from what came of its tasks."""
    results = {
        business: outcome.result if outcome.result is not None else _without_run(plans[business], outcome)
        for business, outcome in outcomes.items()
    }
    errors = {name: outcome.error for name, outcome in outcomes.items() if outcome.error is not None}
    return FleetResult(results, errors)


def summarise_fleet(result: FleetResult) -> dict[str, Any]:
    """Return a fleet's result in values that JSON knows, and each business's under ``businesses``."""
    summaries = {business: summarise_result(run_result) for business, run_result in result.results.items()}
    for business, error in result.errors.items():
        summaries[business]["error"] = type(error).__name__
    return {
        "action": "fleet run",
        "is_complete": all(summary["is_complete"] for summary in summaries.values()),
        "n_rows": len(result.frame),
        "counts": dict(result.counts),
        "headline": result.overview.headline,
        "account": result.account,
        "businesses": summaries,
    }


def _without_run(plan: Plan, outcome: TaskOutcome) -> Result:
    """Return the result of a plan of which no run is known here."""
    error = outcome.error or KlikitFramesError("It did not run.")
    frame = attribute(plan, (), proofs={})
    is_open = frame["outcome"] == "not_sent"
    if not outcome.is_unsent:
        frame.loc[is_open, "outcome"] = "unknown"
    frame.loc[is_open, "message"] = str(error)
    return Result(
        frame,
        "",
        plan.plan_id,
        "",
        status=str(_end_reason(error)),
        notes=(str(error),),
        journal=MEMORY,
        names=plan.names,
    )


def _end_reason(error: KlikitFramesError) -> EndReason:
    if isinstance(error, AuthError):
        return EndReason.REFUSED
    return EndReason.UNREACHABLE if isinstance(error, TransportError) else EndReason.FAILED


def _with_business(business: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with their business first; a column of the person's own gives way."""
    named = frame.rename(columns={COLUMN: f"input_{COLUMN}"})
    named.insert(0, COLUMN, pd.Series(business, index=named.index, dtype="str"))
    return named


def _distinct_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that were switched; an id that two businesses share counts for each."""
    if frame.empty:
        return _NO_ROWS
    changed = frame.loc[frame["outcome"] == "applied", [COLUMN, *_CELL]].drop_duplicates()
    for name in ("entity_id", "brand_id"):
        keys = changed.groupby([COLUMN, name], dropna=False, sort=False).ngroup()
        changed[name] = keys.where(changed[name].notna())
    return changed


def _stacked(views: Mapping[str, Overview], what: str, *, named: str) -> pd.DataFrame:
    """Return one table of all views' tables, each row naming its business."""
    parts = [
        part.assign(**{named: [f"{business}: {text}" for text in part[named]]})
        for business, view in views.items()
        if len(part := getattr(view, what))
    ]
    if not parts:
        parts = [getattr(next(iter(views.values()), make_overview(_NO_ROWS, NO_NAMES)), what)]
    stacked: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return stacked


def _rest(summary: str, account: str) -> list[str]:
    return [summary.removeprefix(account).strip()] if summary != account else []
