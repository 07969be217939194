"""One stretch of a run: from its start, or from where it was left, to its end."""

from __future__ import annotations

import getpass
import platform
import time
import uuid
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..progress import Progress, open_bar
from .attribution import attribute, count_outcomes
from .canaries import find_fault
from .crews import Crew
from .families import Family, draw, families
from .journal import Journal
from .keys import ask_server_time, is_past_key, may_have_arrived
from .readbacks import find_proofs
from .records import Flag, Request, Run, Target, Verdict
from .results import Result
from .watches import Rules, Watch

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plans import Plan

_PAST_KEY = "it was sent, and no answer came while its key was good; it is not sent again"


@dataclass(slots=True)
class Session:
    """What a stretch of a run works with."""

    book: Journal
    plan: Plan
    client: Client
    run: Run
    watch: Watch
    first: int | None = None
    _notes: list[str] = field(default_factory=list, init=False)

    def go_on(self, *, progress: Progress) -> Result:
        """Send what is open, settle by reading back what cannot be sent again, and tell."""
        past_key = self._retire(self._requests())
        waiting = [family for family in families(self._requests(), held=past_key) if family.is_waiting]
        if waiting:
            self._send(waiting, progress=progress)
        if self.watch.trouble is not None:
            self._end_with_trouble(self.watch.trouble)
        self._prove(past_key)
        return self._end()

    def _requests(self) -> list[Request]:
        return self.book.requests(self.run.run_id)

    def _retire(self, requests: Iterable[Request]) -> set[str]:
        """Note which requests are past their key, and return these keys: they are never sent again."""
        doubtful = [request for request in requests if may_have_arrived(request)]
        server_now = ask_server_time(self.client) if doubtful else None
        if server_now is None:
            return set()
        offset_s = self.run.clock_offset_s or 0.0
        past = [one for one in doubtful if is_past_key(one, offset_s=offset_s, server_now=server_now)]
        for request in past:
            verdict = request.verdict or Verdict("unknown")
            self.book.note_verdict(
                self.run.run_id, replace(request, verdict=replace(verdict, message=_PAST_KEY))
            )
        return {request.key for request in past}

    def _send(self, waiting: list[Family], *, progress: Progress) -> None:
        n_rows = dict(zip(self.plan.requests["request_no"], self.plan.requests["n_rows"], strict=True))
        total = sum(int(n_rows[family.root.request_no]) for family in waiting)
        bar = open_bar(progress, total=total, description="Sending", unit="rows")
        crew = Crew(
            self.client,
            self.book,
            self.run.run_id,
            self.watch,
            knows_clock=self.run.clock_offset_s is not None,
        )
        try:
            for phase in self._phases(waiting):
                crew.send(phase, report=lambda one: bar.update(int(n_rows[one.root.request_no])))
        finally:
            bar.close()

    def _phases(self, waiting: list[Family]) -> Iterator[list[Family]]:
        """Hand out what may be sent at once; the next lot is asked for when the last is done."""
        canary, rest = waiting[: self.first or 0], waiting[self.first or 0 :]
        yield from self._until_stopped(_by_scope(canary))
        if canary and not self.watch.stop.is_set() and (fault := find_fault(self.client, canary)):
            self._notes.append(f"{fault}.")
            self.watch.end("canary")
        yield from self._until_stopped(_by_scope(rest))

    def _until_stopped(self, phases: Iterable[list[Family]]) -> Iterator[list[Family]]:
        return (phase for phase in phases if phase and not self.watch.stop.is_set())

    def _prove(self, past_key: set[str]) -> None:
        """Read back what no answer will settle any more: lost past its key, or a failure that is replayed."""
        lost = [
            one
            for one in self._requests()
            if one.key in past_key or (one.verdict and one.verdict.is_replayed)
        ]
        if lost:
            self.book.note_flags(self.run.run_id, "proof", find_proofs(self.client, lost))

    def _end_with_trouble(self, trouble: BaseException) -> None:
        raise trouble

    def _end(self) -> Result:
        run_id = self.run.run_id
        proofs = dict(self.book.flags(run_id, "proof"))
        frame = attribute(self.plan, self._requests(), proofs=proofs)
        status = self.watch.reason or "finished"
        counts = count_outcomes(frame["outcome"])
        self.book.note_status(run_id, status, counts=counts, ended_at=datetime.now(UTC))
        return Result(
            frame, run_id, self.plan.plan_id, self.run.host, status=status, notes=tuple(self._notes)
        )


def begin(book: Journal, plan: Plan, client: Client, *, before: Iterable[Flag]) -> Run:
    """Draw a key for every request and note them all, with the before-images, before the first leaves."""
    begun = Run(
        run_id=uuid.uuid4().hex,
        plan_id=plan.plan_id,
        plan_digest=plan.digest,
        host=client.host,
        user=_user(),
        machine=platform.node(),
        started_at=datetime.now(UTC),
        n_rows=plan.n_rows,
        n_requests=plan.n_requests,
    )
    book.begin(begun, plan_body=plan.dump(), requests=_draw_all(plan), before=before)
    return begun


def watch_for(rules: Rules) -> Watch:
    """Return a watch that keeps these rules by this machine's clock."""
    return Watch(rules, now=time.monotonic)


def _draw_all(plan: Plan) -> list[Request]:
    return [draw(_target(row), path=(int(row["request_no"]),)) for row in plan.requests.to_dict("records")]


def _target(row: dict[Hashable, Any]) -> Target:
    return Target(
        entity_type=row["entity_type"],
        scope=row["scope"],
        is_enabled=bool(row["is_enabled"]),
        ids=tuple(row["ids"]),
        stores=tuple(row["stores"]),
        cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
        cascade_brand_ids=tuple(row["cascade_brand_ids"]),
    )


def _by_scope(waiting: list[Family]) -> list[list[Family]]:
    """Put business-wide writes before stores: an override must be the last word on its store."""
    wide = [family for family in waiting if family.root.target.scope == "business"]
    return [wide, [family for family in waiting if family.root.target.scope != "business"]]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
