"""klikit_frames: an analyst's table of menu on/off changes, made true in the fewest requests.

Importing this package opens no file, reads no environment, configures no logging and draws nothing.
Every public name loads on first use, pandas included.
"""

from importlib import import_module

from .post_import import import_after

__version__ = "0.2.0"

# The one list of public names, each with its module; `__init__.pyi` says the same to type checkers.
_EXPORTS = {
    "ApiError": "errors",
    "AuthError": "errors",
    "CheckedToggles": "frames.checked",
    "Client": "api.client",
    "ConfigError": "errors",
    "FileError": "errors",
    "IdempotencyConflict": "errors",
    "InvalidToggles": "errors",
    "Job": "running.jobs",
    "JournalError": "errors",
    "KlikitFramesError": "errors",
    "Limits": "planning.limits",
    "NotFoundError": "errors",
    "Plan": "planning.plan",
    "PlanError": "errors",
    "RateLimited": "errors",
    "RequestError": "errors",
    "Result": "running.results",
    "RunFailed": "errors",
    "ServerError": "errors",
    "StateError": "errors",
    "TooManyChanges": "errors",
    "TransportError": "errors",
    "agenda": "scheduling.agendas",
    "align": "auditing.diffs",
    "approve": "running.approvals",
    "attach": "running.jobs",
    "audit": "auditing.audits",
    "business_toggles": "frames.toggles",
    "cancel_promises": "scheduling.agendas",
    "check_toggles": "frames.toggles",
    "compare_stores": "auditing.diffs",
    "connect": "api.client",
    "cross_toggles": "frames.toggles",
    "dark_categories": "menus.visibility",
    "diff": "auditing.diffs",
    "doctor": "health",
    "drift": "auditing.diffs",
    "effect": "menus.effects",
    "effective": "menus.visibility",
    "export_journal": "running.journal_maintenance",
    "extend_promises": "scheduling.agendas",
    "failures": "menus.readings",
    "fleet": "fleet",
    "forms": "forms",
    "from_matrix": "frames.wide_tables",
    "import_journal": "running.journal_maintenance",
    "load_plan": "planning.plan",
    "load_state": "menus.states",
    "mixed": "auditing.diffs",
    "overrides": "auditing.diffs",
    "plan": "planning.planner",
    "plot_dark": "auditing.state_pictures",
    "plot_drift": "auditing.state_pictures",
    "plot_matrix": "auditing.state_pictures",
    "plot_plan": "auditing.pictures",
    "plot_timeline": "auditing.pictures",
    "prune_runs": "running.journal_maintenance",
    "publish": "running.publishes",
    "read_state": "running.live_state",
    "read_toggles": "frames.toggles",
    "reconcile": "auditing.reconciliation",
    "report": "auditing.reports",
    "resolve": "frames.name_resolution",
    "resume": "running.runs",
    "run": "running.runs",
    "runs": "running.runs",
    "sandbox": "sandbox",
    "save_state": "menus.states",
    "schedule": "scheduling.schedules",
    "start": "running.jobs",
    "stores": "menus.stores",
    "summary": "auditing.summaries",
    "template": "frames.templates",
    "tick": "scheduling.ticks",
    "to_matrix": "frames.wide_tables",
    "undo": "auditing.undo",
    "verify": "auditing.verification",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605 - a list of str


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'klikit_frames' has no attribute {name!r}")
    module = import_module(f"klikit_frames.{_EXPORTS[name]}")
    value = module if _EXPORTS[name] == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


# `df.klikit` exists once pandas is imported; this package alone does not import pandas.
import_after("pandas", module="klikit_frames.accessor")
