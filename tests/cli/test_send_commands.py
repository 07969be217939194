"""The commands that change something, as a person uses them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import (
    Terminal,
    item_rows,
    publish_everywhere,
    read_screen,
    store_words,
    stores_of,
)
from tests.planning.tables import planted, toggles_of


def _interrupt(*words: object, sign: str) -> tuple[int, str]:
    """Run a command, press Ctrl-C once its screen shows a sign, and return its exit code and the screen."""
    ours, theirs = pty.openpty()
    # Bars are drawn on a terminal only, and only on one that has a width.
    termios.tcsetwinsize(theirs, (40, 120))
    command = [sys.executable, "-m", "klikit_frames", *map(str, words)]
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        said = ""
        while not re.search(sign, said):
            said += os.read(ours, 4096).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        said += read_screen(ours)
    return process.returncode, said


CELL = ["entity_type", "entity_id", "brand_id", "branch_id"]


def _seen(sandbox: kf.sandbox.Sandbox, table: Path) -> list[bool]:
    """Return what guests see of the cells of a table."""
    rows = pd.read_csv(table)[CELL].merge(sandbox.state(published=True), on=CELL, how="left")
    return rows["is_enabled"].tolist()


def _copied(sandbox: kf.sandbox.Sandbox, *, since: int) -> set[tuple[int, int]]:
    """Return the stores whose menus were published."""
    events = sandbox.history(since=since)
    copies = events[events["event"] == "copy"]
    return set(zip(copies["brand_id"], copies["branch_id"], strict=True))


def _last_event(sandbox: kf.sandbox.Sandbox) -> int:
    return int(sandbox.history()["no"].max())


@pytest.mark.usefixtures("online")
def test_apply__names(terminal: Terminal, client: kf.Client, tmp_path: Path) -> None:
    """--names looks up dishes and stores in the live menu, down and across; near misses are problems."""
    state, stores = kf.read_state(client), kf.stores(client)
    titles = state.loc[state["entity_type"] == "item", "title"]
    title = titles[~titles.duplicated(keep=False)].iloc[0]
    store = stores.iloc[0]
    across = f"{store['brand_title']} / {store['branch_title']}"
    path = tmp_path / "names.csv"
    pd.DataFrame({"Gericht": [title], across: ["aus"]}).to_csv(path, index=False)
    done = terminal("apply", path, "--names", "--yes")
    assert done.code == 0, done.err
    row = done.frame.iloc[0]
    assert (row["brand_id"], row["branch_id"]) == (store["brand_id"], store["branch_id"])
    assert row["outcome"] == "applied"
    path.write_text(f"Gericht,{across}\n{title}x,aus\n")
    done = terminal("check", path, "--names")
    assert done.code == 3
    assert done.frame[["column", "code"]].values.tolist() == [["title", "name_unknown"]]
    assert "The nearest names are" in done.out


def test_plan_then_apply__sends_exactly_that_plan(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A plan file is known by its content, whatever its name, and is sent once."""
    path = tmp_path / "looks_like.csv"
    assert terminal("plan", table, "--out", path).code == 0
    assert len(online.requests) == 0
    first, second = terminal("apply", path, "--yes"), terminal("apply", path, "--yes")
    assert (first.code, second.code) == (0, 0)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert online.requests["method"].eq("PATCH").sum() == kf.load_plan(path).n_requests


