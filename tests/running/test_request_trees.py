"""Requests, their parts, and where a refused one is cut."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from klikit_frames.running.request_trees import (
    Evidence,
    RequestTree,
    RowCounter,
    ask_server_time,
    build_part,
    build_request,
    build_requests,
    group_requests,
    is_key_expired,
    spare,
    split,
)
from tests.api import scripts
from tests.fixtures import not_none

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
        inferred = tree.infer_rejection(request)
        if inferred is None:
            sent.append(request)
        tree.note(replace(request, result=inferred or _answer(request, is_guilty)))
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


@pytest.mark.parametrize(
    ("shape", "guilty", "n_requests"),
    [
        ((12, 0), {(1, None), (6, None), (7, None), (8, None), (9, None), (10, None)}, 20),
        ((16, 0), {(2, None), (8, None), (9, None), (11, None), (12, None), (15, None)}, 24),
        ((4, 4), {(1, 2), (3, 2)}, 15),
    ],
)
def test_bisection__goes_by_all_that_was_answered(
    shape: tuple[int, int], guilty: set[tuple[int, int | None]], n_requests: int
) -> None:
    """Every flag that was accepted or refused counts, once, and a store with a good flag is not a bad one."""
    sent, tree = _narrow(_target(*shape), lambda cell: (cell.entity_id, cell.branch_id) in guilty)
    assert {(cell.entity_id, cell.branch_id) for cell in _ends(tree, "rejected")} == guilty
    assert len(sent) == n_requests


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


def _states(requests: list[Request]) -> list[tuple[tuple[int, ...], str, list[Cell]]]:
    return [(request.path, request.state.value, list(request.target.cells())) for request in requests]


def test_spare__nothing_changed() -> None:
    """A request of which nothing was changed since stays as it is."""
    request = build_request(_target(2, 1), path=(1,))
    elsewhere = {Cell("item", 9, *STORES[0]), Cell("section", 1, *STORES[0])}
    assert spare(request, elsewhere) == [request]


def test_spare__all_changed() -> None:
    """A request of which all was changed since is left as a whole, and says why."""
    request = build_request(_target(2, 1), path=(1,))
    (kept,) = spare(request, {*request.target.cells(), Cell("item", 9, *STORES[0])})
    assert replace(kept, result=None) == request
    assert kept.result == RequestResult(
        RequestState.KEPT,
        code="changed_since",
        message="it was changed since this undo was planned; it is left as it is",
    )


@pytest.mark.parametrize(
    ("n_ids", "n_stores", "changed", "parts"),
    [
        (2, 0, [(1, 0)], [([2], 0, "recorded"), ([1], 0, "kept")]),
        (3, 2, [(2, 1), (2, 2)], [([1, 3], 2, "recorded"), ([2], 2, "kept")]),
        (2, 2, [(1, 1)], [([2], 1, "recorded"), ([1], 1, "kept"), ([1, 2], -2, "recorded")]),
        (2, 2, [(1, 1), (2, 1)], [([1, 2], 1, "kept"), ([1, 2], -2, "recorded")]),
    ],
)
def test_spare__some_changed(
    n_ids: int, n_stores: int, changed: list[tuple[int, int]], parts: list[tuple[list[int], int, str]]
) -> None:
    """What was changed since is kept, all other cells are written, and no cell is in two parts."""
    request = build_request(_target(n_ids, n_stores), path=(4,))
    cells = {Cell("item", entity_id, *(STORES[no - 1] if no else (None, None))) for entity_id, no in changed}
    whole, *cut = spare(request, cells)
    assert (whole.state, not_none(whole.result).code) == (RequestState.SPLIT, "changed_since")
    # A number of stores is the first so many of them, and below zero that one alone.
    places = [STORES[:n] if n >= 0 else (STORES[-n - 1],) for _, n, _ in parts]
    assert [(part.path, list(part.target.ids), part.target.stores, part.state.value) for part in cut] == [
        ((4, n), ids, stores, state)
        for n, ((ids, _, state), stores) in enumerate(zip(parts, places, strict=True))
    ]


def test_infer_rejection__only_the_last_part_of_a_foreign_id() -> None:
    """A part that was not sent is refused where all others were accepted and the whole met a 404."""
    whole = build_request(_target(4, 1), path=(1,))
    refused = RequestResult(RequestState.SPLIT, "resource_not_found", 404, "no such item", "r-1")
    tree = RequestTree([whole])
    first, second = tree.note(replace(tree.take(), result=refused))
    accepted = replace(first, attempts=1, result=RequestResult(RequestState.APPLIED, "ok", 200))
    assert tree.infer_rejection(second) is None
    tree.note(accepted)
    assert tree.infer_rejection(second) == replace(
        refused, request_id=None, message="cut unsent: its other parts were all accepted"
    )
    assert tree.infer_rejection(replace(second, attempts=1)) is None
    assert tree.infer_rejection(whole) is None
    of_the_size = RequestTree([replace(whole, result=replace(refused, http_status=400)), accepted, second])
    assert of_the_size.infer_rejection(second) is None
    alone = RequestTree([replace(whole, result=refused), accepted, build_part(whole, _target(1, 1), n=1)])
    assert alone.infer_rejection(build_part(whole, _target(1, 1), n=1)) is None


def test_infer_rejection__looks_at_its_own_siblings() -> None:
    """What became of the parts of another part says nothing."""
    whole = build_request(_target(8, 1), path=(1,))
    refused = RequestResult(RequestState.SPLIT, "resource_not_found", 404)
    tree = RequestTree([whole])
    left, right = tree.note(replace(whole, result=refused))
    first, second = tree.note(replace(left, result=refused))
    accepted = RequestResult(RequestState.APPLIED, "ok", 200)
    tree.note(replace(right, result=accepted))
    assert tree.infer_rejection(second) is None
    tree.note(replace(first, result=accepted))
    assert tree.infer_rejection(second) is not None
    of_the_size = RequestTree([*tree, replace(left, result=replace(refused, http_status=400))])
    assert of_the_size.infer_rejection(second) is None


def test_group_requests__held_keys_are_not_sent() -> None:
    """Requests come in the order of the plan with their parts, and what is held is not handed out."""
    second, first = (build_request(_target(2, 1), path=(no,)) for no in (2, 1))
    part = build_part(first, _target(1, 1), n=0)
    trees = group_requests([second, part, first], held_keys={first.key})
    assert [[request.path for request in tree] for tree in trees] == [[(1,), (1, 0)], [(2,)]]
    assert [tree.n_waiting for tree in trees] == [1, 1]
    assert trees[0].take() is part


def test_build_part__the_same_wherever_it_is_cut() -> None:
    """The key of a part follows from the whole's key, its place and its bytes, and from nothing else."""
    whole = build_request(_target(4, 1), path=(1,))
    part = build_part(whole, _target(2, 1), n=1)
    assert part == build_part(whole, _target(2, 1), n=1)
    name = f"{whole.key} 1.1 {part.body.decode()}"
    assert part.key == str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    others = [build_part(whole, _target(2, 1), n=0), build_part(whole, _target(3, 1), n=1)]
    assert len({whole.key, part.key, *(other.key for other in others)}) == 4


