"""The upload form without a browser: a file in, problems or a plan, a result to take home."""

from __future__ import annotations

import base64
import io

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.forms.upload_form import MOST_BYTES, PiecewiseFile, check_file
from tests.fixtures import not_none
from tests.forms.user_actions import can_press, press
from tests.frames.cases import Case
from tests.frames.people_corpus import NAMED, PEOPLE, STATE, STORES
from tests.frames.test_toggles import format_problem, format_toggle

HEAD = "entity_type,entity_id,brand_id,branch_id,is_enabled,note\n"
# Where the ids are there, names beside them are a person's own, as in the terminal without its option.
READ = [case for case in [*PEOPLE, *NAMED] if case.name != "an id beside another's name"]


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


def drop(form: kf.forms.UploadForm, text: str, *, name: str = "toggles.csv", size: int = 40) -> None:
    """Send `text` piece by piece, as the page does, and wait until it is planned."""
    content = text.encode()
    for at in range(0, max(1, len(content)), size):
        data = base64.b64encode(content[at : at + size]).decode()
        file_id = f"{name}-{len(content)}-{hash(text)}"
        form.piece = {"id": file_id, "name": name, "size": len(content), "at": at, "data": data}
    form.wait()


def give(form: kf.forms.UploadForm, **command: object) -> None:
    """Hand over a command of the page, and wait until it is carried out."""
    form.commands = [{"part": "file", "seq": form.done + 1, **command}]
    form.wait()


def handed_over(form: kf.forms.UploadForm) -> pd.DataFrame:
    """Return the table that the page was given to save."""
    return pd.read_csv(io.BytesIO(base64.b64decode(form.download["data"])), dtype=str)


