"""The doctor: whether this place is fit for runs, each check with what it means and what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from . import edge
from .api.client_arguments import check_is_client
from .errors import JournalError, KlikitFramesError
from .menus.state_arrays import TEXT
from .menus.stores import stores
from .running import locks
from .running.journal import journal_path, open_journal, read_journal
from .running.journal_copies import check_mirror_owner, far_path, opened_copy
from .running.journal_files import find_storage
from .running.journal_maintenance import default_mirror
from .running.live_state import read_state
from .running.runs import runs
from .scheduling.agendas import agenda
from .wording import counted

if TYPE_CHECKING:
    from .api.client import Client

_LEAST_FREE = 100 * 2**20
_ENOUGH_FREE = 2**30
_CLOCK_S = 120.0
_UNFINISHED = ["not_sent", "unknown"]
_SAME_CELL_S = 5.0
_FLOOR = re.compile(r"([A-Za-z0-9_.-]+)[^;]*?>=\s*([0-9.]+)")


class CheckFinding(NamedTuple):
    """One line of the doctor's."""

    check: str
    status: str
    found: str
    advice: str


def doctor(client: Client | None = None) -> pd.DataFrame:
    """Return what is fit for runs here and what is not, one row per check, with what to do.

    Tries the disk where the journal lies, with a file that it removes again, and reads the journal. With a
    client it also reads the stores and the business's menu over the network. Nothing is written there. In a
    notebook it asks the front end with a widget that nobody sees, and waits 2 s for the answer; most front
    ends answer after the cell has ended, and a second call tells.

    Parameters
    ----------
    client : Client, optional
        The business to look at: its clock, credentials and caps. None looks at this machine alone.

    Returns
    -------
    DataFrame
        ``check, status`` (``ok``, ``warning``, ``problem``)``, found, advice`` (empty where there is nothing
        to do), all text.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     seen = kf.doctor(client)
    >>> "problem" in set(seen["status"])
    False
    """
    checks: list[Callable[[], CheckFinding]] = [
        _check_front_end,
        _check_widgets,
        _check_threads,
        _check_locks,
        _check_storage,
        _check_room,
        _check_mirror,
        _check_versions,
        _check_unfinished_runs,
        _check_promises,
    ]
    if client is not None:
        check_is_client(client)
    findings = [_try(check) for check in checks]
    findings += list(_check_business(client)) if client is not None else []
    return pd.DataFrame(findings, columns=list(CheckFinding._fields), dtype=TEXT)


def _try(check: Callable[[], CheckFinding]) -> CheckFinding:
    """Return what a check finds; one that fails itself is a problem of what it looks at."""
    try:
        return check()
    except (OSError, KlikitFramesError) as error:
        name = check.__name__.removeprefix("_check_").replace("_", " ")
        return CheckFinding(name, "problem", str(error), "Mend this first; runs stand on it.")


def _check_front_end() -> CheckFinding:
    name = find_front_end(sys.modules, os.environ, is_terminal=sys.stderr.isatty())
    if name in _WITHOUT_WIDGETS:
        advice = "Bars are text there. Where a form stays blank, use a CSV and kf.run."
        return CheckFinding("front end", "warning", f"{name}, where widgets may not answer", advice)
    return CheckFinding("front end", "ok", name, "")


_WITHOUT_WIDGETS = ("Kaggle", "Databricks")


def find_front_end(modules: Collection[str], environment: Collection[str], *, is_terminal: bool) -> str:
    """Return what shows the output of a process, by the modules that are loaded and its variables.

    Examples
    --------
    >>> from klikit_frames.health import find_front_end
    >>> find_front_end({"ipykernel.zmqshell"}, {"KAGGLE_KERNEL_RUN_TYPE"}, is_terminal=False)
    'Kaggle'
    """
    if "marimo._runtime.runtime" in modules:
        return "marimo"
    if "ipykernel.zmqshell" not in modules:
        return "a terminal" if is_terminal else "a pipe or a file"
    hosts = {
        "COLAB_RELEASE_TAG": "Colab",
        "KAGGLE_KERNEL_RUN_TYPE": "Kaggle",
        "DATABRICKS_RUNTIME_VERSION": "Databricks",
        "VSCODE_PID": "VS Code",
    }
    return next((name for variable, name in hosts.items() if variable in environment), "a notebook")


