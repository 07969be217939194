"""The live flags of a business as one frame, a row per entity and scope: their age, and their files."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import edge
from ..errors import (
    ApiError,
    ConfigError,
    KlikitFramesError,
    RequestError,
    StateError,
    TransportError,
    as_path,
)
from ..frames.schemas import STATE_COLUMNS
from ..frames.unsafe_text import restore_formulas, safe_csv
from ..model import Store
from ..progress import Progress, open_bar
from ..wording import visible_text
from . import stores as store_lists
from .readings import Failure, Menu, TreeCache, failure_of, foreign, in_words, read_menus, run_interruptibly
from .state_arrays import DTYPES, PENDING_DTYPES, TEXT, FrameMetadata, check_is_frame, freeze, tree_frame
from .stores import store_pairs

if TYPE_CHECKING:
    from ..api.client import Client

_LOG = logging.getLogger("klikit_frames")

# A state that is older may have been changed since by somebody else.
FRESH = timedelta(minutes=15)

# A CSV has no place for the notes of a state; they go into a first line that other programs can skip.
_NOTES = "# klikit_frames state "


def fetch_state(
    client: Client,
    *,
    stores: pd.DataFrame | Iterable[Store] | None = None,
    with_business: bool = False,
    cache: str | Path | None = None,
    progress: Progress = None,
    stop: threading.Event | None = None,
    must_read: bool = True,
    warns: bool = True,
) -> pd.DataFrame:
    """Return the flags that the menus show: `klikit_frames.read_state` without what a journal adds.

    Parameters
    ----------
    client, stores, with_business, cache, progress
        As in `klikit_frames.read_state`.
    stop : threading.Event, optional
        Ends the reading within a moment, whatever hangs.
    must_read : bool
        Whether to raise where not one menu could be read.
    warns : bool
        Whether the log says what could not be read; not where the caller tells it.

    Raises
    ------
    ReadingStopped
        `stop` was set.
    RequestError
        `must_read`, and nothing at all could be read; or the list of stores could not be reached.
    StateError
        `stores` holds no pairs of ids.
    """
    began_at = client.now()
    pairs = [] if stores is None else store_pairs(stores)
    wanted: list[Store | None] = [None, *pairs] if with_business or stores is None else [*pairs]
    listed, unlisted = _known_stores(client, stop=stop)
    metadata = None if listed is None else _pairs(listed)
    asked, refused = split_stores(wanted, listed=metadata)
    kept = TreeCache(as_path("cache", cache), host=client.host) if cache is not None else None
    menus = _read_with_bar(client, asked, cache=kept, progress=progress, stop=stop)
    failures = [*unlisted, *refused, *(menu.failure for menu in menus.values() if menu.failure)]
    if must_read and wanted and all(menu.failure for menu in menus.values()):
        raise _nothing_read(menus, failures)
    if kept and not any(menu.failure for menu in menus.values()):
        kept.drop(asked)
    if warns:
        _warn(failures)
    state = _assemble_state([menus[store] for store in asked], listing=metadata, failures=failures)
    # A tree from a cache is as old as it is, and the state with it.
    oldest = min((menu.read_at for menu in menus.values() if menu.read_at), default=began_at.timestamp())
    read_at = min(began_at, datetime.fromtimestamp(oldest, tz=UTC))
    state.attrs |= {"host": client.host, "read_at": read_at.isoformat(timespec="milliseconds")}
    state.attrs |= {f"{kind}_titles": _titles(listed, kind) for kind in ("brand", "branch")}
    return state


def _known_stores(
    client: Client, *, stop: threading.Event | None
) -> tuple[pd.DataFrame | None, list[Failure]]:
    """Return the business's stores, or why there is no list of them: a state is of use without one too."""
    try:
        return run_interruptibly(partial(store_lists.read_stores, client), stop=stop), []
    except RequestError as error:
        if isinstance(error, TransportError) or getattr(error, "http_status", 0) == 401:
            raise
        return None, [failure_of(error, store=None, what="list of stores")]


def _pairs(listed: pd.DataFrame) -> FrameMetadata:
    return FrameMetadata(zip(listed["brand_id"].tolist(), listed["branch_id"].tolist(), strict=True))