def test_upload_form__good_file(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """A good file is planned, applied, and its result can be taken home with its own columns."""
    drop(form, HEAD + "".join(rows))
    assert form.file["note"] == "toggles.csv: 3 good rows."
    assert not_none(form.plan).counts["sent"] == 3
    press(form, "apply")
    form.wait()
    press(form, "download")
    result = handed_over(form)
    assert result["outcome"].tolist() == ["applied"] * 3
    assert result["note"].tolist() == ["'=1+1"] * 3
    assert len(sandbox.requests.query("method == 'PATCH'")) == 1


def test_upload_form__problems(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """Wrong rows are listed and can be taken home to be mended; nothing is planned until then."""
    drop(form, HEAD + rows[0] + rows[1].replace("off", "perhaps"))
    assert "perhaps" in form.file["problems"]
    assert (form.plan, can_press(form, "apply")) == (None, False)
    give(form, type="problems")
    assert handed_over(form)["problem"].notna().tolist() == [False, True]
    press(form, "apply")
    assert sandbox.requests.query("method == 'PATCH'").empty


def test_upload_form__good_rows_all_the_same(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """On request the good rows are planned without the others."""
    drop(form, HEAD + rows[0] + rows[1].replace("off", "perhaps"))
    assert form.file["is_choice"]
    give(form, type="good_only", on=True)
    assert not_none(form.plan).n_rows == 1
    give(form, type="good_only", on=False)
    assert form.plan is None


def test_upload_form__second_file(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """A second file takes the place of the first, problems included."""
    drop(form, HEAD + rows[1].replace("off", "perhaps"))
    drop(form, HEAD + rows[0], name="better.csv")
    assert ("perhaps" in form.file["problems"], form.file["is_choice"]) == (False, False)
    assert not_none(form.plan).n_rows == 1


def test_upload_form__unknown_headers(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """Columns that nobody can guess are asked for, each with its first cell; the answer is remembered."""
    drop(form, "a,b,c,d,e,f\n" + rows[0])
    assert (form.file["asks"], form.plan) == (True, None)
    assert "No column says: " in form.file["problems"]
    assert "columns={" not in form.file["problems"]
    assert [column["sample"] for column in form.file["columns"]] == rows[0].strip().split(",")
    meant = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled", ""]
    give(form, type="columns", columns=dict(zip("abcdef", meant, strict=True)))
    assert [column["meaning"] for column in form.file["columns"]] == meant
    assert (form.file["asks"], not_none(form.plan).n_rows) == (False, 1)


def test_upload_form__names(form: kf.forms.UploadForm, client: kf.Client) -> None:
    """Names stand for ids where the file has none."""
    store = kf.stores(client).iloc[0]
    menu = kf.read_state(client, stores=[(store.brand_id, store.branch_id)], progress=False)
    dish = menu.query("entity_type == 'item' and is_enabled").iloc[0]
    drop(form, f"Gericht;Marke;Filiale;Aktiv\n{dish.title};{store.brand_title};{store.branch_title};aus\n")
    assert not_none(form.plan).toggles[["entity_id", "brand_id"]].values.tolist() == [
        [dish.entity_id, store.brand_id]
    ]


def test_upload_form__too_large(form: kf.forms.UploadForm) -> None:
    """A file above the limit is refused with the limit before any of it is sent."""
    give(form, type="too_large", name="all.csv", size=61_400_000)
    assert "all.csv has 61.4 MB; this form takes up to 50 MB." in form.file["note"]


def test_upload_form__template(form: kf.forms.UploadForm) -> None:
    """The template of a brand has its dishes in its stores, ready to be filled in and read."""
    give(form, type="template", brand_id=663)
    content = base64.b64decode(form.download["data"])
    rows = pd.read_excel(io.BytesIO(content), engine="calamine", dtype=str)
    assert set(rows["brand_id"]) == {"663"}
    assert rows["title"].notna().all()
    give(form, type="downloaded")
    assert form.download == {}


@pytest.mark.parametrize("text", ["\x00\x01PNG", "nothing,of,the,kind\n1,2,3,4\n"])
def test_upload_form__no_table(form: kf.forms.UploadForm, text: str) -> None:
    """A file that is no table of toggles is said to be none, beside the button, and plans nothing."""
    drop(form, text, name="photo.png")
    assert form.plan is None
    assert not can_press(form, "apply")
    assert form.file["problems"] != ""


def test_upload_form__excel(form: kf.forms.UploadForm, rows: list[str]) -> None:
    """An XLSX file is read too."""
    journal = io.BytesIO()
    pd.read_csv(io.StringIO(HEAD + rows[0])).to_excel(journal, index=False)
    form.take(journal.getvalue(), name="toggles.xlsx")
    form.wait()
    assert not_none(form.plan).n_rows == 1


def test_upload_form__server_away(
    form: kf.forms.UploadForm, rows: list[str], sandbox: kf.sandbox.Sandbox
) -> None:
    """With the credential revoked the trouble is said beside the file, and nothing is planned."""
    sandbox.revoke()
    drop(form, HEAD + rows[0])
    assert "auth_revoked" in form.file["note"]
    assert form.plan is None


def piece(data: bytes, *, at: int, size: int, file_id: str = "a") -> dict[str, object]:
    """Return a piece as the page sends it."""
    text = base64.b64encode(data).decode()
    return {"id": file_id, "name": "x.csv", "size": size, "at": at, "data": text}


def test_piecewise_file__pieces_that_come_twice_or_late() -> None:
    """A piece that comes again is not taken twice, and one that leaves a gap is not taken at all."""
    file = PiecewiseFile()
    for at, data in ((0, b"ab"), (0, b"ab"), (4, b"ef"), (2, b"cd"), (2, b"cd"), (4, b"ef")):
        file.take(piece(data, at=at, size=6))
    assert (file.is_whole, file.content) == (True, b"abcdef")


def test_piecewise_file__another_file() -> None:
    """The first piece of another file starts over; what is no piece changes nothing."""
    file = PiecewiseFile()
    for message in (piece(b"ab", at=0, size=4), piece(b"xy", at=0, size=2, file_id="b"), {}, {"id": "b"}):
        file.take(message)
    assert (file.is_whole, file.content) == (True, b"xy")


def test_piecewise_file__limits() -> None:
    """More than was announced, more than the limit, and text that is no base64 are not taken."""
    file = PiecewiseFile()
    file.take(piece(b"ab", at=0, size=MOST_BYTES + 1))
    assert file.file_id == ""
    file.take(piece(b"ab", at=0, size=3))
    file.take(piece(b"cd", at=2, size=3))
    file.take({**piece(b"", at=2, size=3), "data": "%"})
    assert (file.is_whole, file.content) == (False, b"ab")


@pytest.mark.parametrize("case", READ, ids=str)
def test_check_file__as_the_library_does(case: Case) -> None:
    """Each table that people make gives in the form just what it gives in the library."""
    checked = check_file(case.source, columns={}, state=STATE, stores=STORES)
    assert [format_toggle(row) for row in checked.toggles.to_dict("records")] == case.toggles
    assert [format_problem(row) for row in checked.problems.to_dict("records")] == case.problems
    assert case.note in " ".join(checked.notes)
