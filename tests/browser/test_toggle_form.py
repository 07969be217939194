"""The toggle form in JupyterLab: picked, previewed, applied, cancelled, retried, undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.cells import TOGGLE_FORM
from tests.browser.lab import Lab

FOCUS = (
    "() => [document.activeElement, document.activeElement.parentElement].flatMap((e) => [...e.classList])"
)
N_WRITES = "len(sandbox.requests.query(\"method == 'PATCH'\"))"


@pytest.fixture
def form(lab: Lab) -> Lab:
    """A notebook with the form on a sandbox of its own kernel."""
    lab.show(TOGGLE_FORM, "form")
    expect(lab.find(".kf-entities tbody tr")).to_have_count(10)
    return lab


def pick(form: Lab, *, search: str = "kremes") -> None:
    """Tick all items that match a search, in the first two stores."""
    form.find(".kf-entities .kf-filter-type").select_option("item")
    form.find(".kf-entities .kf-search").fill(search)
    form.find(".kf-entities .kf-tick-matching").click()
    boxes = form.find(".kf-stores tbody input")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(form.find(".kf-stores .kf-summary")).to_contain_text("2 ticked")
    expect(form.find(".kf-headline")).to_contain_text("off in 2 stores")


SLIDE = "(form) => { form.style.paddingTop = '120px'; }"


@pytest.mark.parametrize("control", [".kf-tick-page", "tbody input >> nth=3"])
def test_toggle_form__press_while_it_slides(form: Lab, control: str) -> None:
    """What slides away under a press is pressed all the same; moving away before letting go takes it back."""
    mouse, pressed = form.page.mouse, form.find(f".kf-entities {control}")
    pressed.scroll_into_view_if_needed()
    for is_slid, n_ticked in ((False, 0), (True, 1 if "nth" in control else 10)):
        pressed.hover()
        mouse.down()
        if is_slid:
            form.find(".kf-toggle-form").evaluate(SLIDE)
        else:
            form.find(".kf-entities .kf-search").hover()
        mouse.up()
        expect(form.find(".kf-entities .kf-summary")).to_contain_text(f"{n_ticked} ticked")
    assert form.ask("len(form.entities.selected)") == n_ticked


def test_toggle_form__whole(form: Lab) -> None:
    """Pick, preview, apply, publish, undo: the page shows it and the server does it."""
    form.find(".kf-entities .kf-filter-brand").select_option("(DEMO) Kopi Senja (664)")
    expect(form.find(".kf-entities .kf-summary")).to_have_text("0 ticked. 87 of 696 entities match.")
    form.find(".kf-entities .kf-filter-brand").select_option("")
    pick(form)
    expect(form.find(".kf-line")).to_have_value(form.ask("form.line"))
    n_sent, plan_id = form.ask("[form.plan.counts['sent'], form.plan.plan_id]")
    form.find(".kf-apply").click()
    expect(form.find(".kf-result")).to_contain_text(f" {n_sent} applied")
    assert form.ask("[form.result.plan_id, form.result.counts['applied']]") == [plan_id, n_sent]
    expect(form.find(".kf-apply")).to_be_disabled()
    form.find(".kf-publish").click()
    form.find(".kf-yes").click()
    expect(form.find(".kf-account")).to_contain_text("2 of 2 stores published.")
    form.find(".kf-undo").click()
    expect(form.find(".kf-preview")).to_contain_text("Undo of the last run")
    # A row that rode along held before: there is nothing of it to take back.
    undo_id, n_back = form.ask("[form.plan.plan_id, form.plan.counts['sent']]")
    assert 0 < n_back <= n_sent
    form.find(".kf-apply").click()
    expect(form.find(".kf-preview")).to_be_visible()
    expect(form.find(".kf-apply")).to_be_disabled()
    form.ask("form.wait()")
    assert form.ask("[form.result.plan_id, form.result.counts['applied']]") == [undo_id, n_back]


def test_toggle_form__cancel(form: Lab) -> None:
    """Cancel is answered at once while requests are on their way, and Carry on sends the rest once."""
    pick(form, search="a")
    form.ask("form.controller.set_plan(kf.plan(form.plan.toggles.head(60), combine=False))")
    with form.shut_gate():
        form.find(".kf-apply").click()
        expect(form.find(".kf-progress-text")).to_contain_text("of 60 requests")
        form.find(".kf-cancel").click()
        expect(form.find(".kf-cancel")).to_be_disabled()
    expect(form.find(".kf-result")).to_contain_text("It was cancelled.")
    assert form.ask("form.result.counts['not_sent']") > 0
    form.find(".kf-carry-on").click()
    expect(form.find(".kf-account")).to_contain_text("60 rows: 60 applied.")
    assert form.ask("sandbox.requests.query(\"method == 'PATCH'\")['key'].nunique()") == 60


def test_toggle_form__until(form: Lab) -> None:
    """Off for an hour: previewed, applied, promised; then extended and cancelled in the agenda."""
    pick(form, search="kremes dada")
    form.find(".kf-how .kf-until").select_option("one_hour")
    expect(form.find(".kf-headline")).to_contain_text("then back to what they were (Jakarta, UTC+7)")
    expect(form.find(".kf-clock-note")).to_contain_text(
        "Nothing comes back by itself: a process has to tick."
    )
    with form.shut_gate():
        form.find(".kf-apply").click()
        expect(form.find(".kf-progress-text")).to_contain_text("0 of 1 request")
        expect(form.find(".kf-cancel")).to_be_enabled()
    expect(form.find(".kf-account")).to_contain_text("begun.")
    promise = form.find(".kf-promises li")
    expect(promise).to_have_count(1)
    expect(promise).to_contain_text("off in 2 stores")
    promise.locator(".kf-until").select_option("date")
    promise.locator(".kf-until-at").fill("2099-01-02T08:00")
    promise.locator(".kf-extend").press("Enter")
    expect(promise).to_contain_text("until Fri 2 Jan 2099 08:00")
    assert form.ask("kf.agenda()['ends_at'].unique().astype(str).tolist()") == ["2099-01-02 01:00:00+00:00"]
    form.find(".kf-cancel-promise").press("Enter")
    expect(form.find(".kf-agenda-note")).to_contain_text("nothing gives its flag back")
    expect(promise).to_have_count(0)
    assert form.ask("kf.agenda()['status'].unique().tolist()") == ["cancelled"]


def test_toggle_form__retry(form: Lab) -> None:
    """Rows that failed are shown first; Retry offers them, and Apply sends them."""
    pick(form)
    form.ask("sandbox.inject('redirect', match='enable')")
    form.find(".kf-apply").click()
    expect(form.find(".kf-outcome > div > p")).to_have_count(2)
    expect(form.find(".kf-outcome > div > p").last).to_contain_text("Press Retry failed.")
    form.ask("sandbox.clear_faults()")
    form.find(".kf-retry").click()
    expect(form.find(".kf-preview")).to_contain_text("that failed")
    form.find(".kf-apply").click()
    expect(form.find(".kf-result")).to_contain_text(" applied")
    assert form.ask("form.result.counts['failed']") == 0


def test_toggle_form__refused_and_gone(form: Lab) -> None:
    """A revoked credential, a lost server and a closed client are named in words; what is ticked stays."""
    pick(form)
    form.ask("sandbox.revoke()")
    form.find(".kf-apply").click()
    expect(form.find(".kf-outcome")).to_contain_text(
        "The API refuses the key. Once that is mended, press Carry on."
    )
    form.ask("[sandbox.close(), delattr(kf, 'kept_sandbox')]")
    form.find(".kf-carry-on").click()
    expect(form.find(".kf-account")).to_contain_text("no connection could be opened.")
    form.ask("client.close()")
    form.find(".kf-carry-on").click()
    expect(form.find(".kf-trouble")).to_have_text(
        "The connection of this form is closed. Run its cell again."
    )
    expect(form.find(".kf-stores .kf-summary")).to_contain_text("2 ticked")


def test_toggle_form__double_press(form: Lab) -> None:
    """Two presses in one breath send once."""
    pick(form)
    form.find(".kf-apply").dblclick()
    expect(form.find(".kf-result")).to_contain_text(" applied")
    form.ask("form.wait()")
    assert form.ask(f"{N_WRITES} == form.result.frame['request_no'].nunique()")


def test_toggle_form__keyboard_only(form: Lab) -> None:
    """From the search to Apply without a mouse."""
    page = form.page
    form.find(".kf-entities .kf-search").focus()
    page.keyboard.type("kremes dada")
    expect(form.find(".kf-entities tbody tr").first).to_contain_text("Kremes Dada")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(form.find(".kf-entities .kf-summary")).to_contain_text("1 ticked")
    tab_to(form, "kf-search")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(form.find(".kf-headline")).to_contain_text("1 dish off in 1 store")
    tab_to(form, "kf-apply", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(form.find(".kf-result")).to_contain_text("1 row: 1 applied.")


def tab_to(form: Lab, name: str, *, key: str = "Tab") -> None:
    """Press Tab until the focus is on a control of that class."""
    for _ in range(60):
        form.page.keyboard.press(key)
        if name in form.page.evaluate(FOCUS):
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_toggle_form__business_wide(form: Lab) -> None:
    """A business-wide change asks once more, and No sends nothing."""
    form.find(".kf-entities tbody input").first.check()
    form.find(".kf-scope-business").check()
    expect(form.find(".kf-headline")).to_contain_text("off business-wide")
    form.find(".kf-apply").click()
    form.find(".kf-no").click()
    expect(form.find(".kf-yes")).to_be_hidden()
    assert form.ask(N_WRITES) == 0
    form.find(".kf-apply").click()
    form.find(".kf-yes").click()
    expect(form.find(".kf-result")).to_contain_text("1 row: 1 applied.")


def test_toggle_form__reload_in_the_middle(form: Lab) -> None:
    """A reload of the page while a run is on loses neither what was entered nor the run."""
    pick(form)
    form.save()
    with form.shut_gate():
        form.find(".kf-apply").click()
        expect(form.find(".kf-progress")).to_be_visible()
        form.page.reload(wait_until="domcontentloaded")
        expect(form.find(".kf-progress")).to_be_visible()
    expect(form.find(".kf-result")).to_contain_text(" applied")
    expect(form.find(".kf-stores .kf-summary")).to_contain_text("2 ticked")
    assert form.ask(f"{N_WRITES} == form.result.frame['request_no'].nunique()")
