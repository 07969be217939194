"""Journals with flipped bits: refused with a sentence, or read truly."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running import journal_schema as schema
from klikit_frames.running.journal import Journal, open_journal, read_journal
from klikit_frames.running.journal_notes import Finding, note_audit
from klikit_frames.running.lifecycle import PromiseStatus
from klikit_frames.running.records import Publish
from tests.running.test_journal_notes import NOON, promise

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
        opened.note_menu_evidence(
            "a business", {(663, 1062): client.now(), (664, 1062): client.now()}, clocks=[0.0, 3_600.5]
        )
        opened.add_promises(
            [
                promise("b", account="a business"),
                promise("c", account="a business", status=PromiseStatus.ACTIVE, next_at=NOON + timedelta(1)),
            ]
        )
        findings = [Finding(Cell("item", item_id, 663, 1062), False, NOON, NOON) for item_id in (7, 8)]
        opened.take_in(note_audit("a business", differing=findings, settled=[]))
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
    for ask in (
        Journal.menu_evidence,
        Journal.audit_findings,
        Journal.has_open_promises,
        Journal.open_promises,
        Journal.active_promises,
        partial(Journal.due_promises, now=NOON),
    ):
        yield partial(ask, account="a business")
    yield from (Journal.clocks, Journal.promises, Journal.all_menu_evidence, Journal.all_audit_findings)


def _ids(journal: Path) -> tuple[list[str], list[str]]:
    """Return the ids of the runs of a whole journal, and of their plans."""
    history = kf.runs(journal=journal)
    return history["run_id"].tolist(), history["plan_id"].tolist()


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
    ids = _ids(whole)
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
        wrong += [(n, places, nth) for nth in _untrue(answers, truth)]
    with capsys.disabled():
        print(f"\n{N_DAMAGED} journals damaged in their rows: {n_refused} refused, the others read truly")
    assert wrong == []
    assert n_refused > N_DAMAGED / 2


@pytest.mark.parametrize("table", schema.SEALED)
def test_journal__changed_values(whole: Path, tmp_path: Path, table: str) -> None:
    """Whatever value of a row is another, each answer is the true one, or a refusal in a sentence."""
    ids = _ids(whole)
    truth, copy, wrong = _answers(whole, *ids), tmp_path / "copy.sqlite3", []
    key, columns = schema.SEALED[table]
    for column in (*key, *columns, "digest"):
        shutil.copy(whole, copy)
        where = " AND ".join(f"{name} IS ?" for name in key)
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            row = connection.execute(f"SELECT {column}, {', '.join(key)} FROM {table}").fetchall()[-1]
            changed = _changed(row[0])
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", [changed, *row[1:]])
        answers = _answers(copy, *ids)
        wrong += [(column, row[0], changed, nth) for nth in _untrue(answers, truth)]
    assert wrong == []


def _changed(value: Any) -> Any:
    """Return another value of the same kind, as one bit makes it where it can."""
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 16) if value else "a"
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1, *value[1:]])
    return value ^ 1024 if isinstance(value, int) else 1.0 if value is None else value + 1


@pytest.mark.parametrize("table", ["menu_evidence", "clocks", "audit_findings"])
def test_journal__row_that_its_page_forgot(whole: Path, table: str) -> None:
    """A page that counts one row too few is noticed, though no count of the journal tells of the row."""
    ids = _ids(whole)
    truth = _answers(whole, *ids)
    with closing(sqlite3.connect(whole)) as connection:
        ((page_size,),) = connection.execute("PRAGMA page_size")
        ((page_no,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [table])
    content = bytearray(whole.read_bytes())
    # The fifth byte of a page is the lower half of the number of its rows.
    content[(page_no - 1) * page_size + 4] -= 1
    whole.write_bytes(content)
    answers = _answers(whole, *ids)
    assert None in answers
    assert _untrue(answers, truth) == []


def _untrue(answers: list[Any], truth: list[Any]) -> list[int]:
    """Return the places of the answers that are neither the true one nor a refusal."""
    pairs = enumerate(zip(answers, truth, strict=True))
    return [nth for nth, (said, true) in pairs if said is not None and not _is_same(said, true)]


def _is_same(said: Any, true: Any) -> bool:
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return pd.DataFrame(said).equals(pd.DataFrame(true))
    return bool(said == true)
