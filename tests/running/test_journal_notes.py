"""Promises in the journal: kept as they are, and none vanishes without a trace."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running.journal import open_journal
from klikit_frames.running.journal_notes import Promise, delete_closed_promises
from klikit_frames.running.lifecycle import PromiseStatus

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
ACCOUNT = "a" * 32


def promise(name: str, **more: Any) -> Promise:
    """Return a promise of one dish, off for an hour."""
    made = Promise(
        promise_id=name * 32,
        account=ACCOUNT,
        host="127.0.0.1:1",
        cell=Cell("item", 5, 663, 1062),
        is_enabled=False,
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
        noted_at=NOON,
        next_at=NOON,
    )
    return replace(made, **more)


def test_promises__come_back_as_they_were_noted(journal: Path) -> None:
    """Every value of a promise survives the disk, also where most are missing."""
    full = promise(
        "b",
        cell=Cell("section", 6827, None, None),
        cascade_to_modifier_groups=True,
        cascade_brand_ids=(663, 664),
        title="Menu",
        ends_at=None,
        starts_at_once=True,
        publish=True,
        status=PromiseStatus.ACTIVE,
        before=True,
        note="said",
        action="end",
        plan_id="p",
        start_run_id="r",
        end_run_id="e",
        unpublished_run_id="u",
        closed_at=NOON,
    )
    with open_journal(journal) as opened:
        opened.add_promises([promise("a"), full])
    with open_journal(journal) as opened:
        assert opened.promises() == [promise("a"), full]
        assert opened.active_promises(ACCOUNT) == [full]
        assert opened.due_promises(ACCOUNT, now=NOON - timedelta(seconds=1)) == [full]
        changed = replace(full, status=PromiseStatus.DONE, plan_id=None, unpublished_run_id=None)
        opened.update_promises([changed])
        assert opened.open_promises(ACCOUNT) == [promise("a")]
        opened.take_in([delete_closed_promises(NOON + timedelta(seconds=1))])
        assert opened.promises() == [promise("a")]


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM promises", "UPDATE promises SET is_enabled = 1", "UPDATE promises SET next_at = NULL"],
)
def test_promises__are_not_trusted_once_the_file_was_changed(journal: Path, damage: str) -> None:
    """A promise that vanished, or that somebody edited past this package, is damage."""
    with open_journal(journal) as opened:
        opened.add_promises([promise("a")])
    with sqlite3.connect(journal) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(kf.JournalError, match="damaged"):
        kf.agenda(journal=journal)
    with open_journal(journal) as opened, pytest.raises(kf.JournalError, match="damaged"):
        opened.open_promises(ACCOUNT)
