"""The toggle form without a browser: commands given as the page does, the server's truth asked.

Also where the server is away or refuses.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

import klikit_frames as kf
from klikit_frames.forms.run_controller import Stage
from tests.fixtures import not_none
from tests.forms.sandbox_clients import guarded_client, hasty_client
from tests.forms.user_actions import apply, can_press, pick, press, result_text, said, truth, writes
from tests.running.doubles import HoldingTransport


def test_toggle_form__preview_is_the_plan(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """What is previewed is the very plan that Apply sends, and the server does it."""
    pick(form, n_entities=3)
    previewed = not_none(form.plan)
    assert form.panel["headline"] == "3 dishes off in 2 stores"
    result = apply(form)
    assert (result.plan_id, result.counts["applied"]) == (previewed.plan_id, 6)
    assert truth(sandbox, previewed.toggles) == [False] * 6
    assert len(writes(sandbox)) == previewed.n_requests


def test_toggle_form__names_and_caps(form: kf.forms.ToggleForm, hasty: kf.Client) -> None:
    """The change is shown by name, and its time by the client's own cap."""
    pick(form, n_entities=1)
    title = not_none(form.menus).business.set_index("entity_id")["title"][
        not_none(form.entities).selected["entity_id"].item()
    ]
    assert title in said(form)
    assert (hasty.pacing.writes_per_minute, "at 1,000,000 a minute" in said(form)) == (1_000_000, True)


def test_toggle_form__python_line(form: kf.forms.ToggleForm) -> None:
    """The line to copy makes the same toggles, whatever is entered."""
    pick(form)
    not_none(form.entities).selected = not_none(form.menus).business.groupby("entity_type").head(2)
    form.set(has_cascade=True, cascade_brand_ids=(663,))
    for is_business in (True, False):
        form.set(is_business=is_business)
        form.wait()
        names: dict[str, Any] = {"kf": kf, "pd": pd}
        exec(form.line, names)
        keys = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
        assert len(not_none(form.plan).toggles.merge(names["toggles"][keys])) == len(
            not_none(form.plan).toggles
        )


