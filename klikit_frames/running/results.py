"""The result of a run: what became of every row, to look at, to save, to raise."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from .. import edge
from ..errors import ConfigError, RunFailed, as_path
from ..frames.excel_files import validate_cells
from ..frames.schemas import RESULT_COLUMNS
from ..frames.unsafe_text import neutralise_formulas, replace_in_frame, safe_csv
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..overview import NO_NAMES, Names, Overview, make_overview, read_names
from ..planning.plan import Plan, parse_plan
from ..wording import SHORT_ID, counted, outcome_words, visible_text
from . import locks
from .attribution import attribute, count_outcomes
from .journal import Journal
from .journal_files import MEMORY
from .lifecycle import EndReason
from .publishes import (
    publish_notes,
    published_column,
    run_publishes,
)
from .records import CHANGED_SINCE, Run

# Excel keeps 15 digits of a number; a longer id is written as text.
_EXCEL_EXACT_BELOW = 10**15
_SHEET = "result"
_AS_WRITTEN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_csv(frame: pd.DataFrame, path: str | PathLike[str]) -> Path:
    """Write `frame` as UTF-8 CSV, formulas made harmless, and return its path."""
    there = as_path("path", path)
    edge.write_file(there, csv_text(frame))
    return there


def csv_text(frame: pd.DataFrame, *, separator: str = ",") -> str:
    """Return `frame` as CSV, formulas made harmless."""
    return safe_csv(_plain(frame), separator=separator)


def write_excel(frame: pd.DataFrame, path: str | PathLike[str]) -> Path:
    """Write `frame` as an XLSX file, formulas made harmless, and return its path.

    Raises
    ------
    ConfigError
        The extra ``[excel]`` is not installed, or a text is one that an XLSX file cannot hold.
    """
    there = as_path("path", path)
    sheet = io.BytesIO()
    plain = validate_cells(_map_columns(neutralise_formulas(_plain(frame)), _without_long_numbers))
    try:
        with pd.ExcelWriter(sheet, engine="xlsxwriter", engine_kwargs={"options": _AS_WRITTEN}) as writer:
            plain.to_excel(writer, sheet_name=_SHEET, index=False)
    except ModuleNotFoundError as error:
        raise ConfigError("to_excel needs an extra: pip install 'klikit-frames[excel]'.") from error
    edge.write_file(there, sheet.getvalue())
    return there


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Say lists as ``663|664`` and times as text.

    UTF-8 has no halves of characters; frames that were read by hand may.
    """
    whole, _ = replace_in_frame(frame)
    return _map_columns(whole, _as_text)


