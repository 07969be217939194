"""The plan as a value, its file and its views."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.plan import parse_plan
from klikit_frames.planning.plan_checks import check_plan
from klikit_frames.planning.plan_files import is_plan, seal
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


def test_load_plan__cut_off(plan: kf.Plan, tmp_path: Path) -> None:
    """The beginning of a plan file is a damaged plan, and no table of columns that are there twice."""
    path = plan.save(tmp_path / "cut.plan.json")
    cut = path.read_bytes()[:-40]
    path.write_bytes(cut)
    assert is_plan(cut)
    with pytest.raises(kf.PlanError, match="damaged or cut off; plan again"):
        kf.load_plan(path)


def test_load_plan__no_file(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(kf.PlanError, match=r"nowhere.json could not be read: there is no such file"):
        kf.load_plan(tmp_path / "nowhere.json")


def test_save__no_folder(plan: kf.Plan, tmp_path: Path) -> None:
    """A path that cannot be written is named."""
    with pytest.raises(kf.PlanError, match="could not be saved as"):
        plan.save(tmp_path / "nowhere" / "plan.json")


def test_plan__confirm_code(plan: kf.Plan) -> None:
    """The code is the same whenever the same table is planned for the same host, and no other has it."""
    code = plan.confirm_code(Host("api.dev"))
    assert kf.plan(plan.toggles).confirm_code(Host("api.dev")) == code
    assert kf.plan(plan.toggles.iloc[::-1]).confirm_code(Host("api.dev")) == code
    others = (
        plan.confirm_code(Host("api.prod")),
        kf.plan(plan.toggles.head(9)).confirm_code(Host("api.dev")),
    )
    assert code not in others


def test_plan__estimate(plan: kf.Plan) -> None:
    """The estimate is what the cap makes of the requests: a given one, the client's, or the API's own."""
    estimate = plan.estimate(writes_per_minute=60)
    assert (estimate.n_requests, estimate.duration_s, estimate.minutes) == (4, 4.0, 4 / 60)
    assert str(estimate) == "about 4 s at 60 a minute"
    assert str(plan.estimate()) == "about 1 s at 300 a minute"


def test_plan__estimate_of_a_client(plan: kf.Plan, sandbox: kf.sandbox.Sandbox) -> None:
    """With a client its own caps count, for the menus that are read first as well."""
    with sandbox.connect(writes_per_minute=30, reads_per_minute=120) as client:
        estimate = plan.estimate(client=client, n_reads=4)
        assert (estimate.duration_s, estimate.n_reads) == (10.0, 4)
        assert str(estimate) == "about 10 s at 30 a minute, 4 menus read first"
        assert str(plan.estimate(60, client=client, n_reads=0)) == "about 4 s at 60 a minute"


def test_plan__estimate_refused(plan: kf.Plan) -> None:
    """A rate that is none is refused."""
    with pytest.raises(kf.PlanError, match="writes_per_minute is 0"):
        plan.estimate(0)


def test_plan__text(plan: kf.Plan) -> None:
    """The plan says rows, requests, bound, the usual ways and minutes in a sentence."""
    rows = plan.n_rows
    sentence = (
        f"{rows} rows → 4 requests, 1 of them business-wide (the fewest possible; one per store would be 7); "
        "about 1 s at 300 a minute"
    )
    assert repr(plan) == f"<Plan {plan.plan_id[:8]}: {sentence}>"
    ways = f"Other ways: one per row {rows}, one per store 7, one per entity 9, equal sets 5."
    assert str(plan) == f"{sentence}.\n{ways}"


def test_plan__text_of_business_rows() -> None:
    """A plan says that all of its requests are business-wide, and says nothing of that where none is."""
    wide = kf.plan(kf.business_toggles("section", [7, 8], is_enabled=True))
    assert "2 rows → 1 request, business-wide (the fewest possible" in repr(wide)
    assert "business" not in str(kf.plan(toggles_of(np.ones((2, 2), dtype=bool))))


def test_plan__text_of_search(plan: kf.Plan) -> None:
    """A plan that was searched for long says how long, also after it was saved; its digest stays."""
    long = dataclasses.replace(plan, search_s=7)
    assert str(long) == f"{plan} Searched for 7 s."
    assert "Searched for 7 s." in long._repr_html_()
    assert repr(long) == repr(plan)
    loaded = parse_plan(long.dump())
    assert (loaded.search_s, loaded.digest) == (7, plan.digest)
    assert "Searched" not in str(plan)


def test_plan__html(plan: kf.Plan) -> None:
    """The HTML view says first what goes off and on, and shows business-wide requests first."""
    html = plan._repr_html_()
    assert html.startswith(f"<p><strong>{plan.overview.headline}.</strong></p>")
    assert "business-wide" in plan.overview.headline
    requests = html.rpartition("<caption")[2]
    assert requests.index(">business<") < requests.index(">store<")


def test_plan__html_long() -> None:
    """Each table has at most 20 rows, and says how many there are."""
    html = kf.plan(toggles_of(np.eye(30, dtype=bool)))._repr_html_()
    assert html.rpartition("<caption")[2].count("<tr>") == 21
    assert "The first 20 of 30 rows are shown." in html


def test_plan__no_secret(plan: kf.Plan) -> None:
    """The file holds the plan's own content and nothing of a connection."""
    assert set(json.loads(plan.dump())["plan"]) == {
        "plan_id",
        "digest",
        "limits",
        "lower_bound",
        "baselines",
        "is_searched",
        "rows",
        "requests",
        "before",
        "names",
    }


