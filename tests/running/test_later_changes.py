"""What another run wrote later, by the times that a journal knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from klikit_frames.model import Cell
from klikit_frames.running.evidence import StoreHistory, Write
from klikit_frames.running.later_changes import later_write
from klikit_frames.running.menu_history import MenuHistory

CELL = Cell("item", 7, None, None)
NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)
OWN = Write(("own", "1"), is_enabled=False, sent_at=NOON, settled_at=NOON + timedelta(seconds=1))
EARLIER = replace(
    OWN,
    key=("other", "1"),
    sent_at=NOON - timedelta(hours=2),
    settled_at=NOON - timedelta(hours=1),
)
UNSEEN = replace(EARLIER, is_repeated=True, is_certain=False, settled_at=NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("other", "is_later"),
    [
        (EARLIER, False),
        (replace(EARLIER, is_repeated=True), False),
        (replace(EARLIER, sent_at=NOON), True),
        # As a copy of a journal knows it: not sent yet when the copy was made.
        (UNSEEN, True),
        (replace(UNSEEN, settled_at=None), True),
        (replace(UNSEEN, settled_at=NOON - timedelta(hours=1)), False),
    ],
)
def test_later_write__may_have_been_done_by_any_try(other: Write, *, is_later: bool) -> None:
    """A write that was tried more than once came later if its last try may have."""
    writes = StoreHistory()
    for one in (OWN, other):
        writes.add((CELL.entity_type, CELL.entity_id), one)
    writes.sort()
    history = MenuHistory(writes={None: writes})
    found = later_write(history, CELL, run_ids=["own"])
    assert found == (other if is_later else None)
