"""Answers in which a few values are not what the documentation says."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.menus.state_arrays import DTYPES, PENDING_DTYPES
from tests.api.scripts import connect

Answers = dict[str, Any]
Place = tuple[Any, Any]

_ODD: tuple[Any, ...] = (
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "x",
    "5" * 5000,
    "\0",
    [],
    {},
    [None],
    [[1]],
    [{}],
    {"a": 1},
    {"en": []},
)
_HUGE = (10**25, -(10**25), 2**63, float("nan"), float("inf"))


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What the sandbox answers about its stores, its business menu and one store's menu, cut short."""
    with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        branches = _short(client.read("/branches"))
        branch = branches["results"][0]
        where = {"brand_id": branch["brand_ids"][0], "branch_id": branch["id"]}
        read = {"brands": client.read("/brands"), "business": client.read("/menus")}
        read = _short(read | {"store": client.read("/menus", where)})
    return read | {"branches": branches | {"total": len(branches["results"])}}


def _short(answer: Any) -> Any:
    """Return an answer with the two longest entries of each list."""
    if isinstance(answer, dict):
        return {key: _short(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return sorted(map(_short, answer), key=lambda entry: -len(json.dumps(entry)))[:2]
    return answer


def _places(part: Any) -> Iterator[Place]:
    """Yield every container with each of its keys."""
    for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
        yield part, key
        yield from _places(part[key])


def _read(answers: Answers, store: tuple[int, int]) -> pd.DataFrame:
    def answer(request: httpx.Request) -> httpx.Response:
        page = request.url.path.rsplit("/", 1)[1]
        level = "store" if "brand_id" in request.url.params else "business"
        data = answers[level if page == "menus" else page]
        return httpx.Response(200, content=json.dumps({"request_id": uuid.uuid4().hex, "data": data}))

    with connect(answer) as client:
        return kf.read_state(client, stores=[store], with_business=True, progress=False)


def _store(answers: Answers) -> tuple[int, int]:
    info = answers["store"]["menu"]["branchInfo"]
    return info["brandID"], info["branchID"]


def test_spoilt__not_at_all(answers: Answers) -> None:
    """The answers that are spoilt below are good ones, with modifier options, of both levels."""
    state = _read(answers, _store(answers))
    assert state["scope"].unique().tolist() == ["business", "store"]
    assert kf.failures(state).empty
    assert len(state.attrs["modifier_option_ids"])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n_spoilt=st.integers(1, 3))
def test_spoilt__a_few_values(answers: Answers, data: st.DataObject, n_spoilt: int) -> None:
    """Whatever stands where, a reading ends in a state with its dtypes, or in an error of the package."""
    spoilt = copy.deepcopy(answers)
    level = data.draw(st.sampled_from(sorted(spoilt)))
    for _ in range(n_spoilt):
        part, key = data.draw(st.sampled_from(list(_places(spoilt[level]))))
        part[key] = copy.deepcopy(data.draw(st.sampled_from(_ODD + _HUGE)))
    try:
        state = _read(spoilt, _store(answers))
    except kf.KlikitFramesError:
        return
    assert state.dtypes.to_dict() == pd.Series(DTYPES | PENDING_DTYPES).to_dict()
