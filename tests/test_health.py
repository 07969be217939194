"""The doctor: each check is ok on a good machine, and says what to do on a bad one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.health import find_front_end
from klikit_frames.running.journal_files import find_storage


def by_check(checks: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Return status, finding and advice by the name of the check."""
    return {
        row.check: (row.status, row.found, row.advice) for row in cast("Iterable[Any]", checks.itertuples())
    }


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folders of tests count as lasting."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/nowhere")
    monkeypatch.setattr(
        "klikit_frames.health.find_storage", partial(find_storage, mounts="/dev/sda / ext4 rw 0 0")
    )


@pytest.mark.usefixtures("lasting")
def test_doctor__on_a_good_machine(
    client: kf.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All is ok, nothing is left behind, and nothing is written to the business."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    checks = kf.doctor(client)
    assert checks.columns.tolist() == ["check", "status", "found", "advice"]
    assert checks["check"].tolist() == [
        "front end",
        "widgets",
        "threads",
        "file locks",
        "journal",
        "free space",
        "mirror",
        "versions",
        "unfinished runs",
        "promises",
        "credentials",
        "clock",
        "caps",
    ]
    assert set(checks["status"]) == {"ok"}
    assert checks["advice"].eq("").all()
    assert not list(tmp_path.rglob("*klikit-doctor*"))
    assert len(kf.doctor()) == 10


@pytest.mark.usefixtures("lasting")
def test_doctor__names_what_is_wrong(
    sandbox: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A short-lived home, an unreachable mirror, a wrong key, a run that was left off: each with a cure."""
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.setenv("KLIKIT_JOURNAL_MIRROR", str(tmp_path / "not mounted" / "m.sqlite3"))
    section = kf.business_toggles("section", sandbox.state()["entity_id"].head(1), is_enabled=False)
    with sandbox.connect() as client:
        kf.run(kf.plan(section), client, deadline_s=0, progress=False)
    with kf.connect(sandbox.url, partner_key=sandbox.partner_key, secret_key="wrong") as client:
        checks = by_check(kf.doctor(client))
    assert checks["mirror"][0] == checks["credentials"][0] == "problem"
    assert checks["unfinished runs"][0] == "warning"
    assert "kf.resume" in checks["unfinished runs"][2]
    assert "Colab" in checks["journal"][1]
    monkeypatch.delenv("KLIKIT_JOURNAL_MIRROR")
    assert by_check(kf.doctor())["journal"][0] == "warning"


def test_doctor__of_a_mirror_that_no_run_would_replace(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run would refuse at its begin, the doctor says before; the mirror of this journal is fine."""
    journal, mirror = tmp_path / "journal.sqlite3", tmp_path / "mirror.sqlite3"
    section = kf.business_toggles("section", sandbox.state()["entity_id"].head(1), is_enabled=False)
    kf.run(kf.plan(section), client, journal=journal, mirror=mirror, progress=False)
    kf.run(kf.plan(section), client, journal=tmp_path / "other.sqlite3", progress=False)
    monkeypatch.setenv("KLIKIT_JOURNAL_MIRROR", str(mirror))
    seen = {}
    for name in ("journal", "other"):
        monkeypatch.setenv("KLIKIT_JOURNAL", str(tmp_path / f"{name}.sqlite3"))
        seen[name] = by_check(kf.doctor())["mirror"]
    mirror.write_text("My notes.")
    seen["notes"] = by_check(kf.doctor())["mirror"]
    assert {name: status for name, (status, _, _) in seen.items()} == {
        "journal": "ok",
        "other": "problem",
        "notes": "problem",
    }
    assert "two would overwrite each other" in seen["other"][1]
    assert "another file" in seen["notes"][2]


def test_doctor__of_a_broken_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is a problem of its own line; the other checks go on."""
    (tmp_path / "notes.txt").write_text("no journal")
    monkeypatch.setenv("KLIKIT_JOURNAL", str(tmp_path / "notes.txt"))
    checks = by_check(kf.doctor())
    assert checks["unfinished runs"][0] == "problem"
    assert "not a" in checks["unfinished runs"][1]
    assert checks["threads"][0] == "ok"


@pytest.mark.parametrize(
    ("modules", "variables", "name"),
    [
        (set(), set(), "a pipe or a file"),
        ({"marimo._runtime.runtime"}, set(), "marimo"),
        ({"ipykernel.zmqshell"}, set(), "a notebook"),
        ({"ipykernel.zmqshell"}, {"COLAB_RELEASE_TAG"}, "Colab"),
        ({"ipykernel.zmqshell"}, {"DATABRICKS_RUNTIME_VERSION"}, "Databricks"),
    ],
)
def test_find_front_end__by_modules_and_variables(modules: set[str], variables: set[str], name: str) -> None:
    """A host is known by its variables, a kernel by its modules."""
    assert find_front_end(modules, variables, is_terminal=False) == name
