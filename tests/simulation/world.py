"""One world: a business over some days, what befalls it, and an oracle after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.auditing.undo import Undo

from . import guard_oracle as guards
from . import oracle
from .accidents import Lifeline, commits_of
from .fleet_world import FleetWorld
from .model_api import STORES, Cell
from .oracle import DefectError
from .seasons import NO_CAP
from .virtual_clock import runs_watch
from .visits import visits_of
from .wired_world import FOREIGN_ID
from .world_parts import RunRecord, WorldCounts, attempt, nonzero, state_home, to_toggles

# What befalls runs that are about to move: so that nothing, or only a part, has left by then.
MOVE_WEATHERS = ("denied", "denied", "long_rate_limit", "long_rate_limit", "lost_after")


class SimulatedWorld(FleetWorld):
    """A business in which everything is drawn from one seed, and an oracle looks after each step."""

    def play(self) -> WorldCounts:
        """Play every step, until one shows a defect, and return what was judged."""
        began_s = self._clock.true_s
        self.folder.mkdir(parents=True)
        with (
            edge.use(self._edge),
            runs_watch(self._clock),
            visits_of(self.counts.visits),
            state_home(self.folder),
        ):
            try:
                for step, name in enumerate(self._script):
                    if step in self.kept:
                        self._begin_step(step, name)
                        getattr(self, f"_{name}")()
                if len(self._script) in self.kept:
                    self._begin_step(len(self._script), "end")
                    self._end()
            except DefectError as defect:
                self.defect = defect
                self._note(f"DEFECT {defect}")
        self.happened = [number for chance in self._chances for number in chance.happened]
        self.counts.n_days = (self._clock.true_s - began_s) / 86_400
        return self.counts

    # Runs.

    def _run(self) -> None:
        plan, season = self._plan(), self._season
        options: dict[str, Any] = {
            "on_error": self._rng.choice(season.on_errors),
            "first": self._rng.choice(season.firsts),
            "publish": self._rng.random() < 0.2,
            "before": self._rng.choice(["auto", "auto", "auto", "read", "none"]),
            "max_failures": self._rng.choice([None, None, 3]),
            "deadline_s": self._rng.choice([None, None, None, 20.0]),
        }
        mirror = self.folder / f"mirror_{self._step}.sqlite3" if self._rng.random() < season.mirrors else None
        record = RunRecord(plan, cap=self._rng.choice(season.caps), rules=options)
        self._runs.append(record)
        said = f"run {plan.n_rows} rows in {plan.n_requests} requests"
        self._go_on(record, said, mirror=mirror, **options)
        for _ in range(self._rng.choice(season.n_repeats)):
            if record.result is None or record.result.resume_hint is not None:
                self._go_on(record, "run it again", may_die=self._rng.random() < 0.6)
        if mirror is not None and mirror.exists():
            self._go_on_from_mirror(record, mirror)

    def _go_on_from_mirror(self, record: RunRecord, mirror: Path) -> None:
        """Lose the disk of a run, and go on with it on another machine."""
        self._n_journals += 1
        self._take_in(mirror)
        if record not in self._runs:
            self._runs.append(record)
        self._note("the disk is lost, and the mirror is taken in")
        self._go_on(record, "run it again", may_die=self._rng.random() < 0.5)

    def _start(self) -> None:
        record = RunRecord(self._plan())
        self._runs.append(record)

        def begin(client: kf.Client) -> kf.Result:
            return kf.start(record.plan, client, journal=self._journal, progress=False).result()

        self._go_on(record, "start a job", begin=begin)

    def _resume(self) -> None:
        if self._runs:
            record = self._open_run()
            # Whoever resumes has no cap of his own: the run's holds on.
            self._go_on(record, "resume", may_die=self._rng.random() < 0.5, by_resume=True)

    def _plan(self) -> kf.Plan:
        rng, flag = self._rng, self._rng.random() < 0.3
        if rng.random() >= self._season.blocks:
            toggles = to_toggles({cell: rng.random() < 0.3 for cell in self._draw_cells()})
        else:
            # A block of one request, in which the API may refuse one id.
            cells = self._draw_block(with_foreign=rng.random() < 0.5)
            if rng.random() < self._season.foreign:
                # A table that is meant for another business.
                cells = [("item", FOREIGN_ID + n, *cells[0][2:]) for n in range(60)]
            toggles = to_toggles(dict.fromkeys(cells, flag))
        limits = kf.Limits(max_ids=rng.choice([1, 2, 500]), max_stores=rng.choice([1, 1, 500]))
        state = None
        if rng.random() < self._season.by_state:
            with self._connect() as client:
                state = kf.read_state(
                    client, stores=list(STORES), with_business=True, journal=self._journal, progress=False
                )
        plan = kf.plan(toggles, state=state, limits=limits, progress=False)
        oracle.check_unchanged(plan, self._api, edited=self._edited)
        return plan

    def _go_on(
        self,
        record: RunRecord,
        said: str,
        *,
        may_die: bool = True,
        by_resume: bool = False,
        lifeline: Lifeline | None = None,
        weather: str | None = None,
        begin: Callable[[kf.Client], kf.Result] | None = None,
        **options: Any,
    ) -> None:
        """Let one process work at a run, and judge what it reported and wrote."""
        since, since_call = len(self._api.history), len(self._api.calls)
        ahead_s, known_keys = self._clock.ahead_s, {*self._api.asked_by_key}
        n_keys = guards.count_keys(self._api, record.asked)
        self._asked, began_s = record.asked, self._clock.true_s
        if lifeline is None:
            lifeline = self._draw_life() if may_die else Lifeline()
            weather = weather or (self._draw_weather() if may_die else None)
        # What was never noted begins again, under whatever cap and rules it is given.
        run_id = record.result.run_id if record.result else self._find_run_id(record) if by_resume else None
        cap = NO_CAP if by_resume and run_id else record.cap

        def work(client: kf.Client) -> kf.Result:
            if begin is not None:
                return begin(client)
            if by_resume and run_id:
                return kf.resume(run_id, client, journal=self._journal, progress=False)
            given = options if run_id else record.rules | options
            return kf.run(record.plan, client, journal=self._journal, progress=False, **given)

        with (
            commits_of(lifeline),
            self._connect(lifeline, has_accidents=may_die, weather=weather, cap=cap) as client,
        ):
            client_no = self._n_connected
            outcome = attempt(lambda: work(client))
        self.counts.n_runs += 1
        if isinstance(outcome, kf.Result) and outcome.status == "canary":
            record.rules = record.rules | {"first": None}
        if isinstance(outcome, kf.Result) and not lifeline.is_cut:
            record.result = outcome
            self._note(f"{said}: {outcome.status} {nonzero(outcome.counts)}")
            self.counts.outcomes.update(nonzero(outcome.counts))
            self.counts.n_rows += oracle.check_rows(outcome, record.table, self._api)
            is_set = self._clock.ahead_s != ahead_s
            guards.check_guards(outcome, record.rules, known_keys=known_keys, is_clock_set=is_set)
        else:
            self._note(f"{said}: {'killed' if lifeline.is_cut else outcome}")
            self._forget_failed_canary(record)
        oracle.check_writes(self._api, since=since, asked=record.asked)
        oracle.check_cap(self._api, client_no=client_no, since=since_call, writes_per_minute=record.cap)
        guards.check_flood(self._api, record.asked, n_before=n_keys)
        guards.check_shared_cap(self._api, self._caps, client_no=client_no, since=since_call)
        guards.check_requests(record, self._api, client_no=client_no, since=since_call)
        if (deadline_s := record.rules.get("deadline_s")) is not None:
            guards.check_deadline(
                self._api, client_no=client_no, since=since_call, until_s=began_s + deadline_s
            )
        if not isinstance(outcome, kf.Result) or lifeline.is_cut:
            guards.check_noted_sends(record, self._api, journal=self._journal)

    def _find_run_id(self, record: RunRecord) -> str | None:
        """Return a run that has reported nothing, if the journal knows it."""
        runs = kf.runs(journal=self._journal)
        run_ids = runs.loc[runs["plan_id"] == record.plan.plan_id, "run_id"]
        return next(map(str, run_ids), None)

    def _forget_failed_canary(self, record: RunRecord) -> None:
        """Let the rest follow where a canary has failed: whoever goes on has seen why the run ended."""
        runs = kf.runs(journal=self._journal)
        if runs.loc[runs["plan_id"] == record.plan.plan_id, "status"].eq("canary").any():
            record.rules = record.rules | {"first": None}

    def _work_beside(self) -> None:
        """Let another process work on the same journal, in the middle of what one is at."""
        oracle.assign_keys(self._api, self._asked)
        self.counts.accidents["another_process"] += 1
        asked, self._is_beside = self._asked, True
        work = self._rng.choice([self._publish, self._verify, self._audit, self._resume, self._start])
        self._note(f"meanwhile, in another process: {work.__name__.strip('_')}")
        work()
        self._asked, self._is_beside = asked, False

    def _verify(self, *, may_fail: bool = True) -> None:
        for record in self._settled(1 if may_fail else 3):
            assert record.result is not None
            # Its own journal is that of a result, unless that lies on another machine.
            is_own = record.result.journal == str(self._journal) and self._rng.random() < 0.5
            options: dict[str, Any] = {} if is_own else {"journal": self._journal}
            with self._connect(has_accidents=may_fail and self._rng.random() < 0.5) as client:
                proof = attempt(partial(kf.verify, record.result, client, progress=False, **options))
            if isinstance(proof, str):
                self._note(f"verify: {proof}")
                return
            self._note(f"verify: {proof['proof'].value_counts().sort_index().to_dict()}")
            self.counts.n_proofs += oracle.check_proofs(
                proof, self._api, edited=self._edited, wanted=record.asked
            )
            if not may_fail:
                guards.check_all_proved(proof, record, self._api)

    def _undo(self) -> None:
        is_fresh = self._rng.random() < self._season.fresh_undos
        for record in [self._write_block()] if is_fresh else self._settled(1):
            if record.result is None:
                return
            assert record.result is not None
            undo = self._plan_undo(record.result.run_id)
            if isinstance(undo, str):
                self._note(f"undo: {undo}")
            guards.check_noted(undo, record, self._api)
            if isinstance(undo, str):
                return
            if self._rng.random() < self._season.changed_before:
                self._others_change(undo)
            elif undo.n_rows and self._rng.random() < self._season.changed_before:
                self._write_again(undo)
            self._run_undo(record.result, undo)

    def _write_block(self) -> RunRecord:
        """Write a block of cells in one request, all of them otherwise than the first is."""
        cells = self._draw_block()
        record = RunRecord(
            kf.plan(to_toggles(dict.fromkeys(cells, not self._api.live(cells[0]))), progress=False)
        )
        self._runs.append(record)
        self._go_on(record, f"write a block of {len(cells)}", may_die=self._rng.random() < 0.3)
        return record

    def _plan_undo(self, run_id: str) -> Any:
        with self._connect() as client:
            return attempt(lambda: kf.undo(run_id, client, journal=self._journal, progress=False))

    def _write_again(self, undo: Undo) -> None:
        """Let a later run write once more what an undo is about to take back."""
        cells = dict(oracle.asked_rows(undo.toggles))
        again = self._rng.sample([*cells], self._rng.randrange(1, len(cells) + 1))
        record = RunRecord(kf.plan(to_toggles({cell: not cells[cell] for cell in again}), progress=False))
        self._runs.append(record)
        self._go_on(record, f"write {len(again)} of them again", may_die=False)

    def _run_undo(self, result: kf.Result, undo: Undo) -> None:
        changed = oracle.find_seen_changed(result, self._api)
        ours = dict(oracle.find_own_last(result, self._api))
        self._check_kept(undo, ours)
        others = [record.result for record in self._runs if record.result not in {None, result}]
        later = oracle.find_own_later(result, others, self._api)
        record = RunRecord(undo)
        self._runs.append(record)
        weather, since = self._rng.choice(self._season.undo_weathers), len(self._api.history)
        may_die = weather is not None or self._rng.random() < 0.5
        on_error = self._rng.choice(["continue", "stop"])
        said = f"undo {undo.n_rows} rows"
        # Bad weather alone is enough, mostly.
        lifeline = Lifeline() if weather and self._rng.random() < 0.7 else None
        self._go_on(record, said, may_die=may_die, weather=weather, lifeline=lifeline, on_error=on_error)
        if self._rng.random() < 0.7:
            self._others_change(undo)
            changed = oracle.find_seen_changed(result, self._api)
            self._go_on(record, "go on with the undo", may_die=False)
            ours = {}
        for cell in self._written_meanwhile(record, since=since):
            for flags in (changed, ours, later):
                flags.pop(cell, None)
        restored = [oracle.cell_of(row) for row in oracle.rows_of(undo.toggles)]
        self.counts.n_restored += len(restored)
        seen = {cell: changed[cell] for cell in restored if cell in changed}
        seen |= {cell: flag for cell, flag in later.items() if self._is_known(cell)}
        for cell, flag in seen.items():
            if self._api.live(cell) is not flag:
                raise DefectError("false_restore", f"{cell} was changed since")
        done = record.result
        if done is None or done.counts["applied"] + done.counts["unchanged"] < undo.n_rows:
            return
        kept = {oracle.cell_of(row) for row in oracle.rows_of(undo.kept)}
        for cell, was in ours.items():
            if self._is_known(cell) and cell not in kept and self._api.live(cell) is not was:
                raise DefectError("forgotten_write", cell)

    def _written_meanwhile(self, record: RunRecord, *, since: int) -> set[Cell]:
        """Return the cells that a process beside a run has written."""
        written = [write for write in self._api.history[since:] if write.key]
        tables = self._api.asked_by_key
        beside = [write.cell for write in written if tables.get(write.key or "") is not record.asked]
        return {place for cell in beside for place in oracle.stores_of(cell)}

    def _check_kept(self, undo: Undo, ours: Mapping[Cell, bool]) -> None:
        """Nothing is kept for what a menu shows unless somebody did change it."""
        for row in oracle.rows_of(undo.kept):
            cell = oracle.cell_of(row)
            if cell in ours and self._is_known(cell) and row["reason"].startswith("the menu shows"):
                raise DefectError("false_keep", f"{cell} {row['reason']}")

    # Menus.

    def _publish(self) -> None:
        stores = self._draw_stores()
        no, n_untrue = max(self._api.copied_no.values()), self.counts.accidents["unwritten_200"]
        weather = self._rng.choice(self._season.publish_weathers)
        with self._connect(has_accidents=True, weather=weather) as client:
            outcome = attempt(lambda: kf.publish(stores, client, journal=self._journal))
        if isinstance(outcome, pd.DataFrame):
            if n_untrue == self.counts.accidents["unwritten_200"]:
                oracle.check_published(outcome, self._api, since=no)
            outcome = outcome["outcome"].value_counts().sort_index().to_dict()
        self._note(f"publish {stores}: {outcome}")

    def _audit(self) -> None:
        wanted = self._draw_wanted()
        with self._connect(has_accidents=self._rng.random() < 0.5) as client:
            audited = attempt(
                lambda: kf.audit(to_toggles(wanted), client, journal=self._journal, progress=False)
            )
        if isinstance(audited, str):
            self._note(f"audit: {audited}")
            return
        self._note(f"audit: {audited['change'].value_counts().sort_index().to_dict()}")
        self.counts.n_audited += oracle.check_audit(audited, self._api, edited=self._edited)

    def _reconcile(self) -> None:
        wanted, since = self._draw_wanted(), len(self._api.history)
        self._asked = {cell: {flag} for cell, flag in wanted.items()}
        lifeline = self._draw_life()
        publish = self._rng.random() < 0.3
        with commits_of(lifeline), self._connect(lifeline, has_accidents=True) as client:
            outcome = attempt(
                lambda: kf.reconcile(
                    to_toggles(wanted),
                    client,
                    max_changes=None,
                    publish=publish,
                    journal=self._journal,
                    progress=False,
                )
            )
        self.counts.n_runs += 1
        said = nonzero(outcome.counts) if isinstance(outcome, kf.Result) else outcome
        self._note(f"reconcile: {'killed' if lifeline.is_cut else said}")
        oracle.check_writes(self._api, since=since, asked={cell: {flag} for cell, flag in wanted.items()})

    # The journal.

    def _prune(self) -> None:
        if not Path(self._journal).exists():
            return
        gone = kf.prune_runs(timedelta(days=self._rng.choice([0, 1, 3])), journal=self._journal)
        open_ones = gone[(gone["unknown"] > 0) | (gone["not_sent"] > 0)]
        if len(open_ones):
            raise DefectError("pruned", "a run with open rows")
        ids = set(gone["run_id"])
        for record in self._runs:
            if record.result is not None and record.result.run_id in ids:
                oracle.check_pruned(record.result, self._api)
        self._runs = [
            record for record in self._runs if record.result is None or record.result.run_id not in ids
        ]
        self._note(f"prune: {len(gone)} runs")

    def _move(self) -> None:
        """Take a copy of the journal, let the old machine go on for a while, and then go on from the copy."""
        # Often while a run is on its way.
        record = self._open_run() if self._runs else None
        if record is None or (record.result is not None and record.result.resume_hint is None):
            record = RunRecord(self._plan())
            self._runs.append(record)
        if self._rng.random() < 0.6:
            weather = self._rng.choice(MOVE_WEATHERS)
            self._go_on(record, "go on, on a bad day", by_resume=True, weather=weather)
        for _ in range(self._rng.choice([1, 2])):
            n, at_start = self._rng.randrange(3, 40), self._rng.random() < 0.5
            lifeline = Lifeline(None if at_start else n, at_start=at_start)
            self._go_on(record, "go on, and die", by_resume=True, lifeline=lifeline)
        away = self.folder / f"away_{self._n_journals}.sqlite3"
        kf.export_journal(away, journal=self._journal)
        # A copy of a run that had ended cannot know that it went on: a day later it would be sent again.
        on_its_way = self._is_on_its_way(record)
        if self._rng.random() < 0.5 and on_its_way:
            self._go_on(record, "go on where it was", by_resume=True)
        if self._rng.random() < 0.5:
            self._others_publish()
        self._clock.advance(self._rng.choice([60.0, 25 * 3_600.0, 25 * 3_600.0]) if on_its_way else 60.0)
        self._n_journals += 1
        n_runs = self._take_in(away)
        self._note(f"move {n_runs} runs to another machine")
        if record in self._runs:
            self._go_on(record, "resume there", may_die=self._rng.random() < 0.3, by_resume=True)

    def _is_on_its_way(self, record: RunRecord) -> bool:
        runs = kf.runs(journal=self._journal)
        return bool(runs.loc[runs["plan_id"] == record.plan.plan_id, "status"].eq("killed").any())

    def _take_in(self, away: Path) -> int:
        """Go on with a new journal that knows what this copy knows, and return how many runs these are."""
        copied = kf.import_journal(away, journal=self._journal)
        plan_ids = {*kf.runs(journal=self._journal)["plan_id"]}
        self._runs = [record for record in self._runs if record.plan.plan_id in plan_ids]
        self._api.copied_tables += [record.asked for record in self._runs]
        # On the new machine they are cancelled, and the old one ticks no more.
        self._promises.clear()
        return len(copied)

    # The end: everything is mended, and brought to its end.

    def _end(self) -> None:
        self._clock.ahead_s = 0.0
        for record in self._runs[-3:]:
            for said in ("go on at the end", "once more"):
                is_open = record.result is None or record.result.resume_hint is not None
                if is_open and (said != "once more" or record.result is not None):
                    self._go_on(record, said, may_die=False, by_resume=record.result is not None)
        for record in self._runs[-3:]:
            if record.result is not None:
                oracle.check_ended(record.result)
        if self._promises:
            self._end_promises()
        # What nobody answered may be under way for an hour; people look at it on another day, too.
        self._clock.advance(self._rng.choice([2, 30, 72]) * 3_600)
        with self._connect() as client:
            kf.publish(list(STORES), client, journal=self._journal)
        # Within a second of each other nothing is ordered where a clock was set; a queue may take longer.
        self._clock.advance(self._rng.choice([2.0, 3_600.0]))
        self._verify(may_fail=False)
