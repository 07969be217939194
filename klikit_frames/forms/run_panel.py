"""The panel that every form has: what it shows, which presses it passes on, and its planning in a thread."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets as t

from .. import edge
from ..auditing.undo import Undo
from ..errors import KlikitFramesError
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..overview import NO_NAMES, Names, Overview
from ..progress import page_thread
from ..wording import counted, time_ago
from .base_widget import BaseWidget, Command, style
from .button_words import to_buttons
from .run_controller import RunController, Stage

if TYPE_CHECKING:
    from datetime import datetime

    from ..planning.plan import Plan
    from ..running.journal import JournalPath
    from ..running.results import Result

_MOST_LINES = 10
_NO_RUN = "Nothing was sent from here yet."
# What to do in a form about a row that was not done, in the words of its buttons.
_CURES = {
    "unknown": "Press Carry on to find out.",
    "not_sent": "Press Carry on to send it.",
    "failed": "Nothing was written. Press Retry failed.",
    "auth_missing": "The API refuses the key. Once that is mended, press Carry on.",
    "auth_invalid_credential": "The API refuses the key. Once that is mended, press Carry on.",
    "auth_revoked": "The API refuses the key. Once that is mended, press Carry on.",
    "auth_forbidden": "The key lacks the right to write. Once that is mended, press Carry on.",
    "rate_limit_exceeded": "The API asked to wait for too long. Press Carry on later.",
}


def panel_view(controller: RunController) -> dict[str, object]:
    """Return what the page draws of a controller, apart from its plan and its result."""
    result = controller.result
    is_over = result is not None and not controller.is_busy
    progress = controller.progress if controller.is_busy and controller.progress else None
    return {
        "code": controller.code if controller.stage in (Stage.READY, Stage.ASKING) else "",
        "question": _question(controller),
        "trouble": controller.trouble,
        "progress": asdict(progress) if progress else None,
        "buttons": _buttons(controller),
        "account": _account(controller) if is_over else "" if result else controller.said or _NO_RUN,
    }


def plan_view(plan: Plan, controller: RunController) -> dict[str, object]:
    """Return what a plan will do: one sentence, its facts, and names and requests that fold away.

    Examples
    --------
    >>> from klikit_frames.forms.run_panel import plan_view
    >>> from klikit_frames.forms.run_controller import RunController
    >>> plan = kf.plan(kf.cross_toggles("item", [7], [(5297, 1293)], is_enabled=False))
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     view = plan_view(plan, RunController(client))
    >>> view["headline"]
    '1 dish off in 1 store'
    >>> view["facts"]
    ['1 request, the fewest possible', 'about 1 s at 300 a minute, 1 menu read first']
    """
    overview = plan.overview
    # What an undo keeps has a note of its own.
    overview = replace(overview, facts=(), trouble=overview.trouble.head(0))
    until = f", {controller.timed.words}" if controller.timed is not None else ""
    return {
        "headline": f"{overview.headline}{until}" if plan.n_requests else "Nothing to send",
        "facts": [fact for fact in (*_facts(plan, controller), controller.note) if fact],
        "details": _plan_details(plan, overview),
    }


def _facts(plan: Plan, controller: RunController) -> list[str]:
    counts = plan.counts
    bound = "the fewest possible" if plan.is_optimal else f"no plan has fewer than {plan.lower_bound:,}"
    n_off_menu = int(plan.not_on_menu["n_rows"].sum())
    return [
        f"{counted(plan.n_requests, 'request')}, {bound}" if plan.n_requests else "",
        plan.estimate(client=controller.client).text if plan.n_requests else "",
        f"{counted(plan.n_riding_along, 'row')} already so, sent along" if plan.n_riding_along else "",
        f"{counted(counts['unchanged'], 'row')} already so, not sent" if counts["unchanged"] else "",
        f"{counted(counts['rejected'], 'row')} of what this business does not have, not sent"
        if counts["rejected"]
        else "",
        f"{counted(n_off_menu, 'row')} of what the store does not sell" if n_off_menu else "",
        f"{counted(counts['promised'], 'row')} that a promise holds, not sent"
        if "promised" in counts
        else "",
        *plan.effect,
    ]


def _plan_details(plan: Plan, overview: Overview) -> str:
    if not plan.n_requests:
        return "".join(_undo_notes(plan))
    shown = plan.requests.head(_MOST_LINES)
    what = [
        _titles(kind, ids, plan.names) for kind, ids in zip(shown["entity_type"], shown["ids"], strict=True)
    ]
    requests = pd.DataFrame(
        {
            "request": shown["request_no"],
            "what": what,
            "goes": shown["is_enabled"].map({True: "on", False: "off"}),
            "where": ["business-wide" if n == 0 else counted(int(n), "store") for n in shown["n_stores"]],
        }
    )
    n_more = plan.n_requests - len(shown)
    more = paragraph_html(f"And {counted(n_more, 'request')} more.") if n_more else ""
    table = table_html(requests, caption="The requests, in sending order")
    brands = overview_html(overview, limit=_MOST_LINES).partition("</p>")[2]
    return (
        f"{brands}{fold_html(counted(plan.n_requests, 'request'), table + more)}{''.join(_undo_notes(plan))}"
    )


def _titles(entity_type: str, ids: tuple[int, ...], names: Names) -> str:
    more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
    return ", ".join(names.entity(entity_type, entity_id) for entity_id in ids[:3]) + more


def _undo_notes(plan: Plan) -> list[str]:
    if not isinstance(plan, Undo):
        return []
    reasons = Counter(plan.kept["reason"].tolist() if len(plan.kept) else [])
    kept = [f"{counted(n, 'row')} kept: {reason}." for reason, n in reasons.most_common()]
    return [paragraph_html(to_buttons(text)) for text in (*kept, *plan.notes)]


def _question(controller: RunController) -> str:
    if controller.asks_to_publish:
        stores = counted(len(controller.unpublished), "store")
        return f"Publish {stores}? That ships everything that anybody changed there."
    if controller.stage is Stage.ASKING:
        wide = counted(controller.n_wide, "request")
        return f"{wide} of the plan business-wide: wherever no store has a flag of its own. Send?"
    return ""


def _buttons(controller: RunController) -> dict[str, dict[str, object]]:
    is_asking, is_over = (
        controller.stage is Stage.ASKING,
        controller.result is not None and not controller.is_busy,
    )
    can_send = controller.plan is not None and controller.plan.n_requests > 0
    n_stores = len(controller.unpublished)
    shown = {
        "apply": (not is_asking, controller.stage is Stage.READY and can_send, ""),
        "yes": (is_asking, True, "Yes, publish" if controller.asks_to_publish else "Yes, business-wide"),
        "no": (is_asking, True, ""),
        "cancel": (controller.is_busy, controller.can_cancel, ""),
        "publish": (is_over and n_stores > 0, not is_asking, f"Publish {counted(n_stores, 'store')}"),
        "undo": (is_over, not is_asking, ""),
        "retry": (is_over and controller.n_failed > 0, not is_asking, ""),
        "carry_on": (is_over and controller.n_left > 0, not is_asking, ""),
        "download": (is_over, True, ""),
    }
    return {
        name: {"is_shown": is_shown, "is_enabled": is_enabled, "text": text}
        for name, (is_shown, is_enabled, text) in shown.items()
    }


def _account(controller: RunController) -> str:
    result = controller.result
    if result is None:
        return ""
    written = result.frame[result.frame["outcome"] == "applied"]
    has_waiting = controller.unpublished and (written["scope"] == "store").any()
    unseen = "Guests see the change once the stores are published." if has_waiting else ""
    if (written["scope"] == "business").any():
        unseen += " Business-wide rows reach a store's guests once its menu is published."
    return " ".join(filter(None, [to_buttons(result.account), controller.said, unseen.strip()]))


def result_html(result: Result, *, names: Names) -> str:
    """Return what became of a run: each cause once, then brand by brand what changed."""
    overview = replace(result, names=names | result.names).overview
    trouble = overview.trouble
    if len(trouble):
        cures = [
            _CURES.get(str(code)) or _CURES.get(str(outcome)) or to_buttons(cure)
            for code, outcome, cure in zip(trouble["code"], trouble["outcome"], trouble["cure"], strict=True)
        ]
        words = {name: trouble[name].map(to_buttons, na_action="ignore") for name in ("outcome", "message")}
        trouble = trouble.assign(cure=cures, **words)
    headline = f"{overview.headline[:1].upper()}{overview.headline[1:]}"
    return overview_html(replace(overview, headline=headline, facts=(), trouble=trouble), limit=_MOST_LINES)


def run_choices(history: pd.DataFrame, *, now: datetime) -> list[dict[str, str]]:
    """Return the runs to pick from, each in a few words.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.run_panel import run_choices
    >>> at = pd.Timestamp("2026-03-09 08:00", tz="UTC")
    >>> row = {"run_id": "ab" * 16, "started_at": at, "n_rows": 12, "applied": 11, "status": "finished"}
    >>> run_choices(pd.DataFrame([row]), now=at + pd.Timedelta(minutes=5))[0]["text"]
    '5 min ago: 11 of 12 rows applied (abababab)'
    """
    return [_run_choice(run, now=now) for run in history.to_dict("records")]


def _run_choice(run: Mapping[Any, Any], *, now: datetime) -> dict[str, str]:
    status = "" if run["status"] == "finished" else f", {str(run['status']).replace('_', ' ')}"
    done = f"{run['applied']:,} of {counted(int(run['n_rows']), 'row')} applied{status}"
    text = f"{time_ago(run['started_at'], now=now)}: {done} ({run['run_id'][:8]})"
    return {"run_id": run["run_id"], "text": text}


_REDRAW_S = 0.1
# A notebook server lets some 3 MB through at once, and a file's bytes grow by a third as text.
MOST_BYTES = 2_000_000
_PRESSES: dict[str, Callable[[RunController], None]] = {
    "no": RunController.reject,
    "cancel": RunController.cancel,
    "publish": RunController.publish,
    "retry": RunController.retry,
    "carry_on": RunController.resume,
}
Work = Callable[[], None]


class PanelForm(BaseWidget):
    """What all forms that end in a run share: plan, progress, result and buttons.

    Parameters
    ----------
    client : Client or None
        Where to send; None sends nothing.
    journal : path, optional
        As for ``kf.run``.
    """

    _css = style("panel.css")

    panel = t.Dict().tag(sync=True)
    download = t.Dict().tag(sync=True)

    def __init__(self, client: Any, *, journal: JournalPath = None) -> None:
        self.client: Any = client
        self.journal = journal
        self.controller = RunController(self.client, journal=journal)
        self.worker = LatestOnlyWorker()
        self.hint = ""
        self._runs = [] if client is None else self._recent_runs()
        self._drawn_at = 0.0
        self._drawn_stage: Stage | None = None
        self._was_busy = False
        self._n_downloads = 0
        self._shown_plan: tuple[Any, str, dict[str, object]] = (None, "", {})
        self._shown_result: tuple[Any, str] = (None, "")
        super().__init__()
        self.controller.on_change = self._on_change

    @property
    def plan(self) -> Plan | None:
        """The plan that Apply would send; None if there is none."""
        return self.controller.plan

    @property
    def result(self) -> Result | None:
        """The result of the last run; None before the first."""
        return self.controller.result

    @property
    def names(self) -> Names:
        """The titles of entities, brands and branches, as far as the form knows them."""
        return NO_NAMES

    def wait(self, timeout_s: float = 30.0) -> None:
        """Wait until what was entered is planned, and nothing is being sent."""
        self.worker.wait(timeout_s)
        self.controller.wait(timeout_s)
        self.worker.wait(timeout_s)

    def show_hint(self, text: str) -> None:
        """Say what prevents a plan; nothing can be applied then."""
        self.hint = to_buttons(text)
        self.controller.set_plan(None)

    def draw(self) -> None:
        """Show the controller as it is now."""
        self.panel = {
            **panel_view(self.controller),
            **self._plan_view(),
            **self._result_view(),
            "runs": self._runs,
        }

    def press(self, name: str, **more: object) -> None:
        """Press a button of the panel, as the page does."""
        self.apply_command({"part": "panel", "type": name, **more})
        self.redraw()

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        controller = self.controller
        match command:
            case {"type": "downloaded"}:
                self.download = {}
            case {"part": "panel", "type": "apply", "code": str(code)}:
                controller.apply(code)
            case {"part": "panel", "type": "apply"}:
                controller.apply()
            case {"part": "panel", "type": "yes"}:
                controller.confirm(str(command.get("code", "")))
            case {"part": "panel", "type": "attach", "run_id": str(run_id)}:
                controller.attach(run_id)
            case {"part": "panel", "type": "undo"}:
                self.worker.ask(controller.undo)
            case {"part": "panel", "type": "download"} if self.result is not None:
                self.hand_over(_csv(self.result), name=f"result-{self.result.run_id[:8]}.csv")
            case {"part": "panel", "type": str(name)} if name in _PRESSES:
                _PRESSES[name](controller)

    def hand_over(self, content: bytes, *, name: str) -> None:
        """Hand a file to the page, which saves it; a large one is compressed."""
        if len(content) > MOST_BYTES:
            content, name = _zipped(content, name=name), f"{name}.zip"
        if len(content) > MOST_BYTES:
            self.controller.trouble = f"{name} is too large to hand over here ({len(content):,} bytes)."
            return
        self._n_downloads += 1
        data = base64.b64encode(content).decode()
        self.download = {"n": self._n_downloads, "name": name, "data": data}

    def careful(
        self, work: Callable[[], None], *, show: Callable[[str], None] | None = None
    ) -> Callable[[], None]:
        """Return `work` so that exceptions of this package are shown instead of raised."""
        show = show or self.show_hint

        def guarded() -> None:
            try:
                work()
            except KlikitFramesError as error:
                show(str(error))
            except Exception as error:
                show(f"Something went wrong inside klikit_frames: {error!r}.")
                raise

        return guarded

    def run_ended(self) -> None:
        """Read again what a run has changed, however it ended."""
        self._runs = self._recent_runs()

    def static_text(self) -> str:
        """Return what to do where no widget can be drawn."""
        name = type(self).__name__
        return (
            f"{name}: a form needs a notebook that draws widgets, and this page has none.\n"
            "Install ipywidgets and anywidget where the notebook runs, and run this cell again.\n"
            "Without widgets the same is done by klikit-frames plan and klikit-frames apply in a terminal."
        )

    def _plan_view(self) -> dict[str, object]:
        """Return the view of the plan, made once per plan: no press may wait for it."""
        plan, note = self.controller.plan, self.controller.note
        if plan is None:
            return {"headline": self.hint, "facts": [], "details": ""}
        if self._shown_plan[:2] != (plan, note):
            self._shown_plan = (plan, note, plan_view(plan, self.controller))
        return self._shown_plan[2]

    def _result_view(self) -> dict[str, str]:
        """Return the view of the result, made once per result."""
        result = self.controller.result
        if result is None or self.controller.is_busy:
            return {"outcome": ""}
        if self._shown_result[0] is not result:
            self._shown_result = (result, result_html(result, names=self.names))
        return {"outcome": self._shown_result[1]}

    def _recent_runs(self) -> list[dict[str, str]]:
        return run_choices(self.controller.history(), now=edge.now())

    def _on_change(self) -> None:
        """Draw; while sending, at most ten times a second."""
        stage, now = self.controller.stage, edge.monotonic()
        is_same = stage is self._drawn_stage
        if stage is Stage.SENDING and is_same and now - self._drawn_at < _REDRAW_S:
            return
        was_busy, self._was_busy = self._was_busy, self.controller.is_busy
        self._drawn_at, self._drawn_stage = now, stage
        if was_busy and not self.controller.is_busy:
            self.run_ended()
        self.redraw()


def _csv(result: Result) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return result.to_csv(Path(folder) / "result.csv").read_bytes()


def _zipped(content: bytes, *, name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def store_pairs_of(toggles: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the stores that toggles are of, each once."""
    pairs: Any = toggles.loc[toggles["scope"] == "store", ["brand_id", "branch_id"]].drop_duplicates()
    return [(int(brand), int(branch)) for brand, branch in pairs.itertuples(index=False)]


class LatestOnlyWorker:
    """Runs the work asked for last, in the background; earlier work that has not begun is dropped.

    Examples
    --------
    >>> from klikit_frames.forms.run_panel import LatestOnlyWorker
    >>> latest, done = LatestOnlyWorker(), []
    >>> latest.ask(lambda: done.append("drawn"))
    >>> latest.wait()
    >>> done
    ['drawn']
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._next: Work | None = None
        self._is_busy = False

    def ask(self, work: Work) -> None:
        """Have `work` done next, instead of whatever waits."""
        with self._free:
            self._next = work
            if not self._is_busy:
                self._is_busy = True
                page_thread()(target=self._go, daemon=True).start()

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when nothing is left to do, or after `timeout_s`."""
        with self._free:
            self._free.wait_for(lambda: not self._is_busy, timeout=timeout_s)

    def _go(self) -> None:
        while (work := self._take()) is not None:
            try:
                work()
            except BaseException:
                self._rest()
                raise

    def _take(self) -> Work | None:
        with self._free:
            work, self._next = self._next, None
            if work is None:
                self._rest()
            return work

    def _rest(self) -> None:
        with self._free:
            self._is_busy = False
            self._free.notify_all()
