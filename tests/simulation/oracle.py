"""What must be true of every row, proof, undo, audit and promise, held against the model's own books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import pandas as pd

import klikit_frames as kf

from .model_api import STORES, Cell, ModelApi, Write

SECRET_KEY = "sk_simulated"
CELL = ("entity_type", "entity_id", "scope", "brand_id", "branch_id")
_PUBLISH_ALONE = "after the publish"
_BY_READING = "reading back"
_TOO_LARGE = 413

Entity = tuple[str, int]


class DefectError(AssertionError):
    """Something is reported or done that is not so."""

    def __init__(self, kind: str, shown: object) -> None:
        super().__init__(f"{kind}: {shown}")
        self.kind = kind


def cell_of(row: Mapping[Any, Any]) -> Cell:
    """Return the cell of a row as plain values."""
    return tuple(None if pd.isna(row[name]) else row[name] for name in CELL)  # type: ignore[return-value]


def rows_of(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the rows of a frame as dicts."""
    columns = [frame[name].tolist() for name in frame]
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def asked_rows(toggles: pd.DataFrame) -> list[tuple[Cell, bool]]:
    """Return the cell and the flag of each row."""
    return [(cell_of(row), bool(row["is_enabled"])) for row in rows_of(toggles)]


def check_rows(result: kf.Result, table: Sequence[tuple[Cell, bool]], api: ModelApi) -> int:
    """Hold each row's outcome against what its own request has written; return how many were judged."""
    rows = rows_of(result.frame)
    if [(cell_of(row), bool(row["is_enabled"])) for row in rows] != table:
        raise DefectError("lost", "the rows are not those of the table")
    for row in rows:
        if (said := _row_error(row, api)) is not None:
            raise DefectError("mislabelled", (said, _shown(row)))
        if not _is_published(row, api):
            raise DefectError("false_publish", _shown(row))
    return len(rows)


def _row_error(row: Mapping[Any, Any], api: ModelApi) -> str | None:
    cell, asked, key = cell_of(row), bool(row["is_enabled"]), row["idempotency_key"]
    # Where a table asks for one cell twice, both rows have one request.
    writes = [write for write in api.writes.get(cell, []) if isinstance(key, str) and write.key == key]
    is_read = _BY_READING in str(row["message"])
    match row["outcome"]:
        case "applied":
            is_done = is_read or any(write.is_enabled is asked for write in writes)
            return None if is_done else "applied, but its request wrote nothing"
        case "rejected":
            return "rejected, but it is of this business" if api.live(cell) is not None else None
        case "failed" if row["http_status"] == _TOO_LARGE:
            return "failed, but a smaller request would do"
        case "failed" | "not_sent" as outcome:
            return f"{outcome}, but its request wrote it" if writes and not is_read else None
        case "unchanged" | "unknown":
            return None
    return f"its outcome is {row['outcome']!r}"


def _is_published(row: Mapping[Any, Any], api: ModelApi) -> bool:
    """Tell whether a menu is newer than a write that a run reports as published, where that can be known."""
    cell, key = cell_of(row), row["idempotency_key"]
    first = next(
        (write for write in api.writes.get(cell, []) if isinstance(key, str) and write.key == key), None
    )
    if row.get("published") is not True or first is None:
        return True
    is_known = not api.switches.publish_delay_s and cell[3:] not in api.untold
    return not is_known or api.is_copied_since(cell, first.no)


def check_unchanged(plan: kf.Plan, api: ModelApi, *, edited: Set[Entity]) -> None:
    """No row is left out of a plan as unchanged unless it holds; of what others edit nobody can know."""
    sent = plan.rows
    for row in rows_of(sent[sent["request_no"].isna()]):
        cell = cell_of(row)
        if (
            cell[:2] not in edited
            and cell[3:] not in api.untold
            and api.live(cell) is not None
            and api.live(cell) is not bool(row["is_enabled"])
        ):
            raise DefectError("false_unchanged", _shown(row))


def check_writes(api: ModelApi, *, since: int, asked: Mapping[Cell, Set[bool]]) -> None:
    """Nothing is written that was not asked for, and nothing whole twice.

    What came late belongs to whoever sent it first.
    """
    assign_keys(api, asked)
    for write in api.history[since:]:
        if write.key and write.is_enabled not in api.asked_by_key.get(write.key, asked).get(
            write.cell, frozenset()
        ):
            raise DefectError("not_asked", (write.cell, write.is_enabled))
    if api.switches.honours_keys and any(_is_doubled(api, key) for key, n in api.n_done.items() if n > 1):
        raise DefectError("doubled", "a key was carried out twice")