def test_toggle_form__nothing_picked(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """What is missing is said beside its table, and nothing can be sent."""
    assert "Tick at least one section, category or item." in form.change["missing"]["entities"]
    assert "Tick at least one store" in form.change["missing"]["stores"]
    assert (can_press(form, "apply"), form.plan, form.line, form.change["can_add"]) == (
        False,
        None,
        "",
        False,
    )
    press(form, "apply")
    assert writes(sandbox).empty


def test_toggle_form__already_so(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Rows that hold already are counted and not sent; with nothing else there is nothing to apply."""
    pick(form)
    form.set(is_enabled=True)
    form.wait()
    assert "4 rows already so, not sent" in said(form)
    assert not can_press(form, "apply")
    press(form, "apply")
    assert (form.panel["trouble"], len(writes(sandbox))) == ("There is nothing to send.", 0)


def test_toggle_form__leaves_out_what_a_store_does_not_sell(form: kf.forms.ToggleForm) -> None:
    """A dish is switched only in the ticked stores that sell it, and the preview counts what is left out."""
    stores = not_none(form.menus).stores.drop_duplicates("brand_id").head(2)
    menus = not_none(form.menus).state(stores[["brand_id", "branch_id"]].itertuples(index=False, name=None))
    items = menus.query("scope == 'store' and entity_type == 'item' and is_enabled")
    not_none(form.entities).selected = items.drop_duplicates("entity_id")
    not_none(form.stores).selected = stores
    form.wait()
    cells = ["entity_id", "brand_id", "branch_id"]
    is_ticked = menus["entity_id"].isin(items["entity_id"])
    sold = menus[is_ticked].query("scope == 'store' and entity_type == 'item'")[cells]
    assert (
        len(not_none(form.plan).toggles[cells].merge(sold)) == len(not_none(form.plan).toggles) == len(sold)
    )
    n_left_out = 2 * items["entity_id"].nunique() - len(sold)
    assert f"Left out: {n_left_out:,} rows of what a ticked store does not sell." in said(form)


def test_toggle_form__nothing_is_sold_there(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Where no ticked store sells the dish, the form says so, beside the dish too, and sends nothing."""
    brands = not_none(form.menus).stores.drop_duplicates("brand_id")
    here, there = (tuple(row) for row in brands[["brand_id", "branch_id"]].head(2).to_numpy().tolist())
    menus = not_none(form.menus).state([here, there]).query("scope == 'store' and entity_type == 'item'")
    only_here = menus[~menus["entity_id"].isin(menus.loc[menus["brand_id"] == there[0], "entity_id"])]
    not_none(form.entities).selected = only_here.head(1)
    not_none(form.stores).selected = pd.DataFrame([there], columns=["brand_id", "branch_id"])
    form.wait()
    assert "None of the ticked stores sells any of this" in said(form)
    assert (form.plan, can_press(form, "apply"), writes(sandbox).empty) == (None, False, True)
    index = not_none(form.entities).selection.index
    place = index.positions["item", int(only_here["entity_id"].iloc[0])]
    assert index.columns["flag"].texts[place] == "not sold there"


def test_toggle_form__list_of_changes(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Changes are gathered, taken up again, taken off, and sent as one plan; the list is then done."""
    pick(form, n_entities=3)
    form.add()
    form.wait()
    assert [change["text"] for change in form.change["pending"]] == ["3 dishes off in 2 stores"]
    assert (not_none(form.entities).n_ticked, form.panel["headline"]) == (0, "3 dishes off in 2 stores")
    pick(form, n_entities=1, n_stores=1)
    form.set(is_enabled=True)
    form.wait()
    assert "1 row of the list said otherwise further down, which holds." in said(form)
    assert not_none(form.plan).counts == {"sent": 5, "unchanged": 1, "rejected": 0}
    form.edit(0)
    form.wait()
    assert (not_none(form.entities).n_ticked, len(form.pending), form.draft.is_enabled) == (3, 1, False)
    form.remove(0)
    form.wait()
    result = apply(form)
    assert (result.counts["applied"], form.pending) == (6, [])


def test_toggle_form__live_flags_beside_rows(form: kf.forms.ToggleForm) -> None:
    """Each row tells its flag in the ticked stores, by name, and what guests do not see yet."""
    pick(form, n_entities=1)
    apply(form)
    row = next(row for row in form.what["rows"] if "ticked" in row)
    assert "off, not published" in row["cells"]
    assert "brand" in form.faces["what"]["facets"]
    press(form, "publish")
    assert form.panel["question"].startswith("Publish 2 stores?")
    press(form, "yes")
    form.wait()
    assert "2 of 2 stores published." in result_text(form)
    row = next(row for row in form.what["rows"] if "ticked" in row)
    assert "off" in row["cells"]
    assert not can_press(form, "publish")


def test_toggle_form__business_wide_asks_once_more(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """A business-wide change is sent after a second yes, and not after a no."""
    pick(form)
    form.set(is_business=True)
    form.wait()
    press(form, "apply")
    assert (can_press(form, "yes"), form.controller.stage) == (True, Stage.ASKING)
    press(form, "no")
    assert (can_press(form, "yes"), len(writes(sandbox))) == (False, 0)
    press(form, "apply")
    press(form, "yes")
    form.wait()
    assert not_none(form.result).frame["scope"].tolist() == ["business", "business"]


def test_toggle_form__many_presses_send_once(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Presses after the first send nothing."""
    pick(form)
    n_requests = not_none(form.plan).n_requests
    for _ in range(5):
        press(form, "apply")
    form.wait()
    press(form, "apply")
    form.wait()
    assert len(writes(sandbox)) == n_requests


def test_toggle_form__code_where_a_guard_asks(sandbox: kf.sandbox.Sandbox) -> None:
    """On a real host codes must be typed, for a plan and a publish; a wrong one sends nothing."""
    with guarded_client(sandbox) as client:
        form = kf.forms.ToggleForm(client)
        pick(form)
        code = not_none(form.plan).confirm_code(client)
        press(form, "apply", code="wrong")
        assert f"Type {code} to confirm" in form.panel["trouble"]
        assert (len(writes(sandbox)), not_none(form.entities).n_ticked) == (0, 2)
        press(form, "apply", code=code)
        form.wait()
        assert not_none(form.result).counts["applied"] == 4
        press(form, "publish")
        press(form, "yes", code="wrong")
        assert "Nothing was sent." in form.panel["trouble"]
        press(form, "yes", code=form.panel["code"])
        form.wait()
        assert "2 of 2 stores published." in result_text(form)


def test_toggle_form__no_code_on_loopback(form: kf.forms.ToggleForm) -> None:
    """On the sandbox nothing has to be typed."""
    pick(form)
    assert form.panel["code"] == ""


def test_toggle_form__cancel_and_carry_on(sandbox: kf.sandbox.Sandbox) -> None:
    """Progress counts requests; Cancel ends the run with an honest rest, and Carry on sends exactly that."""
    transport = HoldingTransport(nth=3)
    with hasty_client(sandbox, transport=transport, timeout=3600.0, max_connections=1) as client:
        form = kf.forms.ToggleForm(client)
        pick(form, n_entities=5, n_stores=8)
        form.controller.set_plan(kf.plan(not_none(form.plan).toggles, combine=False))
        press(form, "apply")
        assert transport.has_come.wait(600)
        assert "of 40 requests, about" in not_none(form.controller.progress).text
        press(form, "cancel")
        transport.let_go.set()
        form.wait()
        assert not_none(form.result).counts["not_sent"] == 37
        press(form, "carry_on")
        form.wait()
        assert not_none(form.result).counts["applied"] == 40
    assert writes(sandbox)["key"].nunique() == 40


def test_toggle_form__carries_on_with_a_run_of_before(
    form: kf.forms.ToggleForm, hasty: kf.Client, sandbox: kf.sandbox.Sandbox
) -> None:
    """What another form left unsettled is picked from the recent runs and carried on with."""
    pick(form)
    plan = kf.plan(not_none(form.plan).toggles, combine=False)
    sandbox.inject("error_503", match="enable")
    run_id = kf.run(plan, hasty, on_error="stop", progress=False).run_id
    sandbox.clear_faults()
    other = kf.forms.ToggleForm(hasty)
    assert [run["run_id"] for run in other.panel["runs"]] == [run_id]
    press(other, "attach", run_id=run_id)
    other.wait()
    n_left, n_failed = other.controller.n_left, other.controller.n_failed
    press(other, "carry_on")
    other.wait()
    assert not_none(other.result).run_id == run_id
    assert not_none(other.result).counts == {
        **not_none(other.result).counts,
        "applied": n_left,
        "failed": n_failed,
    }


def test_toggle_form__run_that_nobody_knows(form: kf.forms.ToggleForm) -> None:
    """A run that the journal does not know is said to be unknown."""
    press(form, "attach", run_id="nope")
    form.wait()
    assert "nope" in form.panel["trouble"]


def test_toggle_form__retry_failed(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """One cause is named once, in the words of buttons; Retry offers the failed rows, Apply sends them."""
    pick(form)
    sandbox.inject("redirect", match="enable")
    failed = apply(form)
    assert failed.counts["failed"] == 4
    assert result_text(form).count("Press Retry failed.") == 1
    assert "kf." not in result_text(form)
    sandbox.clear_faults()
    press(form, "retry")
    assert "Retry of 4 rows that failed" in said(form)
    assert apply(form).counts["applied"] == 4
    assert not_none(form.result).plan_id != failed.plan_id


def test_toggle_form__carries_on_after_a_server_error(
    form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox
) -> None:
    """Rows that a server error leaves open are not retried under a new key but carried on under their own."""
    pick(form)
    sandbox.inject("error_503", match="enable")
    open_rows = apply(form)
    assert open_rows.counts["unknown"] == 4
    assert (can_press(form, "retry"), can_press(form, "carry_on")) == (False, True)
    sandbox.clear_faults()
    press(form, "carry_on")
    form.wait()
    assert (not_none(form.result).run_id, not_none(form.result).counts["applied"]) == (open_rows.run_id, 4)


def test_toggle_form__undo(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Undo offers a plan that restores the old flags; it is looked at, then applied like any other."""
    sandbox.set(store_read="live")
    pick(form)
    toggles = apply(form).frame
    press(form, "undo")
    form.wait()
    assert "Undo of the last run" in said(form)
    assert truth(sandbox, toggles) == [False] * 4
    apply(form)
    assert truth(sandbox, toggles) == [True] * 4


def test_toggle_form__own_writes_are_known(form: kf.forms.ToggleForm) -> None:
    """After a run the form plans against what it has written, though a store's menu does not show it yet."""
    pick(form)
    apply(form)
    form.set(is_enabled=True)
    form.wait()
    assert not_none(form.plan).counts == {"sent": 4, "unchanged": 0, "rejected": 0}


def test_toggle_form__holds_no_secret(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """Nothing that a notebook could save holds the secret."""
    pick(form)
    apply(form)
    assert sandbox.secret_key not in repr(form.get_state())


def test_toggle_form__without_widgets(form: kf.forms.ToggleForm) -> None:
    """Where no widget is drawn, page and terminal say what to do."""
    data = form._repr_mimebundle_()[0]
    for kind in ("text/plain", "text/html"):
        assert "Install ipywidgets and anywidget" in data[kind]


def test_toggle_form__read_only_client(sandbox: kf.sandbox.Sandbox) -> None:
    """A client that may not write says so beside Apply, and the plan stays."""
    with sandbox.connect(read_only=True) as client:
        form = kf.forms.ToggleForm(client)
        pick(form)
        press(form, "apply")
        form.wait()
        assert "read-only" in form.panel["trouble"]
        assert (not_none(form.plan).n_rows, can_press(form, "apply")) == (4, True)


def test_toggle_form__closed_client(form: kf.forms.ToggleForm, hasty: kf.Client) -> None:
    """A client that was closed meanwhile is named, with what to do."""
    pick(form)
    hasty.close()
    press(form, "apply")
    assert form.panel["trouble"] == "The connection of this form is closed. Run its cell again."


def test_toggle_form__server_away_at_first(sandbox: kf.sandbox.Sandbox, hasty: kf.Client) -> None:
    """With the server away the form says so, and the button reads again once it is back."""
    sandbox.inject("error_503")
    form = kf.forms.ToggleForm(hasty)
    assert "The menu could not be read" in said(form)
    sandbox.clear_faults()
    form.commands = [{"part": "change", "type": "read", "seq": 1}]
    form.wait()
    pick(form)
    assert not_none(form.plan).n_rows == 4


def test_toggle_form__server_away_at_preview(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A store's menu that cannot be read leaves no plan, says why, and keeps what was entered."""
    form.wait()
    sandbox.inject("error_503", match="menus")
    not_none(form.entities).selected = not_none(form.menus).business.head(1)
    not_none(form.stores).selected = not_none(form.menus).stores.iloc[[1]]
    form.wait()
    assert form.plan is None
    assert "503" in said(form)
    assert (not_none(form.entities).n_ticked, not_none(form.stores).n_ticked) == (1, 1)


def test_toggle_form__revoked_in_the_middle(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that is revoked before Apply changes nothing, says so, and keeps what was entered."""
    pick(form)
    toggles = not_none(form.plan).toggles
    sandbox.revoke()
    apply(form)
    assert "auth_revoked" in result_text(form)
    assert truth(sandbox, toggles) == [True] * 4
    assert not_none(form.entities).n_ticked == 2


def test_toggle_form__revoked_while_sending(sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that is revoked while a run is on ends it with an honest rest; what was entered stays."""
    # Eight requests are on their way at a time: the ninth follows an answer.
    transport = HoldingTransport(sandbox.revoke, nth=9)
    transport.let_go.set()
    with hasty_client(sandbox, transport=transport, timeout=3600.0) as client:
        form = kf.forms.ToggleForm(client)
        pick(form, n_entities=5, n_stores=8)
        form.controller.set_plan(kf.plan(not_none(form.plan).toggles, combine=False))
        press(form, "apply")
        form.wait()
    counts = not_none(form.result).counts
    assert counts["applied"] >= 1
    assert counts["not_sent"] > 0
    assert "refused the credential" in result_text(form)
    assert (
        truth(sandbox, not_none(form.result).frame.query("outcome == 'applied'"))
        == [False] * counts["applied"]
    )
    assert (not_none(form.entities).n_ticked, not_none(form.stores).n_ticked) == (5, 8)
