"""Arguments of the wrong kind: each public function and method refuses them in words, and sends nothing."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import klikit_frames as kf

from .fixtures import Desk

# What a person may give by mistake. The suite tries the first two; ALL_ODD=1 tries all.
ODD: dict[str, Any] = {
    "a number": 7,
    "a list": [None],
    "a word": "odd\0",
    "a thing": object(),
    "nothing": None,
    "a fraction": -1.5,
    "bytes": b"odd",
    "no rows": [],
    "a dict": {},
    "a frame": pd.DataFrame({"a": [1]}),
    "a flag": True,
}
TRIED = [*ODD] if os.environ.get("ALL_ODD") else [*ODD][:2]
# What is called with them has an effect of its own on the rest, or takes whatever there is.
UNTRIED = {"clock", "sleep", "transport", "executor", "left_out"}


class Call(NamedTuple):
    """A public function, and arguments with which it works; the others are tried as well."""

    function: Callable[..., object]
    arguments: dict[str, Any]


def calls_of(at: Desk) -> dict[str, Call]:
    """Return each public function and method by name."""
    to = {"client": at.client, "journal": at.journal}
    quiet = {**to, "progress": False}
    run_id = at.result.run_id
    job = kf.attach(run_id, journal=at.journal)
    fleet_result = kf.fleet.FleetResult({"depok": at.result})
    pair = (663, 1062)
    lunch = at.toggles.assign(starts_at="2099-01-01T00:00Z", ends_at="2099-01-02T00:00Z")
    matrix = pd.DataFrame({"item_id": [1], "663/1062": ["on"]})
    drift = kf.drift(at.state, at.state.assign(is_enabled=~at.state["is_enabled"]))
    return {
        "agenda": Call(kf.agenda, {"journal": at.journal}),
        "align": Call(kf.align, {"state": at.state, "like": pair}),
        "approve": Call(kf.approve, {"path": at.folder / "plan.json", "client": at.client, "by": "Siti"}),
        "attach": Call(kf.attach, {"run_id": run_id, "journal": at.journal}),
        "audit": Call(kf.audit, {"wanted": at.toggles, **quiet}),
        "business_toggles": Call(
            kf.business_toggles, {"entity_type": "item", "entity_ids": [7], "is_enabled": True}
        ),
        "cancel_promises": Call(kf.cancel_promises, {"ids": [], "journal": at.journal}),
        "check_toggles": Call(kf.check_toggles, {"source": at.toggles}),
        "compare_stores": Call(kf.compare_stores, {"state": at.state, "store": pair, "other": (664, 1062)}),
        "connect": Call(kf.connect, {"base_url": at.sandbox.url, "partner_key": "a", "secret_key": "b"}),
        "cross_toggles": Call(
            kf.cross_toggles,
            {"entity_type": "item", "entity_ids": [7], "stores": [pair], "is_enabled": True},
        ),
        "dark_categories": Call(kf.dark_categories, {"state": at.state}),
        "diff": Call(kf.diff, {"toggles": at.toggles, "state": at.state}),
        "doctor": Call(kf.doctor, {"client": at.client}),
        "drift": Call(kf.drift, {"before": at.state, "after": at.state}),
        "effect": Call(kf.effect, {"plan_or_toggles": at.toggles, "state": at.state}),
        "effective": Call(kf.effective, {"state": at.state}),
        "export_journal": Call(kf.export_journal, {"path": at.folder / "away", "journal": at.journal}),
        "extend_promises": Call(
            kf.extend_promises, {"ids": [], "ends_at": "2099-01-01T00:00Z", "journal": at.journal}
        ),
        "failures": Call(kf.failures, {"state": at.state}),
        "from_matrix": Call(kf.from_matrix, {"source": matrix, "entity_type": "item"}),
        "import_journal": Call(kf.import_journal, {"path": at.folder / "none", "journal": at.journal}),
        "load_plan": Call(kf.load_plan, {"path": at.folder / "plan.json"}),
        "load_state": Call(kf.load_state, {"path": at.folder / "state.csv"}),
        "mixed": Call(kf.mixed, {"state": at.state}),
        "overrides": Call(kf.overrides, {"state": at.state}),
        "plan": Call(kf.plan, {"toggles": at.toggles}),
        "plot_dark": Call(kf.plot_dark, {"state": at.state}),
        "plot_drift": Call(kf.plot_drift, {"changes": drift}),
        "plot_matrix": Call(kf.plot_matrix, {"state": at.state}),
        "plot_plan": Call(kf.plot_plan, {"plan": at.plan}),
        "plot_timeline": Call(kf.plot_timeline, {"result": at.result}),
        "prune_runs": Call(kf.prune_runs, {"older_than": timedelta(days=900), "journal": at.journal}),
        "publish": Call(kf.publish, {"stores": [pair], **to}),
        "read_state": Call(kf.read_state, {"stores": [pair], **quiet}),
        "read_toggles": Call(kf.read_toggles, {"source": at.toggles}),
        "reconcile": Call(kf.reconcile, {"wanted": at.toggles, "max_changes": 0, **quiet}),
        "report": Call(kf.report, {"path": at.folder / "report.html"}),
        "resolve": Call(kf.resolve, {"source": at.toggles, "state": at.state}),
        "resume": Call(kf.resume, {"run_id": run_id, **quiet}),
        "run": Call(kf.run, {"plan": at.plan, **quiet}),
        "runs": Call(kf.runs, {"journal": at.journal}),
        "save_state": Call(kf.save_state, {"state": at.state, "path": at.folder / "new.csv"}),
        "schedule": Call(kf.schedule, {"toggles": lunch, **to}),
        "start": Call(kf.start, {"plan": at.plan, **quiet}),
        "stores": Call(kf.stores, {"client": at.client}),
        "summary": Call(kf.summary, {"frame": at.state}),
        "template": Call(kf.template, {"path": at.folder / "template.csv"}),
        "tick": Call(kf.tick, quiet),
        "to_matrix": Call(kf.to_matrix, {"frame": at.toggles}),
        "undo": Call(kf.undo, {"run_id": run_id, **quiet}),
        "verify": Call(kf.verify, {"result": at.result, **quiet}),
        "fleet.audit": Call(kf.fleet.audit, {"wanted": at.toggles, "journal_folder": at.folder}),
        "fleet.plan": Call(kf.fleet.plan, {"toggles": at.toggles.assign(business="depok")}),
        "fleet.run": Call(kf.fleet.run, {"plans": {}, "journal_folder": at.folder, "progress": False}),
        "fleet.status": Call(kf.fleet.status, {"journal_folder": at.folder}),
        "fleet.tick": Call(kf.fleet.tick, {"businesses": [], "journal_folder": at.folder}),
        "FleetResult.report": Call(fleet_result.report, {"path": at.folder / "fleet.html"}),
        "FleetResult.to_csv": Call(fleet_result.to_csv, {"path": at.folder / "fleet.csv"}),
        "FleetResult.to_excel": Call(fleet_result.to_excel, {"path": at.folder / "fleet.xlsx"}),
        "Result.to_csv": Call(at.result.to_csv, {"path": at.folder / "result.csv"}),
        "Result.to_excel": Call(at.result.to_excel, {"path": at.folder / "result.xlsx"}),
        "Job.result": Call(job.result, {"timeout": 5.0}),
        "Client.read": Call(at.client.read, {"path": "/brands"}),
        "Client.write": Call(at.client.write, {"method": "PATCH", "path": "/no", "body": b"{}", "key": "k"}),
        "Plan.confirm_code": Call(at.plan.confirm_code, {"client": at.client}),
        "Plan.estimate": Call(at.plan.estimate, {"client": at.client}),
        "Plan.save": Call(at.plan.save, {"path": at.folder / "new.plan.json"}),
        "df.klikit.diff": Call(at.toggles.klikit.diff, {"state": at.state}),
        "df.klikit.plan": Call(at.toggles.klikit.plan, {}),
        "df.klikit.pick": Call(at.state.klikit.pick, {}),
        "forms.EntityPicker": Call(kf.forms.EntityPicker, {"state": at.state}),
        "forms.StorePicker": Call(kf.forms.StorePicker, {"stores": at.stores}),
        "forms.MatrixEditor": Call(kf.forms.MatrixEditor, {"state": at.state}),
        "forms.ToggleForm": Call(kf.forms.ToggleForm, to),
        "forms.UploadForm": Call(kf.forms.UploadForm, to),
    }


def trials(call: Call, odd: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the arguments of a call, each time with the odd one in place of another."""
    for parameter in inspect.signature(call.function).parameters.values():
        is_one = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if is_one and parameter.name not in UNTRIED:
            yield parameter.name, {**call.arguments, parameter.name: odd}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", TRIED)
