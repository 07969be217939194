"""Journals with flipped bits: refused with a sentence, or read truly."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.journal import Journal, open_journal, read_journal
from klikit_frames.running.records import Publish

N_DAMAGED = 25
PUBLISH = Publish("a" * 32, "a business", "127.0.0.1:1", ((663, 1062),), "key", status="published")


@pytest.fixture
def whole(sandbox: kf.sandbox.Sandbox, client: kf.Client, singles: kf.Plan, journal: Path) -> Path:
    """A journal with three runs: one finished, one split and refused in part, one stopped on its way."""
    state = kf.read_state(client)
    wide = state[state["entity_type"] == "section"].head(3).assign(is_enabled=False)
    kf.run(kf.plan(wide, state=state), client, journal=journal)
    foreign = singles.toggles.assign(entity_id=[*singles.toggles["entity_id"][:-1], 990_000_001])
    kf.run(kf.plan(foreign, progress=False), client, journal=journal)
    sandbox.inject("error_500", match="PATCH", probability=0.3)
    kf.run(singles, client, journal=journal, max_failures=3)
    sandbox.clear_faults()
    with open_journal(journal) as opened:
        opened.record_publish(PUBLISH)
        opened.note_menu_evidence("a business", {(663, 1062): client.now()}, clocks=[0.0, 3_600.5])
    return journal


def _questions(run_ids: list[str], plan_ids: list[str]) -> Iterator[Callable[[Journal], Any]]:
    """Yield everything that is asked of a journal."""
    for run_id, plan_id in zip(run_ids, plan_ids, strict=True):
        yield partial(Journal.requests, run_id=run_id)
        yield partial(Journal.plan_body, run_id=run_id)
        yield partial(Journal.flags, run_id=run_id, kind="before")
        yield partial(Journal.run_of_plan, plan_id=plan_id)
    yield lambda journal: journal.runs().drop(columns="status").to_dict("records")
    yield partial(Journal.publishes, account="a business")
    yield partial(Journal.menu_evidence, account="a business")
    yield Journal.clocks


def _answer(ask: Callable[[], Any]) -> Any:
    """Return an answer, or None where the question was refused with a sentence."""
    try:
        return ask()
    except kf.JournalError as error:
        return None if str(error).endswith(".") else error


def _answers(path: Path, run_ids: list[str], plan_ids: list[str]) -> list[Any]:
    """Return the answers to all questions, asked by those who only look and by those who may write."""
    asked = [*_questions(run_ids, plan_ids)]
    results = [_answer(partial(_result, path, run_ids[1]))]
    for opened in (read_journal, open_journal):
        journal = _answer(partial(opened, path))
        if journal is None:
            results += [None] * len(asked)
            continue
        with journal:
            results += [_answer(partial(ask, journal)) for ask in asked]
    return results


def _result(path: Path, run_id: str) -> list[dict[Any, Any]]:
    return kf.attach(run_id, journal=path).so_far().frame.to_dict("records")


def test_journal__flipped_bits(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of journals with 1 to 5 flipped bits each answer is the true one, or a refusal in a sentence."""
    history = kf.runs(journal=whole)
    ids = history["run_id"].tolist(), history["plan_id"].tolist()
    truth, content = _answers(whole, *ids), whole.read_bytes()
    assert None not in truth
    copy, rng, n_refused, wrong = tmp_path / "copy.sqlite3", random.Random(8), 0, []
    used = [place for place, byte in enumerate(content) if byte]
    for n in range(2 * N_DAMAGED):
        damaged = bytearray(content)
        # Most of a journal this small is empty space: every second one is hit where something stands.
        hit = used if n % 2 else range(len(content))
        places = [rng.choice(hit) * 8 + rng.randrange(8) for _ in range(rng.randint(1, 5))]
        for place in places:
            damaged[place // 8] ^= 1 << place % 8
        copy.write_bytes(damaged)
        answers = _answers(copy, *ids)
        n_refused += n % 2 and None in answers
        wrong += [
            (n, places, nth)
            for nth, (said, true) in enumerate(zip(answers, truth, strict=True))
            if said is not None and not _is_same(said, true)
        ]
    with capsys.disabled():
        print(f"\n{N_DAMAGED} journals damaged in their rows: {n_refused} refused, the others read truly")
    assert wrong == []
    assert n_refused > N_DAMAGED / 2


def _is_same(said: Any, true: Any) -> bool:
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return pd.DataFrame(said).equals(pd.DataFrame(true))
    return bool(said == true)
