"""One reading of many menus, and what could not be read."""

from __future__ import annotations

import gc
import gzip
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.menus.readings import MAX_AGE_S, Failure, TreeCache, in_words

from ..running.doubles import HoldingTransport, WaitingClock, is_running, wait_for_threads


class _InterruptingBar:
    """A bar that interrupts the reading after so many steps, once something has come to pass."""

    def __init__(self, *, n_steps: int, after: threading.Event | None = None) -> None:
        self._n_left = n_steps
        self._after = after

    def update(self, n: int = 1, /) -> None:
        self._n_left -= n
        if not self._n_left:
            assert self._after is None or self._after.wait(600)
            raise KeyboardInterrupt

    def close(self) -> None:
        """Do nothing."""


def test_cache__interrupted_reading_goes_on(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, tmp_path: Path
) -> None:
    """What an interrupted reading has is not asked for again, and a complete one leaves nothing behind."""
    stores = kf.stores(client).head(20)
    with pytest.raises(KeyboardInterrupt):
        kf.read_state(client, stores=stores, cache=tmp_path / "trees", progress=_InterruptingBar(n_steps=5))
    n_kept = len(list((tmp_path / "trees").glob("*.json.gz")))
    assert 5 <= n_kept < 20
    before = sandbox.requests["path"].str.contains("/menus").sum()
    state = kf.read_state(client, stores=stores, cache=tmp_path / "trees", progress=False)
    assert sandbox.requests["path"].str.contains("/menus").sum() - before == 20 - n_kept
    pd.testing.assert_frame_equal(state, kf.read_state(client, stores=stores, progress=False))
    assert not (tmp_path / "trees").exists()


def test_cache__incomplete_reading_is_kept(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, tmp_path: Path
) -> None:
    """Where a menu failed, the others are kept, so that the next call asks for that one only."""
    stores = kf.stores(hasty).head(3)
    sandbox.inject("error_500", match=f"branch_id={stores['branch_id'].iloc[2]}")
    kf.read_state(hasty, stores=stores, cache=tmp_path / "trees", progress=False)
    sandbox.clear_faults()
    before = sandbox.requests["path"].str.contains("/menus").sum()
    state = kf.read_state(hasty, stores=stores, cache=tmp_path / "trees", progress=False)
    assert kf.failures(state).empty
    assert sandbox.requests["path"].str.contains("/menus").sum() - before == 1


def test_cache__damaged_or_old_files_count_as_missing(tmp_path: Path) -> None:
    """A file that is cut off, no JSON, or too old is not taken for a tree."""
    cache = TreeCache(tmp_path, host="h", clock=lambda: 0.0)
    cache.keep((1, 2), {"menu": 1})
    (path,) = tmp_path.iterdir()
    now = path.stat().st_mtime
    assert TreeCache(tmp_path, host="h", clock=lambda: now + 1).load((1, 2)) == ({"menu": 1}, now)
    assert TreeCache(tmp_path, host="h", clock=lambda: now + MAX_AGE_S + 1).load((1, 2)) is None
    assert TreeCache(tmp_path, host="other", clock=lambda: now).load((1, 2)) is None
    path.write_bytes(path.read_bytes()[:-9])
    assert TreeCache(tmp_path, host="h", clock=lambda: now).load((1, 2)) is None
    path.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)
    assert TreeCache(tmp_path, host="h", clock=lambda: now).load((1, 2)) is None
    path.write_bytes(gzip.compress(b"{"))
    assert TreeCache(tmp_path, host="h", clock=lambda: now).load((1, 2)) is None


