"""The lower half of every form: preview, Apply, progress, Cancel, result, Retry, Undo."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as w  # type: ignore[import-untyped]

from ..errors import KlikitFramesError
from .form_html import block_html, error_html, note_html, result_html
from .item_index import ItemIndex
from .latest_only_worker import LatestOnlyWorker
from .previews import preview_html
from .run_controller import RunController, Stage

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan
    from ..running.journal import JournalPath
    from ..running.results import Result

_REDRAW_S = 0.1
_BUSY = (Stage.SENDING, Stage.STOPPING)


class RunPanel(w.VBox):  # type: ignore[misc]
    """Draws one `RunController`, and hands it what is pressed.

    Parameters
    ----------
    client : Client
        Where to send.
    journal : path, optional
        As for ``kf.run``.
    """

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        self.controller = RunController(client, journal=journal)
        self.worker = LatestOnlyWorker()
        self.index: ItemIndex | None = None
        self._pen = threading.RLock()
        self._drawn_at = 0.0
        self._drawn_stage: Stage | None = None
        self._shown_plan: Plan | None = None
        self._make()
        super().__init__(self._rows())
        self.controller.on_change = self.draw
        self.draw()

    def say(self, text: str) -> None:
        """Say what is in the way of a plan; nothing can be applied then."""
        self.controller.set_plan(None)
        self.preview.value = note_html(text)

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when the preview is up to date and nothing is being sent."""
        self.worker.wait(timeout_s)
        self.controller.wait(timeout_s)

    def draw(self) -> None:
        """Show the controller as it is now; while it is sent, ten times a second at most."""
        with self._pen:
            stage, now = self.controller.stage, time.monotonic()
            if stage is Stage.SENDING and stage is self._drawn_stage and now - self._drawn_at < _REDRAW_S:
                return
            self._drawn_at, self._drawn_stage = now, stage
            self._draw_offer()
            self._draw_progress()
            self._draw_result()

    def _make(self) -> None:
        self.preview = w.HTML().add_class("kf-preview")
        self.code_note = w.HTML()
        self.code = w.Text(placeholder="code", layout=w.Layout(width="10em")).add_class("kf-code")
        self.trouble = w.HTML().add_class("kf-trouble")
        self.question = w.HTML()
        self.bar = w.IntProgress(description="Sending").add_class("kf-progress")
        self.bar_note = w.HTML()
        self.outcome = w.HTML().add_class("kf-result")
        self.run_id = w.Text(placeholder="run_id", layout=w.Layout(width="24em")).add_class("kf-run-id")

    def _rows(self) -> list[w.Widget]:
        controller = self.controller
        self.apply = self._button(
            "Apply", name="apply", press=lambda: controller.apply(self.code.value), style="primary"
        )
        self.cancel = self._button("Cancel", name="cancel", press=controller.cancel, style="warning")
        self.yes = self._button("Yes, business-wide", name="yes", press=controller.confirm, style="danger")
        self.no = self._button("No", name="no", press=controller.reject)
        self.retry = self._button("Retry failed", name="retry", press=controller.retry)
        self.go_on = self._button("Carry on", name="carry-on", press=controller.resume)
        self.undo = self._button("Undo", name="undo", press=lambda: self.worker.ask(controller.undo))
        self.find = self._button("Find run", name="find", press=lambda: controller.attach(self.run_id.value))
        self.code_row = w.HBox([self.code_note, self.code])
        self.ask_row = w.HBox([self.question, self.yes, self.no])
        self.bar_row = w.HBox([self.bar, self.bar_note, self.cancel])
        self.after_row = w.HBox([self.retry, self.go_on, self.undo])
        found = w.HBox([w.Label("A run of before:"), self.run_id, self.find])
        offer = [self.preview, self.code_row, w.HBox([self.apply]), self.trouble, self.ask_row]
        return [*offer, self.bar_row, self.outcome, self.after_row, found]

    def _button(self, text: str, *, name: str, press: Callable[[], None], style: str = "") -> w.Button:
        button = w.Button(description=text, button_style=style, layout=w.Layout(width="auto"))
        button.on_click(lambda _: press())
        return button.add_class(f"kf-{name}")

    def _draw_offer(self) -> None:
        controller = self.controller
        self._draw_plan()
        self.trouble.value = error_html(controller.trouble)
        self.code_note.value = note_html(f"Type {controller.code} to confirm:") if controller.code else ""
        _show(self.code_row, is_shown=bool(controller.code))
        self.apply.disabled = controller.stage is not Stage.READY or not (
            controller.plan and controller.plan.n_requests
        )
        self.question.value = note_html(
            f"{controller.n_wide:,} of these requests are business-wide: they switch everywhere. Send them?"
        )
        _show(self.ask_row, is_shown=controller.stage is Stage.ASKING)

    def _draw_plan(self) -> None:
        plan = self.controller.plan
        if plan is None or plan is self._shown_plan:
            return
        self._shown_plan = plan
        pace = self.controller.client.pacing.writes_per_minute
        note = note_html(self.controller.note)
        said = preview_html(plan, writes_per_minute=pace, index=self.index)
        self.preview.value = block_html(note + said)

    def _draw_progress(self) -> None:
        controller = self.controller
        self.bar.max, self.bar.value = max(1, controller.n_total), controller.n_done
        stopping = " Stopping: what is in flight is let finish." if controller.stage is Stage.STOPPING else ""
        self.bar_note.value = note_html(f"{controller.n_done:,} of {controller.n_total:,} rows.{stopping}")
        self.cancel.disabled = controller.stage is not Stage.SENDING
        _show(self.bar_row, is_shown=controller.stage in _BUSY)

    def _draw_result(self) -> None:
        controller = self.controller
        is_over = controller.result is not None and controller.stage not in _BUSY
        if controller.result is not None and is_over:
            self.outcome.value = block_html(result_html(controller.result))
        _show(self.after_row, is_shown=is_over)
        _show(self.retry, is_shown=bool(controller.n_failed))
        _show(self.go_on, is_shown=bool(controller.n_left))


class PanelForm(w.VBox):  # type: ignore[misc]
    """What forms share that end in a panel: what it holds, for those who go on in Python."""

    panel: RunPanel

    @property
    def plan(self) -> Any:
        """The plan that Apply would send; None if there is none."""
        return self.panel.controller.plan

    @property
    def result(self) -> Result | None:
        """The result of the last run; None before the first."""
        return self.panel.controller.result

    def wait(self) -> None:
        """Return when what was entered is planned, and nothing is being sent."""
        self.panel.wait()


def told(work: Callable[[], None], *, say: Callable[[str], None]) -> Callable[[], None]:
    """Return `work` with our own exceptions said instead of raised."""

    def careful() -> None:
        try:
            work()
        except KlikitFramesError as error:
            say(str(error))
        except Exception as error:
            say(f"Something went wrong inside klikit_frames: {error!r}.")
            raise

    return careful


def _show(widget: w.DOMWidget, *, is_shown: bool) -> None:
    widget.layout.display = None if is_shown else "none"
