"""Until when: which moment a choice means, by whose clock, and how it is said.

Over HTTP a change until a time is previewed, promised, begun, extended, cancelled, given back.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.forms.timed_changes import (
    DATE,
    EVENING,
    MORNING,
    ONE_HOUR,
    Until,
    business_zones,
    end_of,
    until_choices,
    until_words,
    zone_words,
)
from tests.fixtures import not_none
from tests.forms.sandbox_clients import Gate, guarded_client, hasty_client
from tests.forms.user_actions import apply, can_press, pick, press, result_text, said, truth, writes

JAKARTA = ZoneInfo("Asia/Jakarta")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 9, 12, tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("until", "now", "end"),
    [
        (Until(), NOON, None),
        (Until(ONE_HOUR), NOON, "2026-03-09T13:00"),
        (Until(ONE_HOUR), NOON + timedelta(seconds=1), "2026-03-09T13:01"),
        (Until(EVENING), NOON, "2026-03-09T17:00"),
        (Until(EVENING), NOON + timedelta(hours=5), "2026-03-10T17:00"),
        (Until(MORNING), NOON, "2026-03-10T06:00"),
        (Until(MORNING), NOON - timedelta(hours=10), "2026-03-10T06:00"),
        (Until(DATE, "2026-03-09T12:01"), NOON, "2026-03-09T12:01"),
        (Until(DATE, " 2026-12-31 23:59 "), NOON, "2026-12-31T23:59"),
    ],
)
def test_end_of__each_choice(until: Until, now: datetime, end: str | None) -> None:
    """17:00 is the next one, 06:00 that of tomorrow, an hour is never shorter than an hour."""
    wanted = None if end is None else datetime.fromisoformat(end).replace(tzinfo=JAKARTA)
    assert end_of(until, now=now.astimezone(UTC), zone=JAKARTA) == wanted


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("", "Give the date and time"),
        ("soon", "no time in ISO 8601"),
        ("2026-03-09T11:59", "11:59 is past already"),
    ],
)
def test_end_of__refused(at: str, said: str) -> None:
    """A blank, unreadable or past time is said to be so."""
    with pytest.raises(kf.ConfigError, match=said):
        end_of(Until(DATE, at), now=NOON, zone=JAKARTA)


@pytest.mark.parametrize(
    ("at", "said"), [("2026-03-29T02:30", "skips"), ("2026-10-25T02:30", "shows .* twice")]
)
def test_end_of__clock_is_set(at: str, said: str) -> None:
    """A time that the clock skips or shows twice is refused with the two readings."""
    with pytest.raises(kf.ConfigError, match=f"The clock of Europe/Berlin {said}.* or "):
        end_of(Until(DATE, at), now=NOON, zone=BERLIN)


def test_end_of__unknown_choice() -> None:
    """What no choice is called is refused."""
    with pytest.raises(kf.ConfigError):
        end_of(Until("later"), now=NOON, zone=JAKARTA)


def test_until_choices__say_the_day() -> None:
    """Each choice says which 17:00 it means."""
    assert dict(until_choices(NOON, JAKARTA))[EVENING] == "until 17:00"
    assert dict(until_choices(NOON + timedelta(hours=6), JAKARTA))[EVENING] == "until tomorrow 17:00"


def test_words__of_lists_and_zones() -> None:
    """A listed choice holds whenever it is read; a zone says how far it is from UTC."""
    words = [until_words(Until(kind)) for kind in (ONE_HOUR, EVENING, MORNING, "later")]
    assert words == ["for 1 h", "until 17:00", "until tomorrow 06:00", ""]
    names = ("UTC", "Asia/Kathmandu", "America/New_York")
    assert [zone_words(ZoneInfo(name), now=NOON) for name in names] == [
        "UTC",
        "Kathmandu, UTC+5:45",
        "New York, UTC-4",
    ]


def test_business_zones__most_stores_first() -> None:
    """The country with most stores comes first, UTC last; what is no country is left out."""
    zones = business_zones(["ID", None, "bd", "bd", "XX", float("nan")])
    assert (zones[0], zones[1], zones[-1]) == ("Asia/Dhaka", "Asia/Jakarta", "UTC")


def test_business_zones__no_country() -> None:
    """Where no country is known there is UTC alone."""
    assert business_zones([]) == ["UTC"]


def command(form: kf.forms.ToggleForm, part: str, name: str, /, **more: object) -> None:
    """Give a command as the page does."""
    form.commands = [{"part": part, "type": name, "seq": form.done + 1, **more}]
    form.wait()


def pick_until(form: kf.forms.ToggleForm, until: Until, *, n_entities: int = 2) -> None:
    """Tick the first items in two stores, off until then."""
    pick(form, n_entities=n_entities)
    command(form, "change", "until", kind=until.kind, at=until.at)


def test_until__comes_back(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Off for 1 h, extended by the page, overdue once its end has passed, and back after a tick."""
    sandbox.set(store_read="live")
    pick_until(form, Until(ONE_HOUR))
    assert form.panel["headline"].startswith("2 dishes off in 2 stores, until ")
    assert "then back to what they were (Jakarta, UTC+7)" in form.panel["headline"]
    toggles = not_none(form.plan).toggles
    result = apply(form)
    assert (result.counts["applied"], truth(sandbox, toggles)) == (4, [False] * 4)
    assert "Promises: 4 begun." in result_text(form)
    (group,) = form.agenda["groups"]
    assert (group["text"], group["is_overdue"]) == ("2 dishes off in 2 stores", False)
    before = kf.agenda()["ends_at"].unique()[0]
    command(
        form,
        "agenda",
        "extend",
        id=group["id"],
        kind=DATE,
        at=f"{pd.Timestamp.now('Asia/Jakarta').year + 1}-01-02T08:00",
    )
    assert "now until" in form.agenda["note"]
    assert kf.agenda()["ends_at"].unique()[0] > before
    command(form, "agenda", "extend", id=group["id"], kind=ONE_HOUR)
    sandbox.move_clock(2 * 3600)
    form.client.read("/brands")
    command(form, "agenda", "look")
    (group,) = form.agenda["groups"]
    assert (group["is_overdue"], form.agenda["n_overdue"]) == (True, 1)
    assert "overdue: was to come back" in group["times"]
    command(form, "agenda", "tick")
    assert (form.agenda["groups"], truth(sandbox, toggles)) == ([], [True] * 4)
    assert "Promises: 4 back as before." in result_text(form)


