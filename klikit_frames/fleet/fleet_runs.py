"""One table of many businesses: the plan of each, and their plans run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs

from ..api.credentials import PROFILE_NAME
from ..errors import ConfigError, KlikitFramesError, PlanError, check_mapping
from ..frames.checked import CheckedToggles, raise_for_errors
from ..frames.headers import check_assignments
from ..frames.readers import Source, read_table
from ..frames.schemas import PROBLEM_COLUMNS
from ..frames.source_tables import Reading, Table, take_rows
from ..frames.toggles import check_source_table
from ..planning.plan import Plan
from ..planning.planner import plan as plan_one
from ..progress import Progress, check_progress, open_bar
from ..running.notifications import OnFinish, report_outcome
from .business_tasks import BusinessTask, Dispatch, TaskOutcome
from .fleet_results import COLUMN, FleetResult, collect, summarise_fleet

_HINT = "Write the name of a profile: small letters, digits, _ and -."


def plan(
    toggles: Source, *, states: Mapping[str, pd.DataFrame] | None = None, **options: Any
) -> dict[str, Plan]:
    r"""Return a plan for each business that a table names.

    Reads the disk if `toggles` is a path; never the network. Each business's rows are checked separately: two
    businesses may have the same ids.

    Parameters
    ----------
    toggles : path, DataFrame, or what else ``kf.read_toggles`` reads
        A table of toggles with a column ``business``: the name of a profile in each row.
    states : dict of DataFrame, optional
        By business, what ``kf.read_state`` returned.
    **options
        Of ``kf.plan``, the same for all: ``unchanged``, ``limits``, ``combine``, ``time_budget_s`` (the
        seconds of each business), ``progress``.

    Returns
    -------
    dict of Plan
        By business, in the order in which the table names them. The rows keep the table's index.

    Raises
    ------
    InvalidToggles
        Rows are bad, or name no business; ``.problems`` has all of them, of all businesses.
    ConfigError
        `states` names a business that the table does not.

    Examples
    --------
    >>> toggles = b"business,item_id,store,is_enabled\ndepok,7,1/2,off\nbali,7,1/2,on\n"
    >>> plans = kf.fleet.plan(toggles)
    >>> {business: plan.n_requests for business, plan in plans.items()}
    {'depok': 1, 'bali': 1}
    """
    if states is not None:
        check_mapping("states", states, example="{'depok': state}")
    tables = split_toggles(toggles)
    if unknown := sorted(set(states or {}) - set(tables)):
        raise ConfigError(f"states names {unknown[0]!r}, which the table does not; nothing was planned.")
    return {
        business: plan_one(rows, state=(states or {}).get(business), **options)
        for business, rows in tables.items()
    }


LookUp = Callable[[str], tuple[pd.DataFrame, pd.DataFrame] | None]


def split_toggles(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    look_up: LookUp | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the checked toggles of each business that a table names; reads the disk if it is a path.

    Parameters
    ----------
    source : path, bytes or DataFrame
        The table.
    columns : dict, optional
        As of `read_toggles`.
    look_up : callable, optional
        Returns the state and the stores of a business, for tables that have names in place of ids; None
        leaves the business out.

    Raises
    ------
    InvalidToggles
        As by `plan`.
    """
    reading = Reading(columns=check_assignments(columns), has_names=look_up is not None)
    parts, problems = split_table(read_table(source, reading))
    checked = {
        business: checked_part
        for business, part in parts.items()
        if (checked_part := _check_part(business, part, look_up)) is not None
    }
    tables = [problems, *(part.problems for part in checked.values())]
    every = pd.concat([table for table in tables if len(table)] or [problems], ignore_index=True)
    raise_for_errors(every.sort_values("row", kind="stable", ignore_index=True))
    return {business: part.toggles for business, part in checked.items()}