def test_interrupt__waits_for_no_retry(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """An interrupted reading ends at once, though a menu is being tried again and again."""
    stores, clock = kf.stores(client).head(3), WaitingClock()
    sandbox.inject("rate_limit", seconds=600, match=f"branch_id={stores['branch_id'].iloc[2]}")
    with sandbox.connect(clock=clock) as slow:
        with pytest.raises(KeyboardInterrupt):
            kf.read_state(slow, stores=stores, progress=_InterruptingBar(n_steps=1, after=clock.has_come))
        wait_for_threads("klikit-frames-")
    assert clock.has_heard.is_set()


def test_collector__rests_during_a_reading(client: kf.Client) -> None:
    """The collector of cycles rests while menus are read, and works again after it."""
    seen = []

    class Watch(_InterruptingBar):
        def update(self, n: int = 1, /) -> None:
            seen.append(gc.isenabled())

    kf.read_state(client, stores=kf.stores(client).head(3), progress=Watch(n_steps=99))
    assert set(seen) == {False}
    assert gc.isenabled()


def test_collector__is_back_after_an_interrupt(client: kf.Client) -> None:
    """An interrupted reading is over at once, also where its traceback is kept."""
    with pytest.raises(KeyboardInterrupt) as kept:
        kf.read_state(client, stores=kf.stores(client).head(3), progress=_InterruptingBar(n_steps=2))
    assert gc.isenabled()
    assert kept.tb


def test_interrupt__waits_for_no_answer(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """An interrupted reading leaves requests behind that hang."""
    stores = kf.stores(client).head(3)
    transport = HoldingTransport(method="GET", nth=1, match=f"branch_id={stores['branch_id'].iloc[2]}")
    with sandbox.connect(transport=transport) as slow:
        with pytest.raises(KeyboardInterrupt):
            kf.read_state(slow, stores=stores, progress=_InterruptingBar(n_steps=1, after=transport.has_come))
        assert is_running("klikit-frames-send-aside")
        transport.let_go.set()
        wait_for_threads("klikit-frames-")


def test_reading__keeps_to_the_connections(sandbox: kf.sandbox.Sandbox) -> None:
    """As many menus are read at a time as the client has connections, and each once."""
    others = set(threading.enumerate())
    with sandbox.connect(max_connections=1) as narrow:
        stores = kf.stores(narrow).head(4)
        n_threads: list[int] = []

        class Count(_InterruptingBar):
            def update(self, n: int = 1, /) -> None:
                n_threads.append(
                    sum(thread.name == "klikit-frames-read" for thread in {*threading.enumerate()} - others)
                )

        state = kf.read_state(narrow, stores=stores, progress=Count(n_steps=99))
    assert max(n_threads) == 1
    assert state[["brand_id", "branch_id"]].drop_duplicates().shape[0] == 4


def test_reading__states_when_its_oldest_tree_was_read(client: kf.Client, tmp_path: Path) -> None:
    """A state that was read from kept trees is as old as the oldest of them."""
    stores = kf.stores(client).head(5)
    with pytest.raises(KeyboardInterrupt):
        kf.read_state(client, stores=stores, cache=tmp_path, progress=_InterruptingBar(n_steps=3))
    for path in tmp_path.glob("*.json.gz"):
        os.utime(path, (time.time() - 1800,) * 2)
    state = kf.read_state(client, stores=stores, cache=tmp_path, progress=False)
    age = datetime.now(UTC) - datetime.fromisoformat(state.attrs["read_at"])
    assert timedelta(minutes=30) <= age < timedelta(minutes=40)


def test_failures__of_a_frame_without_notes() -> None:
    """A frame that lost its notes has no failures, with the right columns."""
    assert kf.failures(pd.DataFrame()).columns.tolist() == list(Failure._fields)


def test_words__each_cause_once() -> None:
    """A cause is named once, with three of its cases and the count of the others; so are ten causes."""
    many = [Failure(1, n, f"menu {n}", None, None, "away.", None) for n in range(12)]
    single = Failure(1, 20, "menu 20", None, None, "gone", None)
    assert in_words([*many, single]) == "menu 0, menu 1, menu 2 and 9 more: away; menu 20: gone."
    distinct = [failure._replace(message=f"away {n}") for n, failure in enumerate(many)]
    assert in_words(distinct).endswith("menu 9: away 9 and 2 more.")


def test_words__end_as_a_sentence() -> None:
    """What the API said ends in one full stop, whether it had one or not."""
    said = [Failure(1, n, f"menu {n}", None, None, text, None) for n, text in enumerate(("away", "gone."))]
    assert in_words(said) == "menu 0: away; menu 1: gone."
    assert in_words(said[:1]) == "menu 0: away."
