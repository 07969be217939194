"""Each view of what strangers wrote: nothing in it is obeyed, hidden, run or taken for one of our own lines.

The strangers are the API, a table, a plan file, a journal, a state and a file of profiles, made by hand.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import shutil
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.text import Text

import klikit_frames as kf
from klikit_frames.cli import main
from klikit_frames.cli.outputs import write_frame
from klikit_frames.forms.upload_form import annotated_csv
from tests.fixtures import wrong
from tests.hostile_world import NASTY, OBEYED, serve_spoilt, spoil_journal, spoil_plan_file

PAIRS = [(663, 1062), (664, 1062)]
# A file's name has no slash.
NAME = NASTY.replace("/", "")[:60]
ODD = {"entity_type": NASTY, "entity_id": f"1{NASTY}", "brand_id": NASTY, "is_enabled": f"off{NASTY}"}


@dataclass(frozen=True)
class Strangers:
    """What strangers have left: frames that were read, and a folder of files.

    A form of an earlier test may still read the folder's journal: only of `untouched` is a copy whole.
    """

    folder: Path
    untouched: Path
    sandbox: kf.sandbox.Sandbox
    url: str
    client: kf.Client
    state: pd.DataFrame
    stores: pd.DataFrame
    toggles: pd.DataFrame
    run_id: str

    @property
    def plan(self) -> kf.Plan:
        """The plan of the file."""
        return kf.load_plan(self.folder / "monday.plan.json")

    @property
    def journal(self) -> str:
        """The journal as it was made by hand."""
        return str(self.folder / "journal.sqlite3")

    @property
    def result(self) -> kf.Result:
        """The result as the journal tells it."""
        return kf.attach(self.run_id, journal=self.journal).result()

    @property
    def proof(self) -> pd.DataFrame:
        """The proof of the run."""
        return kf.verify(self.result, self.client)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    """One business for all views; a command works on a copy of its folder."""
    folder = tmp_path_factory.mktemp("strangers")
    with pytest.MonkeyPatch.context() as patch, kf.sandbox.serve() as sandbox, serve_spoilt(sandbox) as url:
        patch.setenv("XDG_STATE_HOME", str(folder / "home"))
        patch.setenv("KLIKIT_PARTNER_KEY", sandbox.partner_key)
        patch.setenv("KLIKIT_SECRET_KEY", sandbox.secret_key)
        with kf.connect(url, writes_per_minute=10**6, reads_per_minute=10**6) as client:
            yield _leave_files(folder, sandbox, url, client)


def _leave_files(folder: Path, sandbox: kf.sandbox.Sandbox, url: str, client: kf.Client) -> Strangers:
    journal = folder / "journal.sqlite3"
    stores = kf.stores(client)
    state = kf.read_state(client, stores=PAIRS, with_business=True, journal=journal, progress=False)
    items = state[(state["scope"] == "store") & (state["entity_type"] == "item") & state["is_enabled"]]
    cell = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
    toggles = items.head(4)[cell].assign(is_enabled=False, note=NASTY)
    spoil_plan_file(kf.plan(toggles, state=state).save(folder / "monday.plan.json"))
    refused = pd.concat([toggles, toggles.head(1).assign(entity_id=999_999)], ignore_index=True)
    refused.to_csv(folder / "changes.csv", index=False)
    result = kf.run(kf.plan(refused).with_names(state), client, journal=journal, progress=False)
    promised = toggles.tail(2).assign(starts_at="2020-01-01T00:00Z", ends_at="2099-01-01T00:00Z", title=NASTY)
    promised.to_csv(folder / "promises.csv", index=False)
    kf.schedule(promised, client, journal=journal)
    kf.publish([PAIRS[0]], client, journal=journal)
    kf.save_state(state, folder / "monday.csv")
    refused.assign(business="depok").to_csv(folder / "fleet.csv", index=False)
    wanted = folder / "wanted"
    wanted.mkdir()
    toggles.to_csv(wanted / f"a{NAME}.csv", index=False)
    (folder / "odd.csv").write_text(pd.DataFrame([{**ODD, f"x{NASTY}": NASTY}]).to_csv(index=False))
    (folder / "profiles.toml").write_text(
        f'[depok]\nbase_url = "{url}"\npartner_key = "{sandbox.partner_key}"\nsecret_key_env = "DEPOK"\n'
    )
    spoil_journal(journal)
    untouched = shutil.copytree(folder, folder.with_name(f"{folder.name}-untouched"))
    return Strangers(folder, untouched, sandbox, url, client, state, stores, toggles, result.run_id)


def check_shown(*texts: str, is_html: bool = False, is_own: bool = False) -> None:
    """Fail where a text holds anything that is obeyed or overlooked.

    A line that a stranger began is none of the package's; what is a person's own may have lines.
    """
    for text in texts:
        obeyed = re.search(OBEYED, text)
        assert obeyed is None, ascii(text[max(0, obeyed.start() - 80) : obeyed.end() + 20])
        assert is_html or is_own or not re.search(r"(?m)^\s*(?:\\t)?<script>", text), "a stranger's line"
        assert not is_html or "<script>alert" not in text


def kept(strangers: Strangers) -> kf.Plan:
    """Return the way back from a run, as a menu by a stranger tells it."""
    return kf.undo(strangers.run_id, strangers.client, journal=strangers.journal, progress=False)


VIEWS: dict[str, Callable[[Strangers], Any]] = {
    "plan of a file": lambda at: at.plan,
    "plan with a state": lambda at: kf.plan(at.toggles, state=at.state),
    "result of a journal": lambda at: at.result,
    "job of a journal": lambda at: kf.attach(at.run_id, journal=at.journal),
    "undo of a journal": kept,
    "checked table": lambda at: kf.check_toggles(pd.DataFrame([{**ODD, f"x{NASTY}": NASTY}])),
    "client": lambda at: at.client,
    "frame: state": lambda at: at.state.klikit,
    "frame: mixed": lambda at: kf.mixed(at.state).klikit,
    "frame: dark": lambda at: kf.dark_categories(at.state).klikit,
    "frame: effective": lambda at: kf.effective(at.state).klikit,
    "frame: overrides": lambda at: kf.overrides(at.state).klikit,
    "frame: diff": lambda at: kf.diff(at.toggles, at.state).klikit,
    "frame: effect": lambda at: kf.effect(at.toggles, at.state).klikit,
    "frame: two stores": lambda at: kf.compare_stores(at.state, store=PAIRS[0], other=PAIRS[1]).klikit,
    "frame: proof": lambda at: at.proof.klikit,
    "frame: audit": lambda at: kf.audit(at.folder / "wanted", at.client, journal=at.journal).klikit,
    "frame: promises": lambda at: kf.agenda(journal=at.journal).klikit,
    "form: picker": lambda at: kf.forms.EntityPicker(at.state),
    "form: toggle": lambda at: kf.forms.ToggleForm(at.client, journal=at.journal),
    "form: matrix": lambda at: kf.forms.MatrixEditor(at.state),
    "form: upload": lambda at: kf.forms.UploadForm(at.client, journal=at.journal),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views__show_what_strangers_wrote_as_signs(strangers: Strangers, name: str) -> None:
    """In a terminal and on a page, whoever wrote what is shown."""
    shown = VIEWS[name](strangers)
    check_shown(repr(shown), str(shown))
    if hasattr(shown, "_repr_html_"):
        check_shown(shown._repr_html_(), is_html=True)


SENTENCES: dict[str, Callable[[Strangers], Iterable[str]]] = {
    "effect of a file": lambda at: at.plan.effect,
    "account": lambda at: (at.result.account, at.result.summary, str(at.result.resume_hint)),
    "state": lambda at: (kf.summary(at.state),),
    "mixed": lambda at: (kf.summary(kf.mixed(at.state)),),
    "proof": lambda at: (kf.summary(at.proof),),
    "effect": lambda at: (kf.summary(kf.effect(at.toggles, at.state)),),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences__show_what_strangers_wrote_as_signs(strangers: Strangers, name: str) -> None:
    """A sentence may be printed as it is."""
    check_shown(*SENTENCES[name](strangers))


ERRORS: dict[str, Callable[[Strangers], object]] = {
    "rows": lambda at: at.result.raise_for_failures(),
    "table": lambda at: kf.read_toggles(at.folder / "odd.csv"),
    "names": lambda at: kf.resolve(
        pd.DataFrame([{"title": NASTY, "brand": NASTY, "branch": NASTY, "is_enabled": "off"}]),
        at.state,
        stores=at.stores,
    ),
    "another host": lambda at: kf.resume(
        at.run_id, at.client, journal=other_journal(at, host=f"http://x{NASTY}")
    ),
    "unknown run": lambda at: kf.attach(NASTY, journal=at.journal),
    "unknown file": lambda at: kf.load_plan(at.folder / NAME),
    "unknown journal": lambda at: kf.attach("last", journal=at.folder / NAME),
    "unknown profile": lambda _: kf.connect(profile=NASTY),
    "unknown choice": lambda at: kf.plot_dark(at.state, by=wrong(NASTY)),
    "status of a run": lambda at: kf.attach(at.run_id, journal=other_journal(at, status=NASTY)).result(),
    "rules of a run": lambda at: kf.resume(
        at.run_id, at.client, journal=other_journal(at, rules='{"first": "\\u001b"}')
    ),
    "answer": lambda at: kf.stores(kf.connect(at.url, partner_key="no", secret_key="no")),
    "api": lambda _: raise_error(
        kf.ApiError(f"no{NASTY}", http_status=500, code=f"x{NASTY}", request_id=NASTY)
    ),
}


def raise_error(error: Exception) -> None:
    """Raise an error."""
    raise error


def other_journal(at: Strangers, **texts: str) -> Path:
    """Return a copy of the journal in which runs hold other texts."""
    copied = Path(shutil.copy(at.untouched / "journal.sqlite3", at.folder / "other.sqlite3"))
    return spoil_journal(copied, **texts)


@pytest.mark.parametrize("name", ERRORS)
def test_errors__show_what_strangers_wrote_as_signs(strangers: Strangers, name: str) -> None:
    """A traceback is printed by Python itself, so the message of each error is safe to print."""
    with pytest.raises(kf.KlikitFramesError) as caught:
        ERRORS[name](strangers)
    check_shown("".join(traceback.format_exception_only(caught.value)), is_own="unknown" in name)


PROFILES = {
    "name": '["a\\u001b[31m"]\nbase_url = "x"\n',
    "key": '[good]\n"ke\\u001b[31my" = 1\n',
    "address": '[good]\nbase_url = "http://x\\u001b[31m"\n',
    "variable": '[good]\nbase_url = "http://x"\npartner_key = "a"\nsecret_key_env = "A\\u001b[31m"\n',
    "syntax": "x\x1b[31m",
}


@pytest.mark.parametrize("what", PROFILES)
def test_profiles__are_refused_in_words_that_are_safe_to_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whatever is written into the file of profiles."""
    path = tmp_path / "profiles.toml"
    path.write_text(PROFILES[what])
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    with pytest.raises(kf.KlikitFramesError) as caught:
        kf.connect(profile="good")
    check_shown(str(caught.value))