def _titles(listed: pd.DataFrame | None, kind: str) -> FrameMetadata:
    """Return the titles of the brands or branches as pairs of id and title."""
    if listed is None:
        return FrameMetadata()
    pairs = zip(listed[f"{kind}_id"].tolist(), listed[f"{kind}_title"].tolist(), strict=True)
    return FrameMetadata(dict.fromkeys(pair for pair in pairs if isinstance(pair[1], str)))


def split_stores(
    wanted: list[Store | None], *, listed: Iterable[Store] | None
) -> tuple[list[Store | None], list[Failure]]:
    """Return the menus to read, and a failure for each store that the business does not have.

    Parameters
    ----------
    wanted : list
        Pairs of ids; None is the business level.
    listed : iterable of pairs, or None
        The business's stores; None if they could not be read, and then every menu is read.
    """
    if listed is None:
        return list(wanted), []
    readable = {None, *listed}
    to_read = [store for store in wanted if store in readable]
    return to_read, [foreign(store) for store in wanted if store is not None and store not in readable]


def _read_with_bar(
    client: Client,
    asked: list[Store | None],
    *,
    cache: TreeCache | None,
    progress: Progress,
    stop: threading.Event | None,
) -> dict[Store | None, Menu]:
    bar = open_bar(progress, total=len(asked), description="Reading", unit="menus")
    menus = {}
    # Closed by name: a traceback that a notebook keeps would keep an interrupted reading open.
    arriving = read_menus(client, asked, cache=cache, stop=stop)
    with contextlib.closing(bar), contextlib.closing(arriving):
        for menu in arriving:
            menus[menu.store] = menu
            bar.update(1)
    return menus


def _nothing_read(menus: dict[Store | None, Menu], failures: list[Failure]) -> RequestError:
    """Return one error for a reading that brought nothing, of the kind of its first failure."""
    error = next((menu.error for menu in menus.values() if menu.error), None)
    said = f"No menu could be read. {in_words(failures)}"
    if isinstance(error, ApiError):
        return type(error)(said, http_status=error.http_status, code=error.code, request_id=error.request_id)
    return type(error)(said) if error else RequestError(said)


def _warn(failures: list[Failure]) -> None:
    if failures:
        words = visible_text(in_words(failures))
        _LOG.warning("The state is not complete. %s See klikit_frames.failures(state).", words)


def _assemble_state(
    menus: list[Menu], *, listing: FrameMetadata | None, failures: list[Failure]
) -> pd.DataFrame:
    frames = [menu.frame for menu in menus if menu.frame is not None] or [tree_frame([], store=None)]
    state = pd.concat(frames, ignore_index=True)
    if listing is not None:
        state.attrs["stores"] = listing
    options = {option for menu in menus for option in menu.option_ids}
    state.attrs |= {
        "failures": FrameMetadata(failures),
        "modifier_option_ids": FrameMetadata(sorted(options)),
        "n_business_rows": int((state["scope"] == "business").sum()),
    }
    return state


def read_time(flags: pd.Series | pd.DataFrame) -> datetime | None:
    """Return when live flags were read, as their ``attrs["read_at"]`` tells; None where it does not."""
    try:
        read_at = datetime.fromisoformat(str(flags.attrs.get("read_at")))
    except ValueError:
        return None
    return read_at if read_at.tzinfo else read_at.replace(tzinfo=UTC)


def keep_read_time(flags: pd.Series, state: pd.DataFrame) -> None:
    """Note with flags when, and by which clock, the state was read that they were taken from."""
    flags.attrs |= {name: state.attrs.get(name) for name in ("read_at", "clock_offset_s")}


def is_fresh(flags: pd.Series | pd.DataFrame, *, now: datetime) -> bool:
    """Tell whether live flags were read a short while ago."""
    read_at = read_time(flags)
    return read_at is not None and timedelta(0) <= now - read_at < FRESH


def save_state(state: pd.DataFrame, path: str | Path) -> Path:
    """Write a state to a file and return its path; an existing file is replaced.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state`, or a part of one.
    path : path
        Ends in ``.parquet`` (small and quick; needs the extra ``[parquet]``) or ``.csv``, which begins with a
        comment line that holds the state's notes.

    Raises
    ------
    StateError
        The ending is another one, or the frame is not a state.
    ConfigError
        The ending is ``.parquet`` and pyarrow is not installed.
    FileError
        The file cannot be written.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> _ = kf.save_state(state, "monday.csv")
    >>> kf.load_state("monday.csv").equals(state)
    True
    """
    _check_columns(state, source="This frame")
    path = as_path("path", path)
    write = _by_ending(path, parquet=_write_parquet, csv=_write_csv)
    write(state, path)
    return path


