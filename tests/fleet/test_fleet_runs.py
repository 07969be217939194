"""One table of many businesses is split by its column, and their plans are run side by side."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.fleet.fleet_runs import build_tasks
from klikit_frames.running import locks
from tests.fixtures import wrong

from .conftest import Sandboxes


def _rows(*rows: tuple[object, int, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["business", "entity_id", "is_enabled"])
    return frame.assign(entity_type="item", brand_id=1, branch_id=2)


def test_plan__one_for_each_business() -> None:
    """Each business has its own plan; the rows keep the table's index and their other columns."""
    table = _rows(("depok", 7, False), ("bali", 7, True), ("depok", 8, False)).assign(note=["a", "b", "c"])
    plans = kf.fleet.plan(table, progress=False)
    notes = {name: plan.toggles["note"].to_dict() for name, plan in plans.items()}
    assert notes == {"depok": {0: "a", 2: "c"}, "bali": {1: "b"}}
    assert all("business" not in plan.toggles for plan in plans.values())


def test_plan__opposite_flags_in_two_businesses_are_no_contradiction() -> None:
    """The same id in two businesses is two things; within one it is a contradiction."""
    kf.fleet.plan(_rows(("depok", 7, False), ("bali", 7, True)), progress=False)
    with pytest.raises(kf.InvalidToggles) as raised:
        kf.fleet.plan(_rows(("depok", 7, False), ("depok", 7, True)), progress=False)
    assert set(raised.value.problems["code"]) == {"contradiction"}


def test_plan__all_problems_at_once() -> None:
    """Bad names of businesses and bad rows of several are listed together, by the rows of the one table."""
    source = (
        b"business,item_id,store,is_enabled\n"
        b"depok,7,1/2,off\nDepok,7,1/2,off\n,7,1/2,off\nbali,x,1/2,off\nmedan,7,1/2,maybe\n"
    )
    with pytest.raises(kf.InvalidToggles) as raised:
        kf.fleet.plan(source, progress=False)
    problems = raised.value.problems
    assert problems[["row", "line", "column", "code"]].astype(object).to_numpy().tolist() == [
        [2, 3, "business", "business_unreadable"],
        [3, 4, "business", "business_unreadable"],
        [4, 5, "entity_id", "id_not_number"],
        [5, 6, "is_enabled", "flag_unknown"],
    ]


def test_plan__without_the_column() -> None:
    """For a table of one business the error says what it lacks."""
    with pytest.raises(kf.InvalidToggles, match="business"):
        kf.fleet.plan(_rows(("depok", 7, False)).drop(columns="business"), progress=False)


def test_plan__states_and_options_reach_each_business() -> None:
    """A state of a business that the table does not name is an error; options are those of plan."""
    with pytest.raises(kf.ConfigError, match="medan"):
        kf.fleet.plan(_rows(("depok", 7, False)), states={"medan": pd.DataFrame()}, progress=False)
    plans = kf.fleet.plan(_rows(("depok", 7, False), ("depok", 8, False)), combine=False, progress=False)
    assert plans["depok"].n_requests == 2


def _outcomes(result: kf.fleet.FleetResult) -> dict[str, dict[str, int]]:
    groups = result.frame.groupby("business", sort=False)["outcome"]
    return {str(business): dict(Counter(outcomes.tolist())) for business, outcomes in groups}


def test_run__each_business_with_its_own_journal(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path
) -> None:
    """Every row is applied at its own business, in the table's order; running again sends nothing."""
    plans = kf.fleet.plan(table, progress=False)
    result = kf.fleet.run(plans, journal_folder=folder)
    assert result.frame.columns[0] == "business"
    rows = result.frame[["business", "entity_id"]].to_numpy().tolist()
    assert rows == table[["business", "entity_id"]].to_numpy().tolist()
    assert result.counts == result.counts | {"applied": len(table)}
    for name, sandbox in sandboxes.items():
        assert len(kf.runs(journal=folder / f"{name}.sqlite3")) == 1
        state = sandbox.state()
        asked = table.loc[table["business"] == name, "entity_id"]
        assert not state.loc[state["entity_id"].isin(asked) & state["scope"].eq("store"), "is_enabled"].all()
    n_requests = {name: len(sandbox.requests) for name, sandbox in sandboxes.items()}
    again = kf.fleet.run(plans, journal_folder=folder)
    assert {name: len(sandbox.requests) for name, sandbox in sandboxes.items()} == n_requests
    assert again.frame.equals(result.frame)


