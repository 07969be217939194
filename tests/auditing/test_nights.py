"""Nights of a wanted table: whatever others do, menus lag and processes die, the table comes true again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from tests.auditing.wanted_scenarios import CELL, publish, stores_of, switch, wanted_table, writes

_N_ROWS = 4
_PLACES = st.lists(st.integers(0, _N_ROWS - 1), unique=True, max_size=2)


@given(
    before=_PLACES,
    is_published=st.booleans(),
    is_live=st.booleans(),
    after=_PLACES,
    publishes=st.booleans(),
)
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_after_a_reconcile_and_a_publish__only_later_edits_are_found(
    sandbox: kf.sandbox.Sandbox,
    tmp_path_factory: object,
    before: list[int],
    after: list[int],
    *,
    is_published: bool,
    is_live: bool,
    publishes: bool,
) -> None:
    """Whatever was edited before is made so; what audit finds then is what was edited and published since.

    Edits that nobody published cannot be seen in a stale menu, and a publish brings them out: a second night
    mends them.
    """
    sandbox.reset()
    sandbox.set(store_read="live" if is_live else "stale")
    journal = tmp_path_factory.mktemp("night") / "journal.sqlite3"  # type: ignore[attr-defined]
    with sandbox.connect(writes_per_minute=1_000_000, reads_per_minute=1_000_000) as client:
        table = wanted_table(sandbox, n_stores=2, n_items=_N_ROWS // 2)
        if before:
            switch(table.iloc[before], client, is_published=is_published)
        for _night in range(1 if is_published or is_live or not before else 2):
            kf.reconcile(table, client, publish=publishes, journal=journal, progress=False)
            publish(table, client)
        n_before = writes(sandbox)
        kf.reconcile(table, client, publish=publishes, journal=journal, progress=False)
        assert writes(sandbox) == n_before
        assert kf.audit(table, client, journal=journal, progress=False)["change"].eq("already").all()
        if after:
            switch(table.iloc[after], client)
        audited = kf.audit(table, client, journal=journal, progress=False)
        assert audited.index[audited["change"] != "already"].tolist() == sorted(after)


_DIES_BEFORE_IT_PUBLISHES = """
import os, signal, sys
import pandas as pd
import klikit_frames as kf
from klikit_frames.running.publishes import StorePublisher

def die(self, stores):
    os.kill(os.getpid(), signal.SIGKILL)

StorePublisher.publish = die
url, partner_key, secret_key, table, journal = sys.argv[1:]
with kf.connect(url, partner_key=partner_key, secret_key=secret_key) as client:
    kf.reconcile(table, client, publish=True, journal=journal, progress=False)
"""


def test_a_night_that_is_killed_before_its_publish__is_resumed(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, tmp_path: Path
) -> None:
    """Resume publishes what the night wrote and what it found waiting, and writes nothing again."""
    table = wanted_table(sandbox, n_stores=2, n_items=3)
    path = tmp_path / "wanted.csv"
    table.to_csv(path, index=False)
    switch(table.iloc[[0]], client)
    kf.reconcile(table, client, journal=journal, progress=False)
    switch(table.iloc[[4]], client)
    words = [sandbox.url, sandbox.partner_key, sandbox.secret_key, str(path), str(journal)]
    done = subprocess.run(
        [sys.executable, "-c", _DIES_BEFORE_IT_PUBLISHES, *words], capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    n_before = writes(sandbox)
    result = kf.resume("last", client, journal=journal, progress=False)
    assert writes(sandbox) == n_before
    assert result.frame.loc[[0, 4], "published"].tolist() == [True, True]
    guests = table[CELL].merge(sandbox.state(published=True), on=CELL, how="left")
    assert guests["is_enabled"].tolist() == table["is_enabled"].tolist()
    assert len(stores_of(table)) == 2
    again = kf.reconcile(table, client, publish=True, journal=journal, progress=False)
    assert again.counts["unchanged"] == len(table)
    assert isinstance(again.frame, pd.DataFrame)
