"""Plan files: versioned JSON, refused when it was changed; and the digest of what a plan does.

The digest is made of the plan's frames, whatever the order of their rows, so that a plan file can be checked
against it.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import KlikitFramesError, PlanError
from ..frames.frame_codec import load_frame
from ..frames.schemas import ENTITY_TYPES, SCOPES, validate_toggles
from ..overview import Names
from ..wording import visible_text
from .groups import split_groups
from .limits import Limits
from .row_assignment import SKIP_REASONS, read_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from ..model import Target
    from .groups import Group

_NO_STORE = ((-1, -1),)
_PIECE = 1 << 17


def digest_plan(
    rows: pd.DataFrame, targets: Iterable[Target], *, groups: Sequence[Group] | None = None
) -> str:
    """Return the SHA-256 over the requests in order, and over the rows by what becomes of them.

    Parameters
    ----------
    rows : DataFrame
        As in ``plan.rows``.
    targets : iterable of Target
        As in ``plan.targets``.
    groups : sequence of Group, optional
        The groups of the rows that are sent, if they are known.
    """
    digest = hashlib.sha256()
    for part in _parts(rows, targets, groups):
        # The length keeps two neighbours from being read as one.
        digest.update((len(part) if isinstance(part, bytes) else 8 * part.size).to_bytes(8, "little"))
        for piece in _pieces(part):
            digest.update(piece)
    return digest.hexdigest()


def _parts(
    rows: pd.DataFrame, targets: Iterable[Target], groups: Sequence[Group] | None
) -> Iterator[bytes | np.ndarray]:
    reasons = rows["skipped_as"]
    for reason in ("rejected", "sent", "unchanged", "holds", "promised"):
        kept_groups = groups if reason == "sent" else None
        for group in kept_groups or split_groups(rows, _is_told(reasons, reason)):
            yield f"{reason} {tuple(group.key)!r}".encode()
            yield from (group.ids, group.stores, group.cells, group.n_rows_of_cell)
    for target in targets:
        flags = (target.is_enabled, target.cascade_to_modifier_groups)
        yield repr((target.entity_type, target.scope.name, *flags, target.cascade_brand_ids)).encode()
        yield from (np.array(target.ids), np.array(target.stores or _NO_STORE))


def _is_told(reasons: pd.Series, reason: str) -> np.ndarray:
    is_told = reasons.isna() if reason == "sent" else (reasons == reason).fillna(value=False)
    return is_told.to_numpy(dtype=bool)


def _pieces(part: bytes | np.ndarray) -> Iterator[bytes]:
    """Return the bytes of a part, of a long array some at a time."""
    if isinstance(part, bytes):
        yield part
        return
    numbers = part.ravel()
    for start in range(0, len(numbers), _PIECE):
        yield numbers[start : start + _PIECE].astype("<i8").tobytes()


_FORMAT = "klikit_frames plan"
_VERSION = 1
_BEGINNING = re.compile(rb'\s*\{"checksum":"[0-9a-f]{64}","format":"klikit_frames plan"')
_PLAN_ID = re.compile("[0-9a-f]{32}")
_DIGEST = re.compile("[0-9a-f]{64}")
_BASELINES = ("per_row", "per_store", "per_entity", "equal_sets")
_MOST_ID = 2**63 - 1
# What code that expects another shape raises; pandas' and Arrow's own errors are among them.
_MISFITS = (
    KlikitFramesError,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class PlanContent(NamedTuple):
    """What a plan file holds, checked."""

    plan_id: str
    digest: str
    limits: Limits
    lower_bound: int
    baselines: dict[str, int]
    is_searched: bool
    search_s: int
    rows: pd.DataFrame
    targets: tuple[Target, ...]
    before: pd.Series
    names: Names
    undoes: tuple[str, ...]
    not_on_menu: pd.DataFrame | None
    effect: tuple[str, ...]
    made_by: str | None


def seal(content: dict[str, Any]) -> bytes:
    """Return `content` as the bytes of a plan file."""
    body = _canonical(content)
    head = {"format": _FORMAT, "version": _VERSION, "checksum": _checksum(body)}
    return b'%s,"plan":%s}\n' % (_canonical(head)[:-1], body)


def is_plan(data: bytes) -> bool:
    """Return whether `data` is a plan file by its content, be it intact or not."""
    # What was cut off in the middle is a damaged plan, and no table.
    return _load(data) is not None or _BEGINNING.match(data) is not None


def unseal(data: bytes) -> PlanContent:
    """Return the content of a plan file.

    Raises
    ------
    PlanError
        If it is not a plan file, is of a later version, was changed by hand, or holds something else than a
        plan.
    """
    document = _load(data)
    if document is None:
        if _BEGINNING.match(data):
            raise PlanError("This plan file is damaged or cut off; plan again from the table of toggles.")
        raise PlanError("This is not a plan file: a table is planned first, and its plan saved.")
    version = document.get("version")
    if type(version) is not int or version != _VERSION:
        raise PlanError(
            f"This plan file has version {str(version)[:20]}; this klikit_frames reads {_VERSION}."
            " Load it with the klikit_frames that wrote it, or plan again."
        )
    try:
        return _checked_content(document)
    except PlanError:
        raise
    except _MISFITS as error:
        raise _misfit(str(error)) from None


def _checked_content(document: dict[str, Any]) -> PlanContent:
    content = document.get("plan")
    if not isinstance(content, dict) or document.get("checksum") != _checksum(_canonical(content)):
        raise PlanError(
            "This plan file was changed after it was saved; plan again from the table of toggles."
        )
    plan_id, digest = content["plan_id"], content["digest"]
    _require(isinstance(plan_id, str) and _PLAN_ID.fullmatch(plan_id), "its plan_id is not 32 hex digits")
    _require(isinstance(digest, str) and _DIGEST.fullmatch(digest), "its digest is not 64 hex digits")
    rows = _checked_rows(load_frame(content["rows"]))
    targets = read_targets(_checked_requests(load_frame(content["requests"]), n_rows=len(rows)))
    before = load_frame(content["before"])["before"]
    _require(str(before.dtype) == "boolean" and before.index.equals(rows.index), "its flags from before")
    _require(digest_plan(rows, targets) == digest, "its digest is of another plan")
    return PlanContent(
        plan_id,
        digest,
        Limits(**content["limits"]),
        _count(content["lower_bound"]),
        {way: _count(content["baselines"][way]) for way in _BASELINES},
        content.get("is_searched", True) is True,
        _count(content.get("search_s", 0)),
        rows,
        targets,
        before,
        Names.from_json(content.get("names")),
        _run_ids(content.get("undoes", [])),
        _checked_places(content["not_on_menu"]) if "not_on_menu" in content else None,
        # Sentences are for the eye alone: a plan is as good without them.
        tuple(visible_text(text) for text in content.get("effect", []) if isinstance(text, str)),
        _person(content.get("made_by")),
    )


def _checked_rows(rows: pd.DataFrame) -> pd.DataFrame:
    validate_toggles(rows)
    _require(rows.columns.is_unique, "a column is there twice")
    _require(str(rows["request_no"].dtype) == "Int64", "a request_no is not a number")
    _require(set(rows["skipped_as"].dropna()) <= set(SKIP_REASONS), "a row is skipped for an unknown reason")
    _require(
        bool((rows["request_no"].isna() == rows["skipped_as"].notna()).all()),
        "a row with neither a request nor a reason",
    )
    _require(_are_numbers(rows["cascade_brand_ids"]), "a cascade_brand_ids")
    _require(_are_numbers(rows["other_request_nos"]), "an other_request_nos")
    return rows


def _checked_requests(requests: pd.DataFrame, *, n_rows: int) -> pd.DataFrame:
    n_requests = len(requests)
    _require(requests["request_no"].tolist() == list(range(1, n_requests + 1)), "its requests' numbers")
    _require(set(requests["entity_type"]) <= set(ENTITY_TYPES), "a request's entity_type")
    _require(set(requests["scope"]) <= set(SCOPES), "a request's scope")
    for name in ("is_enabled", "cascade_to_modifier_groups"):
        _require(requests[name].dtype == bool, f"a request's {name}")
    _require(_are_numbers(requests["ids"]), "a request's ids")
    _require(_are_numbers(requests["cascade_brand_ids"]), "a request's cascade_brand_ids")
    stores = [pair for pairs in requests["stores"] for pair in pairs]
    _require(all(type(pairs) is tuple for pairs in requests["stores"]), "a request's stores")
    _require(_are_numbers(stores) and all(len(pair) == 2 for pair in stores), "a request's stores")
    for name, lists in (("n_ids", "ids"), ("n_stores", "stores")):
        _require(requests[name].tolist() == requests[lists].map(len).tolist(), f"a request's {name}")
    n_owned = requests["n_rows"]
    _require(n_owned.dtype == "int64" and bool(n_owned.between(0, n_rows).all()), "a request's n_rows")
    return requests


def _checked_places(content: dict[str, Any]) -> pd.DataFrame:
    places = load_frame(content)
    _require(list(places) == ["scope", "brand_id", "branch_id", "n_rows"], "its rows that are on no menu")
    _require(set(places["scope"]) <= set(SCOPES), "the scope of a row that is on no menu")
    for name in ("brand_id", "branch_id"):
        _require(str(places[name].dtype) == "Int64", "the store of a row that is on no menu")
    _require(places["n_rows"].dtype == "int64" and bool((places["n_rows"] > 0).all()), "a count of rows")
    return places


def _are_numbers(lists: Iterable[object]) -> bool:
    """Tell whether all are tuples of whole numbers in the range of ids; a shared tuple is checked once."""
    distinct = {id(numbers): numbers for numbers in lists}
    return all(
        type(numbers) is tuple and all(type(number) is int and 0 < number <= _MOST_ID for number in numbers)
        for numbers in distinct.values()
    )


def _count(value: object) -> int:
    _require(type(value) is int and 0 <= value <= _MOST_ID, "a count is not a whole number")
    return value  # type: ignore[return-value]


def _require(is_met: object, what: str) -> None:
    if not is_met:
        raise _misfit(what)


def _misfit(what: str) -> PlanError:
    said = what.strip()[:200] or "part of it"
    return PlanError(
        f"This plan file is not of the shape of a plan ({said}); plan again from the table of toggles."
    )


def _load(data: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get("format") == _FORMAT else None


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _run_ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(run_id, str) for run_id in value):
        raise PlanError("This plan file is damaged: it does not name the runs that it takes back.")
    return tuple(value)


def _person(value: Any) -> str | None:
    _require(value is None or isinstance(value, str), "who made it")
    return value  # type: ignore[no-any-return]


def user_name() -> str:
    """Return the name of who runs this, as the system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
