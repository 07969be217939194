"""An oracle of proofs: `verify` and `undo` are held against who wrote what, and what menus show."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.undo import Undo

from .outcome_oracle import CELL, ScenarioCounts, read_flags, to_key

Key = tuple[Any, ...]
# A publish that only says it was done is evidence all the same, and the note says that it is the only one.
_PUBLISH_ALONE = "after the publish"


class Truth:
    """What was written and copied in a sandbox, by the numbers of its history."""

    def __init__(self, sandbox: kf.sandbox.Sandbox) -> None:
        self.live = read_flags(sandbox.state())
        self.shown = read_flags(sandbox.state(published=True))
        self._copies: dict[Key, int] = {}
        self._writes: dict[Key, list[tuple[int, str, bool]]] = {}
        for row in sandbox.history().to_dict("records"):
            if row["event"] == "copy":
                self._copies[row["brand_id"], row["branch_id"]] = row["no"]
            else:
                written = (row["no"], row["by"], bool(row["is_enabled"]))
                self._writes.setdefault(to_key(row[name] for name in CELL), []).append(written)

    def last_write(self, key: Key) -> tuple[int, str, bool] | None:
        """Return number, writer and flag of the last write to a cell, if there is one."""
        return self._writes.get(key, [None])[-1]

    def last_own_write(self, key: Key) -> tuple[int, str, bool] | None:
        """Return the last write to a cell that was not somebody else's."""
        return next((write for write in reversed(self._writes.get(key, [])) if write[1] != "others"), None)

    def is_copied_since(self, key: Key, no: int) -> bool:
        """Tell whether the menu that shows a cell is newer than an event; business rows are always live."""
        return key[2] == "business" or self._copies.get(key[3:], 0) > no

    def is_seen_changed(self, key: Key, *, asked: bool) -> bool:
        """Tell whether the menu shows another flag that somebody else wrote to a cell after us."""
        last = self.last_write(key)
        return (
            last is not None
            and last[1] == "others"
            and self.is_copied_since(key, last[0])
            and self.shown.get(key) is not asked
        )


def check_proofs(
    verified: pd.DataFrame,
    sandbox: kf.sandbox.Sandbox,
    *,
    counts: ScenarioCounts,
    edited: Set[tuple[str, int]],
) -> None:
    """Hold every `proof` against the truth; nobody may write while this looks."""
    truth = Truth(sandbox)
    for row in verified.to_dict("records"):
        if isinstance(row["proof"], str):
            counts.n_proofs += 1
            error = _find_proof_error(row, truth, is_edited=(row["entity_type"], row["entity_id"]) in edited)
            counts.record(false_proofs=[(error, row)] if error else [])


def _find_proof_error(row: Mapping[Any, Any], truth: Truth, *, is_edited: bool) -> str | None:
    key, asked = to_key(row[name] for name in CELL), bool(row["is_enabled"])
    shown = truth.shown.get(key)
    if row["proof"] == "confirmed":
        if shown is not asked:
            return "confirmed, but the menu shows another flag"
        return (
            "confirmed, but another flag is live" if not is_edited and truth.live[key] is not asked else None
        )
    if row["proof"] == "differs":
        if row["outcome"] in {"rejected", "failed", "not_sent"}:
            return "differs, but the run did not write it"
        if shown is asked:
            return "differs, but the menu shows the flag"
        # What others changed since and have not published nobody can know.
        last = truth.last_own_write(key)
        is_proved = last is None or truth.is_copied_since(key, last[0])
        return (
            None
            if is_proved or _PUBLISH_ALONE in str(row["proof_note"])
            else "differs, but the menu is older"
        )
    return None


def check_undone(
    undo: Undo,
    sandbox: kf.sandbox.Sandbox,
    *,
    before: pd.DataFrame,
    truth: Truth,
    counts: ScenarioCounts,
    edited: Set[tuple[str, int]],
    asked: Mapping[Key, bool],
) -> None:
    """Hold what an undo left, after it ran, against the flags from before the run.

    `truth` was taken before the undo was planned; `asked` has the flags that the run was to write.
    """
    live, first = read_flags(sandbox.state()), read_flags(before)
    restored = {to_key(cell) for cell in undo.toggles[CELL].itertuples(index=False, name=None)}
    counts.n_restored += len(restored)
    counts.record(
        false_restores=(
            ("restored", key)
            for key in restored
            if key not in asked
            or (truth.is_seen_changed(key, asked=asked[key]) and live[key] is not truth.live[key])
        ),
        forgotten_writes=(
            ("left as the run wrote it", key, flag)
            for key, flag in live.items()
            if key[:2] not in edited and flag != first[key]
        ),
    )