def _check_widgets() -> CheckFinding:
    """Ask the front end, in a kernel; elsewhere there is nobody to ask."""
    name = find_front_end(sys.modules, os.environ, is_terminal=False)
    if name == "marimo":
        return CheckFinding("widgets", "ok", "not asked: marimo shows what mo.ui.anywidget(form) wraps", "")
    if "ipykernel.zmqshell" not in sys.modules:
        return CheckFinding("widgets", "ok", "not asked: no notebook", "")
    from .forms.base_widget import ask_front_end

    probe = ask_front_end()
    if probe.has_answered or probe.wait():
        return CheckFinding("widgets", "ok", "the front end has answered", "")
    if probe.asked_s < _SAME_CELL_S:
        advice = "Call kf.doctor() again in the next cell: many front ends answer once a cell has ended."
        return CheckFinding("widgets", "warning", f"no answer within {probe.timeout_s:.0f} s", advice)
    return CheckFinding(
        "widgets",
        "warning",
        f"asked {probe.asked_s:,.0f} s ago, and no answer",
        "If it was asked in an earlier cell, forms stay blank here: use a CSV and kf.run.",
    )


def _check_threads() -> CheckFinding:
    answered = threading.Event()
    try:
        edge.make_thread(answered.set, name="klikit-frames-doctor").start()
    except RuntimeError as error:
        return CheckFinding(
            "threads", "problem", str(error), "Runs need threads: use a Python that has them."
        )
    if answered.wait(10):
        return CheckFinding("threads", "ok", "tried", "")
    advice = "Runs need threads: use a Python that has them, or a machine that is less busy."
    return CheckFinding("threads", "problem", "one was started and did not answer within 10 s", advice)


def _check_locks() -> CheckFinding:
    """Try a lock and SQLite where the journal lies, or will."""
    path = _journal_path()
    folder = next(parent for parent in path.parents if parent.is_dir())
    with tempfile.TemporaryDirectory(prefix=".klikit-doctor-", dir=folder) as tried:
        lock = Path(tried) / "lock"
        with locks.hold(lock, what="a trial"):
            is_held = locks.is_locked(lock)
        with open_journal(Path(tried) / "journal.sqlite3") as journal:
            journal.runs()
    if is_held:
        return CheckFinding("file locks", "ok", f"a lock and SQLite work in {folder}", "")
    return CheckFinding(
        "file locks",
        "problem",
        f"a lock in {folder} holds nobody off",
        "Two processes could send one run twice: set KLIKIT_JOURNAL to a local disk, and a mirror.",
    )


def _check_storage() -> CheckFinding:
    path = _journal_path()
    storage = find_storage(path)
    place = f"{path} on {storage.file_system or 'a file system of unknown type'}"
    if storage.short_life:
        return CheckFinding(
            "journal",
            "ok" if default_mirror() else "warning",
            f"{place}; it is lost {storage.short_life}",
            "" if default_mirror() else "Set KLIKIT_JOURNAL_MIRROR, or pass mirror= to kf.run.",
        )
    if storage.is_far:
        advice = "Set KLIKIT_JOURNAL to a local disk, and KLIKIT_JOURNAL_MIRROR to this one."
        return CheckFinding("journal", "warning", f"{place}; locks may not hold on a network", advice)
    return CheckFinding("journal", "ok", place, "")