def _check_part(business: str, part: Table, look_up: LookUp | None) -> CheckedToggles | None:
    if look_up is None:
        return check_source_table(part)
    if (menus := look_up(business)) is None:
        return None
    state, stores = menus
    return check_source_table(part, names=True, state=state, stores=stores)


def split_table(table: Table) -> tuple[dict[str, Table], pd.DataFrame]:
    """Return the rows of each business without the column that names it, and what is wrong with the names."""
    if any(problem.is_of_table for problem in table.problems):
        return {"": table}, _no_problems()
    place = _place(table)
    if place is None:
        return {}, _problems_at(
            table, np.array([-1]), [""], code="column_missing", message="There is no column 'business'."
        )
    cells = table.frame.iloc[:, place]
    names = np.array(["" if pd.isna(cell) else str(cell).strip() for cell in cells], dtype=object)
    is_bad = np.array([PROFILE_NAME.fullmatch(name) is None for name in names], dtype=bool)
    rest = replace(table, frame=table.frame.drop(columns=table.frame.columns[place]))
    parts = {
        str(name): take_rows(rest, (names == name) & ~is_bad)
        for name in dict.fromkeys(names[~is_bad].tolist())
    }
    bad = np.flatnonzero(is_bad)
    message = "This is not the name of a profile."
    return parts, _problems_at(table, bad, names[bad].tolist(), code="business_unreadable", message=message)


def _place(table: Table) -> int | None:
    return next((n for n, name in enumerate(table.names) if str(name).strip().lower() == COLUMN), None)


def _problems_at(table: Table, places: Any, values: list[str], *, code: str, message: str) -> pd.DataFrame:
    """Return a problem for each place among the rows; -1 is the whole table."""
    if not len(places):
        return _no_problems()
    return pd.DataFrame(
        list(_problem_rows(table, places, values, code=code, message=message)), columns=list(PROBLEM_COLUMNS)
    ).astype({"row": "Int64", "line": "Int64"})


def _problem_rows(
    table: Table, places: Any, values: list[str], *, code: str, message: str
) -> Iterator[dict[str, Any]]:
    for place, value in zip(places.tolist(), values, strict=True):
        is_row = place >= 0
        yield {
            "row": int(table.rows[place]) if is_row else pd.NA,
            "line": int(table.lines[place]) if is_row and table.lines is not None else pd.NA,
            "column": COLUMN,
            "value": value,
            "code": code,
            "message": message,
            "hint": _HINT,
            "severity": "error",
        }


def _no_problems() -> pd.DataFrame:
    return pd.DataFrame(columns=list(PROBLEM_COLUMNS))


Folder = str | os.PathLike[str] | None
_PER_FLEET = {
    "journal": "journal_folder",
    "mirror": "mirror_folder",
}


