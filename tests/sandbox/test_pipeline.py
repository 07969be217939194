"""Idempotency keys: replay, conflict, age, length, and two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN, Call

DAY_S = 24 * 60 * 60


def test_key__replays_the_first_answer(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The same key and body get the same answer, request_id included, and no second write."""
    first = enable([289379], key="one", isEnabled=False)
    enable([289379], key="two", isEnabled=True)
    again = enable([289379], key="one", isEnabled=False)
    assert again.content == first.content
    assert sandbox.requests["replayed"].to_list() == [False, False, True]
    state = sandbox.state().query("entity_id == 289379 and scope == 'business'")
    assert state["is_enabled"].to_list() == [True]


def test_key__with_another_body_or_path_is_a_conflict(enable: Call) -> None:
    """409, and the first answer stays."""
    enable([289379], key="one", isEnabled=False)
    for answer in (
        enable([289379], key="one", isEnabled=True),
        enable([39118], kind="categories", key="one", isEnabled=False),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "state_idempotency_conflict")


def test_key__is_forgotten_after_a_day(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Within 24 hours it replays; after them it is new."""
    first = enable([289379], key="one", isEnabled=False)
    sandbox.move_clock(DAY_S - 60)
    assert enable([289379], key="one", isEnabled=False).content == first.content
    sandbox.move_clock(120)
    assert enable([289379], key="one", isEnabled=True).status_code == 200


@pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 200), (64, 200), (65, 400)])
def test_key__has_1_to_64_characters(enable: Call, length: int, status: int) -> None:
    """A key that is empty or too long is refused."""
    assert enable([289379], key="k" * length, isEnabled=True).status_code == status


def test_key__belongs_to_a_credential(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Another credential may use the same key."""
    enable([289379], key="one", isEnabled=False)
    other, body = sandbox.issue_credential(), {"ids": [289380], "isEnabled": False}
    headers = {"Idempotency-Key": "one"}
    answer = httpx.patch(f"{sandbox.url}/menus/items/enable", json=body, headers=headers, auth=other, **PLAIN)
    assert answer.status_code == 200


def test_key__missing_is_accepted_or_refused(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """As switched."""
    assert enable([289379], isEnabled=False).status_code == 200
    sandbox.set(missing_key="reject")
    answer = enable([289379], isEnabled=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_missing_idempotency_key")


def test_reads__ignore_keys(http: httpx.Client) -> None:
    """A read with a key is read again each time."""
    answers = [http.get("/brands", headers={"Idempotency-Key": "k" * 65}) for _ in range(2)]
    assert answers[0].json()["request_id"] != answers[1].json()["request_id"]


def two_at_once(sandbox: kf.sandbox.Sandbox, enable: Call, *, seconds: float) -> list[httpx.Response]:
    """Send one body twice under one key while the first is held up."""
    sandbox.inject("latency", seconds=seconds, count=1)
    key = f"held up for {seconds:g}"
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(enable, [289379], key=key, isEnabled=False) for _ in range(2)]
        return [future.result() for future in futures]


def test_two_at_once__second_waits_and_gets_the_answer_of_the_first(
    sandbox: kf.sandbox.Sandbox, enable: Call
) -> None:
    """By default."""
    first, second = two_at_once(sandbox, enable, seconds=0.2)
    assert first.content == second.content
    assert sorted(sandbox.requests["replayed"]) == [False, True]


def test_two_at_once__second_can_be_a_conflict(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """As switched. Where the machine lets the second come only after the first, they are sent again."""
    sandbox.set(same_key="conflict")
    tried = (two_at_once(sandbox, enable, seconds=seconds) for seconds in (0.2, 2, 20, 200))
    statuses = (sorted(answer.status_code for answer in answers) for answers in tried)
    assert next((seen for seen in statuses if seen != [200, 200]), None) == [200, 409]


def test_refusal__is_not_kept_unless_switched(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """After a 404 the same key may be tried again; with `stored_answers="all"` the 404 is replayed."""
    ids = [enable([1], key="one").json()["request_id"] for _ in range(2)]
    assert ids[0] != ids[1]
    sandbox.set(stored_answers="all")
    ids = [enable([1], key="two").json()["request_id"] for _ in range(2)]
    assert ids[0] == ids[1]


def test_failure__stored_is_replayed_and_unstored_is_not(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """A stored 502 comes again with its request_id although the trouble is over; a plain one does not."""
    sandbox.inject("stored_502", count=1)
    stored = [enable([289379], key="one", isEnabled=False) for _ in range(2)]
    sandbox.inject("error_502", count=1)
    plain = [enable([289379], key="two", isEnabled=False) for _ in range(2)]
    assert [answer.status_code for answer in (*stored, *plain)] == [502, 502, 502, 200]