def test_load_plan__of_0_1_0() -> None:
    """A plan file of version 0.1.0 loads: the same id, rows and requests, and sound."""
    plan = kf.load_plan(Path(__file__).parent / "plan_of_0_1_0.plan.json")
    assert (plan.plan_id, plan.n_rows, plan.n_requests) == ("622fe297470b419188b92713c6341b59", 9, 4)
    assert plan.counts == {"sent": 7, "unchanged": 1, "rejected": 1}
    check_plan(plan)


def resealed(plan: kf.Plan, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return the plan's file after a change by somebody who knows how the checksum is made."""
    content = json.loads(plan.dump())["plan"]
    change(content)
    return seal(content)


def changes() -> Iterator[tuple[str, Callable[[dict[str, Any]], None]]]:
    """Give every key of a plan file a value of each kind that it cannot have, and leave each out."""
    odd: list[Any] = [None, True, math.nan, 10**40, "../../etc/passwd", [[]], {"a": 1}]
    whole = ["plan_id", "digest", "limits", "lower_bound", "baselines", "rows", "requests", "before"]
    paths: list[list[Any]] = [[name] for name in whole]
    paths += [["limits", "max_ids"], ["baselines", "per_row"]]
    paths += [
        [frame, part] for frame in ("rows", "requests") for part in ("columns", "names", "index", "attrs")
    ]
    paths += [["requests", "columns", no] for no in range(11)]
    paths += [["rows", "columns", no] for no in (0, 1, 3, 7, 9, 10, 11)]
    for path in paths:
        for value in odd:
            yield f"{path} {str(value)[:20]!a}", partial(put, path=path, value=value)
        if isinstance(path[-1], str):
            yield f"{path} missing", partial(drop, path=path)


def put(content: Any, *, path: list[Any], value: object) -> None:
    """Set one value deep inside."""
    for step in path[:-1]:
        content = content[step]
    content[path[-1]] = value


def drop(content: Any, *, path: list[Any]) -> None:
    """Leave one key out."""
    for step in path[:-1]:
        content = content[step]
    del content[path[-1]]


def test_parse_plan__any_shape(plan: kf.Plan) -> None:
    """Whatever a foreign plan file holds, it is a PlanError in a sentence, or the very same plan."""
    for name, change in changes():
        data = resealed(plan, change)
        try:
            loaded = parse_plan(data)
        except kf.PlanError:
            continue
        assert loaded.digest == plan.digest, name
        check_plan(loaded)


@pytest.mark.parametrize(
    "plan_id", ["../../home/me/thesis", "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", 7]
)
def test_parse_plan__foreign_id(plan: kf.Plan, plan_id: object) -> None:
    """An id that is not 32 hex digits never becomes part of a path: the file is refused."""
    with pytest.raises(kf.PlanError, match="its plan_id is not 32 hex digits"):
        parse_plan(resealed(plan, partial(put, path=["plan_id"], value=plan_id)))


def test_parse_plan__foreign_digest(plan: kf.Plan) -> None:
    """A file that carries the digest of another plan, which somebody may have confirmed, is refused."""
    other = kf.plan(plan.toggles.head(3)).digest
    with pytest.raises(kf.PlanError, match="its digest is of another plan"):
        parse_plan(resealed(plan, partial(put, path=["digest"], value=other)))


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b"1" * 5000, b"\xff", b"null"]
)
def test_parse_plan__odd_json(content: bytes) -> None:
    """JSON of other kinds, deep or huge, is no plan file."""
    with pytest.raises(kf.PlanError, match="not a plan file"):
        parse_plan(content)