def run(
    plans: Mapping[str, Plan],
    *,
    executor: Executor | None = None,
    journal_folder: Folder = None,
    mirror_folder: Folder = None,
    confirm: Mapping[str, str] | None = None,
    left_out: Mapping[str, KlikitFramesError] | None = None,
    progress: Progress = None,
    on_finish: OnFinish = None,
    writes_per_minute: int = 300,
    reads_per_minute: int = 600,
    start_timeout_s: float | None = None,
    **run_options: Any,
) -> FleetResult:
    r"""Send the plans of many businesses side by side, and return what became of every row.

    Uses the network, and the disk for the journals. Each business has its own client, caps, journal and run.
    Trouble of one leaves the others alone: its rows are ``not_sent``, with the reason. The same plans run
    again send only what is not settled, also after a worker or a machine was lost.

    Parameters
    ----------
    plans : dict of Plan
        By business: the name of a profile in ``profiles.toml``. The profile tells address, key and where the
        secret lies; what it does not tell is not taken from the environment.
    executor : concurrent.futures.Executor, optional
        Where the businesses run; None is a pool of up to 16 threads. A task is a plan's text and a profile's
        name: secrets are looked up where it runs, and so are the journals.
    journal_folder : path, optional
        Holds ``PROFILE.sqlite3`` for each business; None is ``fleet`` in the person's own state folder.
    mirror_folder : path, optional
        Holds a copy of each journal, likewise named: where a worker finds no journal, it goes on from there.
    confirm : dict of str, optional
        By business, the plan's ``confirm_code``, needed on real hosts.
    left_out : dict of KlikitFramesError, optional
        By business, why nothing is to be sent to it: its rows are ``not_sent``, with that reason.
    progress : object with ``update`` and ``close``, or False, or None
        One bar for all, in requests. On another executor than threads it moves when a business is done.
    on_finish : callable, optional
        Gets the summary of all businesses as a dict, here and not on the workers.
    writes_per_minute, reads_per_minute : int
        Caps of each business, as of ``kf.connect``.
    start_timeout_s : float, optional
        How long to wait for the first sign of a worker on an executor of your own; then nothing more is sent.
        None waits as long as it takes: after 5 s, and each minute, the log says what for.
    **run_options
        Of ``kf.run``, the same for all: ``on_error``, ``max_failures``, ``deadline_s``, ``first``,
        ``before``, ``publish``.

    Returns
    -------
    FleetResult
        ``.frame`` (``business`` first), ``.results``, ``.counts``, ``.businesses``.

    Raises
    ------
    PlanError, ConfigError
        A plan is none, a name cannot be that of a profile, or an option is none of ``kf.run``; nothing was
        sent.

    Examples
    --------
    >>> import os, pathlib
    >>> with kf.sandbox.serve() as sandbox:
    ...     lines = "[depok]", f'base_url = "{sandbox.url}"', f'partner_key = "{sandbox.partner_key}"'
    ...     text = "\n".join([*lines, 'secret_key_env = "DEPOK_SECRET"'])
    ...     os.environ["KLIKIT_PROFILES"] = str(pathlib.Path("profiles.toml").resolve())
    ...     os.environ["DEPOK_SECRET"] = sandbox.secret_key
    ...     n = pathlib.Path("profiles.toml").write_text(text)
    ...     with sandbox.connect() as client:
    ...         section = kf.read_state(client).head(1)["entity_id"]
    ...     toggles = kf.business_toggles("section", section, is_enabled=False)
    ...     plans = kf.fleet.plan(toggles.assign(business="depok"))
    ...     result = kf.fleet.run(plans, journal_folder="journals")
    >>> result.counts["applied"], result.frame.columns[0]
    (1, 'business')
    >>> del os.environ["KLIKIT_PROFILES"], os.environ["DEPOK_SECRET"]
    """
    check_progress(progress)
    _check_timeout(start_timeout_s)
    _check_plans(plans)
    kept_back = dict(left_out or {})
    _check_left_out(plans, kept_back)
    tasks = build_tasks(
        plans,
        journal_folder=journal_folder,
        mirror_folder=mirror_folder,
        confirm={} if confirm is None else confirm,
        caps={"writes_per_minute": writes_per_minute, "reads_per_minute": reads_per_minute},
        options=run_options,
    )
    tasks = {business: task for business, task in tasks.items() if business not in kept_back}
    sizes = {business: plans[business].n_requests for business in tasks}

    def work() -> FleetResult:
        bar = open_bar(progress, total=sum(sizes.values()), description="Fleet", unit="requests")
        try:
            dispatch = Dispatch(tasks, executor, sizes=sizes, bar=bar, start_timeout_s=start_timeout_s)
            done = dispatch.execute()
            done |= {business: TaskOutcome(error=error) for business, error in kept_back.items()}
            return collect(plans, {business: done[business] for business in plans})
        finally:
            bar.close()

    return report_outcome(
        work,
        on_finish,
        summarise=summarise_fleet,
        add_note=lambda result, note: replace(result, notes=(*result.notes, note)),
        action="fleet run",
        host="",
    )


