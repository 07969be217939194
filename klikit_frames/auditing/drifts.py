"""What changed between two snapshots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, match_rows
from ..menus.state_arrays import booleans, check_state, flags, named
from ..menus.visibility import PLACE_COLUMNS

_DRIFTS = ("switched_on", "switched_off", "appeared", "gone", "not_read", "unknown")
_ON, _OFF, _APPEARED, _GONE, _NOT_READ, _UNKNOWN = range(6)
_SAME = -1


def drift(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return what changed between two states: one row per cell that is not the same in both. Pure.

    Parameters
    ----------
    before, after : DataFrame
        From `klikit_frames.read_state` or `klikit_frames.load_state`.

    Returns
    -------
    pandas.DataFrame
        ``entity_type, entity_id, scope, brand_id, branch_id, title, was, now`` (boolean) and ``drift``
        (text): ``switched_on``, ``switched_off``, ``appeared`` and ``gone`` (in the menu), ``not_read`` (its
        whole menu is in one of the two only), ``unknown`` (a flag is missing). In the order of `after`, then
        what only `before` has.

    Raises
    ------
    StateError
        One of the frames is not a state, or has a cell twice.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     before = kf.read_state(client)
    ...     sections = before.loc[before["entity_type"] == "section", "entity_id"].head(1)
    ...     _ = kf.run(kf.plan(kf.business_toggles("section", sections, is_enabled=False)), client)
    ...     after = kf.read_state(client)
    >>> kf.drift(before, after)[["was", "now", "drift"]].values.tolist()
    [[True, False, 'switched_off']]
    """
    kept, lost = _sides(check_state(before), check_state(after))
    both = pd.concat([kept, lost], ignore_index=True)
    was, now, code = (both[name].to_numpy() for name in ("was", "now", "drift"))
    return both.assign(was=booleans(was).array, now=booleans(now).array, drift=named(code, _DRIFTS).array)


def _sides(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the changed cells of `after`, and the cells that only `before` has."""
    position = match_rows(after, within=before)
    was, now = flags(before["is_enabled"], position), flags(after["is_enabled"])
    is_read = _share_places(after, before)
    code = np.select(
        [position < 0, was == now, (was < 0) | (now < 0), now == 1],
        [np.where(is_read, _APPEARED, _NOT_READ), _SAME, _UNKNOWN, _ON],
        default=_OFF,
    )
    is_lost = np.ones(len(before), dtype=bool)
    is_lost[position[position >= 0]] = False
    lost = before[is_lost]
    gone = np.where(_share_places(lost, after), _GONE, _NOT_READ)
    nowhere = np.full(len(lost), -1, dtype=np.int8)
    return _cells(after, was=was, now=now, drift=code)[code != _SAME], _cells(
        lost, was=flags(lost["is_enabled"]), now=nowhere, drift=gone
    )


def _share_places(rows: pd.DataFrame, other: pd.DataFrame) -> Codes:
    """Say for each row whether the other state has its store (or the business level) at all."""
    here, there = encode_keys([rows, other], columns=PLACE_COLUMNS)
    return np.isin(here, np.unique(there))


def _cells(frame: pd.DataFrame, **columns: Codes) -> pd.DataFrame:
    return frame[[*CELL_COLUMNS, "title"]].assign(**columns)
