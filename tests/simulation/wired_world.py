"""What a world is wired from: its clock, its API, its journals, and how its accidents are drawn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Set
from pathlib import Path

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.undo import Undo

from . import oracle
from .accidents import ACCIDENTS, AccidentTransport, Chance, Lifeline
from .model_api import ITEMS, STORES, Cell, ModelApi, Store
from .oracle import DefectError, Entity
from .seasons import NO_CAP, SEASONS, STORIES
from .virtual_clock import SimulatedEdge, VirtualClock
from .world_parts import N_STEPS, STEPS, RunRecord, WorldCounts, attempt, draw_switches

FOREIGN_ID = 990_000_000
# What becomes of a process, and what happens beside it.
LIVES = (
    *["whole"] * 4,
    *["dies"] * 3,
    "full_disk",
    "cancelled",
    "clock_set",
    "others_publish",
    "others_edit",
    *["another_process"] * 2,
)
# How many worlds have a season of stories.
STORY_SHARE = 0.2
# How long nothing is done before a step.
_PAUSES_S = (5.0, 60.0, 900.0, 5 * 3_600.0, 16 * 3_600.0)


class WiredWorld:
    """A business, its people and its accidents, all drawn from one seed.

    Parameters
    ----------
    seed : int
        Draws everything.
    folder : path
        Where its files lie.
    n_steps : int
        How many steps are drawn, before the last in which all is brought to its end.
    kept : set of int, optional
        Play only these steps.
    spared : set
        Accidents that do not happen, by their step and number.
    """

    def __init__(
        self,
        seed: int,
        folder: Path,
        *,
        n_steps: int = N_STEPS,
        kept: Set[int] | None = None,
        spared: Set[tuple[int, int]] = frozenset(),
    ) -> None:
        self.folder = folder / f"world_{seed}"
        self.happened: list[tuple[int, int]] = []
        self.defect: DefectError | None = None
        self.counts = WorldCounts(n_worlds=1)
        self.n_steps_played = 0
        self.seed = seed
        draw = random.Random(seed)
        name = draw.choice([*SEASONS])
        if random.Random(f"{seed}:told").random() < STORY_SHARE:
            name = "stories"
        self._season = SEASONS.get(name, STORIES)
        self.trace = [f"a season of {name.replace('_', ' ')}"]
        weights = {**STEPS, **self._season.often}
        self._script = draw.choices([*weights], [*weights.values()], k=N_STEPS)[:n_steps]
        self.kept = range(n_steps + 1) if kept is None else kept
        self._spared = spared
        self._clock = VirtualClock()
        self._edge = SimulatedEdge(self._clock)
        self._api = ModelApi(self._clock, draw_switches(draw, is_small=self._season.is_small))
        self._probability = draw.choice([0.4, 0.6, 0.8])
        self._kinds = [*draw.sample(ACCIDENTS, draw.choice([2, 5, len(ACCIDENTS)])), *self._season.kinds]
        self._has_others = draw.random() < self._season.others
        self._step, self._n_clients, self._rng = 0, 0, draw
        self._chances: list[Chance] = []
        self._runs: list[RunRecord] = []
        self._edited: set[Entity] = set()
        # The cell of each promise, and what it was to hold meanwhile.
        self._promises: dict[str, tuple[Cell, bool]] = {}
        self._promised: dict[str, Cell] = {}
        self._ticked: set[int] = set()
        self._n_journals = 1
        self._n_connected = 0
        # The cap of each process at this business.
        self._caps: dict[int, int] = {}
        # Whether another process works beside one, and what that one may write.
        self._is_beside = False
        self._asked: Mapping[Cell, Set[bool]] = {}

    def _begin_step(self, step: int, name: str) -> None:
        self._step, self._n_clients, self.n_steps_played = step, 0, step
        self._rng = random.Random(f"{self.seed}:{step}:{name}")
        self._edge.rng = random.Random(f"{self.seed}:{step}:ids")
        self._clock.advance(self._rng.choice(_PAUSES_S))

    # What befalls it.

    def _others_publish(self) -> None:
        stores = self._draw_stores()
        self._note(f"others publish {stores}")
        self.counts.accidents["others_publish"] += len(stores)
        self._api.publish(stores)

    def _others_edit(self) -> None:
        if not self._has_others:
            return
        self._edit(self._rng.choice(self._api.cells()), is_enabled=self._rng.random() < 0.5)

    def _others_revert(self) -> None:
        """Let somebody else switch back what a run has written to one store."""
        for record in self._settled(1) if self._has_others else []:
            store = self._rng.choice(STORES)
            cells = [
                cell for cell, flag in record.table if cell[3:] == store and self._api.live(cell) is flag
            ]
            for cell in cells:
                self._edit(cell, is_enabled=not self._api.live(cell))

    def _edit(self, cell: Cell, *, is_enabled: bool) -> None:
        kind, entity_id, scope, brand_id, branch_id = cell
        store = None if scope == "business" else (brand_id, branch_id)
        self._note(f"others switch {kind} {entity_id} in {store} to {is_enabled}")
        self.counts.accidents["others_edit"] += 1
        self._api.edit(kind, entity_id, store, is_enabled=is_enabled)  # type: ignore[arg-type]
        self._edited.add((kind, entity_id))

    def _others_change(self, undo: Undo) -> None:
        """Let somebody else change what an undo is about to restore, where guests and menus see it."""
        flags = dict(oracle.asked_rows(undo.toggles))
        if not self._has_others or not flags:
            return
        if refused := self._refused_cells():
            # Just what is still to be sent: all of a request, or a part.
            n = self._rng.choice([len(refused), (len(refused) + 1) // 2, (len(refused) + 1) // 2])
            for cell in self._rng.sample(refused, n):
                self._edit(cell, is_enabled=flags.get(cell, True))
            self._api.publish(STORES)
            return
        for cell in self._rng.sample([*flags], self._rng.randrange(1, len(flags) + 1)):
            self._edit(cell, is_enabled=self._rng.random() < 0.5)
        self._others_publish()

    def _refused_cells(self) -> list[Cell]:
        """Return the cells of the last run's requests that came back unsent or denied."""
        if not self._runs or (result := self._runs[-1].result) is None:
            return []
        rows = oracle.rows_of(result.frame)
        return [
            oracle.cell_of(row)
            for row in rows
            if row["outcome"] in {"failed", "not_sent"} and not pd.isna(row["settled_at"])
        ]

    def _set_clock(self) -> None:
        self._set_ahead(self._rng.choice(self._season.clocks_s))

    def _set_ahead(self, seconds: float) -> None:
        self._clock.set_ahead(seconds)
        self._note(f"the wall clock is set {seconds:+,.0f} s off")
        self.counts.accidents["clock_set"] += 1

    def _let_time_pass(self) -> None:
        hours = self._rng.choice([0.02, 1, 9, 14, 25, 40])
        self._note(f"{hours} h pass")
        self._clock.advance(hours * 3_600)

    def _is_known(self, cell: Cell) -> bool:
        """Tell whether only we have written a cell, and no business-wide write may hide what it has."""
        return cell[:2] not in self._edited and not oracle.is_hidden(cell, self._api)

    # How it is drawn and wired.

    @property
    def _journal(self) -> Path:
        return self.folder / f"journal_{self._n_journals}.sqlite3"

    def _open_run(self) -> RunRecord:
        """Draw one of the last runs, mostly one of which something is open."""
        last = self._runs[-6:]
        open_ones = [
            record for record in last if record.result is None or record.result.resume_hint is not None
        ]
        return self._rng.choice(open_ones if open_ones and self._rng.random() < 0.8 else last)

    def _settled(self, n: int) -> list[RunRecord]:
        settled = [record for record in self._runs[-6:] if record.result is not None]
        return self._rng.sample(settled, min(n, len(settled)))

    def _draw_life(self) -> Lifeline:
        kind, n = self._rng.choice([*LIVES, *self._season.lives]), self._rng.randrange(1, 40)
        if self._is_beside or kind == "whole" or not self._chance().is_due():
            return Lifeline()

        def tell() -> None:
            self.counts.accidents[kind] += 1

        elsewhere = {
            "cancelled": self._cancel_from_elsewhere,
            "clock_set": self._set_clock,
            "others_publish": self._others_publish,
            "others_edit": self._others_edit,
            "another_process": self._work_beside,
        }
        if kind in elsewhere:
            return Lifeline(at_call=(1 + n // 4, elsewhere[kind]))
        if kind == "full_disk":
            return Lifeline(n_commits=n // 3, tell=tell)
        return Lifeline(n, tell=tell)

    def _work_beside(self) -> None:
        """Let another process work on the same journal meanwhile."""
        raise NotImplementedError

    def _draw_weather(self) -> str | None:
        """Draw what befalls nearly all writes of one process, where its day is a bad one."""
        weather, is_bad = (
            self._rng.choice(self._season.weathers),
            self._rng.random() < self._season.bad_weather,
        )
        return weather if is_bad else None

    def _cancel_from_elsewhere(self) -> None:
        """Let another process cancel the last run."""
        self._note("somebody cancels the last run")
        self.counts.accidents["cancelled"] += 1
        attempt(lambda: kf.attach("last", journal=self._journal).cancel())

    def _draw_cells(self) -> list[Cell]:
        n = self._rng.choice([6, 16, 24])
        cells = self._api.cells()
        wide = [cell for cell in cells if cell[2] == "business"]
        n_wide = self._rng.choice([0, n // 3, min(n, len(wide))])
        chosen = [*self._rng.sample(wide, n_wide), *self._rng.sample(cells[len(wide) :], n - n_wide)]
        foreign = ("item", FOREIGN_ID, "store", *self._rng.choice(STORES))
        return [*chosen, foreign] if self._rng.random() < 0.3 else chosen

    def _draw_block(self, *, with_foreign: bool = False) -> list[Cell]:
        """Draw some items in one or two stores, which is one request where it may be large."""
        items = [*self._rng.sample(ITEMS, self._rng.choice([3, 6])), *[FOREIGN_ID] * with_foreign]
        stores = self._rng.sample(STORES, self._rng.choice([1, 2]))
        return [("item", item, "store", *store) for item in items for store in stores]

    def _draw_wanted(self, n: int = 8) -> dict[Cell, bool]:
        return {cell: self._rng.random() < 0.5 for cell in self._rng.sample(self._api.cells(), n)}

    def _draw_stores(self) -> list[Store]:
        return self._rng.sample(STORES, self._rng.randrange(1, len(STORES) + 1))

    def _chance(self, *, weather: str | None = None) -> Chance:
        # Each process draws its own accidents: one that dies earlier leaves those of the next as they are.
        self._n_clients += 1
        chance = Chance(
            random.Random(f"{self.seed}:{self._step}:{self._n_clients}"),
            probability=self._probability,
            kinds=self._kinds,
            counts=self.counts.accidents,
            step=self._step,
            first=self._n_clients * 10_000,
            spared=self._spared,
            weather=weather,
        )
        self._chances.append(chance)
        return chance

    def _connect(
        self,
        lifeline: Lifeline | None = None,
        *,
        has_accidents: bool = False,
        weather: str | None = None,
        cap: int = NO_CAP,
        api: ModelApi | None = None,
        name: str = "simulated",
    ) -> kf.Client:
        chance = self._chance(weather=weather) if has_accidents else None
        self._n_connected += 1
        if api is None or api is self._api:
            self._caps[self._n_connected] = cap
        transport = AccidentTransport(
            api or self._api, lifeline=lifeline or Lifeline(), chance=chance, client_no=self._n_connected
        )
        return kf.connect(
            "http://127.0.0.1:9/v1/partner",
            partner_key=f"pk_{name}",
            secret_key=oracle.SECRET_KEY,
            transport=transport,
            clock=self._clock,
            writes_per_minute=cap,
            reads_per_minute=NO_CAP,
            max_connections=1,
        )

    def _note(self, text: str) -> None:
        self.trace.append(f"{self._step:2} {text}")