def test_apply__skips_what_already_holds(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """With --live a row that holds is unchanged, and nothing is sent for it."""
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    done = terminal("apply", table, "--yes", "--live")
    assert done.code == 0, done.err
    assert done.frame["outcome"].tolist() == ["unchanged"] * 4


def test_ctrl_c__ends_with_130_and_the_line_that_resumes(online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """An interrupted apply prints how to go on, and that line finishes the job."""
    # Five rounds of eight requests: seconds are left to press in, also on a busy machine.
    online.inject("latency", seconds=5, match="PATCH")
    plan = kf.plan(item_rows(online, n=40), combine=False)
    plan.save(tmp_path / "plan.json")
    out = tmp_path / "result.json"
    code, said = _interrupt("apply", tmp_path / "plan.json", "--yes", "--out", out, sign=r" [1-9]\d*/40 ")
    assert code == 130, said
    assert len(json.loads(out.read_text())) == 40
    assert 0 < online.requests["method"].eq("PATCH").sum() < 40
    hint = next(line for line in said.splitlines() if line.startswith("klikit-frames resume "))
    online.clear_faults()
    words = [sys.executable, "-m", "klikit_frames", *hint.split()[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c__while_it_plans_sends_nothing(online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """An apply interrupted before it has a plan ends with 130 and says so; nothing was sent or noted."""
    toggles_of(planted(300, 300, 60, share=0.2, seed=1)).to_csv(tmp_path / "hard.csv", index=False)
    words = ["apply", tmp_path / "hard.csv", "--yes", "--out", tmp_path / "result.csv"]
    code, said = _interrupt(*words, sign="Fewer requests")
    assert code == 130, said
    assert "Interrupted: nothing more is sent." in said
    assert not (tmp_path / "result.csv").exists()
    assert not online.requests["method"].eq("PATCH").any()
    assert kf.runs().empty


def test_publish__of_a_run(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """The stores that the last run wrote are published, and no other; guests see it only then."""
    applied = terminal("apply", table, "--yes")
    assert "To show it to guests: klikit-frames publish --run " in applied.err
    assert _seen(online, table) == [True] * 4
    before = _last_event(online)
    done = terminal("publish", "--run", "last", "--yes")
    assert done.code == 0, done.err
    stores = stores_of(table)
    assert done.frame[["brand_id", "branch_id", "outcome"]].values.tolist() == [
        [*store, "published"] for store in stores
    ]
    assert f"{len(stores)} of {len(stores)} store" in done.err
    assert "To prove it: klikit-frames verify last" in done.err
    assert _copied(online, since=before) == set(stores)
    assert _seen(online, table) == [False] * 4


def test_apply__publishes_at_its_end(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """With --publish guests see the rows once apply has ended, and no message says to publish."""
    done = terminal("apply", table, "--yes", "--publish")
    assert done.code == 0, done.err
    assert done.frame[["outcome", "published"]].values.tolist() == [["applied", True]] * 4
    assert "klikit-frames publish" not in done.err
    assert _seen(online, table) == [False] * 4
    verified = terminal("verify", "last")
    assert (verified.code, verified.frame["proof"].tolist()) == (0, ["confirmed"] * 4)


def test_publish__of_stores_that_are_named(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """--store publishes just these, --all-stores every store of the business."""
    pairs = [(5297, 1293), (663, 1062)]
    before = _last_event(online)
    done = terminal("publish", *store_words(pairs), "--yes")
    assert done.code == 0, done.err
    assert "2 of 2 stores published." in done.err
    assert _copied(online, since=before) == set(pairs)
    done = terminal("publish", "--all-stores", "--yes")
    assert done.code == 0, done.err
    assert "60 of 60 stores published." in done.err
    assert len(_copied(online, since=before)) == 60


def test_publish__that_fails_in_part(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """A store of nobody is named, the other is published, and the end is 1."""
    done = terminal("publish", *store_words([(5297, 1293), (999999, 1)]), "--yes")
    assert done.code == 1, done.err
    outcomes = done.frame.set_index("brand_id")["outcome"]
    assert outcomes[5297] == "published"
    assert outcomes[999999] != "published"
    assert "1 of 2 stores published." in done.err


WORDS = [sys.executable, "-m", "klikit_frames"]


HOST = "https://api.dev.shadowchef.co"


class Detour(httpx.HTTPTransport):
    """Carries requests for a real host's name to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        request.headers["Host"] = target.netloc.decode()
        return super().handle_request(
            httpx.Request(
                request.method,
                target,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )


@pytest.fixture
def real_host(online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kf.sandbox.Sandbox:
    """The sandbox under the name of a real host."""
    monkeypatch.setenv("KLIKIT_BASE_URL", HOST)
    monkeypatch.setattr(kf, "connect", partial(kf.connect, transport=Detour(online.url)))
    return online


def _code(text: str) -> str:
    code = re.search(r"--confirm ([0-9a-f]{8})", text)
    assert code is not None, text
    return code[1]


def test_question__counts_what_is_business_wide(online: kf.sandbox.Sandbox, wide_table: Path) -> None:
    """The question tells how many requests reach every store, and no is no."""
    ours, theirs = pty.openpty()
    apply = [*WORDS, "apply", str(wide_table)]
    with subprocess.Popen(apply, stdin=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.write(ours, b"n\n")
        _, said = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert "Send 2 requests, 1 of them business-wide, to 127.0.0.1:" in said
    assert len(online.requests) == 0


def test_confirm__works_for_a_table_a_plan_and_an_undo(
    terminal: Terminal, real_host: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """The same table planned again has the same code, and so has its undo."""
    saved = tmp_path / "saved.plan.json"
    assert terminal("plan", table.rename(tmp_path / "t.csv"), "--out", saved).code == 0
    n_before = len(real_host.requests)
    for words in (["apply", tmp_path / "t.csv"], ["undo", "last"], ["apply", saved]):
        refused = terminal(*words, "--yes")
        assert refused.code == 2, refused.err
        done = terminal(*words, "--confirm", _code(refused.err))
        assert done.code == 0, done.err
        publish_everywhere(real_host)
    writes = real_host.requests.iloc[n_before:]
    assert writes["method"].eq("PATCH").sum() == 3, writes["path"].tolist()


def test_confirm__of_a_publish(terminal: Terminal, real_host: kf.sandbox.Sandbox) -> None:
    """A publish that is not confirmed ends as a run that is not: with 2, and the code to add."""
    refused = terminal("publish", "--all-stores", "--yes")
    assert refused.code == 2, refused.err
    assert "POST" not in set(real_host.requests["method"])
    assert terminal("publish", "--all-stores", "--confirm", "deadbeef").code == 6
    assert terminal("publish", "--all-stores", "--confirm", _code(refused.err)).code == 0


def test_confirm__of_nothing_is_not_asked_for(
    terminal: Terminal, real_host: kf.sandbox.Sandbox, table: Path
) -> None:
    """Where all rows hold already nothing is sent, so nobody is asked, on a real host either."""
    table.write_text(table.read_text().replace("False", "True"))
    done = terminal("apply", table, "--live")
    assert done.code == 0, done.err
    assert set(real_host.requests["method"]) == {"GET"}
