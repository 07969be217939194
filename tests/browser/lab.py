"""JupyterLab in a temporary folder, and one page of it in Debian's Chromium."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, ViewportSize

from tests.browser.cells import SHUT

ROOT = Path(__file__).parents[2]
STATE_FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
KERNEL_READY = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
KERNEL_IDLE = "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
ASK = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = { code: "", silent: true, store_history: false, user_expressions: { answer: code } };
  const reply = await kernel.requestExecute(asked).done;
  const answer = reply.content.user_expressions.answer;
  if (answer.status !== "ok") throw new Error(`${answer.ename}: ${answer.evalue}`);
  return answer.data["text/plain"];
}"""


PUT_CELLS = """(cells) => {
  const notebook = jupyterapp.shell.currentWidget.content.model.sharedModel;
  notebook.transact(() => {
    notebook.deleteCellRange(0, notebook.cells.length);
    notebook.insertCells(0, cells);
  });
}"""
RUN_ALL = """(limit) => Promise.race([
  jupyterapp.commands.execute("notebook:run-all-cells").then(() => true),
  new Promise((done) => setTimeout(() => done(false), limit)),
])"""
OPEN_NEXT = """async (path) => {
  jupyterapp.shell.currentWidget?.dispose();
  const panel = await jupyterapp.commands.execute("docmanager:open", { path });
  jupyterapp.shell.activateById(panel.id);
}"""
SHUT_DOWN = "async () => { await globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.shutdown(); }"
INTERRUPT = "async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt(); }"
RUN_MORE = """(cell) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.model.sharedModel.insertCells(notebook.model.cells.length, [cell]);
  notebook.activeCellIndex = notebook.model.cells.length - 1;
  jupyterapp.commands.execute("notebook:run-cell");
}"""
ERRORS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
  .flatMap((cell) => cell.outputs?.toJSON() ?? [])
  .filter((output) => output.output_type === "error")
  .map((output) => `${output.ename}: ${output.evalue}`)"""
DRESS = """async (theme) => {
  jupyterapp.shell.collapseLeft();
  await jupyterapp.commands.execute("apputils:change-theme", { theme });
}"""
# Each wait ends with what it waits for; these bounds are for what never comes, on a machine that is busy.
TIMEOUT_S = 240.0
TIMEOUT_MS = 1000 * TIMEOUT_S
IS_WORN = "(theme) => document.body.dataset.jpThemeName === theme"
VIEWPORT: ViewportSize = {"width": 1280, "height": 1000}
SCRATCH = "scratch.ipynb"
_LOOK_S = 0.1


def new_notebook(*cells: str) -> dict[str, object]:
    """Return a notebook of code cells."""
    made = [_cell(source) for source in cells]
    return {"cells": made, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter and the kernels keep all they write below `folder`."""
    folders = {name: str(folder / name.lower()) for name in STATE_FOLDERS}
    for path in folders.values():
        Path(path).mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KLIKIT_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return kept | folders | {"PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def write_kernel(folder: Path) -> None:
    """Make the kernel that notebooks ask for the interpreter that runs the tests."""
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
        "metadata": {"debugger": False},
    }
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True, exist_ok=True)
    (place / "kernel.json").write_text(json.dumps(spec))


