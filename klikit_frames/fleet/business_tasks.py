"""What travels to a worker, and what is done there: one plan, sent with the credential of one profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .. import edge
from ..api.client import connect
from ..api.profiles import load_profile
from ..errors import ConfigError, KlikitFramesError
from ..planning.plan import parse_plan
from ..progress import Bar
from ..running import locks
from ..running.executor import recorded_result
from ..running.journal import open_journal, read_journal
from ..running.journal_transfer import import_journal
from ..running.runs import run

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.results import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessTask:
    """One business's plan as text, and the name of its profile; no secret is in it.

    Attributes
    ----------
    business : str
        The name of the profile, looked up where the task runs.
    plan_text : str
        The plan, as in its file.
    journal : str
        The journal's file, where the task runs.
    plan_path : str or None
        The file that the plan was loaded from, beside which an approval lies.
    confirm : str or None
        The code of the plan on a real host.
    caps : dict
        Of ``kf.connect``: ``writes_per_minute``, ``reads_per_minute``.
    options : dict
        Of ``kf.run``.
    task_id : str
        A new one for each task: an executor may hand out an old result for equal arguments.
    """

    business: str
    plan_text: str
    journal: str
    plan_path: str | None = None
    confirm: str | None = None
    caps: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    task_id: str = field(default_factory=lambda: edge.draw_uuid().hex)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What came of a task: a result, what kept it from one, or both.

    Attributes
    ----------
    result : Result or None
        What became of the rows, as far as the journal knows.
    error : KlikitFramesError or None
        What ended the task, if that was an error.
    is_unsent : bool
        Whether nothing of the plan was ever sent; only of use without a result.
    """

    result: Result | None = None
    error: KlikitFramesError | None = None
    is_unsent: bool = True


def execute_task(task: BusinessTask, progress: Bar | None = None) -> TaskOutcome:
    """Send one business's plan, or go on with it where a worker left it, and return what came of it.

    Uses the network and the disk. Never raises for what goes wrong with this business.
    """
    try:
        return TaskOutcome(_send(task, progress))
    except KlikitFramesError as error:
        return look_up(task, error)
    except Exception as error:  # noqa: BLE001 - a bug met by one business is no reason to lose the others
        return look_up(task, KlikitFramesError(f"{type(error).__name__}: {error}"))


def look_up(task: BusinessTask, error: KlikitFramesError, *, is_elsewhere: bool = False) -> TaskOutcome:
    """Return what the journal knows of a task that ended with an error; reads the journal, nothing else.

    Parameters
    ----------
    task : BusinessTask
        What was to be done.
    error : KlikitFramesError
        What ended it.
    is_elsewhere : bool
        Whether the journal may be on another machine: that it is not here then proves nothing.
    """
    plan_id = parse_plan(task.plan_text.encode()).plan_id
    try:
        with read_journal(task.journal) as journal:
            known = journal.run_of_plan(plan_id)
            if known is not None:
                result = recorded_result(journal, known.run_id)
                return TaskOutcome(replace(result, notes=(*result.notes, str(error))), error)
    except (KlikitFramesError, OSError):
        return TaskOutcome(error=error, is_unsent=not Path(task.journal).is_file() and not is_elsewhere)
    return TaskOutcome(error=error, is_unsent=not is_elsewhere or Path(task.journal).is_file())


def is_at_work(task: BusinessTask) -> bool:
    """Tell whether a worker is at this business now, as far as its lock can be seen from here."""
    return locks.is_locked(_lock_path(task))


def cancel(task: BusinessTask) -> None:
    """Ask whoever runs the task to stop, through its journal; a run that is not noted yet is not found."""
    plan_id = parse_plan(task.plan_text.encode()).plan_id
    try:
        with read_journal(task.journal) as journal:
            known = journal.run_of_plan(plan_id)
        if known is not None:
            with open_journal(task.journal) as journal:
                journal.request_cancel(known.run_id)
    except (KlikitFramesError, OSError):
        # Its journal is on another machine, or of no use: nothing more can be done from here.
        return


def connect_business(business: str, caps: Mapping[str, int] = MappingProxyType({})) -> Client:
    """Return a client of the business that a profile names; nothing is sent.

    What the profile does not tell is not taken from the environment: that may be of another business.

    Raises
    ------
    ConfigError
        There is no such profile, it lacks something, or its secret cannot be found.
    """
    profile = load_profile(business)
    parts = {"base_url": profile.base_url, "partner_key": profile.partner_key}
    missing = [name for name, value in parts.items() if not value]
    if not profile.secret_key:
        missing.append("secret_key_env or secret_key_keyring")
    if missing:
        raise ConfigError(
            f"The profile {business!r} has no {' and no '.join(missing)}: a business of a fleet takes "
            "nothing from the environment that its profile does not name."
        )
    return connect(
        profile=business,
        writes_per_minute=caps.get("writes_per_minute", 300),
        reads_per_minute=caps.get("reads_per_minute", 600),
    )


def _send(task: BusinessTask, progress: Bar | None) -> Result:
    path = None if task.plan_path is None else Path(task.plan_path)
    plan = replace(parse_plan(task.plan_text.encode()), path=path)
    with (
        locks.hold(_lock_path(task), what=f"The business {task.business}"),
        connect_business(task.business, task.caps) as client,
    ):
        _catch_up(task)
        return run(
            plan,
            client,
            journal=task.journal,
            progress=progress or False,
            confirm=task.confirm,
            **task.options,
        )


def _lock_path(task: BusinessTask) -> Path:
    return Path(f"{task.journal}.locks") / "business"


def _catch_up(task: BusinessTask) -> None:
    """Take in what was done for this business on other machines since this journal was last used."""
    mirror = task.options.get("mirror")
    if mirror is not None and Path(mirror).is_file() and Path(task.journal).is_file():
        import_journal(mirror, journal=task.journal)