def test_build_request__says_all_of_its_target() -> None:
    """The bytes of a request have its flag, its ids, its stores and its cascade."""
    target = Target(
        "item",
        (1, 2),
        Stores(STORES[:1]),
        is_enabled=True,
        cascade_to_modifier_groups=True,
        cascade_brand_ids=(5297,),
    )
    assert json.loads(build_request(target, path=(1,)).body) == {
        "ids": [1, 2],
        "isEnabled": True,
        "zoneStores": [{"brandID": 5297, "branchID": 1}],
        "isCascadeToModifierGroups": True,
        "brandIDsToCascade": [5297],
    }


def test_row_counter__counts_the_rows_of_the_table() -> None:
    """A request counts all its rows, also those that ask for a cell twice, and a part those of its cells."""
    table = pd.concat(
        [
            kf.business_toggles("item", [1, 2, 1], is_enabled=False),
            kf.business_toggles("section", [1], is_enabled=False),
        ],
        ignore_index=True,
    )
    plan = kf.plan(table, progress=False)
    count = RowCounter(plan)
    wholes = {request.target.entity_type: request for request in build_requests(plan)}
    item = wholes["item"]
    parts = [build_part(item, item.target.with_ids([entity_id]), n=entity_id) for entity_id in (1, 2)]
    assert [count(request) for request in (item, wholes["section"], *parts)] == [3, 1, 2, 1]