def assign_keys(api: ModelApi, asked: Mapping[Cell, Set[bool]]) -> None:
    """Note what the requests that came since the last call may write."""
    for key in api.new_keys:
        api.asked_by_key.setdefault(key, asked)
    api.new_keys.clear()


def _is_doubled(api: ModelApi, key: str) -> bool:
    """Tell whether a key should not have been carried out twice.

    What a copy of a journal has not seen is sent again a day later, where reading shows another flag. Where
    the API tells no date and a clock was set, nobody can tell how old a key is.
    """
    if api.clock.was_set and not api.switches.has_date:
        return False
    asked = api.asked_by_key.get(key)
    return bool(key) and not any(asked is table for table in api.copied_tables)


def check_cap(api: ModelApi, *, client_no: int, since: int, writes_per_minute: int) -> None:
    """No minute of a client has more writes than its run was allowed."""
    calls = [call for call in api.calls[since:] if call.client_no == client_no]
    times = [call.at_s for call in calls if call.method == "PATCH"]
    for n, at_s in enumerate(times[writes_per_minute:]):
        if at_s - times[n] < 60 - 1e-3:
            raise DefectError("over_the_cap", f"{writes_per_minute + 1} writes in {at_s - times[n]:.2f} s")


def check_ended(result: kf.Result) -> None:
    """Once a credential works again, a resume has sent what it was refused, and nothing of it is left."""
    if result.status != "finished":
        return
    for row in rows_of(result.frame):
        if row["outcome"] == "failed" and row["http_status"] in {401, 403}:
            raise DefectError("left", _shown(row))


def check_pruned(result: kf.Result, api: ModelApi) -> None:
    """What is forgotten is shown by its menus: until then it, not the menu, is the live flag."""
    for row in rows_of(result.frame):
        cell, last = cell_of(row), api.last_write(cell_of(row))
        is_last = row["outcome"] == "applied" and last is not None and last.key == row["idempotency_key"]
        if is_last and last is not None and not api.is_copied_since(cell, last.no):
            raise DefectError("pruned", _shown(row))


def check_published(published: pd.DataFrame, api: ModelApi, *, since: int) -> None:
    """What is reported as published has been copied, and what failed has not, where it is done at once."""
    if api.switches.publish_delay_s:
        return
    for row in rows_of(published[published["outcome"].isin(["published", "failed"])]):
        store = (row["brand_id"], row["branch_id"])
        if (api.copied_no[store] > since) is not (row["outcome"] == "published"):
            raise DefectError("false_publish", (store, row["outcome"]))


def check_proofs(
    proof: pd.DataFrame, api: ModelApi, *, edited: Set[Entity], wanted: Mapping[Cell, Set[bool]]
) -> int:
    """Hold each proof of a run against what the menus show; return how many were judged.

    `wanted` is what the run may write, by which its requests are known.
    """
    rows = [row for row in rows_of(proof) if isinstance(row["proof"], str)]
    for row in rows:
        is_judged = _is_judged(cell_of(row), api, edited)
        if (said := _proof_error(row, api, is_judged=is_judged, wanted=wanted)) is not None:
            raise DefectError("false_proof", (said, _shown(row)))
    return len(rows)


def _proof_error(
    row: Mapping[Any, Any], api: ModelApi, *, is_judged: bool, wanted: Mapping[Cell, Set[bool]]
) -> str | None:
    cell, asked = cell_of(row), bool(row["is_enabled"])
    shown, last = api.shown(cell), api.last_write(cell, is_own=True)
    if row["proof"] == "confirmed":
        if shown is not asked:
            return "confirmed, but the menu shows another flag"
        is_last = last is None or last.key == row["idempotency_key"]
        if is_last and is_judged and api.live(cell) is not asked:
            return "confirmed, but another flag is live"
    if row["proof"] == "differs":
        # A result may be older than what another process has written for the run since.
        is_written = any(
            api.asked_by_key.get(write.key or "") is wanted for write in api.writes.get(cell, [])
        )
        if row["outcome"] in {"rejected", "failed", "not_sent"} and not is_written:
            return "differs, but the run did not write it"
        if shown is asked:
            return "differs, but the menu shows the flag"
        # What a later run wrote is live, whether or not a menu shows it yet.
        is_later = last is not None and last.key != row["idempotency_key"] and last.is_enabled is not asked
        is_proved = last is None or is_later or api.is_copied_since(cell, last.no)
        # A publish is not done yet where it is queued, or where nobody did what it reports.
        may_wait = api.switches.publish_delay_s or cell[3:] in api.untold
        if not is_proved and not (may_wait and _PUBLISH_ALONE in str(row["proof_note"])):
            return "differs, but the menu is older"
    return None


