"""Tables of timed rows noted as promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.scheduling.conftest import CELL, HOUR, later, n_writes

Rows = Callable[..., pd.DataFrame]


def test_schedule__notes_each_row_and_sends_nothing(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, dishes: Rows
) -> None:
    """The frame has the table's rows and index, times in UTC, and a promise each."""
    rows = dishes(3, starts_at=later(1), ends_at=later(2), why="lunch")
    promised = kf.schedule(rows, client, journal=journal)
    assert promised.index.equals(rows.index)
    pd.testing.assert_frame_equal(promised[[*CELL, "why"]], rows[[*CELL, "why"]], check_dtype=False)
    assert promised["starts_at"].tolist() == rows["starts_at"].tolist()
    assert promised["status"].tolist() == ["waiting"] * 3
    assert n_writes(sandbox) == 0
    listed = kf.agenda(journal=journal)
    assert listed["promise_id"].tolist() == promised["promise_id"].tolist()
    assert listed["next_at"].tolist() == rows["starts_at"].tolist()


def test_schedule__takes_the_same_row_once(client: kf.Client, journal: Path, dishes: Rows) -> None:
    """A table that is scheduled again makes no second promise."""
    rows = dishes(2, ends_at=later())
    first, again = (kf.schedule(rows, client, journal=journal)["promise_id"].tolist() for _ in range(2))
    assert first == again


def test_schedule__lists_all_problems_at_once(client: kf.Client, journal: Path) -> None:
    """Bad flags, bad times and clashes of a file come with row, line and value; nothing is noted."""
    table = (
        b"item_id,store,is_enabled,starts_at,ends_at\n"
        b"289379,5297/1293,mabye,,2090-01-01T10:00Z\n"
        b"289380,5297/1293,off,,2020-01-01T10:00Z\n"
        b"289381,5297/1293,off,,17:00\n"
    )
    with pytest.raises(kf.InvalidToggles) as refused:
        kf.schedule(table, client, journal=journal)
    problems = refused.value.problems[["row", "line", "column", "value", "code"]]
    assert list(problems.itertuples(index=False, name=None)) == [
        (1, 2, "is_enabled", "mabye", "flag_unknown"),
        (2, 3, "ends_at", "2020-01-01T10:00Z", "end_past"),
        (3, 4, "ends_at", "17:00", "time_unreadable"),
    ]
    assert kf.agenda(journal=journal).empty


def test_schedule__names_the_promise_that_stands_in_the_way(
    client: kf.Client, journal: Path, dishes: Rows
) -> None:
    """A row against a promise that stands names both; once that is cancelled the row is taken."""
    promised = kf.schedule(dishes(1, ends_at=later(3)), client, journal=journal)
    opposite = dishes(1, starts_at=later(1), ends_at=later(2)).assign(is_enabled=True)
    with pytest.raises(
        kf.InvalidToggles, match=f"Promise {promised['promise_id'].iloc[0][:8]}, which stands"
    ):
        kf.schedule(opposite, client, journal=journal)
    kf.cancel_promises(promised["promise_id"], journal=journal)
    assert len(kf.schedule(opposite, client, journal=journal)) == 1


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Europe/Berlin"])
def test_schedule__reads_dates_of_a_spreadsheet_exactly(
    client: kf.Client, journal: Path, dishes: Rows, tmp_path: Path, zone: str
) -> None:
    """A date cell of Excel is the time that it shows, by the clock that is named."""
    shown = pd.Timestamp.now(tz=zone).floor("min") + HOUR
    path = tmp_path / "lunch.xlsx"
    dishes(1, ends_at=shown.tz_localize(None)).to_excel(path, index=False, engine="xlsxwriter")
    assert kf.schedule(path, client, journal=journal, timezone=zone)["ends_at"].tolist() == [shown]


def test_schedule__refuses_a_journal_in_memory(client: kf.Client, dishes: Rows) -> None:
    """A promise that nobody remembers is none."""
    with pytest.raises(kf.ConfigError, match="forgotten"):
        kf.schedule(dishes(1, ends_at=later()), client, journal=":memory:")


def test_plan__names_schedule(client: kf.Client, dishes: Rows) -> None:
    """A plan of timed rows is refused with the way that takes them."""
    with pytest.raises(kf.PlanError, match="`schedule`"):
        kf.plan(dishes(1, ends_at=later()))
