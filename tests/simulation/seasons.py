"""Seasons: what is frequent in a world, so that what is rare together comes together in some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .accidents import ODD_ANSWERS, WEATHERS

NO_CAP = 10**6


@dataclass(frozen=True, slots=True)
class Season:
    """What a world draws from, each as often as it stands there; shares are between 0 and 1.

    `often` are weights of steps in place of the usual ones, and `kinds` accidents that its line surely has.
    """

    often: Mapping[str, int] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    lives: tuple[str, ...] = ()
    weathers: tuple[str, ...] = WEATHERS
    bad_weather: float = 0.3
    # What befalls undos and publishes: so that nothing, or only a part, has left by then.
    undo_weathers: tuple[str | None, ...] = (
        *(None, "denied", "denied"),
        *("long_rate_limit", "long_rate_limit", "refused_connection"),
    )
    publish_weathers: tuple[str | None, ...] = (*[None] * 9, "publishes_502")
    on_errors: tuple[str, ...] = ("continue", "continue", "continue", "stop")
    firsts: tuple[int | None, ...] = (None, None, None, 1)
    caps: tuple[int, ...] = (4, NO_CAP)
    n_repeats: tuple[int, ...] = (0, 1, 2, 3)
    clocks_s: tuple[float, ...] = (0.0, -86_400.0, -3_600.0, 3_600.0, 20 * 3_600.0, 86_400.0)
    # Runs with a mirror, plans of one block, of these such that are of another business, plans by a state.
    mirrors: float = 0.2
    blocks: float = 0.4
    foreign: float = 0.1
    by_state: float = 0.3
    # Undos of a block that was written just before, and such that meet a change before they run.
    fresh_undos: float = 0.1
    changed_before: float = 0.4
    # Businesses in which other people edit.
    others: float = 0.7
    is_small: bool = False


SEASONS = {
    "any": Season(),
    "undos": Season(
        often={"undo": 12},
        undo_weathers=("denied", "denied", "denied", "long_rate_limit", "refused_connection"),
        fresh_undos=0.8,
        changed_before=0.1,
        others=1.0,
    ),
    "promises": Season(
        often={"schedule": 8, "tick": 20, "change_agenda": 3, "let_time_pass": 6, "move": 0, "run": 5},
        bad_weather=0.6,
        mirrors=0.0,
    ),
    "publishes": Season(
        often={"publish": 12, "others_publish": 6, "verify": 6, "audit": 3},
        publish_weathers=(None, "publishes_502", "publishes_lost"),
        by_state=0.7,
    ),
    "clocks": Season(
        often={"set_clock": 8, "let_time_pass": 6, "publish": 6, "verify": 6},
        lives=("clock_set",) * 10,
        weathers=("lost_after", "lost_after", "error_502_after", "lost_before"),
        caps=(4,),
        n_repeats=(0, 0, 1),
        clocks_s=(0.0, -86_400.0, -86_400.0, 3_600.0, 86_400.0),
        by_state=0.6,
    ),
    "credentials": Season(often={"resume": 12}, weathers=("denied",), bad_weather=0.5),
    "guards": Season(
        often={"resume": 16},
        lives=("dies",) * 6,
        weathers=("denied", "long_rate_limit", "refused_connection", "lost_half"),
        bad_weather=0.5,
        on_errors=("stop", "stop", "continue"),
        firsts=(None, None, 1),
    ),
    "small_requests": Season(blocks=0.8, is_small=True),
    "other_tables": Season(blocks=0.8, foreign=0.6),
    "lies": Season(
        often={"others_revert": 6, "publish": 8, "verify": 6, "others_edit": 1},
        kinds=ODD_ANSWERS,
        blocks=0.7,
        others=1.0,
    ),
    "unreadable_menus": Season(
        often={"undo": 10},
        weathers=("menus_503", "menus_503", "menus_denied"),
        bad_weather=0.5,
        fresh_undos=0.3,
    ),
}

# Of stories alone, which happen rarely where all is drawn: each is told from its beginning to its end.
STORIES = Season(
    often={
        **dict.fromkeys(("run", "start", "undo", "publish", "schedule", "tick", "change_agenda"), 0),
        **dict.fromkeys(("audit", "reconcile", "fleet", "prune", "move", "others_publish", "set_clock"), 0),
        **dict.fromkeys(("verify", "others_edit", "let_time_pass", "resume"), 0),
        "outlive_keys": 4,
        "prove_by_publish": 3,
        "run_blind": 2,
        "write_by_two_clocks": 3,
        "undo_what_is_seen": 3,
        "run_by_approval": 2,
        "work_in_an_outage": 4,
    },
    others=1.0,
)