def check_audit(audited: pd.DataFrame, api: ModelApi, *, edited: Set[Entity]) -> int:
    """What should hold does hold, and what should differ does; return how many were judged."""
    n_judged = 0
    for row in rows_of(audited):
        cell = cell_of(row)
        if not _is_judged(cell, api, edited) or row["change"] not in {"already", "change"}:
            continue
        n_judged += 1
        if (row["change"] == "already") is not (api.live(cell) is bool(row["is_enabled"])):
            raise DefectError("false_audit", _shown(row))
    return n_judged


def find_seen_changed(result: kf.Result, api: ModelApi) -> dict[Cell, bool]:
    """Return the cells that a menu shows changed by others since, with the flags that are live there."""
    changed = {}
    for row in rows_of(result.frame):
        cell, last = cell_of(row), api.last_write(cell_of(row))
        if (
            last is not None
            and not last.is_own
            and api.is_copied_since(cell, last.no)
            and api.shown(cell) is not bool(row["is_enabled"])
        ):
            changed[cell] = api.live(cell) is True
    return changed


def find_own_last(result: kf.Result, api: ModelApi) -> Iterator[tuple[Cell, bool]]:
    """Yield the cells that nobody has written since a run, with the flags that they had before it."""
    for row in rows_of(result.frame):
        cell, last = cell_of(row), api.last_write(cell_of(row))
        if row["outcome"] == "applied" and last is not None and last.key == row["idempotency_key"]:
            first = next(write for write in api.writes[cell] if write.key == last.key)
            yield cell, first.was


def find_own_later(result: kf.Result, others: Iterable[kf.Result], api: ModelApi) -> dict[Cell, bool]:
    """Return the cells that a run wrote and that another run has written since, with their flags."""
    first = {cell_of(row): row["idempotency_key"] for row in rows_of(result.frame)}
    later = {}
    for row in (row for other in others for row in rows_of(other.frame)):
        cell, key, last = cell_of(row), row["idempotency_key"], api.last_write(cell_of(row))
        is_last = row["outcome"] == "applied" and last is not None and last.key == key
        writes = [
            write for write in api.writes.get(cell, []) if write.is_own and write.key == first.get(cell)
        ]
        if is_last and writes and first[cell] != key:
            later[cell] = api.live(cell) is True
    return later


def is_hidden(cell: Cell, api: ModelApi) -> bool:
    """Tell whether a business-wide write may hide what a store had: it is not known, and not guessed."""
    return cell[2] == "store" and (cell[0], cell[1], "business", None, None) in api.writes


def _is_judged(cell: Cell, api: ModelApi, edited: Set[Entity]) -> bool:
    """Tell whether the live flag of a cell can be known.

    Not of what others edit, nor where a publish was reported that was not done. Where publishes are only
    queued, a store that overrides a business-wide write looks like one whose publish is done.
    """
    is_known = cell[:2] not in edited and cell[3:] not in api.untold
    return is_known and not (api.switches.publish_delay_s and is_hidden(cell, api))


def check_promise(row: Mapping[Any, Any], writes: Sequence[Write], api: ModelApi) -> None:
    """What failed was not written, and what is done came back; `writes` are those of its ticks."""
    said = f"{cell_of(row)} {row['status']} {row['note']}"
    if row["status"] == "failed" and writes:
        raise DefectError("promise", f"failed, but it was written: {said}")
    if row["status"] == "done" and writes and api.live(cell_of(row)) is not writes[0].was:
        raise DefectError("promise", f"its flag did not come back: {said}")


def check_secret(folder: Path, trace: Iterable[str]) -> None:
    """No journal, mirror, copy or word of a world holds a key that opens the business."""
    texts = [*(path.read_bytes() for path in folder.rglob("*") if path.is_file()), "\n".join(trace).encode()]
    if any(SECRET_KEY.encode() in text for text in texts):
        raise DefectError("secret", "a file or a word holds the secret key")


def stores_of(cell: Cell) -> list[Cell]:
    """Return the cells that a write of this one may change: itself, and all stores of a business-wide one."""
    if cell[2] == "store":
        return [cell]
    return [cell, *((cell[0], cell[1], "store", *store) for store in STORES)]


def _shown(row: Mapping[Any, Any]) -> str:
    """Return a row in a few words: without keys, which say nothing."""
    columns = ("outcome", "code", "http_status", "message", "proof", "proof_note", "change", "pending")
    said = {name: row[name] for name in columns if name in row and not pd.isna(row[name])}
    return f"{cell_of(row)} to {bool(row['is_enabled'])} {said}"
