"""What a person has entered, and the list of it that is still to be sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from ..frames.toggles import business_toggles, cross_toggles
from ..overview import Names, headline
from .timed_changes import NO_END, Until, until_words

Pair = tuple[int, int]


@dataclass(frozen=True)
class Draft:
    """One change as entered in the form.

    Parameters
    ----------
    entities : tuple of (str, int)
        Type and id of what is picked.
    stores : tuple of (int, int)
        Brand and branch of each store; ignored for a business-wide change.
    is_business : bool
        Whether the change is business-wide.
    is_enabled : bool
        The flag wanted.
    has_cascade : bool
        Whether modifier groups are switched too.
    cascade_brand_ids : tuple of int
        Brands that the cascade is kept to; empty for every brand.
    until : Until
        When the flags from before come back.
    """

    entities: tuple[tuple[str, int], ...] = ()
    stores: tuple[Pair, ...] = ()
    is_business: bool = False
    is_enabled: bool = False
    has_cascade: bool = False
    cascade_brand_ids: tuple[int, ...] = ()
    until: Until = NO_END

    @property
    def by_type(self) -> dict[str, list[int]]:
        """The picked ids of each entity type."""
        types: dict[str, list[int]] = {}
        for entity_type, entity_id in self.entities:
            types.setdefault(entity_type, []).append(entity_id)
        return types


def missing_inputs(draft: Draft) -> dict[str, str]:
    """Return what is still missing, by the control that says so; empty if nothing is.

    Examples
    --------
    >>> from klikit_frames.forms.drafts import Draft, missing_inputs
    >>> missing_inputs(Draft(entities=(("item", 7),)))
    {'stores': 'Tick at least one store, or choose business-wide.'}
    """
    said = {}
    if not draft.entities:
        said["entities"] = "Tick at least one section, category or item."
    if not draft.stores and not draft.is_business:
        said["stores"] = "Tick at least one store, or choose business-wide."
    if not draft.until.is_whole:
        said["until"] = "Give the date and time until when it holds."
    return said


def draft_toggles(draft: Draft) -> pd.DataFrame:
    """Return the toggles of a complete draft, by type, then in the order picked.

    Examples
    --------
    >>> from klikit_frames.forms.drafts import Draft, draft_toggles
    >>> draft_toggles(Draft((("item", 7),), ((5297, 1293), (5297, 1294))))["branch_id"].tolist()
    [1293, 1294]
    """
    frames = [_type_toggles(draft, kind, ids) for kind, ids in draft.by_type.items()]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


_CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
_MOST_NAMED = 3
_TIME = "datetime64[us, UTC]"


def merge_toggles(
    drafts: Sequence[Draft], *, ends: Sequence[datetime | None] = ()
) -> tuple[pd.DataFrame, int]:
    """Return the toggles of all drafts, and how many rows a later draft overrules.

    Where two drafts set the same cell, the later one wins.

    Parameters
    ----------
    drafts : sequence of Draft
        Without missing inputs.
    ends : sequence of datetime or None, optional
        When each draft ends, None for good; then the toggles have the column ``ends_at``.

    Examples
    --------
    >>> from klikit_frames.forms.drafts import Draft, merge_toggles
    >>> off = Draft((("item", 7),), ((5297, 1293), (5297, 1294)))
    >>> on = Draft((("item", 7),), ((5297, 1293),), is_enabled=True)
    >>> toggles, n_overruled = merge_toggles([off, on])
    >>> toggles["is_enabled"].tolist(), n_overruled
    ([False, True], 1)
    """
    frames = [draft_toggles(draft) for draft in drafts]
    if ends:
        timed = zip(frames, ends, strict=True)
        frames = [frame.assign(ends_at=pd.Series([end] * len(frame), dtype=_TIME)) for frame, end in timed]
    every = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    kept = every[~every.duplicated(_CELL, keep="last")]
    said = [name for name in ("is_enabled", "ends_at") if name in every]
    n_flags = every.drop_duplicates([*_CELL, *said]).groupby(_CELL, dropna=False).size()
    return kept.reset_index(drop=True), int((n_flags > 1).sum())


def describe_draft(draft: Draft, names: Names) -> tuple[str, str]:
    """Return a draft in one sentence, and the names of what it switches.

    Examples
    --------
    >>> from klikit_frames.forms.drafts import Draft, describe_draft
    >>> from klikit_frames.overview import Names
    >>> describe_draft(Draft((("item", 7),), ((1, 11), (1, 12))), Names({("item", 7): "Rice"}))
    ('1 dish off in 2 stores', 'Rice')
    """
    titles = [names.entity(*key) for key in draft.entities]
    more = f" and {len(titles) - _MOST_NAMED:,} more" if len(titles) > _MOST_NAMED else ""
    too = ", modifier groups too" if draft.has_cascade else ""
    until = f" {until_words(draft.until)}".rstrip()
    return f"{headline(draft_toggles(draft))}{too}{until}", ", ".join(titles[:_MOST_NAMED]) + more


def _type_toggles(draft: Draft, kind: str, ids: list[int]) -> pd.DataFrame:
    cascade = {"cascade_to_modifier_groups": draft.has_cascade, "cascade_brand_ids": draft.cascade_brand_ids}
    if draft.is_business:
        return business_toggles(kind, ids, is_enabled=draft.is_enabled, **cascade)  # type: ignore[arg-type]
    return cross_toggles(kind, ids, draft.stores, is_enabled=draft.is_enabled, **cascade)  # type: ignore[arg-type]


def python_line(drafts: Sequence[Draft], *, ends: Sequence[datetime | None] = (), now: str = "") -> str:
    """Return the Python that makes the same toggles, as long as no two drafts contradict each other.

    Parameters
    ----------
    drafts : sequence of Draft
        Without missing inputs.
    ends : sequence of datetime or None, optional
        As for `merge_toggles`; the line then notes promises and begins them.
    now : str, optional
        When permanent changes begin, as text.

    Examples
    --------
    >>> from klikit_frames.forms.drafts import Draft, python_line
    >>> print(python_line([Draft((("item", 7),), is_business=True)]))
    toggles = kf.business_toggles("item", [7], is_enabled=False)
    """
    calls = [
        f"{_call(draft, kind, ids)}{_assigned(end, now=now)}" if ends else _call(draft, kind, ids)
        for draft, end in zip(drafts, ends or [None] * len(drafts), strict=True)
        for kind, ids in draft.by_type.items()
    ]
    joined = calls[0] if len(calls) == 1 else f"pd.concat([{', '.join(calls)}], ignore_index=True)"
    promise = "\nkf.schedule(toggles, client)\nkf.tick(client)" if ends else ""
    return f"toggles = {joined}{promise}"


def _assigned(end: datetime | None, *, now: str) -> str:
    name, moment = ("starts_at", now) if end is None else ("ends_at", end.isoformat())
    return f'.assign({name}="{moment}")'


def _call(draft: Draft, kind: str, ids: list[int]) -> str:
    name = "business_toggles" if draft.is_business else "cross_toggles"
    stores = [] if draft.is_business else [str(list(draft.stores))]
    options = [f"is_enabled={draft.is_enabled}"]
    if draft.has_cascade:
        options.append("cascade_to_modifier_groups=True")
    if draft.has_cascade and draft.cascade_brand_ids:
        options.append(f"cascade_brand_ids={list(draft.cascade_brand_ids)}")
    arguments = ", ".join([f'"{kind}"', str(ids), *stores, *options])
    return f"kf.{name}({arguments})"
