"""Publishing under guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.journal import read_journal
from tests.api.scripts import PARTNER_KEY, SECRET_KEY, URL, FakeClock, Script, error, ok

from .doubles import AnsweringTransport, HoldingTransport, press_ctrl_c, wait_for_threads
from .fault_scenarios import FOREIGN_ID, KillingTransport, KillPoint, connect, run_in_child

STORES = [(1, 1), (1, 2), (2, 2)]


def _publish(*steps: Any, **options: Any) -> tuple[pd.DataFrame, Script]:
    script = Script(*steps)
    settings: dict[str, Any] = {
        "partner_key": PARTNER_KEY,
        "secret_key": SECRET_KEY,
        "transport": script,
        "clock": FakeClock(),
    }
    with kf.connect(URL, **settings) as client:
        return kf.publish(STORES, client, **options), script


def test_publish__makes_menus_anew(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """After a publish the stores show what is live, and each store is listed once."""
    stores = kf.stores(client).head(3)
    published = kf.publish(pd.concat([stores, stores]), client)
    expected = stores[["brand_id", "branch_id"]].assign(outcome="published")
    pd.testing.assert_frame_equal(published[["brand_id", "branch_id", "outcome"]], expected)
    assert sandbox.requests.iloc[-1]["path"].endswith("/menus/publish")


@pytest.mark.parametrize(
    "data",
    [
        {"success": 0, "failed": 0},
        {"success": 2, "failed": 0},
        {"success": 3, "failed": 3},
        {"success": 5, "failed": 3},
        {"success": -1, "failed": 0},
        {"success": "3", "failed": 0},
        {"success": True, "failed": 0},
        {"success": 3},
        {"success": 2, "failed": 1},
        {},
        None,
    ],
)
def test_publish__counts_that_do_not_add_up(data: object) -> None:
    """Counts that do not say of every store that it was published have each asked for alone."""
    good, bad = ok({"success": 1, "failed": 0}), ok({"success": 0, "failed": 1})
    published, script = _publish(ok(data), good, bad, ok({"success": 0, "failed": 0}))
    assert published["outcome"].tolist() == ["published", "failed", "unknown"]
    assert published["message"].fillna("-").tolist() == [
        "-",
        "the API published none of 1 store",
        "the API counts 0 published and 0 failed of 1 store",
    ]
    assert len({request.headers["Idempotency-Key"] for request in script.received}) == 4


def test_publish__refusal_after_an_answer_that_says_nothing() -> None:
    """A store that the first call may have published does not count as failed if the second is refused."""
    unclear, good = ok({}), ok({"success": 1, "failed": 0})
    published, _ = _publish(unclear, good, error(409, "state_conflict"), good)
    assert published["outcome"].tolist() == ["published", "unknown", "published"]
    assert published["message"].iloc[1].endswith("an earlier call may have published it")
    denied, _ = _publish(unclear, error(403, "auth_forbidden"))
    assert denied["outcome"].tolist() == ["unknown"] * 3


def test_publish__nobody_there_after_an_answer_that_says_nothing() -> None:
    """Nor as not sent because the second call never left."""
    import httpx

    published, _ = _publish(ok({}), httpx.ConnectError("away"))
    assert published["outcome"].tolist() == ["unknown"] * 3


@pytest.mark.parametrize("kind", ["short", "zero", "over", "negative", "missing", "text"])
def test_publish__sandbox_that_miscounts(sandbox: kf.sandbox.Sandbox, kind: str) -> None:
    """Whatever the API counts, no store counts as published on counts that cannot be."""
    sandbox.set(publish_counts=kind)
    with connect(sandbox) as client:
        published = kf.publish(kf.stores(client).head(5), client, journal=":memory:")
    outcomes = set(published["outcome"])
    assert outcomes == ({"published"} if kind == "short" else {"unknown"})


def test_publish__answer_lost_then_broken(sandbox: kf.sandbox.Sandbox) -> None:
    """A publish that was done, whose answer was lost and that then meets a 5xx, is asked for again."""
    sandbox.inject("stored_502", match="publish", count=1)
    with connect(sandbox) as client:
        published = kf.publish(kf.stores(client).head(3), client, journal=":memory:")
    assert published["outcome"].tolist() == ["published"] * 3


def test_publish__is_recorded_before_it_leaves(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """A process that is killed in a publish leaves its call in the journal, with its key and its stores."""

    def work() -> None:
        with connect(sandbox, transport=KillingTransport(KillPoint("after_send", 1))) as client:
            kf.publish([(663, 1062)], client, journal=journal)

    assert run_in_child(work)
    with connect(sandbox) as client:
        account = client.account
    with read_journal(journal) as opened:
        (call,) = opened.publishes(account)
    assert (call.stores, call.status, call.attempts) == (((663, 1062),), None, 1)
    assert sandbox.requests["key"].tolist() == [call.key]


def test_publish__interrupted(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """Ctrl-C returns what is known: the call under way is unknown, the rest was not sent."""
    transport = HoldingTransport(press_ctrl_c, nth=2, method="POST")
    with connect(sandbox, transport=transport) as client:
        stores = [(663, 1062), (663, 1063), (663, 1064)]
        published = kf.publish(stores, client, journal=journal, per_request=1)
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert published["outcome"].tolist()[1:] == ["unknown", "not_sent"]
    assert published.attrs["is_interrupted"]


@pytest.mark.parametrize("provider_ids", [[], (), 1, "16", ["1"], [True], [0], [1.0]])
def test_publish__provider_ids_that_are_none(client: kf.Client, provider_ids: Any) -> None:
    """What are no ids of marketplaces is refused by name, and nothing is sent."""
    with pytest.raises(kf.ConfigError, match="provider_ids"):
        kf.publish([(663, 1062)], client, provider_ids=provider_ids)


def test_publish__one_by_one() -> None:
    """With one store in a request each has its own outcome."""
    good, bad = ok({"success": 1, "failed": 0}), ok({"success": 0, "failed": 1})
    published, script = _publish(good, bad, good, per_request=1)
    assert published["outcome"].tolist() == ["published", "failed", "published"]
    assert len({request.headers["Idempotency-Key"] for request in script.received}) == 3


def test_publish__providers() -> None:
    """The marketplaces to ship to are klikit's own unless others are named."""
    _, script = _publish(ok({"success": 3, "failed": 0}))
    assert b'"providerIDs":[1]' in script.received[0].read()
    _, script = _publish(ok({"success": 3, "failed": 0}), provider_ids=[6, 9])
    assert b'"providerIDs":[6,9]' in script.received[0].read()


