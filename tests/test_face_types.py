"""What the type checker knows of the public face; mypy reads this file, and the suite runs mypy."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import assert_type

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.pictures import Picture
from klikit_frames.auditing.undo import Undo

# The folders of names have no call to check.
NOT_CALLED = {"fleet", "forms", "sandbox"}


def face_of_promises(client: kf.Client) -> None:
    """Timed rows in, plain frames out."""
    assert_type(kf.schedule("lunch.csv", client, timezone="Asia/Jakarta", publish=True), pd.DataFrame)
    assert_type(kf.tick(client), pd.DataFrame)
    assert_type(kf.agenda(), pd.DataFrame)
    assert_type(kf.cancel_promises("3f9c2a10"), pd.DataFrame)
    assert_type(kf.extend_promises(["3f9c2a10"], ends_at="2026-03-09T18:00+07:00"), pd.DataFrame)


def face_of_tables() -> None:
    """Tables in, plain frames out."""
    assert_type(kf.read_toggles("toggles.csv"), pd.DataFrame)
    assert_type(kf.check_toggles("toggles.csv"), kf.CheckedToggles)
    assert_type(kf.check_toggles("toggles.csv").problems, pd.DataFrame)
    assert_type(kf.check_toggles("toggles.csv").toggles, pd.DataFrame)
    assert_type(kf.cross_toggles("item", [7], [(1, 11)], is_enabled=False), pd.DataFrame)
    assert_type(kf.business_toggles("item", [7], is_enabled=False), pd.DataFrame)
    frame = pd.DataFrame()
    assert_type(kf.from_matrix(frame), pd.DataFrame)
    assert_type(kf.to_matrix(frame), pd.DataFrame)
    assert_type(kf.template("template.csv"), Path)
    assert_type(kf.resolve("names.csv", frame, stores=frame), pd.DataFrame)


def face_of_plans(client: kf.Client, toggles: pd.DataFrame) -> None:
    """A plan is a value; its views are frames."""
    plan = kf.plan(toggles, state=None, limits=kf.Limits(max_ids=500), combine=True, time_budget_s=5.0)
    assert_type(plan, kf.Plan)
    assert_type(kf.load_plan("monday.plan.json"), kf.Plan)
    assert_type(plan.requests, pd.DataFrame)
    assert_type(plan.rows, pd.DataFrame)
    assert_type((plan.n_rows, plan.n_requests, plan.lower_bound), tuple[int, int, int])
    assert_type((plan.digest, plan.plan_id, plan.confirm_code(client)), tuple[str, str, str])


def face_of_fleets(plans: dict[str, kf.Plan]) -> None:
    """A fleet's result is one frame over all businesses."""
    assert_type(kf.fleet.plan("toggles.csv"), dict[str, kf.Plan])
    result = kf.fleet.run(plans, executor=None, journal_folder="journals", confirm=None, progress=False)
    assert_type(result, kf.fleet.FleetResult)
    assert_type(result.frame, pd.DataFrame)
    assert_type(result.counts, dict[str, int])
    assert_type(result.report("fleet.html"), Path)
    assert_type(kf.fleet.status(), pd.DataFrame)
    assert_type(kf.fleet.tick(), kf.fleet.FleetFrame)
    assert_type(kf.fleet.audit("wanted"), kf.fleet.FleetFrame)


def face_of_runs(client: kf.Client, plan: kf.Plan) -> None:
    """A run is a result, now or later."""
    result = kf.run(plan, client, journal=None, progress=False, on_error="continue", before="auto")
    assert_type(result, kf.Result)
    assert_type(kf.resume("last", client), kf.Result)
    assert_type(kf.start(plan, client), kf.Job)
    assert_type(kf.attach("last"), kf.Job)
    assert_type(kf.attach("last").result(), kf.Result)
    assert_type(kf.runs(), pd.DataFrame)
    assert_type(kf.prune_runs("30d"), pd.DataFrame)
    assert_type(result.frame, pd.DataFrame)
    assert_type(result.failed, pd.DataFrame)
    assert_type(result.counts, dict[str, int])
    assert_type(result.to_csv("result.csv"), Path)
    assert_type(kf.publish([(1, 11)], client), pd.DataFrame)
    assert_type(kf.verify(result, client), pd.DataFrame)
    assert_type(kf.approve("monday.plan.json", client, by="Siti"), Path)
    assert_type(kf.audit("wanted", client), pd.DataFrame)
    assert_type(kf.reconcile("wanted", client, max_changes=0.2, publish=False), kf.Result)
    assert_type(kf.undo(result.run_id, client), Undo)


