"""What must hold before anything is sent, and what a canary must show before the rest is."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import ConfigError, PlanError, RequestError, check_choice, check_yes_or_no
from ..model import Cell
from ..planning.plan import Plan
from ..planning.plan_checks import check_plan
from ..wording import SHORT_ID
from .before_images import BEFORE
from .lifecycle import RequestState
from .readbacks import read_flags
from .request_trees import RequestTree

if TYPE_CHECKING:
    from ..api.client import Client
    from .monitor import Rules
    from .records import Run


def check_is_plan(plan: object) -> None:
    """Refuse anything but a plan, a table of toggles above all.

    Raises
    ------
    PlanError
        It is something else.
    """
    if not isinstance(plan, Plan):
        given = type(plan).__name__
        raise PlanError(
            f"run() takes a plan, not a {given}: kf.run(kf.plan(toggles), client). Nothing was sent."
        )


def check_client(client: Client) -> None:
    """Refuse a client that may not write, or cannot any more.

    Raises
    ------
    ConfigError
        It is read-only or closed.
    """
    if client.is_closed:
        raise ConfigError("This client is closed, so nothing was sent. Connect again to run.")
    if client.read_only:
        raise ConfigError(
            "This client is read-only, so nothing was sent. Connect without read_only=True to run."
        )


def check_before_sending(plan: Plan, client: Client, *, confirm: str | None) -> None:
    """Refuse a run that is not confirmed, and a plan that is not sound.

    Raises
    ------
    PlanError
        `confirm` is missing or is of another plan or host, or the plan touches other cells than its rows.
    """
    code = plan.confirm_code(client)
    # What sends nothing needs nobody's word.
    if client.needs_confirmation and plan.n_requests and confirm != code:
        raise PlanError(_refusal(plan, client, code=code, confirm=confirm))
    check_plan(plan)


def check_options(rules: Rules) -> None:
    """Refuse an option that is out of range, or of another type.

    Raises
    ------
    ConfigError
        The message names the option.
    """
    check_choice("on_error", rules.on_error, among=("continue", "stop"))
    check_choice("before", rules.before, among=BEFORE)
    for name in ("first", "max_failures", "writes_per_minute"):
        number = getattr(rules, name)
        if number is not None and (type(number) is not int or number < 0):
            raise ConfigError(f"{name}={number!r} is no whole number from zero; nothing was sent.")
    if rules.deadline_s is not None and not _is_duration(rules.deadline_s):
        raise ConfigError(f"deadline_s={rules.deadline_s!r} is no number of seconds; nothing was sent.")
    for name in ("publish", "require_approval"):
        check_yes_or_no(name, getattr(rules, name))


def check_same_plan(plan: Plan, run: Run) -> None:
    """Refuse a plan that has the id of another."""
    if plan.digest != run.plan_digest:
        raise PlanError(
            f"Plan {plan.plan_id[:SHORT_ID]} was run before with other content (run {_name(run)}), so "
            "nothing was sent. Plan again: a new plan has an id of its own."
        )


def check_same_host(run: Run, client: Client) -> None:
    """Refuse a host other than the one that a plan was first run on."""
    if run.host != client.host:
        raise PlanError(
            f"This plan was first run on {run.host} (run {_name(run)}), so it is not sent to {client.host}. "
            f"Connect to {run.host}, or plan again for {client.host}."
        )


def _name(run: Run) -> str:
    return run.run_id[:SHORT_ID]


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def check_same_account(run: Run, client: Client) -> None:
    """Refuse a client of another host, or of another business there, than the one that a run was on."""
    check_same_host(run, client)
    if run.account and run.account != client.account:
        raise PlanError(
            f"Run {_name(run)} was on another business of {run.host}: this client has another partner key. "
            "Connect with the key of that business."
        )


def _refusal(plan: Plan, client: Client, *, code: str, confirm: str | None) -> str:
    wide = f", {plan.n_business_wide:,} of them business-wide" if plan.n_business_wide else ""
    given = "" if confirm is None else f" confirm={confirm!r} is of another plan, host or count."
    return (
        f"{client.host} is a real business, so nothing was sent yet: {plan.n_rows:,} rows in "
        f"{plan.n_requests:,} requests{wide}.{given} If that is meant, pass confirm={code!r}."
    )


def check_canary(
    client: Client, canary: Iterable[RequestTree], *, stop: threading.Event | None = None
) -> str | None:
    """Return what is wrong with the first requests, in words; None if the rest may follow.

    Every one of their flags must have been accepted. Business-wide flags must read back as asked; those of
    stores are not held against it, because a store's menu may show an older state until it is published.
    """
    requests = [request for tree in canary for request in tree if not request.is_spared]
    bad = [request for request in requests if request.state is not RequestState.APPLIED]
    if bad:
        said = bad[0].result.message if bad[0].result else None
        return f"{len(bad):,} of the first requests were not accepted ({said or 'no answer'})"
    wanted = {
        cell: request.target.is_enabled
        for request in requests
        for cell in request.target.cells()
        if cell.store is None
    }
    return _unlike(client, wanted, stop=stop)


def _unlike(client: Client, wanted: dict[Cell, bool], *, stop: threading.Event | None) -> str | None:
    try:
        seen = dict(read_flags(client, wanted, stop=stop))
    except RequestError as error:
        return f"the first requests could not be read back ({error})"
    # What no menu tells, as the flags of modifier options, cannot be held against the run.
    unlike = [cell for cell, is_enabled in wanted.items() if seen.get(cell) is (not is_enabled)]
    if not unlike:
        return None
    return f"{unlike[0].entity_type} {unlike[0].entity_id} does not read back as asked"