def test_until__cancelled(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Cancelling what has begun leaves it as it is, and says so; nothing is promised then."""
    pick_until(form, Until(EVENING), n_entities=1)
    toggles = not_none(form.plan).toggles
    apply(form)
    command(form, "agenda", "cancel", id=form.agenda["groups"][0]["id"])
    assert "nothing gives its flag back" in form.agenda["note"]
    assert (form.agenda["groups"], truth(sandbox, toggles)) == ([], [False] * 2)
    assert kf.agenda()["status"].tolist() == ["cancelled"] * 2


def test_until__one_list_of_both_kinds(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Changes for good and until a time go out as one run; only the latter come back."""
    sandbox.set(store_read="live")
    pick(form, n_entities=1)
    form.add()
    pick_until(form, Until(ONE_HOUR), n_entities=3)
    not_none(form.entities).selected = not_none(form.entities).selected.tail(2)
    form.wait()
    assert "3 dishes off in 2 stores, 4 rows until" in form.panel["headline"]
    names = {"kf": kf, "pd": pd, "client": form.client}
    exec(form.line.partition("\n")[0], names)
    assert names["toggles"]["ends_at"].notna().sum() == 4
    assert form.line.endswith("kf.schedule(toggles, client)\nkf.tick(client)")
    apply(form)
    assert (not_none(form.result).counts["applied"], form.pending, len(kf.runs())) == (6, [], 1)
    sandbox.move_clock(2 * 3600)
    assert set(kf.tick(form.client)["action"]) == {"end"}


def test_until__time_is_missing_or_past(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Without its date nothing is planned, and a time that is past is said to be so."""
    pick_until(form, Until(DATE))
    assert form.change["missing"] == {"until": "Give the date and time until when it holds."}
    assert not can_press(form, "apply")
    command(form, "change", "until", kind=DATE, at="2020-01-01T08:00")
    assert "is past already" in said(form)
    assert (form.plan, writes(sandbox).empty, len(kf.agenda())) == (None, True, 0)


def test_until__undo_cancels(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """An undo of the start restores the flags, and the promises of them are cancelled."""
    sandbox.set(store_read="live")
    pick_until(form, Until(ONE_HOUR))
    toggles = apply(form).frame
    press(form, "undo")
    form.wait()
    apply(form)
    assert truth(sandbox, toggles) == [True] * 4
    assert (set(kf.agenda()["status"]), form.agenda["groups"]) == ({"cancelled"}, [])


def test_until__failed_start_is_ticked_again(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A start that failed stays promised; Retry ticks, and makes no change for good of it."""
    sandbox.set(store_read="live")
    pick_until(form, Until(ONE_HOUR))
    sandbox.inject("redirect", match="enable")
    apply(form)
    assert set(kf.agenda()["status"]) == {"waiting"}
    sandbox.clear_faults()
    press(form, "retry")
    form.wait()
    assert (set(kf.agenda()["status"]), not_none(form.result).counts["applied"]) == ({"active"}, 4)


def test_until__counted_and_cancelled(sandbox: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """A tick counts its requests and can be cancelled; Carry on ticks again, so that all comes back."""
    sandbox.set(store_read="live")
    gate = tmp_path / "shut"
    gate.touch()
    with hasty_client(sandbox, transport=Gate(gate), timeout=600.0, max_connections=1) as client:
        form = kf.forms.ToggleForm(client)
        menu = not_none(form.menus).state([(663, 1062)]).query("scope == 'store' and is_enabled")
        not_none(form.entities).selected = menu.drop_duplicates("entity_type")
        not_none(form.stores).selected = not_none(form.menus).stores.head(1)
        command(form, "change", "until", kind=ONE_HOUR, at="")
        is_counted = threading.Event()
        form.observe(
            lambda change: is_counted.set() if "0 of 3 requests" in str(change["new"]["progress"]) else None,
            "panel",
        )
        press(form, "apply")
        assert is_counted.wait(600)
        press(form, "cancel")
        gate.unlink()
        form.wait()
        assert "It was cancelled." in result_text(form)
        assert "waiting" in set(kf.agenda()["status"])
        n_left = not_none(form.result).counts["not_sent"]
        press(form, "carry_on")
        form.wait()
        assert not_none(form.result).counts["applied"] == n_left > 0
        sandbox.move_clock(2 * 3600)
        kf.tick(client)
        assert truth(sandbox, menu.drop_duplicates("entity_type")) == [True] * 3


def test_until__run_of_a_tick_shown_later(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A tick's run that is picked from the recent ones is retried by a tick too."""
    sandbox.set(store_read="live")
    pick_until(form, Until(ONE_HOUR))
    sandbox.inject("redirect", match="enable")
    run_id = apply(form).run_id
    sandbox.clear_faults()
    later = kf.forms.ToggleForm(form.client)
    press(later, "attach", run_id=run_id)
    later.wait()
    press(later, "retry")
    later.wait()
    assert set(kf.agenda()["status"]) == {"active"}


def test_until__noted_and_not_begun(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Where the menus cannot be read the promises stand, nothing is sent, and the list is done."""
    pick_until(form, Until(ONE_HOUR))
    form.add()
    form.wait()
    sandbox.inject("error_503", match="menu")
    press(form, "apply")
    form.wait()
    assert "4 promises noted, not begun: the next tick does that." in result_text(form)
    assert (form.plan, form.pending, writes(sandbox).empty) == (None, [], True)
    sandbox.clear_faults()
    command(form, "agenda", "tick")
    assert set(kf.agenda()["status"]) == {"active"}


def test_until__opposite_promise_stands(form: kf.forms.ToggleForm) -> None:
    """A promise of the opposite is in the way: nothing is noted, and it is named."""
    pick_until(form, Until(EVENING))
    apply(form)
    form.set(is_enabled=True, until=Until(ONE_HOUR))
    form.wait()
    press(form, "apply")
    form.wait()
    assert "which stands" in form.panel["trouble"]
    assert len(kf.agenda()) == 4


def test_until__code_where_a_guard_asks(sandbox: kf.sandbox.Sandbox) -> None:
    """On a real host the code of the promises is typed; it covers their ticks."""
    with guarded_client(sandbox) as client:
        form = kf.forms.ToggleForm(client, timezone="Asia/Makassar")
        pick_until(form, Until(ONE_HOUR))
        assert "(Makassar, UTC+8)" in form.panel["headline"]
        press(form, "apply", code="wrong")
        assert (writes(sandbox).empty, len(kf.agenda())) == (True, 0)
        press(form, "apply", code=form.panel["code"])
        form.wait()
        assert set(kf.agenda()["status"]) == {"active"}


def test_until__published_at_both_ends(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Told to publish, guests see the start at once and the end too; nothing is left to publish."""
    pick_until(form, Until(ONE_HOUR))
    command(form, "change", "publish", on=True)
    toggles = apply(form).frame
    assert not can_press(form, "publish")
    keys = ["entity_type", "entity_id", "brand_id", "branch_id"]
    seen = toggles[keys].merge(sandbox.state(published=True), on=keys)
    assert not seen["is_enabled"].any()
    sandbox.move_clock(2 * 3600)
    command(form, "agenda", "tick")
    seen = toggles[keys].merge(sandbox.state(published=True), on=keys)
    assert seen["is_enabled"].all()


def test_until__clock_is_chosen(form: kf.forms.ToggleForm) -> None:
    """The zones of the country are offered, the chosen one is said; an unknown one is refused."""
    pick_until(form, Until(EVENING))
    assert [name for name, _ in form.change["zones"]][:3] == [
        "Asia/Jakarta",
        "Asia/Pontianak",
        "Asia/Makassar",
    ]
    command(form, "change", "zone", name="Asia/Jayapura")
    assert "(Jayapura, UTC+9)" in form.panel["headline"]
    command(form, "change", "zone", name="Asia/Nowhere")
    assert form.change["zone"] == "Asia/Jayapura"
    with pytest.raises(kf.ConfigError, match="Nowhere"):
        kf.forms.ToggleForm(form.client, timezone="Asia/Nowhere")


def test_until__kept_while_the_notebook_is_open(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """Told to keep promises, the form does what is due without a press, and stops when it is closed."""
    sandbox.set(store_read="live")
    pick_until(form, Until(ONE_HOUR))
    toggles = apply(form).frame
    sandbox.move_clock(2 * 3600)
    is_told = threading.Event()
    form.observe(
        lambda change: is_told.set() if "back as before" in change["new"]["note"] else None, "agenda"
    )
    command(form, "agenda", "keep", on=True)
    assert is_told.wait(600)
    keeper = form.board.keeper
    assert keeper.is_on
    form.close()
    keeper.wait()
    assert not keeper.is_on
    assert truth(sandbox, toggles) == [True] * 4


def test_until__keeper_of_a_closed_client(form: kf.forms.ToggleForm) -> None:
    """A keeper that cannot go on says why, and is off."""
    pick_until(form, Until(ONE_HOUR))
    apply(form)
    form.client.close()
    command(form, "agenda", "keep", on=True)
    form.board.keeper.wait()
    assert (form.agenda["is_keeping"], "no longer kept" in form.agenda["note"]) == (False, True)
