"""Requests, their parts, and where a refused one is cut."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.model import Business, Cell, Stores, Target
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import Evidence, RequestTree, build_request, split

from .fault_scenarios import connect

STORES = tuple((5297, branch_id) for branch_id in range(1, 9))


def _target(n_ids: int, n_stores: int) -> Target:
    scope = Stores(STORES[:n_stores]) if n_stores else Business()
    return Target("item", tuple(range(1, n_ids + 1)), scope, False)


def _answer(request: Request, is_guilty: Callable[[Cell], bool]) -> RequestResult:
    cells = request.target.cells()
    if not any(map(is_guilty, cells)):
        return RequestResult(RequestState.APPLIED, code="ok", http_status=200)
    word = "split" if len(cells) > 1 else "rejected"
    return RequestResult(RequestState(word), code="resource_not_found", http_status=404)


def _narrow(target: Target, is_guilty: Callable[[Cell], bool]) -> tuple[list[Request], RequestTree]:
    """Send a request and its parts until nothing is left; returns what was sent."""
    tree = RequestTree([build_request(target, path=(1,))])
    sent = []
    while tree.is_waiting:
        request = tree.take()
        known = tree.infer_rejection(request)
        if known is None:
            sent.append(request)
        tree.note(replace(request, result=known or _answer(request, is_guilty)))
    return sent, tree


def _ends(tree: RequestTree, word: str) -> list[Cell]:
    ended = [request for request in tree if request.result is not None and request.result.status == word]
    return sorted(cell for request in ended for cell in request.target.cells())


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(0, 5)),
    chosen=st.sets(st.integers(0, 59), max_size=60),
)
@settings(max_examples=300, deadline=None)
def test_bisection__any_guilty_set(shape: tuple[int, int], chosen: set[int]) -> None:
    """Exactly the guilty flags are rejected, all others applied, each once, in at most 2n - 1 requests."""
    target = _target(*shape)
    cells = target.cells()
    guilty = {cell for place, cell in enumerate(cells) if place in chosen}
    sent, tree = _narrow(target, guilty.__contains__)
    assert _ends(tree, "rejected") == sorted(guilty)
    assert _ends(tree, "applied") == sorted(set(cells) - guilty)
    assert len(sent) <= 2 * len(cells) - 1
    assert len({request.key for request in tree}) == len(list(tree))


@given(entity_id=st.integers(1, 256))
@settings(max_examples=30, deadline=None)
def test_bisection__one_of_many(entity_id: int) -> None:
    """One foreign id among 256 is alone after a logarithmic number of requests."""
    sent, _ = _narrow(_target(256, 0), lambda cell: cell.entity_id == entity_id)
    assert math.log2(256) < len(sent) <= 2 * math.log2(256) + 1


def test_bisection__all_guilty() -> None:
    """Where every flag is guilty, singles are asked for soon: far fewer than halving down would take."""
    sent, _ = _narrow(_target(64, 0), lambda _cell: True)
    assert len(sent) <= 64 + 2 * math.log2(64)


def test_bisection__a_run_of_guilty_ids() -> None:
    """A handful of guilty neighbours does not make the whole request fall apart into singles."""
    sent, _ = _narrow(_target(256, 0), lambda cell: cell.entity_id <= 4)
    assert len(sent) <= 24


def test_bisection__a_guilty_store() -> None:
    """A store found guilty under one id is set apart under the others, not searched for again."""
    sent, tree = _narrow(_target(12, 8), lambda cell: cell.branch_id == 5)
    assert len(_ends(tree, "rejected")) == 12
    assert len(sent) <= 12 + 30


def test_bisection__a_cap_on_ids() -> None:
    """A 400 that is about the size of the request ends with a few big parts, not with singles."""
    tree = RequestTree([build_request(_target(200, 0), path=(1,))])
    n_sent = 0
    while tree.is_waiting:
        request = tree.take()
        assert tree.infer_rejection(request) is None
        n_sent += 1
        is_fine = len(request.target.ids) <= 50
        result = (
            RequestResult(RequestState.APPLIED, http_status=200)
            if is_fine
            else RequestResult(RequestState.SPLIT, http_status=400)
        )
        tree.note(replace(request, result=result))
    assert n_sent == 7


@pytest.mark.parametrize(("n_ids", "n_stores"), list(product([1, 2, 3, 7], [0, 1, 2, 5])))
def test_split__partition(n_ids: int, n_stores: int) -> None:
    """The parts of a request hold its flags, each once, whatever is known."""
    target = _target(n_ids, n_stores)
    for evidence in (
        Evidence(),
        Evidence(n_good=1, n_guilty=40),
        Evidence(n_good=40, guilty_stores=frozenset(STORES[1:2])),
    ):
        if target.n_cells > 1:
            parts = split(target, evidence)
            cells = [cell for part in parts for cell in part.cells()]
            assert sorted(cells) == sorted(target.cells())
            assert len(parts) > 1


def test_split__semantic_refusal(sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path) -> None:
    """A 422 on a request of many is narrowed until the guilty row is alone; it says what the API says."""
    guilty = int(narrow["entity_id"].iloc[5])

    class Picky(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "GET" or guilty not in json.loads(request.read())["ids"]:
                return super().handle_request(request)
            error = {"code": "request_invalid", "message": "semantically invalid"}
            return httpx.Response(422, json={"request_id": uuid.uuid4().hex, "error": error})

    with connect(sandbox, transport=Picky()) as client:
        result = kf.run(kf.plan(narrow, progress=False), client, journal=journal, progress=False)
    assert result.counts == result.counts | {"applied": 11, "rejected": 1}
    (row,) = result.failed.to_dict("records")
    assert (row["entity_id"], row["http_status"], row["message"]) == (guilty, 422, "semantically invalid")
