"""The upload form without a browser: a file in, problems or a plan, a result to take home."""

from __future__ import annotations

import base64
import io
import re

import pandas as pd
import pytest

import klikit_frames as kf

HEAD = "entity_type,entity_id,brand_id,branch_id,is_enabled,note\n"


@pytest.fixture
def form(client: kf.Client) -> kf.forms.UploadForm:
    """A form on the demo business."""
    return kf.forms.UploadForm(client)


@pytest.fixture
def rows(client: kf.Client) -> list[str]:
    """Three lines of a file that switch items of the first store off."""
    store = kf.stores(client).head(1)
    items = (
        kf.read_state(client, stores=store, progress=False)
        .query("entity_type == 'item' and is_enabled")
        .head(3)
    )
    where = f"{store.brand_id.item()},{store.branch_id.item()}"
    return [f"item,{entity_id},{where},off,=1+1\n" for entity_id in items["entity_id"]]


def drop(form: kf.forms.UploadForm, text: str, *, name: str = "toggles.csv") -> None:
    """Upload `text` as the widget would, and wait until it is planned."""
    file = {"name": name, "type": "text/csv", "size": len(text), "content": memoryview(text.encode())}
    form.upload.value = (file | {"last_modified": pd.Timestamp("2026-11-23", tz="UTC").to_pydatetime()},)
    form.wait()


def download(html: str) -> pd.DataFrame:
    """Return the table that the link in `html` holds."""
    data = re.search(r"base64,([^\"]+)", html)[1]
    return pd.read_csv(io.BytesIO(base64.b64decode(data)), dtype=str)


def test_upload_form__good_file(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """A good file is planned, applied, and its result can be taken home with its own columns."""
    drop(form, HEAD + "".join(rows))
    assert "toggles.csv: 3 good rows." in form.file_note.value
    assert form.plan.counts["sent"] == 3
    form.panel.apply.click()
    form.wait()
    result = download(form.panel.outcome.value)
    assert result["outcome"].tolist() == ["applied"] * 3
    assert result["note"].tolist() == ["'=1+1"] * 3
    assert len(sandbox.requests.query("method == 'PATCH'")) == 1


def test_upload_form__problems(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """Wrong rows are told and can be taken home to be mended; nothing is planned until then."""
    drop(form, HEAD + rows[0] + rows[1].replace("off", "perhaps"))
    assert "perhaps" in form.found.value
    assert (form.plan, form.panel.apply.disabled) == (None, True)
    annotated = download(form.found.value)
    assert annotated["problem"].notna().tolist() == [False, True]
    form.panel.controller.apply()
    assert sandbox.requests.query("method == 'PATCH'").empty


def test_upload_form__good_rows_all_the_same(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """On request the good rows are planned without the others."""
    drop(form, HEAD + rows[0] + rows[1].replace("off", "perhaps"))
    form.good_only.value = True
    form.wait()
    assert form.plan.n_rows == 1
    form.good_only.value = False
    form.wait()
    assert form.plan is None


def test_upload_form__second_file(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """A second file takes the place of the first, problems included."""
    drop(form, HEAD + rows[1].replace("off", "perhaps"))
    drop(form, HEAD + rows[0], name="better.csv")
    assert (form.found.value, form.good_only.layout.display) == ("", "none")
    assert form.plan.n_rows == 1


@pytest.mark.parametrize("text", ["", "\x00\x01PNG", "nothing,of,the,kind\n1,2,3,4\n"])
def test_upload_form__no_table(form: kf.forms.UploadForm, text: str) -> None:
    """A file that is no table of toggles is said to be none, beside the button, and plans nothing."""
    drop(form, text, name="photo.png")
    assert form.plan is None
    assert form.panel.apply.disabled
    assert form.found.value + form.file_note.value != ""


def test_upload_form__excel(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """An XLSX file is read too."""
    book = io.BytesIO()
    pd.read_csv(io.StringIO(HEAD + rows[0])).to_excel(book, index=False)
    form.take(book.getvalue(), name="toggles.xlsx")
    form.wait()
    assert form.plan.n_rows == 1


def test_upload_form__server_away(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """With the credential revoked the file is still checked, and the trouble is said beside it."""
    sandbox.revoke()
    drop(form, HEAD + rows[0])
    assert "auth_revoked" in form.file_note.value
    assert form.plan is None