def test_publish__refused_credential() -> None:
    """After a refusal nothing more is sent, and that is said."""
    published, script = _publish(error(403, "auth_forbidden"), per_request=1)
    assert published["outcome"].tolist() == ["failed", "not_sent", "not_sent"]
    assert published["code"].fillna("-").tolist() == ["auth_forbidden", "-", "-"]
    assert len(script.received) == 1


def test_publish__no_answer() -> None:
    """Where no answer came, nobody knows; where no connection was opened, nothing was sent."""
    import httpx

    late = [httpx.ReadTimeout("late")] * 40
    assert _publish(*late)[0]["outcome"].tolist() == ["unknown"] * 3
    assert _publish(httpx.ConnectError("away"))[0]["outcome"].tolist() == ["not_sent"] * 3


def test_publish__no_stores() -> None:
    """A filter that matched no store publishes nothing."""
    with kf.connect(URL, partner_key=PARTNER_KEY, secret_key=SECRET_KEY, transport=Script()) as client:
        assert kf.publish([], client).empty


def test_publish__real_business_asks() -> None:
    """On a real host nothing is sent before the code that stands for just these stores."""
    script = Script(ok({"success": 1, "failed": 0}))
    host = "https://api.dev.shadowchef.co/v1/partner"
    with kf.connect(host, partner_key=PARTNER_KEY, secret_key=SECRET_KEY, transport=script) as client:
        with pytest.raises(kf.PlanError, match="nothing was published yet: 1 store, providers 1") as caught:
            kf.publish([(1, 1)], client)
        code = str(caught.value).split("confirm='")[1][:8]
        with pytest.raises(kf.PlanError):
            kf.publish([(1, 2)], client, confirm=code)
        assert not script.received
        assert kf.publish([(1, 1)], client, confirm=code)["outcome"].tolist() == ["published"]