def test_run__trouble_of_one_leaves_the_others_alone(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """A revoked credential and a profile that is not there cost their own rows only, with the reason."""
    sandboxes["depok"].revoke()
    more = table[table["business"] == "bali"].assign(business="nowhere")
    plans = kf.fleet.plan(pd.concat([table, more], ignore_index=True), progress=False)
    result = kf.fleet.run(plans, journal_folder=folder)
    assert _outcomes(result) == {
        "depok": {"not_sent": 6},
        "bali": {"applied": 6},
        "medan": {"applied": 6},
        "nowhere": {"not_sent": 6},
    }
    assert {name: type(error).__name__ for name, error in result.errors.items()} == {
        "depok": "AuthError",
        "nowhere": "ConfigError",
    }
    messages = result.frame.groupby("business")["message"].first()
    assert "no profile 'nowhere'" in messages["nowhere"]
    with pytest.raises(kf.RunFailed, match="depok"):
        result.raise_for_failures()


def test_run__host_that_is_away(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """A dead host is found out before anything is noted of its business."""
    path = tmp_path / "profiles.toml"
    path.write_text(path.read_text().replace(sandboxes["bali"].url, "http://127.0.0.1:9/v1/partner"))
    result = kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=folder)
    assert _outcomes(result)["bali"] == {"not_sent": 6}
    assert (result.counts["applied"], type(result.errors["bali"]).__name__) == (12, "TransportError")


def test_run__plan_of_another_host(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """A plan that was first run on another host is refused for its business alone."""
    plans = kf.fleet.plan(table, progress=False)
    kf.fleet.run({"depok": plans["depok"]}, journal_folder=folder)
    path = tmp_path / "profiles.toml"
    path.write_text(path.read_text().replace(sandboxes["depok"].url, sandboxes["bali"].url))
    result = kf.fleet.run(plans, journal_folder=folder)
    assert type(result.errors["depok"]).__name__ == "PlanError"
    assert "first run on" in str(result.errors["depok"])
    assert set(result.errors) == {"depok"}


def test_run__second_task_of_one_business_is_refused(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path
) -> None:
    """While a business is being run, another plan of it waits for a person, and nothing of it is sent."""
    plans = kf.fleet.plan(table, progress=False)
    folder.mkdir()
    with locks.hold(folder / "depok.sqlite3.locks" / "business", what="a test"):
        result = kf.fleet.run(plans, journal_folder=folder)
    assert _outcomes(result)["depok"] == {"not_sent": 6}
    assert "is being run already" in str(result.errors["depok"])
    assert kf.fleet.run(plans, journal_folder=folder).counts["applied"] == 18


def test_run__journal_folder_that_cannot_be_written(
    sandboxes: Sandboxes, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A file in place of the folder is named, and nothing is sent."""
    path = tmp_path / "file"
    path.touch()
    result = kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=path)
    assert result.counts["not_sent"] == 18
    assert {type(error).__name__ for error in result.errors.values()} == {"JournalError"}
    assert sum(len(sandbox.requests) for sandbox in sandboxes.values()) == 0


def test_run__takes_nothing_from_the_environment(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile without its key is refused, though the environment holds that of another business."""
    monkeypatch.setenv("KLIKIT_PARTNER_KEY", sandboxes["bali"].partner_key)
    path = tmp_path / "profiles.toml"
    path.write_text(path.read_text().replace(f'partner_key = "{sandboxes["depok"].partner_key}"\n', "", 1))
    result = kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=folder)
    assert set(result.errors) == {"depok"}
    assert "has no partner_key" in str(result.errors["depok"])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"journal": "x.sqlite3"}, kf.ConfigError, "journal_folder="),
        ({"prices": 1}, kf.ConfigError, "'prices'"),
        ({"confirm": {"nobody": "x"}}, kf.ConfigError, "'nobody'"),
        ({"journal_folder": 7}, kf.ConfigError, "journal_folder=7 is not"),
        ({"mirror_folder": 7}, kf.ConfigError, "mirror_folder=7 is not"),
        ({"start_timeout_s": "soon"}, kf.ConfigError, "no number of seconds"),
    ],
)
def test_run__options_of_no_use(
    table: pd.DataFrame, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """An unknown option is named before anything is sent."""
    with pytest.raises(error, match=said):
        kf.fleet.run(kf.fleet.plan(table, progress=False), **options)


def test_run__takes_plans_by_business(table: pd.DataFrame) -> None:
    """A table, a list and a name that no profile can have are refused, with what to write instead."""
    plan = kf.fleet.plan(table, progress=False)["depok"]
    for plans, said in (
        (table, "kf.fleet.plan"),
        ({"depok": table}, "kf.plan"),
        ({"De pok": plan}, "De pok"),
    ):
        with pytest.raises((kf.PlanError, kf.ConfigError), match=said):
            kf.fleet.run(wrong(plans))


def test_task__has_no_secret(sandboxes: Sandboxes, table: pd.DataFrame, folder: Path) -> None:
    """What travels to a worker, and what comes back, holds neither key nor secret."""
    plans = kf.fleet.plan(table, progress=False)
    tasks = build_tasks(
        plans, journal_folder=folder, mirror_folder=None, confirm={}, caps={}, options={"before": "none"}
    )
    sandboxes["depok"].revoke()
    result = kf.fleet.run(plans, journal_folder=folder, before="none")
    sent = pickle.dumps(tasks) + pickle.dumps((result.results, result.errors))
    for sandbox in sandboxes.values():
        assert sandbox.secret_key.encode() not in sent
        assert sandbox.partner_key.encode() not in sent


def test_run__one_bar_for_all(sandboxes: Sandboxes, table: pd.DataFrame, folder: Path) -> None:
    """The bar counts the requests of all businesses, and is closed."""

    class Bar:
        n, is_closed = 0, False

        def update(self, n: int = 1) -> None:
            self.n += n

        def close(self) -> None:
            self.is_closed = True

    bar = Bar()
    plans = kf.fleet.plan(table, progress=False, combine=False)
    kf.fleet.run(plans, journal_folder=folder, progress=bar)
    assert (bar.n, bar.is_closed) == (18, True)


def test_run__word_gets_out_once(sandboxes: Sandboxes, table: pd.DataFrame, folder: Path) -> None:
    """The summary tells all businesses, and each."""
    summaries: list[dict[str, Any]] = []
    sandboxes["bali"].revoke()
    kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=folder, on_finish=summaries.append)
    ((summary),) = summaries
    assert (summary["counts"]["applied"], summary["is_complete"]) == (12, False)
    assert {name: business["error"] for name, business in summary["businesses"].items()} == {
        "depok": None,
        "bali": "AuthError",
        "medan": None,
    }


