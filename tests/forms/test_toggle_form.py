"""The toggle form without a browser: controls set, buttons pressed, the server's truth asked."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.forms.run_controller import Stage
from tests.forms.sandbox_clients import guarded_client
from tests.forms.user_actions import apply, is_shown, pick, truth, writes


def test_toggle_form__preview_is_the_plan(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """What is previewed is the very plan that Apply sends, and the server does it."""
    pick(form, n_entities=3)
    previewed = form.plan
    assert "3 items in 2 stores switched off" in form.panel.preview.value
    assert writes(sandbox).empty
    result = apply(form)
    assert (result.plan_id, result.counts["applied"]) == (previewed.plan_id, 6)
    assert truth(sandbox, previewed.toggles) == [False] * 6
    assert len(writes(sandbox)) == previewed.n_requests


def test_toggle_form__python_line(form: kf.forms.ToggleForm) -> None:
    """The line to copy makes the same toggles, whatever is entered."""
    pick(form)
    form.entities.selected = form.live.business.groupby("entity_type").head(2)
    form.cascade.value, form.brands.value = True, (663,)
    for form.scope.value in ("business", "store"):
        form.wait()
        names = {"kf": kf, "pd": pd}
        exec(form.line.value, names)
        pd.testing.assert_frame_equal(names["toggles"], form.plan.toggles)


def test_toggle_form__nothing_picked(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """What is missing is said beside its control, and nothing can be sent."""
    assert "Tick at least one section, category or item." in form.entities_note.value
    assert "Tick at least one store" in form.stores_note.value
    assert (form.panel.apply.disabled, form.plan, form.line.value) == (True, None, "")
    form.panel.controller.apply()
    assert writes(sandbox).empty


def test_toggle_form__already_so(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Rows that hold already are counted and not sent; with nothing else there is nothing to apply."""
    pick(form)
    form.switch.value = True
    form.wait()
    assert "4 rows, not sent" in form.panel.preview.value
    assert form.panel.apply.disabled
    form.panel.controller.apply()
    assert (form.panel.controller.trouble, len(writes(sandbox))) == ("There is nothing to send.", 0)


