"""Publishing under guard."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from tests.api.scripts import PARTNER_KEY, SECRET_KEY, URL, FakeClock, Script, error, ok

STORES = [(1, 1), (1, 2), (2, 2)]


def _publish(*steps: Any, **options: Any) -> tuple[pd.DataFrame, Script]:
    script = Script(*steps)
    own = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY, "transport": script, "clock": FakeClock()}
    with kf.connect(URL, **own) as client:
        return kf.publish(STORES, client, **options), script


def test_publish__makes_menus_anew(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """After a publish the stores show what is live, and each store is told once."""
    stores = kf.stores(client).head(3)
    told = kf.publish(pd.concat([stores, stores]), client)
    expected = stores[["brand_id", "branch_id"]].assign(outcome="published")
    pd.testing.assert_frame_equal(told[["brand_id", "branch_id", "outcome"]], expected)
    assert sandbox.requests.iloc[-1]["path"].endswith("/menus/publish")


@pytest.mark.parametrize(
    ("data", "outcome", "said"),
    [
        ({"success": 3, "failed": 0}, "published", None),
        ({"success": 0, "failed": 3}, "failed", "none of 3 stores"),
        ({"success": 2, "failed": 1}, "unknown", "2 of 3 stores published; the API does not say which"),
        ({}, "unknown", "no counts"),
    ],
)
def test_publish__counts(data: dict[str, int], outcome: str, said: str | None) -> None:
    """Counts are told per store as far as they tell: a failure inside a success is no success."""
    told, _ = _publish(ok(data))
    assert told["outcome"].tolist() == [outcome] * 3
    assert told["message"].isna().all() if said is None else told["message"].str.contains(said).all()


def test_publish__one_by_one() -> None:
    """With one store in a request each of them is told."""
    good, bad = ok({"success": 1, "failed": 0}), ok({"success": 0, "failed": 1})
    told, script = _publish(good, bad, good, per_request=1)
    assert told["outcome"].tolist() == ["published", "failed", "published"]
    assert len({request.headers["Idempotency-Key"] for request in script.received}) == 3


def test_publish__providers() -> None:
    """The marketplaces to ship to are klikit's own unless others are named."""
    _, script = _publish(ok({"success": 3, "failed": 0}))
    assert b'"providerIDs":[1]' in script.received[0].read()
    _, script = _publish(ok({"success": 3, "failed": 0}), provider_ids=[6, 9])
    assert b'"providerIDs":[6,9]' in script.received[0].read()


def test_publish__refused_credential() -> None:
    """After a refusal nothing more is sent, and that is said."""
    told, script = _publish(error(403, "auth_forbidden"), per_request=1)
    assert told["outcome"].tolist() == ["failed", "not_sent", "not_sent"]
    assert told["code"].fillna("-").tolist() == ["auth_forbidden", "-", "-"]
    assert len(script.received) == 1


def test_publish__no_answer() -> None:
    """Where no answer came, nobody knows; where no connection was opened, nothing was sent."""
    import httpx

    assert _publish(httpx.ReadTimeout("late"))[0]["outcome"].tolist() == ["unknown"] * 3
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
        with pytest.raises(kf.PlanError, match="nothing was published yet: 1 stores, providers 1") as caught:
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
