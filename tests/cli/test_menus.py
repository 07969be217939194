"""What guests see, what changed, and what is to be brought in line: publish, drift and align."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import Done, Terminal

CELL = ["entity_type", "entity_id", "brand_id", "branch_id"]


def _frame(done: Done) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(done.out))


def _stores_of(table: Path) -> list[tuple[int, int]]:
    pairs = pd.read_csv(table)[["brand_id", "branch_id"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def _words(pairs: list[tuple[int, int]]) -> list[str]:
    return [word for brand, branch in pairs for word in ("--store", f"{brand}/{branch}")]


def _seen(sandbox: kf.sandbox.Sandbox, table: Path) -> list[bool]:
    """Return what guests see of the cells of a table."""
    rows = pd.read_csv(table)[CELL].merge(sandbox.state(published=True), on=CELL, how="left")
    return rows["is_enabled"].tolist()


def _copied(sandbox: kf.sandbox.Sandbox, *, since: int) -> set[tuple[int, int]]:
    """Return the stores whose menus were made anew."""
    events = sandbox.history(since=since)
    copies = events[events["event"] == "copy"]
    return set(zip(copies["brand_id"], copies["branch_id"], strict=True))


def _last_event(sandbox: kf.sandbox.Sandbox) -> int:
    return int(sandbox.history()["no"].max())


def test_publish__of_a_run(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """The stores that the last run wrote are published, and no other; guests see it only then."""
    applied = terminal("apply", table, "--yes")
    assert "To show it to guests: klikit-frames publish --run " in applied.err
    assert _seen(online, table) == [True] * 4
    before = _last_event(online)
    done = terminal("publish", "--run", "last", "--yes")
    assert done.code == 0, done.err
    stores = _stores_of(table)
    assert _frame(done)[["brand_id", "branch_id", "outcome"]].values.tolist() == [
        [*store, "published"] for store in stores
    ]
    assert f"{len(stores)} of {len(stores)} store" in done.err
    assert "To prove it: klikit-frames verify last" in done.err
    assert _copied(online, since=before) == set(stores)
    assert _seen(online, table) == [False] * 4


def test_apply__publishes_at_its_end(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """With --publish guests see the rows once apply has ended, and nobody is told to publish."""
    done = terminal("apply", table, "--yes", "--publish")
    assert done.code == 0, done.err
    assert _frame(done)[["outcome", "published"]].values.tolist() == [["applied", True]] * 4
    assert "klikit-frames publish" not in done.err
    assert _seen(online, table) == [False] * 4
    verified = terminal("verify", "last")
    assert (verified.code, _frame(verified)["proof"].tolist()) == (0, ["confirmed"] * 4)


def test_publish__of_stores_that_are_named(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """--store publishes just these, --all-stores every store of the business."""
    pairs = [(5297, 1293), (663, 1062)]
    before = _last_event(online)
    done = terminal("publish", *_words(pairs), "--yes")
    assert done.code == 0, done.err
    assert "2 of 2 stores published." in done.err
    assert _copied(online, since=before) == set(pairs)
    done = terminal("publish", "--all-stores", "--yes")
    assert done.code == 0, done.err
    assert "60 of 60 stores published." in done.err
    assert len(_copied(online, since=before)) == 60


def test_publish__that_fails_in_part(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """A store of nobody is told, the other is published, and the end is 1."""
    done = terminal("publish", *_words([(5297, 1293), (999999, 1)]), "--yes")
    assert done.code == 1, done.err
    told = _frame(done).set_index("brand_id")["outcome"]
    assert told[5297] == "published"
    assert told[999999] != "published"
    assert "1 of 2 stores published." in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("publish --yes", "Name the stores"),
        ("publish --all-stores --store 5297/1293 --yes", "Name the stores"),
        ("publish --store 5297 --yes", "BRAND/BRANCH"),
        ("publish --store 5297/1293", "say --yes"),
        ("align --like 5297/1293", "Name the stores"),
        ("align --like 5297 --store 5297/1293", "BRAND/BRANCH"),
    ],
)
def test_stores__not_named_well(
    terminal: Terminal, online: kf.sandbox.Sandbox, words: str, said: str
) -> None:
    """What is not said whole, or not agreed to, ends with 2 and the cure, before a request."""
    done = terminal(*words.split())
    assert (done.code, len(online.requests)) == (2, 0)
    assert said in done.err


def test_drift__since_a_snapshot(terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """What somebody else switched since a snapshot is told, live or by a later one; nothing is written."""
    store, path, later = (5297, 1293), tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    assert terminal("state", *_words([store]), "--out", path).code == 0
    before = pd.read_csv(path)
    items = before[before["entity_type"].eq("item") & before["is_enabled"].eq(True)]
    ids = [int(entity_id) for entity_id in items["entity_id"].head(2)]
    online.edit("item", ids, stores=[store], is_enabled=False)
    online.publish([store])
    live = terminal("drift", path)
    assert live.code == 0, live.err
    assert sorted(_frame(live)[["entity_id", "was", "now", "drift"]].values.tolist()) == [
        [entity_id, True, False, "switched_off"] for entity_id in sorted(ids)
    ]
    assert terminal("state", *_words([store]), "--out", later).code == 0
    n_requests = len(online.requests)
    pd.testing.assert_frame_equal(_frame(terminal("drift", path, later)), _frame(live))
    assert len(online.requests) == n_requests
    assert online.requests["method"].eq("GET").all()


def test_align__brings_a_store_in_line(
    terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """The table of align, applied and published, makes every flag that both stores have the same."""
    stores = online.state()
    stores = stores[stores["scope"] == "store"]
    brand = stores["brand_id"].iloc[0]
    branches = stores.loc[stores["brand_id"] == brand, "branch_id"].unique()[:2]
    like, other = [(int(brand), int(branch)) for branch in branches]
    path = tmp_path / "align.csv"
    words = ["align", "--like", f"{like[0]}/{like[1]}", *_words([other])]
    done = terminal(*words, "--out", path)
    assert done.code == 0, done.err
    assert f"To send it: klikit-frames apply {path}" in done.err
    assert online.requests["method"].eq("GET").all()
    table = pd.read_csv(path)
    assert _stores_of(path) == [other]
    assert terminal("apply", path, "--yes", "--publish").code == 0
    truth = online.state().set_index(CELL)["is_enabled"]
    rows = table[["entity_type", "entity_id"]].drop_duplicates()
    flags = [[truth[(kind, no, *store)] for kind, no in rows.values] for store in (like, other)]
    assert len(flags[0]) > 0
    assert flags[0] == flags[1]
    assert len(_frame(terminal(*words))) == 0


def test_effect__of_a_table_and_of_a_plan(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """What guests would no longer see is told by dish, live or against a snapshot; nothing is sent."""
    snapshot, plan = tmp_path / "monday.csv", tmp_path / "changes.plan.json"
    assert terminal("state", "--all-stores", "--out", snapshot).code == 0
    assert terminal("plan", table, "--out", plan).code == 0
    done = terminal("effect", table)
    assert done.code == 0, done.err
    told = _frame(done)
    assert sorted(told["entity_id"]) == sorted(pd.read_csv(table)["entity_id"])
    assert set(told["because"]) == {"item"}
    assert "Guests no longer see 4 dishes in 1 store." in done.err
    assert f"To make it true: klikit-frames apply {table}" in done.err
    for words in (
        ("effect", plan),
        ("effect", table, "--state", snapshot),
        ("effect", plan, "--state", snapshot),
    ):
        pd.testing.assert_frame_equal(_frame(terminal(*words)), told)
    assert online.requests["method"].eq("GET").all()
