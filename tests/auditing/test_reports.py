"""A report to mail."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

import klikit_frames as kf
from tests.auditing import scenarios


def test_report__everything_in_one_file(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, tmp_path: Path
) -> None:
    """All that is given is in one small file that loads nothing and runs nothing."""
    stores = kf.stores(client)
    pairs = scenarios.some_stores(client)
    before = kf.read_state(client, stores=pairs, with_business=True, progress=False)
    cells = scenarios.some_cells(client, pairs)
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), state=before)
    result = kf.run(plan, client, journal=tmp_path / "journal.sqlite3", progress=False)
    after = kf.read_state(client, stores=pairs, with_business=True, progress=False)
    path = kf.report(
        tmp_path / "report.html",
        title="Lunch <off>",
        plan=plan,
        result=result,
        proof=kf.verify(result, client),
        changes=kf.drift(before, after),
        state=after,
        stores=stores,
    )
    page = path.read_text(encoding="utf-8")
    assert "<h1>Lunch &lt;off&gt;</h1>" in page
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "What became of it",
        "Read back from the server",
        "The plan",
        "How to undo it",
        "What changed between two snapshots",
        "What is on and off now",
    ]
    assert page.count("<img alt=") == 5
    assert not re.search(r"<script|https?://|\son\w+=", page)
    assert path.stat().st_size < 5 * 2**20
    assert sandbox.secret_key not in page
    assert "publishing makes it anew" in page
    assert not re.search(r"\b(kf|klikit_frames)\.", page)


def test_report__only_what_there_is(tmp_path: Path) -> None:
    """What is not given is not there."""
    page = kf.report(tmp_path / "empty.html").read_text(encoding="utf-8")
    assert "<h2>" not in page


def test_report__failures_first(client: kf.Client, tmp_path: Path) -> None:
    """What went wrong is in the first rows of the table."""
    toggles = kf.business_toggles("item", [999_999_999], is_enabled=False)
    good = scenarios.toggles_of(
        scenarios.some_cells(client, scenarios.some_stores(client)).head(1), is_enabled=False
    )
    both = pd.concat([good, toggles])
    result = kf.run(kf.plan(both), client, journal=":memory:", progress=False)
    page = kf.report(tmp_path / "r.html", result=result).read_text(encoding="utf-8")
    assert page.index("rejected</td>") < page.index("applied</td>")


def test_report__on_a_phone(client: kf.Client, tmp_path: Path) -> None:
    """It is as wide as its screen: causes are no table, pictures shrink, commands wrap, ids are short."""
    toggles = kf.business_toggles("item", [999_999_999], is_enabled=False)
    good = scenarios.toggles_of(
        scenarios.some_cells(client, scenarios.some_stores(client)).head(1), is_enabled=False
    )
    journal = tmp_path / "my journal.sqlite3"
    result = kf.run(kf.plan(pd.concat([good, toggles])), client, journal=journal, progress=False)
    page = kf.report(tmp_path / "r.html", result=result).read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width' in page
    assert "img { max-width: 100%" in page
    assert "<p><strong>1 row rejected</strong><br>resource_not_found" in page
    assert (
        f"<pre>klikit-frames undo {result.run_id[:8]} --journal &#x27;my journal.sqlite3&#x27;</pre>" in page
    )


def test_report__of_a_run_in_memory_cannot_be_undone(client: kf.Client, tmp_path: Path) -> None:
    """No page names a command that would find no journal."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)).head(1)
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False))
    result = kf.run(plan, client, journal=":memory:", progress=False)
    page = kf.report(tmp_path / "r.html", result=result).read_text(encoding="utf-8")
    assert "klikit-frames undo" not in page


def test_report__of_20_000_dishes_can_be_mailed(tmp_path: Path) -> None:
    """However many dishes there are, all of them are named, and the file stays under 2 MB."""
    toggles = kf.cross_toggles("item", range(1, 20_001), [(663, 1062)], is_enabled=False)
    titles = "Ayam Geprek Sambal Ijo Paha " + toggles["entity_id"].astype(str)
    path = kf.report(tmp_path / "large.html", plan=kf.plan(toggles.assign(title=titles)))
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 2_000_000
    assert page.count("<td>Ayam Geprek Sambal Ijo Paha ") == 20_000
