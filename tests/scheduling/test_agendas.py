"""The agenda, and promises cancelled or extended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.scheduling.conftest import HOUR, flags, later

Rows = Callable[..., pd.DataFrame]


def test_agenda__lists_overdue_promises_first(client: kf.Client, journal: Path, dishes: Rows) -> None:
    """What should have been done stands first, then what is due next."""
    rows = dishes(3).assign(starts_at=[later(3), later(1), later(2)])
    kf.schedule(rows, client, journal=journal)
    listed = kf.agenda(journal=journal, now=later(1.5))
    assert listed["entity_id"].tolist() == rows["entity_id"].iloc[[1, 2, 0]].tolist()
    assert listed["is_overdue"].tolist() == [True, False, False]


def test_agenda__of_no_journal_is_empty(journal: Path) -> None:
    """Nothing is promised where nothing was noted, and no file is made."""
    assert kf.agenda(journal=journal).empty
    assert not journal.exists()


def test_cancel_promises__leaves_an_active_cell_and_says_so(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, dishes: Rows
) -> None:
    """Nothing gives a cancelled promise's flag back."""
    rows = dishes(1, ends_at=later())
    promised = kf.schedule(rows, client, journal=journal)
    kf.tick(client, journal=journal)
    cancelled = kf.cancel_promises(promised["promise_id"].iloc[0][:8], journal=journal)
    assert "the cell stays as it is (off)" in cancelled["note"].iloc[0]
    sandbox.move_clock(3600)
    assert kf.tick(client, journal=journal).empty
    assert flags(sandbox, rows) == [False]


def test_extend_promises__moves_the_end(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, dishes: Rows
) -> None:
    """A dish that was to come back after an hour comes back after two."""
    rows = dishes(1, ends_at=later())
    promised = kf.schedule(rows, client, journal=journal)
    kf.tick(client, journal=journal)
    kf.extend_promises(promised["promise_id"], ends_at=later(2), journal=journal)
    seen = []
    for _ in range(2):
        sandbox.move_clock(3601)
        kf.tick(client, journal=journal)
        seen += flags(sandbox, rows)
    assert seen == [False, True]


def test_extend_promises__stops_at_an_opposite_promise(
    client: kf.Client, journal: Path, dishes: Rows
) -> None:
    """An end cannot be moved into a promise that wants the opposite."""
    first = kf.schedule(dishes(1, ends_at=later(1)), client, journal=journal)
    kf.schedule(dishes(1, starts_at=later(2)).assign(is_enabled=True), client, journal=journal)
    with pytest.raises(kf.InvalidToggles, match="which stands") as refused:
        kf.extend_promises(first["promise_id"], ends_at=later(3), journal=journal)
    assert refused.value.problems["code"].tolist() == ["promise_overlap"]
    assert kf.agenda(journal=journal)["ends_at"].iloc[0] < later(1.5)


@pytest.mark.parametrize("ends_at", ["2020-01-01T00:00Z", "2090-01-01 00:00", "soon", None])
def test_extend_promises__needs_a_moment_to_come(
    client: kf.Client, journal: Path, dishes: Rows, ends_at: str
) -> None:
    """A past end, one without an offset, and what is no time are refused."""
    promised = kf.schedule(dishes(1, ends_at=later()), client, journal=journal)
    with pytest.raises(kf.ConfigError):
        kf.extend_promises(promised["promise_id"], ends_at=ends_at, journal=journal)


@pytest.mark.parametrize("name", ["", "abc", "0000000000"])
def test_cancel_promises__needs_a_promise(client: kf.Client, journal: Path, dishes: Rows, name: str) -> None:
    """An id that names none, or is too short, cancels none."""
    kf.schedule(dishes(1, ends_at=later()), client, journal=journal)
    with pytest.raises(kf.ConfigError, match="no promise"):
        kf.cancel_promises([name], journal=journal)
    assert kf.agenda(journal=journal, now=later() - HOUR)["status"].tolist() == ["waiting"]