def build_tasks(
    plans: Mapping[str, Plan],
    *,
    journal_folder: Folder,
    mirror_folder: Folder,
    confirm: Mapping[str, str],
    caps: Mapping[str, int],
    options: Mapping[str, Any],
) -> dict[str, BusinessTask]:
    """Return the task of each business; touches neither network nor disk.

    Raises
    ------
    PlanError, ConfigError
        As by `run`.
    """
    _check_plans(plans)
    _check_confirm(plans, confirm)
    _check_options(options)
    journals = fleet_folder(journal_folder)
    return {
        business: BusinessTask(
            business=business,
            plan_text=plan.dump().decode("ascii"),
            journal=str(journals / f"{business}.sqlite3"),
            plan_path=None if plan.path is None else str(plan.path.absolute()),
            confirm=confirm.get(business),
            caps=dict(caps),
            options={**options, **_mirror_option(business, mirror_folder)},
        )
        for business, plan in plans.items()
    }


def fleet_folder(folder: Folder) -> Path:
    """Return the folder of a fleet's journals, absolute: a worker may work in another folder."""
    if folder is None:
        return Path(platformdirs.user_state_dir("klikit_frames")) / "fleet"
    return _absolute(folder, name="journal_folder")


def _absolute(folder: str | os.PathLike[str], *, name: str) -> Path:
    try:
        return Path(folder).expanduser().absolute()
    except (TypeError, RuntimeError) as error:
        raise ConfigError(f"{name}={folder!r} is not the path of a folder ({error}).") from error


def _mirror_option(business: str, folder: Folder) -> dict[str, str]:
    if folder is None:
        return {}
    return {"mirror": str(_absolute(folder, name="mirror_folder") / f"{business}.sqlite3")}


def _check_plans(plans: Mapping[str, Plan]) -> None:
    if not isinstance(plans, Mapping):
        given = type(plans).__name__
        raise PlanError(
            f"fleet.run() takes a dict of plans by business, not a {given}: "
            "kf.fleet.run(kf.fleet.plan(table)). Nothing was sent."
        )
    bad = [business for business, plan in plans.items() if not isinstance(plan, Plan)]
    if bad:
        raise PlanError(f"What {bad[0]!r} has is no plan: kf.plan(toggles) makes one. Nothing was sent.")
    bad = [name for name in plans if not isinstance(name, str) or not PROFILE_NAME.fullmatch(name)]
    if bad:
        raise ConfigError(
            f"{bad[0]!r} is no name of a profile: small letters, digits, _ and - are. Nothing was sent."
        )


def _check_confirm(plans: Mapping[str, Plan], confirm: Mapping[str, str]) -> None:
    if not isinstance(confirm, Mapping):
        raise ConfigError("confirm is a dict by business: {'depok': plan.confirm_code(client)}.")
    if unknown := sorted(set(confirm) - set(plans)):
        raise ConfigError(f"confirm names {unknown[0]!r}, of which there is no plan; nothing was sent.")


def _check_left_out(plans: Mapping[str, Plan], left_out: Mapping[str, KlikitFramesError]) -> None:
    if unknown := sorted(set(left_out) - set(plans)):
        raise ConfigError(f"left_out names {unknown[0]!r}, of which there is no plan; nothing was sent.")


def _check_timeout(seconds: float | None) -> None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and seconds >= 0):
        raise ConfigError(f"start_timeout_s={seconds!r} is no number of seconds; nothing was sent.")


def _check_options(options: Mapping[str, Any]) -> None:
    options_of_run = {
        "on_error",
        "max_failures",
        "deadline_s",
        "first",
        "before",
        "publish",
        "require_approval",
    }
    for name in options:
        if name in _PER_FLEET:
            raise ConfigError(
                f"Each business has its own {name}: give {_PER_FLEET[name]}=. Nothing was sent."
            )
        if name not in options_of_run:
            raise ConfigError(f"{name!r} is no option of kf.run; nothing was sent.")
