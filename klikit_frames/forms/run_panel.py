"""The panel that every form has: it draws a run controller, passes on presses, and plans in a thread."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets as t

from .. import edge
from ..errors import KlikitFramesError
from ..overview import NO_NAMES, Names
from ..progress import page_thread
from .base_widget import BaseWidget, Command, style
from .button_words import to_buttons
from .panel_views import panel_view, plan_view, result_html, run_choices
from .run_controller import RunController, Stage

if TYPE_CHECKING:
    from ..planning.plan import Plan
    from ..running.journal import JournalPath
    from ..running.results import Result

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
