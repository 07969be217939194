"""Notifications: a summary of how a run ended, handed to a callable or to a command."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .. import edge
from ..errors import ConfigError, KlikitFramesError
from ..wording import visible_text
from .results import Result

OnFinish = Callable[[dict[str, Any]], object] | None
T = TypeVar("T")

TIMEOUT_S = 30.0
_LOG = logging.getLogger("klikit_frames")
_MOST_CAUSES = 10
_MOST_WORDS = 200


def check_on_finish(on_finish: object) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    ConfigError
        It is neither None nor a callable.
    """
    if on_finish is not None and not callable(on_finish):
        raise ConfigError(f"on_finish={on_finish!r} is neither None nor a callable; nothing was sent.")


def report_result(work: Callable[[], Result], on_finish: OnFinish, *, action: str, host: str) -> Result:
    """Do `work`, give its summary to `on_finish`, and return the result; a note says if that failed."""
    return report_outcome(
        work,
        on_finish,
        summarise=lambda result: {"action": action, **summarise_result(result)},
        add_note=lambda result, note: replace(result, notes=(*result.notes, note)),
        action=action,
        host=host,
    )


def report_outcome(
    work: Callable[[], T],
    on_finish: OnFinish,
    *,
    summarise: Callable[[T], dict[str, Any]],
    add_note: Callable[[T, str], T],
    action: str,
    host: str,
) -> T:
    """Do `work`, hand a summary of its result or error to `on_finish`, and return or raise the same.

    Parameters
    ----------
    work : callable
        What is done; called once.
    on_finish : callable, optional
        Called once with the summary. Whatever it raises changes no outcome.
    summarise : callable
        Makes the summary of what `work` returns: values that JSON knows.
    add_note : callable
        Returns the outcome with a note more, which says that `on_finish` failed.
    action, host : str
        What is done and where, for the summary of an error.
    """
    check_on_finish(on_finish)
    try:
        outcome = work()
    except KlikitFramesError as error:
        notify(on_finish, summarise_error(error, action=action, host=host))
        raise
    if on_finish is None:
        return outcome
    note = notify(on_finish, summarise(outcome))
    return outcome if note is None else add_note(outcome, note)


def notify(on_finish: OnFinish, summary: Mapping[str, Any]) -> str | None:
    """Call `on_finish` with the summary, and return a note if that failed; it is logged as well."""
    if on_finish is None:
        return None
    try:
        on_finish(dict(summary))
    except Exception as error:  # noqa: BLE001 - a notifier changes no outcome
        said = str(error) or type(error).__name__
        note = f"Nobody was notified: {_shortened(said).rstrip('.')}."
        _LOG.warning("%s", visible_text(note))
        return note
    return None


def summarise_result(result: Result) -> dict[str, Any]:
    """Return a result in values that JSON knows: the counts, the causes of what was not done, and the cure.

    Touches neither network nor disk.

    Returns
    -------
    dict
        ``run_id, plan_id, host, status, is_complete, n_rows, counts, n_unpublished, headline, account,
        trouble, resume, error, ended_at``. ``trouble`` lists the ten largest causes, each with ``outcome,
        code, message, n_rows, which, cure``.
    """
    view = result.overview
    return {
        "run_id": result.run_id,
        "plan_id": result.plan_id,
        "host": result.host,
        "status": str(result.status),
        "is_complete": not (len(result.failed) or result.n_unpublished),
        "n_rows": len(result.frame),
        "counts": dict(result.counts),
        "n_unpublished": result.n_unpublished,
        "headline": view.headline,
        "account": result.account,
        "trouble": json.loads(view.trouble.head(_MOST_CAUSES).to_json(orient="records")),
        "resume": result.resume_hint,
        "error": None,
        "ended_at": edge.now().isoformat(),
    }


def summarise_error(error: BaseException, *, action: str, host: str | None) -> dict[str, Any]:
    """Return the summary of what ended with an error before there was a result."""
    return {
        "action": action,
        "host": host,
        "status": "error",
        "is_complete": False,
        "counts": {},
        "headline": "Nothing goes off or on",
        "account": str(error),
        "trouble": [],
        "error": type(error).__name__,
        "ended_at": edge.now().isoformat(),
    }


@dataclass(frozen=True)
class CommandNotifier:
    """Hands the summary as JSON to a command on its standard input; no shell reads the command.

    Attributes
    ----------
    words : tuple of str
        The command and its arguments.
    timeout_s : float
        Seconds after which it is killed.
    """

    words: tuple[str, ...]
    timeout_s: float = TIMEOUT_S

    @classmethod
    def parse(cls, command: str) -> CommandNotifier:
        """Return the notifier of a command as it is typed.

        Raises
        ------
        ConfigError
            The quotes do not match, or there is no such program.
        """
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise ConfigError(f"{command!r} is no command: {error}. Nothing was sent.") from None
        if not words or shutil.which(words[0]) is None:
            program = words[0] if words else command
            raise ConfigError(f"There is no program {program!r} to notify with; nothing was sent.")
        return cls(words)

    def __call__(self, summary: Mapping[str, Any]) -> None:
        """Run the command; what goes wrong is raised, with its last words."""
        # The command has no use for the key.
        environment = {name: text for name, text in os.environ.items() if name != "KLIKIT_SECRET_KEY"}
        given = json.dumps(summary, ensure_ascii=False).encode()
        code, said = edge.run_program(
            self.words, given=given, environment=environment, timeout_s=self.timeout_s
        )
        if code:
            lines = said.decode(errors="replace").strip().splitlines()
            last = f": {lines[-1]}" if lines else ""
            raise RuntimeError(f"{self.words[0]} ended with {code}{last}")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]} …"
