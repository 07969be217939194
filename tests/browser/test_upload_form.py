"""The upload form in JupyterLab: a file chosen, mended, applied, its result taken home."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.cells import SANDBOX
from tests.browser.lab import Lab

GOOD_ROWS = """
state = kf.read_state(client, stores=kf.stores(client).head(1)).query("entity_type == 'item' and is_enabled")
rows = state[["entity_type", "entity_id", "brand_id", "branch_id"]].head(4)
rows = rows.assign(is_enabled="off", note="lunch")
"""


@pytest.fixture
def form(lab: Lab) -> Lab:
    """A notebook with the form on a sandbox of its own kernel."""
    lab.show(SANDBOX + GOOD_ROWS + "form = kf.forms.UploadForm(client)", "form")
    return lab


def choose(form: Lab, path: Path) -> None:
    """Press the button and choose a file, as a person does."""
    with form.page.expect_file_chooser() as chooser:
        form.find(".kf-upload").click()
    chooser.value.set_files(path)


def test_upload_form__whole(form: Lab, tmp_path: Path) -> None:
    """Problems first, nothing planned; then the mended file, Apply, and the result as a file."""
    path = tmp_path / "toggles.csv"
    good = form.ask("rows.to_csv(index=False)")
    path.write_text(good.replace("off", "perhaps", 1))
    choose(form, path)
    expect(form.find(".kf-problems")).to_contain_text("perhaps")
    expect(form.find(".kf-apply")).to_be_disabled()
    annotated = pd.read_csv(taken_home(form, ".kf-take-problems"))
    assert annotated["problem"].notna().tolist() == [True, False, False, False]
    path.write_text(good)
    choose(form, path)
    expect(form.find(".kf-file-note")).to_contain_text("4 good rows")
    expect(form.find(".kf-headline")).to_contain_text("4 dishes off in 1 store")
    form.find(".kf-apply").click()
    expect(form.find(".kf-result")).to_contain_text("4 rows: 4 applied.")
    result = pd.read_csv(taken_home(form, ".kf-download"))
    assert result[["note", "outcome"]].drop_duplicates().to_numpy().tolist() == [["lunch", "applied"]]
    assert form.ask("form.result.counts['applied']") == 4


def test_upload_form__large_file(form: Lab, tmp_path: Path) -> None:
    """A file of 30 MB arrives whole, piece by piece; one above the limit is refused in words."""
    path = tmp_path / "large.csv"
    good = form.ask("rows.to_csv(index=False)").splitlines()
    path.write_text("\n".join([*good[:-1], good[-1] + "x" * 30_000_000]))
    choose(form, path)
    expect(form.find(".kf-file-note")).to_contain_text("large.csv: 4 good rows.")
    with path.open("ab") as file:
        file.truncate(50_000_001)
    choose(form, path)
    expect(form.find(".kf-file-note")).to_contain_text("this form takes up to 50 MB")


def taken_home(form: Lab, selector: str) -> Path:
    """Press a download link and return the file."""
    with form.page.expect_download() as download:
        form.find(selector).click()
    return Path(download.value.path())
