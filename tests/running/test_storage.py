"""What kind of place a journal lies in, and the line that says that it would not survive there."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

import klikit_frames as kf
from klikit_frames.running.storage import advise_on_journal, find_storage

MOUNTS = """overlay / overlay rw 0 0
/dev/sda1 /home ext4 rw 0 0
tmpfs /run\\040time tmpfs rw 0 0
server:/x /net nfs4 rw 0 0
drive /content/drive fuse.drive rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "variables", "kind", "words"),
    [
        ("/home/ana/j", {}, "ext4", None),
        ("/srv/j", {}, "overlay", "container is removed"),
        ("/run time/j", {}, "tmpfs", "kept in memory"),
        ("/net/j", {}, "nfs4", None),
        ("/tmp/j", {}, "overlay", "temporary files"),
        ("/home/ana/j", {"KAGGLE_KERNEL_RUN_TYPE": "x"}, "ext4", "Kaggle"),
        ("/home/ana/j", {"DATABRICKS_RUNTIME_VERSION": "x"}, "ext4", "Databricks"),
        ("/content/j", {"COLAB_RELEASE_TAG": "x"}, "overlay", "90 minutes"),
        ("/content/drive/MyDrive/j", {"COLAB_RELEASE_TAG": "x"}, "fuse.drive", None),
    ],
)
def test_find_storage__by_mounts_and_hosts(
    path: str, variables: dict[str, str], kind: str, words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest mount tells the file system, hosted notebooks and memory how long it lives."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")
    storage = find_storage(Path(path), environment=variables, mounts=MOUNTS)
    assert storage.file_system == kind
    assert (storage.short_life is None) is (words is None)
    assert words is None or words in str(storage.short_life)
    assert storage.is_far is (kind in {"nfs4", "fuse.drive"})


def test_advise_on_journal__of_a_folder_that_somebody_chose(tmp_path: Path) -> None:
    """Who names a temporary folder has chosen it; whose home lies in one has not."""
    journal = tmp_path / "j.sqlite3"
    assert advise_on_journal(journal, is_named=True) is None
    assert "KLIKIT_JOURNAL_MIRROR" in str(advise_on_journal(journal, is_named=False))
    assert advise_on_journal(None, is_named=False) is None


@pytest.mark.parametrize("has_mirror", [False, True])
def test_run__says_that_the_journal_is_short_lived(
    client: kf.Client,
    singles: kf.Plan,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_mirror: bool,
) -> None:
    """One line before the first write, and none where a mirror keeps the journal."""
    monkeypatch.setattr(logging.getLogger("klikit_frames.journal"), "disabled", False)
    monkeypatch.chdir(os.environ["XDG_STATE_HOME"].rpartition("/")[0])
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    kf.run(singles, client, journal=None, mirror="m.sqlite3" if has_mirror else None, progress=False)
    told = [one.getMessage() for one in caplog.records if one.name == "klikit_frames.journal"]
    assert len(told) == (0 if has_mirror else 1)
    assert all("Colab" in line and "mirror=" in line for line in told)
