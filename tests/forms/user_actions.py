"""What a person does with a form, and what is seen of it."""

from __future__ import annotations

import hashlib
import re

import pandas as pd

import klikit_frames as kf
from tests.fixtures import not_none


def look_of(form: type[kf.forms.ToggleForm]) -> str:
    """Return what stands for the style and the script of a form: another one for each of their versions."""
    return hashlib.sha256(f"{form._css}{form._esm}".encode()).hexdigest()


def pick(form: kf.forms.ToggleForm, *, n_entities: int = 2, n_stores: int = 2) -> None:
    """Tick the first items of the first stores' own menu."""
    menus = not_none(form.menus)
    stores = menus.stores.head(n_stores)
    pairs = stores[["brand_id", "branch_id"]].itertuples(index=False, name=None)
    items = (
        not_none(form.menus).state(pairs).query("scope == 'store' and entity_type == 'item' and is_enabled")
    )
    not_none(form.entities).selected = items.drop_duplicates("entity_id").head(n_entities)
    not_none(form.stores).selected = stores
    form.wait()


def apply(form: kf.forms.ToggleForm) -> kf.Result:
    """Press Apply and wait until the run has ended."""
    press(form, "apply")
    form.wait()
    assert form.result is not None
    return form.result


def press(form: kf.forms.ToggleForm, name: str, **more: object) -> None:
    """Press a button of the panel, as the page does."""
    form.commands = [{"part": "panel", "type": name, "seq": form.done + 1, **more}]


def said(form: kf.forms.ToggleForm) -> str:
    """Return what the panel says of what will happen, without tags."""
    panel = form.panel
    return re.sub(r"<[^>]+>", " ", " ".join([panel["headline"], *panel["facts"], panel["details"]]))


def result_text(form: kf.forms.ToggleForm) -> str:
    """Return what the panel says of what happened, without tags."""
    panel = form.panel
    return re.sub(r"<[^>]+>", " ", " ".join([panel["account"], panel["outcome"], panel["trouble"]]))


def can_press(form: kf.forms.ToggleForm, name: str) -> bool:
    """Tell whether a button is there and can be pressed."""
    state = form.panel["buttons"][name]
    return state["is_shown"] and state["is_enabled"]


def writes(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Return the writes that the sandbox has received."""
    return sandbox.requests.query("method == 'PATCH'")


def truth(sandbox: kf.sandbox.Sandbox, toggles: pd.DataFrame) -> list[bool]:
    """Return the server's own flags of `toggles`, in their order."""
    keys = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
    return toggles[keys].merge(sandbox.state(), on=keys, how="left")["is_enabled"].tolist()
