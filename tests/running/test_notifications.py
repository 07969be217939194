"""Word gets out when a run has ended, and a messenger that fails changes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.notifications import CommandNotifier, summarise_result
from tests.fixtures import wrong

REPEAT = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"


def test_on_finish__gets_the_summary_once(client: kf.Client, narrow: pd.DataFrame, journal: Path) -> None:
    """Run and resume each call it once, with counts and the account, in values that JSON knows."""
    summaries: list[dict[str, Any]] = []
    result = kf.run(kf.plan(narrow), client, journal=journal, on_finish=summaries.append)
    kf.resume(result.run_id, client, journal=journal, on_finish=summaries.append)
    assert [summary["action"] for summary in summaries] == ["run", "resume"]
    for summary in summaries:
        assert json.loads(json.dumps(summary)) == summary
        assert summary["counts"] == result.counts
        assert (summary["run_id"], summary["is_complete"], summary["error"]) == (result.run_id, True, None)


def test_on_finish__is_called_at_the_end_of_a_job(
    client: kf.Client, narrow: pd.DataFrame, journal: Path
) -> None:
    """A run in the background tells its end as well, before its result is handed out."""
    summaries: list[dict[str, Any]] = []
    job = kf.start(kf.plan(narrow), client, journal=journal, on_finish=summaries.append)
    assert [summary["counts"] for summary in summaries] == [] or job.is_done
    assert job.result().counts == summaries[0]["counts"]


def test_on_finish__that_fails_changes_no_outcome(
    client: kf.Client, narrow: pd.DataFrame, journal: Path
) -> None:
    """What the callable raises stands in a note; rows and status are as without it."""

    def fail(summary: dict[str, Any]) -> None:
        raise RuntimeError("the mail server is away")

    result = kf.run(kf.plan(narrow), client, journal=journal, on_finish=fail)
    assert (result.counts["applied"], result.status) == (len(narrow), "finished")
    assert result.notes == ("Nobody was notified: the mail server is away.",)


def test_on_finish__hears_of_an_error(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A run that cannot begin raises as ever, and the callable hears why."""
    summaries: list[dict[str, Any]] = []
    with (
        kf.connect(sandbox.url, partner_key=sandbox.partner_key, secret_key="wrong") as client,
        pytest.raises(kf.AuthError),
    ):
        kf.run(kf.plan(narrow), client, journal=journal, on_finish=summaries.append)
    ((status, error, host),) = [
        (summary["status"], summary["error"], summary["host"]) for summary in summaries
    ]
    assert (status, error, host) == ("error", "AuthError", client.host)


def test_on_finish__is_checked_before_the_first_request(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, narrow: pd.DataFrame
) -> None:
    """What cannot be called is refused, and nothing is sent."""
    for send in (kf.run, kf.start):
        with pytest.raises(kf.ConfigError, match="on_finish"):
            send(kf.plan(narrow), client, journal=":memory:", on_finish=wrong("mail"))
    assert len(sandbox.requests) == 0


def test_summary__names_the_causes(client: kf.Client, narrow: pd.DataFrame) -> None:
    """What was not done is listed by cause, with the cure."""
    narrow.loc[0, "entity_id"] = 999_999_999
    summary = summarise_result(kf.run(kf.plan(narrow, combine=False), client, journal=":memory:"))
    ((cause),) = summary["trouble"]
    assert (cause["outcome"], cause["code"], cause["n_rows"]) == ("rejected", "resource_not_found", 1)
    assert not summary["is_complete"]


def test_command__gets_the_summary_without_a_shell_and_without_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command reads JSON on its standard input; a dollar in it is a dollar."""
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "sk_hidden")
    path = tmp_path / "$HOME; false.json"
    code = f"{REPEAT}; import os; assert 'KLIKIT_SECRET_KEY' not in os.environ"
    CommandNotifier((sys.executable, "-c", code, str(path)))({"headline": "2 dishes off in Café"})
    assert json.loads(path.read_text()) == {"headline": "2 dishes off in Café"}


@pytest.mark.parametrize(
    ("code", "said"),
    [("import sys; sys.exit('no route')", "ended with 1: no route"), ("input(); input()", "has not ended")],
    ids=["fails", "hangs"],
)
def test_command__that_fails_or_hangs_is_told(code: str, said: str) -> None:
    """Its exit code and last words are raised; one that does not end is killed."""
    hangs = said == "has not ended"
    code = "import signal; signal.pause()" if hangs else code
    with pytest.raises((RuntimeError, TimeoutError), match=said):
        CommandNotifier((sys.executable, "-c", code), timeout_s=0.2 if hangs else 30)({})


@pytest.mark.parametrize("command", ["", "no-such-program --to me", "mail 'x"])
def test_command__of_no_use_is_refused(command: str) -> None:
    """A command that cannot be run is found out before anything is sent."""
    with pytest.raises(kf.ConfigError, match=r"[Nn]othing was sent"):
        CommandNotifier.parse(command)
