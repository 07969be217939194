"""The toggle form where the server is away or refuses."""

from __future__ import annotations

import klikit_frames as kf
from tests.forms.user_actions import apply, can_press, pick, press, said, told, truth, writes


def test_toggle_form__read_only_client(sandbox: kf.sandbox.Sandbox) -> None:
    """A client that may not write says so beside Apply, and the plan stays."""
    with sandbox.connect(read_only=True) as client:
        form = kf.forms.ToggleForm(client)
        pick(form)
        press(form, "apply")
        form.wait()
        assert "read-only" in form.panel["trouble"]
        assert (form.plan.n_rows, can_press(form, "apply")) == (4, True)


def test_toggle_form__closed_client(form: kf.forms.ToggleForm, hasty: kf.Client) -> None:
    """A client that was closed meanwhile is told of, with what to do."""
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
    assert form.plan.n_rows == 4


def test_toggle_form__server_away_at_preview(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A store's menu that cannot be read leaves no plan, says why, and keeps what was entered."""
    form.wait()
    sandbox.inject("error_503", match="menus")
    form.entities.selected = form.menus.business.head(1)
    form.stores.selected = form.menus.stores.iloc[[1]]
    form.wait()
    assert form.plan is None
    assert "503" in said(form)
    assert (form.entities.n_ticked, form.stores.n_ticked) == (1, 1)


def test_toggle_form__revoked_in_the_middle(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that is revoked before Apply changes nothing, says so, and keeps what was entered."""
    pick(form)
    toggles = form.plan.toggles
    sandbox.revoke()
    apply(form)
    assert "auth_revoked" in told(form)
    assert truth(sandbox, toggles) == [True] * 4
    assert form.entities.n_ticked == 2


def test_toggle_form__revoked_while_sending(form: kf.forms.ToggleForm, sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that is revoked while a run is on ends it with an honest rest; what was entered stays."""
    pick(form, n_entities=5, n_stores=8)
    form.controller.set_plan(kf.plan(form.plan.toggles, combine=False))
    sandbox.inject("latency", seconds=0.2)
    press(form, "apply")
    # Eight requests are on their way at a time: the ninth follows an answer.
    while len(writes(sandbox)) < 9 and not form.controller.wait(0.01):
        pass
    sandbox.revoke()
    form.wait()
    counts = form.result.counts
    assert counts["applied"] >= 1
    assert counts["not_sent"] > 0
    assert "refused the credential" in told(form)
    assert truth(sandbox, form.result.frame.query("outcome == 'applied'")) == [False] * counts["applied"]
    assert (form.entities.n_ticked, form.stores.n_ticked) == (5, 8)
