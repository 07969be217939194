"""The plan as a value, its file and its views."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.plan import parse_plan
from tests.planning.tables import planted, toggles_of


@pytest.fixture
def plan() -> kf.Plan:
    """A plan with overlap, own columns and a business-wide row."""
    toggles = toggles_of(planted(12, 9, 3, share=0.4, seed=1)).assign(note="lunch off")
    return kf.plan(pd.concat([toggles, kf.business_toggles("section", [7], is_enabled=True)]))


class Host:
    """Something with a host, as a client has."""

    def __init__(self, host: str) -> None:
        self.host = host


def test_plan__frozen(plan: kf.Plan) -> None:
    """Neither the plan nor its frames can be changed from outside."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.digest = "other"  # type: ignore[misc]
    for frame in (plan.requests, plan.rows, plan.toggles):
        frame["entity_type"] = "category"
        assert set(frame["entity_type"]) == {"category"}
    for frame in (plan.requests, plan.rows, plan.toggles):
        assert set(frame["entity_type"]) == {"item", "section"}


def test_plan__requests(plan: kf.Plan) -> None:
    """The requests' columns are the documented ones, numbered in sending order."""
    wanted = "request_no entity_type scope is_enabled ids stores cascade_to_modifier_groups cascade_brand_ids"
    assert list(plan.requests) == [*wanted.split(), "n_ids", "n_stores", "n_rows"]
    assert plan.requests["request_no"].tolist() == list(range(1, plan.n_requests + 1))


def test_plan__file(plan: kf.Plan, tmp_path: Path) -> None:
    """A saved plan comes back the same in every part."""
    loaded = kf.load_plan(plan.save(tmp_path / "any.name"))
    for name in ("toggles", "rows", "requests"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(plan, name))
    pd.testing.assert_series_equal(loaded.before, plan.before)
    for name in ("plan_id", "digest", "limits", "lower_bound", "baselines"):
        assert getattr(loaded, name) == getattr(plan, name)


def test_load_plan__edited(plan: kf.Plan, tmp_path: Path) -> None:
    """A file edited by hand is refused, whatever was edited."""
    path = plan.save(tmp_path / "monday.plan.json")
    path.write_text(path.read_text().replace("lunch off", "lunch on"))
    with pytest.raises(kf.PlanError, match="was changed after it was saved"):
        kf.load_plan(path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"entity_type,entity_id\n", b"\xff\xfe", b'{"format":1}']
)
def test_parse_plan__no_plan(content: bytes) -> None:
    """What is no plan file is said to be none."""
    with pytest.raises(kf.PlanError, match="not a plan file"):
        parse_plan(content)


def test_parse_plan__later_version(plan: kf.Plan) -> None:
    """A file of a later version says which version it has."""
    content = json.loads(plan.dump()) | {"version": 2}
    with pytest.raises(kf.PlanError, match="has version 2; this klikit_frames reads 1"):
        parse_plan(json.dumps(content).encode())


def test_load_plan__no_file(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(kf.PlanError, match=r"nowhere.json could not be read: No such file"):
        kf.load_plan(tmp_path / "nowhere.json")


def test_save__no_folder(plan: kf.Plan, tmp_path: Path) -> None:
    """A path that cannot be written is named."""
    with pytest.raises(kf.PlanError, match="could not be saved as"):
        plan.save(tmp_path / "nowhere" / "plan.json")


def test_plan__confirm_code(plan: kf.Plan) -> None:
    """The code is the same for the same plan and host, and another one for any other."""
    code = plan.confirm_code(Host("api.dev"))
    assert code == plan.confirm_code(Host("api.dev"))
    others = {plan.confirm_code(Host("api.prod")), kf.plan(plan.toggles).confirm_code(Host("api.dev"))}
    assert code not in others


def test_plan__estimate(plan: kf.Plan) -> None:
    """The estimate is what the cap makes of the requests."""
    estimate = plan.estimate(writes_per_minute=60)
    assert (estimate.n_requests, estimate.duration_s, estimate.minutes) == (4, 4.0, 4 / 60)
    assert str(estimate) == "about 4 s at 60 a minute"
    assert str(plan.estimate()) == "about 1 s at 300 a minute"


def test_plan__estimate_refused(plan: kf.Plan) -> None:
    """A rate that is none is refused."""
    with pytest.raises(kf.PlanError, match="writes_per_minute is 0"):
        plan.estimate(0)


def test_plan__text(plan: kf.Plan) -> None:
    """The plan says rows, requests, bound, the usual ways and minutes in a sentence."""
    rows = plan.n_rows
    sentence = (
        f"{rows} rows → 4 requests, 1 of them business-wide (the fewest possible; one per store would be 7); "
        "about 4 s at 60 a minute"
    )
    assert repr(plan) == f"<Plan {plan.plan_id[:8]}: {sentence}>"
    ways = f"Other ways: one per row {rows}, one per store 7, one per entity 9, equal sets 5."
    assert str(plan) == f"{sentence}.\n{ways}"


def test_plan__text_of_business_rows() -> None:
    """A plan says that all of its requests are business-wide, and says nothing of that where none is."""
    wide = kf.plan(kf.business_toggles("section", [7, 8], is_enabled=True))
    assert "2 rows → 1 request, business-wide (the fewest possible" in repr(wide)
    assert "business" not in str(kf.plan(toggles_of(np.ones((2, 2), dtype=bool))))


def test_plan__html(plan: kf.Plan) -> None:
    """The HTML view counts business-wide rows apart and shows them first."""
    html = plan._repr_html_()
    assert "1 business-wide row in 1 request, shown first." in html
    assert html.index(">business<") < html.index(">store<")


def test_plan__html_long() -> None:
    """The table has at most 20 rows, and says how many there are."""
    html = kf.plan(toggles_of(np.eye(30, dtype=bool)))._repr_html_()
    assert html.count("<tr>") == 21
    assert "The first 20 of 30 rows are shown." in html


def test_plan__no_secret(plan: kf.Plan) -> None:
    """The file holds the plan's own content and nothing of a connection."""
    assert set(json.loads(plan.dump())["plan"]) == {
        "plan_id",
        "digest",
        "limits",
        "lower_bound",
        "baselines",
        "rows",
        "requests",
        "before",
    }
