"""What a person does with a toggle form, and what is seen of it."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf


def pick(form: kf.forms.ToggleForm, *, n_entities: int = 2, n_stores: int = 2) -> None:
    """Tick the first items of the first stores' own menu."""
    stores = form.live.stores.head(n_stores)
    pairs = stores[["brand_id", "branch_id"]].itertuples(index=False, name=None)
    items = form.live.state(pairs).query("scope == 'store' and entity_type == 'item' and is_enabled")
    form.entities.selected = items.drop_duplicates("entity_id").head(n_entities)
    form.stores.selected = stores
    form.wait()


def apply(form: kf.forms.ToggleForm) -> kf.Result:
    """Press Apply and wait until the run has ended."""
    form.panel.apply.click()
    form.wait()
    return form.result


def writes(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Return the writes that the sandbox has received."""
    return sandbox.requests.query("method == 'PATCH'")


def truth(sandbox: kf.sandbox.Sandbox, toggles: pd.DataFrame) -> list[bool]:
    """Return the server's own flags of `toggles`, in their order."""
    keys = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
    return toggles[keys].merge(sandbox.state(), on=keys, how="left")["is_enabled"].tolist()


def is_shown(widget: object) -> bool:
    """Tell whether a person can see `widget`."""
    return widget.layout.display != "none"
