"""A real host asks for a code, and the code that it names works; an extra that is missing is named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal, publish_everywhere

SAMPLES = Path(__file__).parents[2] / "sample_data"
HOST = "https://api.dev.shadowchef.co"


class Detour(httpx.HTTPTransport):
    """Carries requests for a real host's name to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        request.headers["Host"] = target.netloc.decode()
        return super().handle_request(
            httpx.Request(
                request.method,
                target,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )


@pytest.fixture
def real_host(online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kf.sandbox.Sandbox:
    """The sandbox under the name of a real host."""
    monkeypatch.setenv("KLIKIT_BASE_URL", HOST)
    monkeypatch.setattr(kf, "connect", partial(kf.connect, transport=Detour(online.url)))
    return online


def _code(text: str) -> str:
    found = re.search(r"--confirm ([0-9a-f]{8})", text)
    assert found is not None, text
    return found[1]


def test_confirm__works_for_a_table_a_plan_and_an_undo(
    terminal: Terminal, real_host: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """The same table planned again has the same code, and so has its undo."""
    saved = tmp_path / "saved.plan.json"
    assert terminal("plan", table.rename(tmp_path / "t.csv"), "--out", saved).code == 0
    n_before = len(real_host.requests)
    for words in (["apply", tmp_path / "t.csv"], ["undo", "last"], ["apply", saved]):
        refused = terminal(*words, "--yes")
        assert refused.code == 2, refused.err
        done = terminal(*words, "--confirm", _code(refused.err))
        assert done.code == 0, done.err
        publish_everywhere(real_host)
    writes = real_host.requests.iloc[n_before:]
    assert writes["method"].eq("PATCH").sum() == 3, writes["path"].tolist()


def test_extra__that_is_missing_is_named() -> None:
    """Without its libraries the sandbox says which extra brings them, in the terminal and in Python."""
    hidden = "import sys; sys.modules['starlette'] = None; sys.argv = ['klikit-frames', 'demo']; "
    tried = "import klikit_frames as kf\ntry: kf.sandbox\nexcept ModuleNotFoundError as error: print(error)\n"
    code = f"{hidden}\n{tried}from klikit_frames.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert done.stdout == "The sandbox needs an extra: pip install 'klikit-frames[sandbox]'.\n"
    assert "pip install 'klikit-frames[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("python_calamine", ["check", "changes.xlsx"], "excel"),
        ("pyarrow", ["check", "changes.parquet"], "parquet"),
        ("xlsxwriter", ["template", "new.xlsx", "--empty"], "excel"),
        ("pyarrow", ["diff", "changes.csv", "--state", "state.parquet"], "parquet"),
        ("keyring", ["stores", "--profile", "kept"], "keyring"),
    ],
)
def test_extra__of_a_file_is_named(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    module: str,
    words: list[str],
    extra: str,
) -> None:
    """A bare install says in one sentence which extra a file, or a secret in the keyring, needs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "toggles.xlsx", "changes.xlsx")
    Path("changes.csv").write_text("item_id,store,is_enabled\n1,1/2,off\n")
    for name in ("changes.parquet", "state.parquet"):
        Path(name).write_bytes(b"PAR1")
    url = "https://api.dev.shadowchef.co/v1/partner"
    profile = f'[kept]\nbase_url = "{url}"\npartner_key = "x"\nsecret_key_keyring = "kept"\n'
    Path("profiles.toml").write_text(profile)
    monkeypatch.setenv("KLIKIT_PROFILES", "profiles.toml")
    monkeypatch.setitem(sys.modules, module, None)
    done = terminal(*words)
    assert done.code == 4, done.err
    assert f"pip install 'klikit-frames[{extra}]'" in done.err


def test_version__is_the_packages(terminal: Terminal) -> None:
    """`--version` prints one line."""
    assert terminal("--version").out == f"klikit-frames {kf.__version__}\n"