def test_publish__read_only(sandbox: kf.sandbox.Sandbox) -> None:
    """A client that may not write does not publish."""
    with sandbox.connect(read_only=True) as client, pytest.raises(kf.ConfigError, match="read-only"):
        kf.publish([(1, 1)], client)


def test_publish__no_stores_in_a_request(sandbox: kf.sandbox.Sandbox) -> None:
    """A request of no stores is refused by name, and nothing is sent."""
    with sandbox.connect() as client, pytest.raises(kf.ConfigError, match="per_request is a whole number"):
        kf.publish([(663, 1062)], client, per_request=0)
    assert sandbox.requests.empty


def test_run__publishes_what_it_wrote(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, wide: pd.DataFrame, journal: Path
) -> None:
    """A run with publish=True publishes the written stores at its end, and says so for each row."""
    bad = narrow.head(1).assign(entity_id=FOREIGN_ID, branch_id=narrow["branch_id"].iloc[0])
    toggles = pd.concat([narrow, wide, bad], ignore_index=True)
    with connect(sandbox) as client:
        result = kf.run(kf.plan(toggles), client, journal=journal, publish=True, progress=False)
        n_requests = len(sandbox.requests)
        again = kf.resume(result.run_id, client, journal=journal, progress=False)
        state = kf.read_state(client, stores=narrow, progress=False)
    published = result.frame["published"]
    assert published[result.frame["scope"] == "business"].isna().all()
    assert published[result.frame["outcome"] == "applied"].dropna().all()
    assert published.dtype == "boolean"
    assert "1 of 1 store published." in result.notes
    assert result.resume_hint is None
    pd.testing.assert_frame_equal(again.frame, result.frame)
    assert len(sandbox.requests[sandbox.requests["path"].str.endswith("publish")]) == 1
    assert n_requests < len(sandbox.requests)
    shown = narrow.drop(columns="is_enabled").merge(state)
    assert not shown["is_enabled"].any()


def test_run__killed_in_its_publish(sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path) -> None:
    """A run that is killed in its publish publishes again when it is resumed; nothing is written twice."""
    plan = kf.plan(narrow, progress=False)

    def work() -> None:
        with connect(sandbox, transport=KillingTransport(KillPoint("after_send", 2))) as client:
            kf.run(plan, client, journal=journal, publish=True, progress=False)

    assert plan.n_requests == 1
    assert run_in_child(work)
    with connect(sandbox) as client:
        (run_id,) = kf.runs(journal=journal)["run_id"]
        result = kf.resume(run_id, client, journal=journal, progress=False)
    assert result.frame["published"].all()
    assert (sandbox.requests["method"] == "PATCH").sum() == 1
    assert result.resume_hint is None


def test_run__publish_that_nobody_knows_of(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A publish whose counts cannot be leaves its rows without an answer; resuming asks again."""
    sandbox.set(publish_counts="zero")
    with connect(sandbox) as client:
        unclear = kf.run(kf.plan(narrow), client, journal=journal, publish=True, progress=False)
        sandbox.set(publish_counts="exact")
        clear = kf.resume(unclear.run_id, client, journal=journal, progress=False)
    assert unclear.counts["applied"] == 12
    assert unclear.frame["published"].isna().all()
    assert unclear.resume_hint is not None
    assert clear.frame["published"].all()


def test_run__publish_refused_after_one_that_nobody_knows_of(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A refusal says nothing of an earlier process's publish: whether its stores are published stays open."""
    sandbox.set(publish_counts="zero")
    with connect(sandbox) as client:
        unclear = kf.run(kf.plan(narrow), client, journal=journal, publish=True, progress=False)
    with connect(sandbox, transport=AnsweringTransport(409, error(409, "state_conflict").content)) as client:
        refused = kf.resume(unclear.run_id, client, journal=journal, progress=False)
    assert unclear.frame["published"].isna().all()
    assert refused.frame["published"].isna().all()
    assert refused.resume_hint is not None