def _check_room() -> CheckFinding:
    folder = next(parent for parent in _journal_path().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    room = f"{free / 2**30:,.1f} GiB free"
    if free >= _ENOUGH_FREE:
        return CheckFinding("free space", "ok", room, "")
    status = "warning" if free >= _LEAST_FREE else "problem"
    return CheckFinding("free space", status, room, "Make room: without it a run stops. kf.prune_runs helps.")


def _check_mirror() -> CheckFinding:
    mirror = default_mirror()
    if mirror is None:
        return CheckFinding("mirror", "ok", "none is set", "")
    folder = Path(mirror).expanduser().resolve().parent
    is_fit = folder.is_dir() and os.access(folder, os.W_OK)
    if not is_fit:
        advice = "Mount the drive, or make the folder; runs go on without a mirror."
        return CheckFinding("mirror", "problem", f"{mirror} cannot be written", advice)
    if fault := _mirror_fault(mirror):
        return CheckFinding(
            "mirror", "problem", f"{mirror}: {fault}", "Set KLIKIT_JOURNAL_MIRROR to another file."
        )
    return CheckFinding("mirror", "ok", mirror, "")


def _mirror_fault(mirror: str) -> str | None:
    """Return why a run would not replace what is at the mirror's path; None if it would."""
    try:
        with read_journal() as journal:
            far = far_path(mirror, journal=journal, name="mirror")
            if far.exists():
                with opened_copy(far) as there:
                    if len(journal.runs()):
                        check_mirror_owner(journal, there)
    except KlikitFramesError as error:
        return str(error)
    return None


def _check_versions() -> CheckFinding:
    try:
        required = metadata.requires("klikit-frames") or []
    except metadata.PackageNotFoundError:
        return CheckFinding(
            "versions", "warning", "klikit-frames is not installed as a package", "Install it with pip."
        )
    old = [said for text in required if "extra ==" not in text and (said := _too_old(text))]
    if old:
        return CheckFinding("versions", "problem", ", ".join(old), "pip install --upgrade klikit-frames")
    return CheckFinding(
        "versions", "ok", f"pandas {metadata.version('pandas')}, and all others are new enough", ""
    )


def _too_old(requirement: str) -> str | None:
    """Return what to say of a requirement that is not met."""
    if not (match := _FLOOR.match(requirement)):
        return None
    name, floor = match.groups()
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return f"{name} {version} is older than {floor}" if _numbers(version) < _numbers(floor) else None


def _numbers(version: str) -> tuple[int, ...]:
    parts = tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
    return parts + (0,) * (3 - len(parts))


def _check_unfinished_runs() -> CheckFinding:
    history = runs()
    is_open = (history[_UNFINISHED].sum(axis=1) > 0) | history["status"].isin(["killed"])
    is_open &= history["status"] != "running"
    if not is_open.any():
        return CheckFinding("unfinished runs", "ok", f"none of {counted(len(history), 'run')}", "")
    last = history.loc[is_open, "run_id"].iloc[-1]
    unfinished = f"{counted(int(is_open.sum()), 'run')} left off, the last {last[:8]}"
    return CheckFinding(
        "unfinished runs", "warning", unfinished, f'kf.resume("{last[:8]}", client) goes on with it.'
    )


def _check_promises() -> CheckFinding:
    promised = agenda()
    n_overdue = int(promised["is_overdue"].sum())
    if not n_overdue:
        return CheckFinding("promises", "ok", f"{counted(len(promised), 'promise')}, none overdue", "")
    overdue = f"{n_overdue:,} overdue of {len(promised):,}"
    return CheckFinding(
        "promises", "problem", overdue, "kf.tick(client) keeps them; let a scheduler call it each minute."
    )


def _check_business(client: Client) -> Iterator[CheckFinding]:
    """Yield what harmless reads show of credentials, clock and caps."""
    try:
        reached = f"{counted(len(stores(client)), 'store')} at {client.host}"
        n_entities = len(read_state(client, journal=":memory:", progress=False))
        yield CheckFinding(
            "credentials", "ok", f"{reached}, {n_entities:,} sections, categories and items", ""
        )
    except KlikitFramesError as error:
        advice = "Look at the address, the two keys and their scopes: brands:read and menus:read."
        yield CheckFinding("credentials", "problem", str(error), advice)
    yield _check_clock(client)
    pacing = client.pacing
    caps = f"{pacing.writes_per_minute} writes and {pacing.reads_per_minute} reads a minute"
    yield CheckFinding("caps", "ok", f"{caps} are kept", "")


def _check_clock(client: Client) -> CheckFinding:
    server_now = client.server_now()
    if server_now is None:
        return CheckFinding(
            "clock", "warning", "the server has not told its time", "Try again when it answers."
        )
    off_s = (client.now() - server_now).total_seconds()
    if abs(off_s) < _CLOCK_S:
        return CheckFinding("clock", "ok", "within two minutes of the server's", "")
    difference = f"{abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} the server's"
    return CheckFinding("clock", "warning", difference, "Set this machine's clock; timed rows go by it.")


def _journal_path() -> Path:
    path = journal_path()
    if path is None:
        raise JournalError("KLIKIT_JOURNAL is :memory:, so no run outlives its process.")
    with suppress(JournalError), read_journal() as journal:
        return journal.path or path
    return path
