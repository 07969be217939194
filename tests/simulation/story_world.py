"""Stories: what shows a rare defect, from its beginning to its end, on cells that nothing has touched."""

from __future__ import annotations

from functools import partial
from typing import Any

import klikit_frames as kf
from klikit_frames.running.approvals import approval_path

from . import guard_oracle as guards
from . import oracle
from .accidents import Lifeline
from .model_api import ITEMS, STORES, Cell
from .world import SimulatedWorld
from .world_parts import RunRecord, attempt, to_toggles

_DAY_S = 86_400.0
_OUTAGES = ("lost_after", "lost_before", "error_502_after", "error_500", "refused_connection", "rate_limit")


class StoryWorld(SimulatedWorld):
    """A world whose steps may be whole stories; in a season of stories most of them are."""

    def _outlive_keys(self) -> None:
        """Lose all answers, go on when the API has forgotten the keys, and others have changed it back."""
        lifeline = Lifeline(self._rng.randrange(4, 16)) if self._rng.random() < 0.3 else Lifeline()
        weather = self._rng.choice(["lost_after", "lost_after", "error_502_after"])
        record = self._write_fresh("write, and hear nothing", lifeline=lifeline, weather=weather)
        if self._rng.random() < 0.5:
            self._take_back(record)
        if self._rng.random() < 0.5:
            self._set_ahead(self._rng.choice([0.0, -_DAY_S, -2 * _DAY_S, _DAY_S]))
        self._clock.advance(self._rng.choice([22.5, 25, 30, 47]) * 3_600)
        self._go_on(record, "resume when the keys are old", may_die=False, by_resume=True)

    def _prove_by_publish(self) -> None:
        """Let others take back what a run wrote, publish, and prove the run where no menu shows it."""
        record = self._write_fresh("write")
        if self._rng.random() < 0.3:
            self._api.publish(STORES)
        self._clock.advance(5.0)
        self._take_back(record)
        self._clock.advance(5.0)
        self._publish_all()
        self._clock.advance(self._rng.choice([60.0, 3_600.0, _DAY_S]))
        self._prove(record)

    def _run_blind(self) -> None:
        """Run where no menu can be read, and again where they can, and take it back."""
        weather = self._rng.choice(["menus_503", "menus_denied"])
        record = self._write_fresh("run without menus", lifeline=Lifeline(), weather=weather)
        if record.result is None:
            self._go_on(record, "run with menus", may_die=False)
        self._take_back_by_undo(record)

    def _write_by_two_clocks(self) -> None:
        """Write the same cells twice, by clocks that are far apart, and look by the first what is live."""
        hours = self._rng.sample([0, -24, -3, 3, 24, 48], 2)
        if not self._api.switches.has_date:
            # Where the API tells no time, nobody can know which of the two was later.
            hours = [0, 0]
        self._set_ahead(hours[0] * 3_600.0)
        first = self._write_fresh("write by one clock")
        self._set_ahead(hours[1] * 3_600.0)
        self._clock.advance(self._rng.choice([60.0, 7_200.0]))
        wanted = {cell: not flag for cell, flag in first.table}
        second = self._write(wanted, "write the opposite by another clock")
        self._set_ahead(hours[0] * 3_600.0)
        if self._rng.random() < 0.7:
            self._clock.advance(5.0)
            self._publish_all()
        self._clock.advance(60.0)
        if self._api.switches.has_date:
            self._look_at(wanted)
        self._prove(first)
        self._prove(second)

    def _undo_what_is_seen(self) -> None:
        """Plan an undo of what all menus show, and let others change it before the undo runs."""
        record = self._write_fresh("write what is undone")
        self._api.publish(STORES)
        self._clock.advance(60.0)
        self._take_back_by_undo(record)

    def _take_back_by_undo(self, record: RunRecord) -> None:
        if record.result is None:
            return
        undo = self._plan_undo(record.result.run_id)
        guards.check_noted(undo, record, self._api)
        if isinstance(undo, str) or not undo.n_rows:
            self._note(f"undo: {undo if isinstance(undo, str) else 'nothing'}")
            return
        shown = guards.find_shown(record, self._api)
        part = self._draw_part(record)
        self._take_back(record, part)
        self._api.publish(STORES)
        self._clock.advance(60.0)
        taking_back = RunRecord(undo)
        self._runs.append(taking_back)
        since, since_call = len(self._api.history), len(self._api.calls)
        lifeline = Lifeline(self._rng.randrange(4, 30)) if self._rng.random() < 0.3 else Lifeline()
        weather = self._rng.choice([None, None, "denied", "long_rate_limit"])
        self._go_on(
            taking_back, "undo it", lifeline=lifeline, weather=weather, may_die=self._rng.random() < 0.5
        )
        changed = {cell for cell in part if cell in shown}
        guards.check_spared(taking_back, changed, self._api, since=since, since_call=since_call)
        if taking_back.result is None or taking_back.result.resume_hint is not None:
            # Nothing of it may have left: then it leaves what was changed meanwhile as well.
            self._take_back(record, [cell for cell, _ in record.table if cell not in part])
            self._api.publish(STORES)
            self._clock.advance(60.0)
            self._go_on(taking_back, "go on with the undo", may_die=False)

    def _run_by_approval(self) -> None:
        """Run a plan from its file, which somebody else has approved, as it is there, or not."""
        path = self.folder / f"plan_{self._step}.json"
        plan = self._plan_fresh()
        plan.save(path)
        kind = self._rng.choice(["approved", "approved", "not asked", "by its maker", "changed since"])
        with self._connect() as client:
            if kind != "not asked":
                by = "Siti" if kind != "by its maker" else str(kf.load_plan(path).made_by)
                attempt(partial(kf.approve, path, client, by=by))
        is_approved = kind == "approved"
        if kind == "changed since":
            changed = self._plan_fresh()
            changed.save(path)
            # What happens to be the same plan was approved.
            is_approved = changed.digest == plan.digest
        record = RunRecord(kf.load_plan(path), rules={"require_approval": True})
        self._runs.append(record)
        self._go_on(record, f"run what is {kind}")
        guards.check_approved(record, self._api, is_approved=is_approved)
        if is_approved and self._rng.random() < 0.5:
            # What was noted goes on; what never was is asked about again.
            approval_path(path).unlink()
            is_approved = self._find_run_id(record) is not None
        if record.result is None or record.result.resume_hint is not None:
            self._go_on(record, "run it again")
            guards.check_approved(record, self._api, is_approved=is_approved)

    def _work_in_an_outage(self) -> None:
        """Send many small requests while the line is down, and again, with a deadline or without."""
        cells = self._draw_cells()
        limits = kf.Limits(max_ids=1, max_stores=1)
        plan = kf.plan(
            to_toggles(dict.fromkeys(cells, self._rng.random() < 0.5)), limits=limits, progress=False
        )
        rules = {"deadline_s": self._rng.choice([None, 30.0, 300.0]), "before": "none"}
        record = RunRecord(plan, cap=self._rng.choice(self._season.caps), rules=rules)
        self._runs.append(record)
        outage = self._rng.choice(_OUTAGES)
        self._go_on(record, f"run {plan.n_requests} requests", lifeline=self._draw_life(), weather=outage)
        for _ in range(self._rng.choice([1, 2])):
            if record.result is None or record.result.resume_hint is not None:
                weather = self._rng.choice([None, *_OUTAGES])
                self._go_on(record, "run it again", lifeline=self._draw_life(), weather=weather)

    # What stories are made of.

    def _draw_fresh(self, n: int = 3) -> list[Cell]:
        """Draw items of one store that nobody has asked for, written or changed; any, if there are none."""
        tables = [*self._api.asked_by_key.values(), *(record.asked for record in self._runs)]
        touched = {cell for table in tables for cell in table} | {*self._api.writes}
        places: list[list[Cell]] = [[("item", item, "store", *store) for item in ITEMS] for store in STORES]
        free = [[cell for cell in cells if not {cell, _wide(cell)} & touched] for cells in places]
        wide_enough = [cells for cells in free if len(cells) >= n]
        cells = self._rng.choice(wide_enough or [self._draw_block()])
        return self._rng.sample(cells, min(n, len(cells)))

    def _plan_fresh(self) -> kf.Plan:
        cells = self._draw_fresh()
        return kf.plan(to_toggles(dict.fromkeys(cells, not self._api.live(cells[0]))), progress=False)

    def _write_fresh(self, said: str, **options: Any) -> RunRecord:
        return self._send(self._plan_fresh(), said, **options)

    def _write(self, wanted: dict[Cell, bool], said: str) -> RunRecord:
        return self._send(kf.plan(to_toggles(wanted), progress=False), said)

    def _send(self, plan: kf.Plan, said: str, **options: Any) -> RunRecord:
        record = RunRecord(plan)
        self._runs.append(record)
        self._go_on(record, said, may_die=bool(options), **options)
        return record

    def _draw_part(self, record: RunRecord) -> list[Cell]:
        cells = [cell for cell, _ in record.table]
        return self._rng.sample(cells, self._rng.randrange(1, max(2, len(cells))))

    def _take_back(self, record: RunRecord, cells: list[Cell] | None = None) -> None:
        """Let somebody else give cells the flags that they had before a run."""
        for cell, flag in record.table:
            if cells is None or cell in cells:
                self._edit(cell, is_enabled=not flag)

    def _publish_all(self) -> None:
        with self._connect() as client:
            published = kf.publish(list(STORES), client, journal=self._journal)
        self._note(f"publish all: {published['outcome'].value_counts().sort_index().to_dict()}")

    def _prove(self, record: RunRecord) -> None:
        if record.result is None:
            return
        # A result knows its own journal.
        with self._connect() as client:
            proof = kf.verify(record.result, client, progress=False)
        self._note(f"verify: {proof['proof'].value_counts().sort_index().to_dict()}")
        self.counts.n_proofs += oracle.check_proofs(
            proof, self._api, edited=self._edited, wanted=record.asked
        )
        guards.check_all_proved(proof, record, self._api)

    def _look_at(self, wanted: dict[Cell, bool]) -> None:
        with self._connect() as client:
            audited = kf.audit(to_toggles(wanted), client, journal=self._journal, progress=False)
        self._note(f"audit: {audited['change'].value_counts().sort_index().to_dict()}")
        # Others may have changed the same item elsewhere: that hides nothing of these.
        places = [(cell, place) for cell in wanted for place in (cell, _wide(cell))]
        edited = {
            cell[:2] for cell, place in places if any(not w.is_own for w in self._api.writes.get(place, []))
        }
        self.counts.n_audited += oracle.check_audit(audited, self._api, edited=edited)


def _wide(cell: Cell) -> Cell:
    """Return the business row that a store's cell may inherit."""
    return (cell[0], cell[1], "business", None, None)