def test_split__many_guilty_are_asked_alone() -> None:
    """Where at least half is known and more than 38 in a hundred are guilty, each flag is asked alone."""
    target = _target(4, 1)
    singles = [(1,), (2,), (3,), (4,)]
    cuts = [
        [part.ids for part in split(target, Evidence(n_good=good, n_guilty=guilty))]
        for good, guilty in [(1, 1), (2, 1), (1, 0), (0, 1), (62, 38), (61, 39)]
    ]
    assert cuts == [singles, [(1, 2), (3, 4)], [(1, 2), (3, 4)], [(1, 2), (3, 4)], [(1, 2), (3, 4)], singles]
    assert [part.ids for part in split(_target(6, 1), Evidence(n_guilty=2))] == [(1, 2, 3), (4, 5, 6)]


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _sent(
    hours_ago: float, *, offset_s: float | None = None, word: str | None = None, attempts: int = 1
) -> Request:
    drawn = build_request(Target("item", (1,), Business(), False), path=(1,))
    result = RequestResult(RequestState(word)) if word else None
    sent_at = NOW - timedelta(hours=hours_ago)
    return replace(drawn, attempts=attempts, sent_at=sent_at, result=result, clock_offset_s=offset_s)


@pytest.mark.parametrize(
    ("request_", "is_expired"),
    [
        (_sent(22.9), False),
        (_sent(23.0), True),
        (_sent(23.5, offset_s=3600), False),
        (_sent(22.5, offset_s=-3600), True),
        (_sent(-0.5), False),
        (_sent(-1.0), True),
        (_sent(-2.0), True),
        (_sent(30.0, word="unknown"), True),
        (_sent(30.0, word="not_sent"), False),
        (_sent(30.0, word="applied"), False),
        (_sent(30.0, attempts=0), False),
    ],
)
def test_is_key_expired(request_: Request, is_expired: bool) -> None:
    """A request that may have arrived is past its key 23 hours after it left, by the server's clock."""
    assert is_key_expired(request_, server_now=NOW) is is_expired


@pytest.mark.parametrize(
    "answer",
    [
        scripts.ok([], Date="Mon, 23 Nov 2026 12:00:00 GMT"),
        scripts.error(403, Date="Mon, 23 Nov 2026 12:00:00 GMT"),
    ],
    ids=["done", "refused"],
)
def test_ask_server_time__of_any_answer(answer: httpx.Response) -> None:
    """The list of brands is asked for, and its date is the server's time, also that of a refusal."""
    script = scripts.Script(answer)
    with scripts.connect(transport=script) as client:
        assert abs(not_none(ask_server_time(client)) - NOW) <= timedelta(seconds=1)
    assert [(request.method, request.url.path) for request in script.received] == [
        ("GET", "/v1/partner/brands")
    ]


def test_ask_server_time__nobody_answers() -> None:
    """Without an answer the server's time is not known."""
    with scripts.connect(httpx.ConnectError("nobody is there")) as client:
        assert ask_server_time(client) is None
