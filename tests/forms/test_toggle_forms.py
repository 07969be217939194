"""The toggle form without a browser: controls set, buttons pressed, the server's truth asked."""

from __future__ import annotations

import pytest

import klikit_frames as kf


@pytest.fixture
def form(client: kf.Client) -> kf.forms.ToggleForm:
    """A form on the demo business."""
    return kf.forms.ToggleForm(client)


def pick(form: kf.forms.ToggleForm, *, n_entities: int, n_stores: int) -> None:
    """Tick the first items, and the first stores of the first brand."""
    items = form.live.business.query("entity_type == 'item'").head(n_entities)
    form.entities.selected = items
    form.stores.selected = form.live.stores.head(n_stores)
    form.wait()


def apply(form: kf.forms.ToggleForm) -> kf.Result:
    """Press Apply and wait until the run has ended."""
    form.panel.apply.click()
    form.wait()
    return form.result


def test_toggle_form__preview_is_the_plan(form: kf.forms.ToggleForm) -> None:
    """What is previewed is the very plan that Apply sends."""
    pick(form, n_entities=3, n_stores=2)
    print(form.panel.preview.value)
    print(form.line.value)
    plan = form.plan
    result = apply(form)
    print(result)
    assert result.plan_id == plan.plan_id
    print(form.panel.outcome.value)