def test_status__last_run_of_each(sandboxes: Sandboxes, table: pd.DataFrame, folder: Path) -> None:
    """One row per journal; one that is none has the reason."""
    kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=folder)
    (folder / "zero.sqlite3").write_bytes(b"no journal at all")
    status = kf.fleet.status(journal_folder=folder)
    assert status["business"].tolist() == ["bali", "depok", "medan", "zero"]
    assert status["status"].tolist()[:3] == ["finished"] * 3
    assert "cannot be used" in status["status"].iloc[3]


def test_views__name_businesses_and_trouble(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """The page and the report show every business, the same ids of two counted twice, and run nothing."""
    sandboxes["medan"].revoke()
    result = kf.fleet.run(kf.fleet.plan(table, progress=False), journal_folder=folder)
    assert result.overview.headline == "12 dishes off in 2 stores"
    page = result._repr_html_()
    report = result.report(tmp_path / "fleet.html").read_text(encoding="utf-8")
    for text in (page, report):
        assert all(name in text for name in sandboxes)
        assert "<script" not in text
    assert "revoked" in page.lower()
    assert len(pd.read_csv(result.to_csv(tmp_path / "fleet.csv"))) == 18


def test_run__goes_on_from_the_mirror_where_no_journal_is(
    sandboxes: Sandboxes, table: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """A worker on a new machine finds the mirror and sends only what is left, under the same keys."""
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    plans = kf.fleet.plan(table, combine=False, progress=False)
    sandboxes["bali"].inject("reset_before", match="PATCH", count=50)
    options: dict[str, Any] = {"mirror_folder": mirrors, "before": "none"}
    kf.fleet.run(plans, journal_folder=folder, max_failures=0, deadline_s=1.0, **options)
    assert sorted(path.name for path in mirrors.glob("*.sqlite3")) == sorted(
        f"{n}.sqlite3" for n in sandboxes
    )
    sandboxes["bali"].clear_faults()
    result = kf.fleet.run(plans, journal_folder=tmp_path / "elsewhere", **options)
    assert result.counts["applied"] == 18
    for sandbox in sandboxes.values():
        history = sandbox.history()
        assert history[history["key"].notna()].groupby(["entity_id", "branch_id"]).size().tolist() == [1] * 6
    # Back on the first machine, whose journals do not know what was done elsewhere.
    back = kf.fleet.plan(table.assign(is_enabled=True), progress=False)
    again = kf.fleet.run(back, journal_folder=folder, **options)
    assert again.counts["applied"] == 18
    assert [len(kf.runs(journal=path)) for path in mirrors.glob("*.sqlite3")] == [2] * 3