def _map_columns(frame: pd.DataFrame, change: Any) -> pd.DataFrame:
    # By place, not by name: an analyst's own columns may share one.
    columns = [change(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return pd.concat(columns, axis=1) if columns else frame


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.map(pd.Timestamp.isoformat, na_action="ignore").astype(object)
    return column.map(_joined) if column.dtype == object else column


def _joined(value: Any) -> Any:
    return "|".join(map(str, value)) if isinstance(value, (tuple, list)) else value


def _without_long_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    if not pd.api.types.is_integer_dtype(column.dtype):
        return column
    is_long = (column.abs() >= _EXCEL_EXACT_BELOW).fillna(value=False).any()
    return column.astype("string").astype(object) if is_long else column


_GOOD = ("applied", "unchanged")
_OPEN = ("not_sent", "unknown")
_MOST_CAUSES = 10
_DENIED = (401, 403)
# Left alone on purpose: its time comes by itself.
_PROMISED = "promised"


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What became of every row of a plan.

    Attributes
    ----------
    frame : DataFrame
        One row per input row, in input order and with the input's index and columns, then ``outcome, code,
        http_status, message, request_id, request_no, idempotency_key, attempts, sent_at, settled_at``.
    run_id, plan_id, host : str
        What was run, and where.
    status : str
        ``finished``, or why the run ended early; ``running`` while it goes on.
    notes : tuple of str
        What else there is to know.
    journal : str or None
        The journal as it was named; None is the one in the person's own state folder.
    publishes : bool
        Whether the run was to publish; ``frame`` then has ``published`` (boolean, missing for business
        rows and where nobody knows).
    names : Names
        Titles that the plan knew.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    ...     toggles = kf.business_toggles("section", state["entity_id"].head(1), is_enabled=False)
    ...     kf.run(kf.plan(toggles), client, journal=":memory:").counts["applied"]
    1
    """

    frame: pd.DataFrame
    run_id: str
    plan_id: str
    host: str
    status: str = "finished"
    notes: tuple[str, ...] = ()
    journal: str | None = None
    publishes: bool = False
    names: Names = NO_NAMES

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows ended in each of the six outcomes."""
        return count_outcomes(self.frame["outcome"])

    @property
    def failed(self) -> pd.DataFrame:
        """The rows that are not ``applied`` or ``unchanged``, nor left for a promise or a later change."""
        return self.frame[~(self.frame["outcome"].isin(_GOOD) | self._is_spared)]

    @property
    def is_interrupted(self) -> bool:
        """Whether a person, or a deadline, stopped the run."""
        return EndReason(self.status).stops_at_once

    @cached_property
    def n_open(self) -> int:
        """How many rows `resume` goes on with: ``not_sent``, ``unknown``, and those that met a 401 or 403."""
        if not any(self.counts[outcome] for outcome in ("failed", *_OPEN)):
            return 0
        outcome = self.frame["outcome"]
        is_denied = (outcome == "failed") & self.frame["http_status"].isin(_DENIED)
        is_open = outcome.isin(_OPEN) & ~self._is_spared
        return int((is_open | is_denied).sum())

    @property
    def _is_spared(self) -> pd.Series:
        """Which rows nothing goes on with: a promise holds them, or somebody changed them before an undo."""
        return self.frame["code"].isin([_PROMISED, CHANGED_SINCE])

    @property
    def n_unpublished(self) -> int:
        """How many written rows of stores the run was to publish and has not, as far as is known."""
        if not self.publishes:
            return 0
        is_written = (self.frame["outcome"] == "applied") & (self.frame["scope"] == "store")
        return int((is_written & ~self.frame["published"].fillna(value=False)).sum())

    @property
    def is_settled(self) -> bool:
        """Whether the run has ended and `resume` has nothing left to send, to read or to publish."""
        return self.status != EndReason.RUNNING and not (self.n_open or self.n_unpublished)

    @property
    def resume_hint(self) -> str | None:
        """The line that sends what is not settled; None if nothing is left, or no journal kept it.

        None also while the run goes on.
        """
        if self.is_settled or self.journal == MEMORY or self.status == EndReason.RUNNING:
            return None
        return resume_line(self.run_id, journal=self.journal)

    @property
    def account(self) -> str:
        """The counts in one line, how the run ended, and what else there is to know."""
        phrases = [f"{n:,} {outcome_words(outcome, n=n)}" for outcome, n in self.counts.items() if n]
        outcomes = ", ".join(phrases) or "no rows"
        n_rows = counted(len(self.frame), "row")
        sentences = [f"{n_rows}: {outcomes}.", EndReason(self.status).sentence, *self.notes]
        return visible_text(" ".join(part for part in sentences if part))

    @property
    def summary(self) -> str:
        """The account, and what to do next."""
        return f"{self.account} The rest: {self.resume_hint}" if self.resume_hint else self.account

    def raise_for_failures(self) -> None:
        """Raise unless every row is ``applied`` or ``unchanged``, or held by a promise.

        Raises
        ------
        RunFailed
            The message names up to ten causes, each with its first rows; ``.result`` is this result.
        """
        if len(self.failed):
            raise RunFailed(f"{self.summary}\n{self._cases()}", self)

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the frame as a CSV file in UTF-8 and return its path.

        Texts that a spreadsheet would run as a formula get an apostrophe, which ``kf.read_toggles`` takes off
        again; the frame itself is untouched.

        Parameters
        ----------
        path : path
            The file to write.
        """
        return write_csv(self.frame, path)

    def to_excel(self, path: str | PathLike[str]) -> Path:
        """Write the frame as an XLSX file and return its path; needs the extra ``[excel]``.

        Formulas are treated as in `to_csv`; times are text in UTC, and so are ids that Excel would round.

        Parameters
        ----------
        path : path
            The file to write.
        """
        return write_excel(self.frame, path)

    def __repr__(self) -> str:
        return f"<Result of run {self.run_id[:SHORT_ID]}: {self.summary}>"

    @property
    def overview(self) -> Overview:
        """What was switched, for people: by brand, store and name, and what was not done, by cause."""
        return make_overview(self.frame, self.names | read_names(self.frame), facts=[self.account])

    def _repr_html_(self) -> str:
        ordered = self.frame.sort_values("outcome", key=lambda outcome: outcome.map(_RANKS), kind="stable")
        shown = ordered[[*_IDENTITY, *RESULT_COLUMNS]]
        rows = table_html(shown, caption="Rows, failures first")
        rest = paragraph_html(f"The rest: {self.resume_hint}") if self.resume_hint else ""
        return overview_html(self.overview) + rest + fold_html(counted(len(shown), "row"), rows)

    def _cases(self) -> str:
        """Return one line per cause: how many rows, why, which ones by name, and what to do."""
        causes = make_overview(self.failed, self.names | read_names(self.frame)).trouble
        lines = [_cause_line(cause) for cause in causes.head(_MOST_CAUSES).itertuples()]
        n_more = len(causes) - len(lines)
        return "\n".join([*lines, f"- and {counted(n_more, 'more cause')}"] if n_more else lines)


def _cause_line(cause: Any) -> str:
    what = f"{counted(cause.n_rows, 'row')} {outcome_words(cause.outcome, n=cause.n_rows)}"
    why = ": ".join(visible_text(str(part)) for part in (what, cause.code, cause.message) if part)
    return f"- {why}. {cause.which}. {cause.cure}".rstrip()


def resume_line(run_id: str, *, journal: str | None) -> str:
    """Return the line that goes on with a run."""
    where = f", journal={journal!r}" if journal else ""
    return f'kf.resume("{run_id}", client{where})'


_RANKS = {
    outcome: n
    for n, outcome in enumerate(("failed", "rejected", "unknown", "not_sent", "applied", "unchanged"))
}
_IDENTITY = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled")


def build_result(journal: Journal, plan: Plan, run: Run, *, status: str, notes: Iterable[str] = ()) -> Result:
    """Return the result of a run as the journal has it."""
    proofs = dict(journal.flags(run.run_id, "proof"))
    requests = journal.requests(run.run_id)
    frame = attribute(plan, requests, proofs=proofs, is_over=status != EndReason.RUNNING)
    all_notes = (*notes, *_conflicts(frame))
    publishes = bool(run.rules.get("publish"))
    if publishes:
        frame = frame.rename(columns={"published": "input_published"})
        frame["published"] = published_column(frame, run_publishes(journal, run))
        all_notes = (*all_notes, *publish_notes(frame))
    return Result(
        frame,
        run.run_id,
        plan.plan_id,
        run.host,
        status=str(status),
        notes=all_notes,
        journal=journal.name,
        publishes=publishes,
        names=plan.names,
    )


def recorded_result(journal: Journal, run_id: str) -> Result:
    """Return the result of a run as recorded so far; reads only the journal."""
    run = journal.run(run_id)
    is_dead = run.status == EndReason.RUNNING and not locks.is_locked(journal.lock_path(run.plan_id))
    return build_result(
        journal,
        parse_plan(journal.plan_body(run_id)),
        run,
        status=EndReason.KILLED if is_dead else run.status,
    )


def _conflicts(frame: pd.DataFrame) -> list[str]:
    is_conflict = (frame["code"] == "state_idempotency_conflict") & (frame["outcome"] == "failed")
    n_rows = int(is_conflict.sum())
    return [f"{n_rows:,} rows met an idempotency conflict, a bug: please report it."] if n_rows else []