def test_toggle_form__leaves_out_what_a_store_does_not_sell(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """A dish is switched only in the ticked stores that sell it, and the preview counts what is left out."""
    stores = form.live.stores.drop_duplicates("brand_id").head(2)
    menus = form.live.state(stores[["brand_id", "branch_id"]].itertuples(index=False, name=None))
    items = menus.query("scope == 'store' and entity_type == 'item' and is_enabled")
    form.entities.selected = items.drop_duplicates("entity_id")
    form.stores.selected = stores
    form.wait()
    cells = ["entity_id", "brand_id", "branch_id"]
    ticked = menus["entity_id"].isin(items["entity_id"])
    sold = menus[ticked].query("scope == 'store' and entity_type == 'item'")[cells]
    planned = form.plan.toggles[cells]
    assert len(planned.merge(sold)) == len(planned) == len(sold)
    n_left_out = 2 * items["entity_id"].nunique() - len(planned)
    assert n_left_out > 0
    assert f"Left out: {n_left_out:,} rows of what a ticked store does not sell." in form.panel.preview.value
    assert set(apply(form).frame["entity_id"]) == set(sold["entity_id"])


def test_toggle_form__nothing_is_sold_there(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Where no ticked store sells the dish, the form says so and sends nothing."""
    brands = form.live.stores.drop_duplicates("brand_id")
    here, there = (tuple(row) for row in brands[["brand_id", "branch_id"]].head(2).to_numpy().tolist())
    menus = form.live.state([here, there]).query("scope == 'store' and entity_type == 'item'")
    only_here = menus[~menus["entity_id"].isin(menus.loc[menus["brand_id"] == there[0], "entity_id"])]
    form.entities.selected = only_here.head(1)
    form.stores.selected = pd.DataFrame([there], columns=["brand_id", "branch_id"])
    form.wait()
    assert "None of the ticked stores sells any of this" in form.panel.preview.value
    assert (form.plan, form.panel.apply.disabled, writes(sandbox).empty) == (None, True, True)


def test_toggle_form__business_wide_asks_once_more(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """A business-wide change is sent after a second yes, and not after a no."""
    pick(form)
    form.scope.value = "business"
    form.wait()
    assert not is_shown(form.stores)
    form.panel.apply.click()
    assert (is_shown(form.panel.ask_row), form.panel.controller.stage) == (True, Stage.ASKING)
    form.panel.no.click()
    assert (is_shown(form.panel.ask_row), len(writes(sandbox))) == (False, 0)
    form.panel.apply.click()
    form.panel.yes.click()
    form.wait()
    assert form.result.counts["applied"] == 2
    assert form.result.frame["scope"].tolist() == ["business", "business"]


def test_toggle_form__many_presses_send_once(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Presses after the first send nothing."""
    pick(form)
    n_requests = form.plan.n_requests
    for _ in range(5):
        form.panel.apply.click()
    form.wait()
    form.panel.apply.click()
    form.wait()
    assert len(writes(sandbox)) == n_requests


def test_toggle_form__code_where_a_guard_asks(sandbox: kf.sandbox.Sandbox) -> None:
    """On a real host the plan's code must be typed; a wrong one sends nothing and keeps what was entered."""
    with guarded_client(sandbox) as client:
        form = kf.forms.ToggleForm(client)
        pick(form)
        code = form.plan.confirm_code(client)
        form.panel.code.value = "wrong"
        form.panel.apply.click()
        assert f"Type {code} to confirm" in form.panel.trouble.value
        assert (len(writes(sandbox)), form.panel.code.value, form.entities.n_ticked) == (0, "wrong", 2)
        form.panel.code.value = code
        assert apply(form).counts["applied"] == 4


def test_toggle_form__no_code_on_loopback(form: kf.forms.ToggleForm) -> None:
    """On the sandbox nothing has to be typed."""
    pick(form)
    assert (is_shown(form.panel.code_row), form.panel.controller.code) == (False, "")


def test_toggle_form__cancel_and_carry_on(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Cancel ends the run with an honest rest, and Carry on sends exactly that."""
    pick(form, n_entities=5, n_stores=8)
    form.panel.controller.set_plan(kf.plan(form.plan.toggles, combine=False))
    sandbox.inject("latency", seconds=0.05)
    form.panel.apply.click()
    assert (is_shown(form.panel.bar_row), form.panel.cancel.disabled) == (True, False)
    while form.panel.controller.n_done < 1:
        form.panel.controller.wait(0.01)
    form.panel.cancel.click()
    form.wait()
    n_sent = len(writes(sandbox))
    assert form.result.counts["not_sent"] > 0
    assert n_sent < 40
    sandbox.clear_faults()
    form.panel.go_on.click()
    form.wait()
    assert form.result.counts["applied"] == 40
    assert writes(sandbox)["key"].nunique() == 40


def test_toggle_form__carries_on_with_a_run_of_before(
    form: kf.forms.ToggleForm, hasty: kf.Client, sandbox: kf.sandbox.Sandbox
) -> None:
    """What another form left unsettled is found by its run_id and carried on with."""
    pick(form)
    plan = kf.plan(form.plan.toggles, combine=False)
    sandbox.inject("error_503", match="enable")
    run_id = kf.run(plan, hasty, on_error="stop", progress=False).run_id
    sandbox.clear_faults()
    form.panel.run_id.value = run_id
    form.panel.find.click()
    form.wait()
    n_left, n_failed = form.panel.controller.n_left, form.panel.controller.n_failed
    form.panel.go_on.click()
    form.wait()
    assert form.result.run_id == run_id
    assert form.result.counts == {**form.result.counts, "applied": n_left, "failed": n_failed}


def test_toggle_form__retry_failed(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Failed rows come first in the table; Retry offers them alone, and Apply sends them."""
    pick(form)
    sandbox.inject("redirect", match="enable")
    failed = apply(form)
    assert failed.counts["failed"] == 4
    assert is_shown(form.panel.retry)
    sandbox.clear_faults()
    form.panel.retry.click()
    assert "Retry of 4 failed rows" in form.panel.preview.value
    assert apply(form).counts["applied"] == 4
    assert form.result.plan_id != failed.plan_id


def test_toggle_form__carries_on_after_a_server_error(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """Rows that a server error leaves open are not retried under a new key but carried on under their own."""
    pick(form)
    sandbox.inject("error_503", match="enable")
    open_rows = apply(form)
    assert open_rows.counts["unknown"] == 4
    assert (is_shown(form.panel.retry), is_shown(form.panel.go_on)) == (False, True)
    sandbox.clear_faults()
    form.panel.go_on.click()
    form.wait()
    assert (form.result.run_id, form.result.counts["applied"]) == (open_rows.run_id, 4)


def test_toggle_form__undo(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Undo offers a plan that restores the old flags; it is looked at, then applied like any other."""
    sandbox.set(store_read="live")
    pick(form)
    toggles = apply(form).frame
    form.panel.undo.click()
    form.wait()
    assert "Undo of run" in form.panel.preview.value
    assert truth(sandbox, toggles) == [False] * 4
    apply(form)
    assert truth(sandbox, toggles) == [True] * 4


def test_toggle_form__own_writes_are_known(form: kf.forms.ToggleForm) -> None:
    """After a run the form plans against what it has written, though a store's menu may not show it yet."""
    pick(form)
    apply(form)
    form.switch.value = True
    form.wait()
    assert form.plan.counts == {"sent": 4, "unchanged": 0, "rejected": 0}


def test_toggle_form__finds_a_run_again(form: kf.forms.ToggleForm, hasty: kf.Client) -> None:
    """A run can be found by its id from another form; an id that nobody knows is said beside the field."""
    form.scope.value = "business"
    pick(form)
    form.panel.apply.click()
    form.panel.yes.click()
    form.wait()
    run_id = form.result.run_id
    kf.run(kf.plan(form.result.frame[["entity_type", "entity_id", "scope"]].assign(is_enabled="on")), hasty)
    other = kf.forms.ToggleForm(hasty)
    other.panel.run_id.value = "nope"
    other.panel.find.click()
    other.wait()
    assert "nope" in other.panel.trouble.value
    other.panel.run_id.value = f" {run_id} "
    other.panel.find.click()
    other.wait()
    assert run_id in other.panel.outcome.value
    pd.testing.assert_frame_equal(other.live.business, kf.read_state(hasty, progress=False))
    assert other.result.counts == form.result.counts


def test_toggle_form__holds_no_secret(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Nothing that a notebook could save holds the secret."""
    pick(form)
    apply(form)
    states = [widget.get_state() for widget in [form, form.panel, *form.children, *form.panel.children]]
    assert sandbox.secret_key not in repr(states)
