"""A second pair of eyes: the approval beside a plan, and the runs that want one."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.api.credentials import Secret
from klikit_frames.running import approvals
from tests.fixtures import wrong

REAL_URL = "https://api.dev.shadowchef.co"


def _saved(path: Path, *, ids: tuple[int, ...] = (5297,)) -> kf.Plan:
    kf.plan(kf.business_toggles("section", ids, is_enabled=False)).save(path)
    return kf.load_plan(path)


@pytest.fixture
def plan_path(tmp_path: Path, client: kf.Client) -> Path:
    """A saved plan of a section that is there."""
    section = int(kf.read_state(client)["entity_id"].iloc[0])
    _saved(tmp_path / "monday.plan.json", ids=(section,))
    return tmp_path / "monday.plan.json"


def _keyring(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    secret = None if key is None else Secret(key)
    monkeypatch.setattr(approvals, "read_keyring", lambda _name: secret)


def _run(path: Path, client: kf.Client, **options: Any) -> kf.Result:
    plan = kf.load_plan(path)
    return kf.run(plan, client, journal=":memory:", require_approval=True, progress=False, **options)


def test_approve__lies_beside_the_plan(plan_path: Path, client: kf.Client) -> None:
    """The approval has name, time, digest and host, and says that it is not signed; the plan then runs."""
    beside = kf.approve(plan_path, client, by=" Siti ")
    assert beside == plan_path.with_name("monday.plan.approval.json")
    noted = json.loads(beside.read_text())
    assert noted.pop("approved_at").endswith("+00:00")
    assert noted == {
        "format": "klikit_frames approval",
        "version": 1,
        "by": "Siti",
        "user": getpass.getuser(),
        "plan_id": kf.load_plan(plan_path).plan_id,
        "digest": kf.load_plan(plan_path).digest,
        "host": client.host,
        "signed_with": None,
        "signature": None,
    }
    assert _run(plan_path, client).counts["applied"] == 1


def test_run__without_an_approval(
    plan_path: Path, client: kf.Client, sandbox: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """A plan without an approval, with one of another plan or host, or with none to read, is not sent."""
    n_before = len(sandbox.requests)
    with pytest.raises(kf.PlanError, match=r"There is no approval .*klikit-frames approve"):
        _run(plan_path, client)
    kf.approve(plan_path, client, by="Siti")
    _saved(plan_path, ids=(1, 2))
    with pytest.raises(kf.PlanError, match="Siti has approved another plan"):
        _run(plan_path, client)
    with kf.connect(REAL_URL, partner_key="pk_x" * 4, secret_key="sk_x" * 4) as elsewhere:
        kf.approve(plan_path, elsewhere, by="Siti")
    with pytest.raises(kf.PlanError, match=f"Siti has approved the host .*, not for {client.host}"):
        _run(plan_path, client)
    approvals.approval_path(plan_path).write_text('{"format": "klikit_frames approval"}')
    with pytest.raises(kf.PlanError, match="is no approval that this version can read"):
        _run(plan_path, client)
    approvals.approval_path(plan_path).write_text("{")
    with pytest.raises(kf.PlanError, match="cannot be read"):
        _run(plan_path, client)
    assert len(sandbox.requests) == n_before


def test_run__of_a_plan_from_no_file(client: kf.Client) -> None:
    """What was planned a moment ago has nobody's approval, and the error says how to get one."""
    plan = kf.plan(kf.business_toggles("section", [1], is_enabled=False))
    with pytest.raises(kf.PlanError, match=r"was not loaded from a file.*kf\.approve\(path"):
        kf.run(plan, client, journal=":memory:", require_approval=True)


def test_approve__never_by_the_maker(plan_path: Path, client: kf.Client) -> None:
    """Who saved the plan first does not approve it, also not after somebody else saved it again."""
    maker = getpass.getuser()
    assert kf.load_plan(plan_path).made_by == maker
    with pytest.raises(kf.PlanError, match="nobody approves their own"):
        kf.approve(plan_path, client, by=maker.upper())
    beside = kf.approve(plan_path, client, by="Siti")
    beside.write_text(beside.read_text().replace("Siti", maker))
    with pytest.raises(kf.PlanError, match="nobody approves their own"):
        _run(plan_path, client)
    for by in ("", "  ", None):
        with pytest.raises(kf.ConfigError, match="is no name"):
            kf.approve(plan_path, client, by=wrong(by))


def test_approve__signed_with_a_key_from_the_keyring(
    plan_path: Path, client: kf.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key the approval is signed and names it; who has the key refuses others, and changed ones."""
    unsigned = kf.approve(plan_path, client, by="Siti").read_text()
    _keyring(monkeypatch, "a key that both have")
    with pytest.raises(kf.PlanError, match="is not signed"):
        _run(plan_path, client)
    beside = kf.approve(plan_path, client, by="Siti")
    signed = beside.read_text()
    assert json.loads(signed)["signed_with"].startswith("keyring klikit_frames/approvals (")
    assert "a key that both have" not in signed
    assert _run(plan_path, client).counts["applied"] == 1
    beside.write_text(signed.replace("Siti", "Budi"))
    with pytest.raises(kf.PlanError, match="signed with another key, or was changed"):
        _run(plan_path, client)
    beside.write_text(signed)
    _keyring(monkeypatch, "another key")
    with pytest.raises(kf.PlanError, match="signed with another key"):
        _run(plan_path, client)
    _keyring(monkeypatch, None)
    beside.write_text(unsigned)
    assert _run(plan_path, client).counts["applied"] == 1


def test_require_approval__is_a_rule_of_the_run(plan_path: Path, client: kf.Client, tmp_path: Path) -> None:
    """The journal keeps that an approval was required, and resume goes on under it."""
    from klikit_frames.running.journal import read_journal

    kf.approve(plan_path, client, by="Siti")
    journal = tmp_path / "journal.sqlite3"
    plan = kf.load_plan(plan_path)
    result = kf.run(plan, client, journal=journal, require_approval=True, deadline_s=0, progress=False)
    assert result.counts["not_sent"] == 1
    resumed = kf.resume(result.run_id, client, journal=journal, progress=False)
    with read_journal(journal) as opened:
        assert opened.run(resumed.run_id).rules["require_approval"] is True
    with pytest.raises(kf.ConfigError, match="require_approval='yes' is neither"):
        kf.run(plan, client, journal=journal, require_approval=wrong("yes"))