PLOTS: dict[str, Callable[[Strangers], Any]] = {
    "plan": lambda at: kf.plot_plan(at.plan),
    "timeline": lambda at: kf.plot_timeline(at.result),
    "matrix": lambda at: kf.plot_matrix(at.state, stores=at.stores),
    "dark": lambda at: kf.plot_dark(at.state, stores=at.stores),
    "dark by section": lambda at: kf.plot_dark(at.state, by="section"),
    "drift": lambda at: kf.plot_drift(
        kf.drift(at.state, at.state.assign(is_enabled=~at.state["is_enabled"])), stores=at.stores
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots__show_what_strangers_wrote_as_signs(strangers: Strangers, tmp_path: Path, name: str) -> None:
    """A picture's labels, its text for those who do not see it, and its SVG, that an editor opens."""
    picture = PLOTS[name](strangers)
    check_shown(*(text.get_text() for text in picture.figure.findobj(Text)), picture.text, repr(picture))
    check_shown(picture._repr_html_(), picture.save(tmp_path / "a.svg").read_text(), is_html=True)


def test_report__shows_what_strangers_wrote_as_signs(strangers: Strangers, tmp_path: Path) -> None:
    """One page with all that it can hold."""
    at = strangers
    path = kf.report(
        tmp_path / "report.html",
        plan=at.plan,
        result=at.result,
        proof=at.proof,
        state=at.state,
        changes=kf.drift(at.state, at.state.assign(is_enabled=~at.state["is_enabled"])),
        audit=kf.audit(at.folder / "wanted", at.client, journal=at.journal),
        stores=at.stores,
        title=NASTY,
        by=NASTY,
        file=NAME,
    )
    check_shown(path.read_text(), is_html=True)
    assert r"\x1b[31m" in path.read_text()


def test_log__shows_what_strangers_wrote_as_signs(
    strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    """What is logged reaches a terminal as it is."""
    with caplog.at_level(logging.WARNING, logger="klikit_frames"):
        kf.read_state(strangers.client, stores=[*PAIRS, (1, 1)], journal=strangers.journal, progress=False)
    assert caplog.messages
    check_shown(*caplog.messages)


COMMANDS = (
    "check odd.csv",
    "plan changes.csv --live",
    "diff changes.csv",
    "effect monday.plan.json --state monday.csv",
    "apply changes.csv --yes",
    "runs",
    "status RUN",
    "verify RUN",
    "publish --run RUN --yes",
    "publish --store 1/1 --yes",
    "resume RUN",
    "stores",
    "state --store 663/1062",
    "undo RUN --yes",
    "drift monday.csv",
    "align --like 663/1062 --store 664/1062",
    "audit wanted",
    "reconcile wanted --yes --max-changes 100%",
    "approve monday.plan.json --by Siti",
    "schedule promises.csv",
    "agenda",
    "tick",
    "fleet apply fleet.csv --yes --jobs 1",
    "fleet status",
    "fleet audit fleet.csv",
    "fleet tick",
    "profiles",
    "doctor",
    "template new.csv --store 663/1062",
)


# Beside a pipe the same messages are said by the same function.
PIPED = ("check odd.csv", "apply monday.plan.json --yes", "publish --store 1/1 --yes")


class Screen(io.StringIO):
    """A stream that says whether it is a terminal."""

    is_terminal = True

    def isatty(self) -> bool:
        """Say so."""
        return self.is_terminal


class Pipe(Screen):
    """A stream that is none."""

    is_terminal = False


@pytest.mark.parametrize(
    ("command", "kind"),
    [*((command, Screen) for command in COMMANDS), *((command, Pipe) for command in PIPED)],
)
def test_commands__show_what_strangers_wrote_as_signs(
    strangers: Strangers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kind: type[Screen]
) -> None:
    """All that a terminal gets, and the messages beside a pipe, whose data are as they came."""
    at, folder = strangers, shutil.copytree(strangers.untouched, tmp_path / "copy")
    for name, text in {
        "KLIKIT_BASE_URL": at.url,
        "KLIKIT_PARTNER_KEY": at.sandbox.partner_key,
        "KLIKIT_SECRET_KEY": at.sandbox.secret_key,
        "DEPOK": at.sandbox.secret_key,
        "KLIKIT_JOURNAL": str(folder / "journal.sqlite3"),
        "KLIKIT_PROFILES": str(folder / "profiles.toml"),
        "TERM": "dumb",
    }.items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(folder)
    out, err = kind(), kind()
    monkeypatch.setattr(sys, "stdin", kind())
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    words = command.replace("RUN", at.run_id[:8]).split()
    monkeypatch.setattr(sys, "argv", ["klikit-frames", *words])
    with pytest.raises(SystemExit):
        main()
    # A bar is drawn over itself.
    drawn = re.sub(r"\x1b\[A|\r(?!\n)", "", err.getvalue())
    check_shown(drawn, *([out.getvalue()] if kind.is_terminal else []))
    assert "Traceback" not in drawn


SIGNS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@A1",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "\u200b=1",
    "soup\r=1+1",
    "soup\n=1",
)
FILES: dict[str, Callable[[Strangers, Path], object]] = {
    "result.csv": lambda at, path: signed_result(at).to_csv(path),
    "result.xlsx": lambda at, path: signed_result(at).to_excel(path),
    "fleet.csv": lambda at, path: kf.fleet.FleetResult({"depok": signed_result(at)}).to_csv(path),
    "fleet.xlsx": lambda at, path: kf.fleet.FleetResult({"depok": signed_result(at)}).to_excel(path),
    "state.csv": lambda at, path: kf.save_state(titled(at.state), path),
    "template.csv": lambda at, path: kf.template(path, state=titled(at.state)),
    "template.xlsx": lambda at, path: kf.template(path, state=titled(at.state)),
    "out.csv": lambda at, path: write_frame(titled(at.state), path),
    "out.tsv": lambda at, path: write_frame(titled(at.state), path),
    "out.xlsx": lambda at, path: write_frame(titled(at.state), path),
    "problems.csv": lambda at, path: path.write_bytes(annotated_csv(kf.check_toggles(titled(at.state)))),
}


def titled(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose titles begin with signs, with columns that do, and without the notes of a state."""
    rows = frame.head(len(SIGNS)).assign(title=SIGNS, **dict.fromkeys(SIGNS, "x"))
    rows.attrs = {}
    return rows


def signed_result(at: Strangers) -> kf.Result:
    """Return a result in which strangers' messages and columns begin with signs."""
    result = at.result
    rows = pd.concat([result.frame] * 3, ignore_index=True).head(len(SIGNS))
    return replace(result, frame=rows.assign(message=SIGNS, **dict.fromkeys(SIGNS, "x")))


@pytest.mark.parametrize("name", FILES)
def test_files__hold_no_formula(strangers: Strangers, tmp_path: Path, name: str) -> None:
    """A spreadsheet that opens a file of the package runs nothing, however titles and messages begin."""
    path = tmp_path / name
    FILES[name](strangers, path)
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
        return
    text = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    cells = [
        cell for line in csv.reader(text, delimiter="\t" if path.suffix == ".tsv" else ",") for cell in line
    ]
    assert all(any(cell.endswith(sign) for cell in cells) for sign in SIGNS)
    begins = re.compile(r"[\s\u200b]*[-=+@\uff1d]|[\t\r\n]")
    assert [cell for cell in cells if begins.match(cell)] == []
