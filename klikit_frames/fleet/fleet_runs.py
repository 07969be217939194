"""Many businesses' plans, run side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from ..api.credentials import PROFILE_NAME
from ..errors import ConfigError, KlikitFramesError, PlanError
from ..planning.plan import Plan
from ..progress import Progress, check_progress, open_bar
from ..running.notifications import OnFinish, report_outcome
from .business_tasks import BusinessTask, Dispatch, TaskOutcome
from .fleet_results import FleetResult, collect, summarise_fleet

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
