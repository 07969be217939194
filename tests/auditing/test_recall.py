"""What a journal knows of a run that is over."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.recall import recall, recall_before
from tests.auditing import scenes


def test_recall__result_and_flags_from_before(client: kf.Client, journal: Path) -> None:
    """The result comes back as it was told, with the flags that the plan's state had."""
    cells = scenes.some_cells(client, scenes.some_stores(client))
    plan = kf.plan(scenes.toggles_of(cells, is_enabled=False), state=cells)
    result = kf.run(plan, client, journal=journal, progress=False)
    known = recall(result.run_id, journal=journal)
    pd.testing.assert_frame_equal(known.frame, result.frame)
    assert known.before.tolist() == cells["is_enabled"].tolist()
    assert known.run.host == client.host


def test_recall__own_reading_of_a_run(client: kf.Client, journal: Path) -> None:
    """What the run read itself stands in for a state of its plan."""
    cells = scenes.some_cells(client, scenes.some_stores(client))
    plan = kf.plan(scenes.toggles_of(cells, is_enabled=False))
    result = kf.run(plan, client, journal=journal, before="read", progress=False)
    assert recall(result.run_id, journal=journal).before.tolist() == cells["is_enabled"].tolist()


def test_before__no_journal_is_made(tmp_path: Path) -> None:
    """Looking for a run in a journal that is not there finds nothing and makes nothing."""
    assert recall_before("abc", journal=tmp_path / "none.sqlite3") is None
    assert recall_before("abc", journal=":memory:") is None
    assert not list(tmp_path.iterdir())


def test_before__journal_that_does_not_know_the_run(client: kf.Client, journal: Path) -> None:
    """A journal of other runs knows nothing of this one."""
    cells = scenes.some_cells(client, scenes.some_stores(client)).head(1)
    kf.run(kf.plan(scenes.toggles_of(cells, is_enabled=False)), client, journal=journal, progress=False)
    assert recall_before("abc", journal=journal) is None