@contextmanager
def process(command: list[str], *, env: dict[str, str], cwd: Path, ready: str) -> Iterator[None]:
    """Run `command` until the block ends; the block starts when `ready` answers."""
    with (cwd / "server.log").open("w") as log:
        child = subprocess.Popen(command, env=env, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
        try:
            _await_answer(child, url=ready, log=cwd / "server.log")
            yield
        finally:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _await_answer(child: subprocess.Popen[bytes], *, url: str, log: Path) -> None:
    for _ in range(round(TIMEOUT_S / _LOOK_S)):
        try:
            urllib.request.urlopen(url, timeout=TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return  # Any answer will do.
        except OSError:
            pass
        else:
            return
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_LOOK_S)
            break
    raise RuntimeError(f"{url} never answered:\n{log.read_text()[-2000:]}")


@contextmanager
def serve_lab(folder: Path) -> Iterator[str]:
    """Serve JupyterLab for the notebooks in `folder`/work; gives its URL."""
    work, port = folder / "work", free_port()
    work.mkdir()
    env = own_environment(folder / "jupyter")
    settings = Path(env["JUPYTER_CONFIG_DIR"]) / "labconfig"
    settings.mkdir()
    (settings / "default_setting_overrides.json").write_text(json.dumps(QUIET))
    write_kernel(Path(env["JUPYTER_DATA_DIR"]))
    server = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    open_to_us = [
        "--IdentityProvider.token=",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
    ]
    lab = ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    command = [sys.executable, "-m", "jupyterlab", *server, *open_to_us, f"--ServerApp.root_dir={work}", *lab]
    url = f"http://127.0.0.1:{port}"
    with process(command, env=env, cwd=folder, ready=f"{url}/api/status"):
        yield url


@dataclass
class Lab:
    """The one page of the suite."""

    page: Page
    url: str
    work: Path
    complaints: list[str] = field(default_factory=list)
    name: str = ""

    def __post_init__(self) -> None:
        self.page.on("console", self._note_console)
        self.page.on("pageerror", self._note_error)

    def show(self, *cells: str) -> None:
        """Put `cells` into a notebook with a warm kernel, and run them all."""
        self.put(*cells)
        self.run()
        errors = self.errors()
        assert errors == [], errors

    def put(self, *cells: str) -> None:
        """Put `cells` into a notebook with a warm kernel; what an earlier test defined is gone."""
        if self.name != SCRATCH:
            (self.work / SCRATCH).write_text(json.dumps(new_notebook()))
            self.open(SCRATCH)
        cleared = "get_ipython().run_line_magic('reset', '-f')"
        self.page.evaluate(PUT_CELLS, [_cell(source) for source in (cleared, *cells)])

    def open(self, name: str) -> None:
        """Open a notebook of the server's folder instead of the one before, and wait for its kernel."""
        self.close()
        if self.name:
            self.page.evaluate(OPEN_NEXT, name)
        else:
            self.page.goto(f"{self.url}/lab/tree/{name}?reset", wait_until="domcontentloaded")
            self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.name = name
        self.page.locator(".jp-Notebook").first.wait_for()
        self.page.evaluate(KERNEL_READY)
        self.page.wait_for_function(KERNEL_IDLE)

    def run(self, *, timeout_s: float = 2 * TIMEOUT_S) -> None:
        """Run every cell and wait until the last has answered."""
        assert self.page.evaluate(RUN_ALL, timeout_s * 1000), "the cells did not end in time"

    def run_more(self, source: str) -> None:
        """Add a cell at the end and run it, without waiting for its answer."""
        self.page.evaluate(RUN_MORE, _cell(source))

    def start(self) -> None:
        """Run every cell without waiting for the answers."""
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def ask(self, expression: str) -> Any:
        """Return the value of a Python expression in the kernel."""
        answer = self.page.evaluate(ASK, f"__import__('json').dumps({expression})")
        return json.loads(ast.literal_eval(answer))

    @contextmanager
    def shut_gate(self) -> Iterator[None]:
        """Let the writes of a gated client wait until the block ends."""
        gate = self.work / SHUT
        gate.touch()
        try:
            yield
        finally:
            gate.unlink()

    def find(self, selector: str) -> Locator:
        """Return what `selector` finds in the outputs."""
        return self.page.locator(f".jp-OutputArea {selector}")

    def dress(self, theme: str) -> None:
        """Put on a theme, and give the notebook all of a tall page."""
        self.page.set_viewport_size({"width": 1100, "height": 2400})
        self._wear(theme)

    def undress(self) -> None:
        """Go back to the light theme and the usual page."""
        self.page.set_viewport_size(VIEWPORT)
        self._wear("Light")

    def _wear(self, theme: str) -> None:
        self.page.evaluate(DRESS, f"JupyterLab {theme}")
        self.page.wait_for_function(IS_WORN, arg=f"JupyterLab {theme}")

    def errors(self) -> list[str]:
        """Return what the cells that ended in an error say."""
        return list(self.page.evaluate(ERRORS))

    def save(self) -> None:
        """Save the notebook, outputs included."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")

    def interrupt(self) -> None:
        """Press the stop button, as it were."""
        self.page.evaluate(INTERRUPT)

    def close(self) -> None:
        """End the kernel of the notebook that is open, if one is."""
        with suppress(Error):
            self.page.evaluate(SHUT_DOWN)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "blob:" in f"{message.location.get('url')} {message.text}":
            self.complaints.append(message.text)

    def _note_error(self, error: Error) -> None:
        if "blob:" in (error.stack or ""):
            self.complaints.append(error.stack or error.message)


_METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def _cell(source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": f"c{abs(hash(source))}"[:32],
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