def load_state(path: str | Path) -> pd.DataFrame:
    """Return the state that a file of `save_state` holds, with its dtypes and notes.

    Raises
    ------
    StateError
        The file is not a snapshot: another ending, missing columns, or cells that do not fit.
    FileError
        There is no such file (a FileNotFoundError too), or it cannot be read.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     _ = kf.save_state(kf.read_state(client), "monday.csv")
    >>> kf.load_state("monday.csv").attrs["host"].startswith("127.0.0.1")
    True
    """
    try:
        path = Path(path)
    except TypeError as error:
        raise StateError(f"{path!r:.80} is not the path of a snapshot: {error}.") from None
    read = _by_ending(path, parquet=_read_parquet, csv=_read_csv)
    try:
        state = _typed(_check_columns(read(path), source=str(path)))
    except KlikitFramesError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise StateError(f"{path} is not a snapshot of a state: {error}") from None
    state.attrs = {name: freeze(value) for name, value in state.attrs.items()}
    return state


def _check_columns(state: pd.DataFrame, *, source: str) -> pd.DataFrame:
    check_is_frame(state)
    missing = [name for name in STATE_COLUMNS if name not in state.columns]
    if missing:
        raise StateError(f"{source} is no state: it has no column {', '.join(missing)}.")
    return state


def _typed(state: pd.DataFrame) -> pd.DataFrame:
    """Return the state with its dtypes; text cells that are no id or flag raise ValueError."""
    columns = {name: _column(column) for name, column in state.items()}
    typed = pd.DataFrame(columns, index=state.index)
    typed.attrs = state.attrs
    return typed


def _column(column: pd.Series) -> pd.Series:
    dtype = (DTYPES | PENDING_DTYPES).get(str(column.name))
    if dtype == TEXT:
        return column.astype(object).where(column.notna(), None).astype(TEXT)
    if dtype is None or column.dtype == dtype:
        return column
    if dtype == "boolean" and not pd.api.types.is_bool_dtype(column.dtype):
        flags = column.map({"True": True, "False": False})
        _check(column, ~(flags.isna() & column.notna()), wanted="True, False or blank")
        return flags.astype("boolean")
    if dtype in ("Int64", "int64"):
        is_id = column.astype(str).str.fullmatch("[0-9]{1,19}") | (column.isna() & (dtype == "Int64"))
        _check(column, is_id, wanted="an id" if dtype == "int64" else "an id or blank")
    return column.astype(dtype)


def _check(column: pd.Series, is_good: pd.Series, *, wanted: str) -> None:
    if not is_good.all():
        bad = ", ".join(map(repr, column[~is_good].unique()[:10].tolist()))
        raise ValueError(f"column {column.name} should hold {wanted}, but has {bad}.")


def _by_ending(path: Path, *, parquet: Callable[..., Any], csv: Callable[..., Any]) -> Callable[..., Any]:
    chosen = {".parquet": parquet, ".csv": csv}.get(path.suffix.lower())
    if chosen is None:
        raise StateError(f"{path.name}: a snapshot ends in .parquet or .csv.")
    return chosen


def _write_parquet(state: pd.DataFrame, path: Path) -> None:
    _need_pyarrow()
    edge.write_file(path, state.to_parquet(index=False))


def _read_parquet(path: Path) -> pd.DataFrame:
    _need_pyarrow()
    return pd.read_parquet(io.BytesIO(edge.read_file(path)))


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise ConfigError("A Parquet snapshot needs an extra: pip install 'klikit-frames[parquet]'.")


def _write_csv(state: pd.DataFrame, path: Path) -> None:
    edge.write_file(path, f"{_NOTES}{json.dumps(state.attrs)}\n{safe_csv(state)}")


def _read_csv(path: Path) -> pd.DataFrame:
    file = io.StringIO(edge.read_file(path).decode("utf-8"), newline="")
    first = file.readline()
    if not first.startswith(_NOTES):
        file.seek(0)
    # Only a blank is missing: there are dishes called NA.
    state = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    state = restore_formulas(state)
    if first.startswith(_NOTES):
        state.attrs = json.loads(first.removeprefix(_NOTES))
    return state