def face_of_states(client: kf.Client, toggles: pd.DataFrame) -> None:
    """States and what is compared with them are plain frames."""
    state = kf.read_state(client, stores=[(1, 11)], journal=None)
    assert_type(state, pd.DataFrame)
    assert_type(kf.stores(client), pd.DataFrame)
    assert_type(kf.export_journal("away.sqlite3"), Path)
    assert_type(kf.import_journal("away.sqlite3"), list[str])
    assert_type(kf.doctor(), pd.DataFrame)
    assert_type(kf.failures(state), pd.DataFrame)
    assert_type(kf.diff(toggles, state), pd.DataFrame)
    assert_type(kf.drift(state, state), pd.DataFrame)
    assert_type(kf.mixed(state), pd.DataFrame)
    assert_type(kf.overrides(state), pd.DataFrame)
    assert_type(kf.effect(toggles, state), pd.DataFrame)
    assert_type(kf.effective(state), pd.DataFrame)
    assert_type(kf.dark_categories(state), pd.DataFrame)
    assert_type(kf.summary(state), str)
    assert_type(kf.load_state("state.parquet"), pd.DataFrame)
    assert_type(kf.save_state(state, "state.parquet"), Path)
    assert_type(kf.compare_stores(state, store=(1, 11), other=(1, 12)), pd.DataFrame)
    assert_type(kf.align(state, like=(1, 11)), pd.DataFrame)


def face_of_pictures(plan: kf.Plan, result: kf.Result, frame: pd.DataFrame) -> None:
    """A plot is a picture for a notebook; a report is a file."""
    assert_type(kf.plot_plan(plan), Picture)
    assert_type(kf.plot_timeline(result), Picture)
    assert_type(kf.plot_matrix(frame), Picture)
    assert_type(kf.plot_dark(frame, by="section"), Picture)
    assert_type(kf.plot_drift(frame), Picture)
    assert_type(kf.report("monday.html", plan=plan), Path)


def face_of_sandboxes() -> None:
    """A sandbox is a context manager of itself; forms are widgets that are made."""
    with kf.sandbox.serve() as sandbox:
        assert_type(sandbox, kf.sandbox.Sandbox)
        assert_type(sandbox.connect(), kf.Client)
        assert_type(sandbox.state(), pd.DataFrame)
        assert_type(sandbox.requests, pd.DataFrame)
        assert_type((sandbox.url, sandbox.partner_key, sandbox.secret_key), tuple[str, str, str])


def face_of_clients() -> None:
    """A client is a context manager of itself."""
    with kf.connect("http://127.0.0.1:1/v1/partner") as client:
        assert_type(client, kf.Client)


def test_face_types__all_names_are_stated_for_type_checkers() -> None:
    """The stub names what the package exports, so that an editor completes it all."""
    stub = ast.parse((Path(kf.__file__).with_suffix(".pyi")).read_text())
    named = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named == set(kf.__all__)


def test_face_types__every_public_function_has_its_type_checked() -> None:
    """What a function returns stands here, so that a change of it is seen."""
    called = set(re.findall(r"assert_type\(\s*kf\.(?:fleet\.)?(\w+)\(", Path(__file__).read_text()))
    called |= {"connect", "plan", "read_state", "run"}  # their values have names above
    functions = {name for name in kf.__all__ if inspect.isfunction(getattr(kf, name))}
    assert functions - called == set()


def test_face_types__folders_of_names_are_modules() -> None:
    """`kf.forms` and `kf.sandbox` are modules, loaded on first use."""
    assert all(isinstance(getattr(kf, name), ModuleType) for name in NOT_CALLED)