def test_odd_arguments__are_refused_in_words_of_the_package(
    desk: Desk, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is given where: it works, or an error of the package leaves and nothing was sent."""
    monkeypatch.chdir(tmp_path)
    faults = []
    for name, call in calls_of(desk).items():
        for parameter, arguments in trials(call, ODD[kind]):
            n_before = len(desk.sandbox.requests)
            try:
                call.function(**arguments)
            except kf.KlikitFramesError as error:
                late = desk.sandbox.requests.iloc[n_before:]
                if str(error) and late["method"].eq("GET").all():
                    continue
                faults.append(f"{name} {parameter}: sent, or said nothing")
            except Exception as error:  # noqa: BLE001 - what the test looks for
                faults.append(f"{name} {parameter}: {type(error).__name__} {error}")
    assert faults == []


def test_odd_arguments__are_tried_in_every_public_function(desk: Desk) -> None:
    """A new function is added to the calls above."""
    functions = {name for name in kf.__all__ if inspect.isfunction(getattr(kf, name))}
    functions |= {f"fleet.{name}" for name in kf.fleet.__all__ if inspect.isfunction(getattr(kf.fleet, name))}
    functions |= {f"forms.{name}" for name in kf.forms.__all__}
    for kind in (kf.Client, kf.Plan, kf.Result, kf.Job, kf.fleet.FleetResult):
        methods = inspect.getmembers(kind, inspect.isfunction)
        functions |= {
            f"{kind.__name__}.{name}"
            for name, method in methods
            if not name.startswith("_") and [*inspect.signature(method).parameters][1:]
        }
    assert functions - set(calls_of(desk)) == {"Plan.with_named", "Plan.with_names"}
