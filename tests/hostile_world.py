"""A business whose every text is hostile: menus, answers, tables, plan files, journals and states."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.running import journal_schema as schema

# Colours, a link, a title of the window, a bell, C1, bidi, what nobody sees, lines, markup, mathematics.
NASTY = (
    "\x1b[31m\x1b]8;;http://evil.test\x07\x1b]0;forged\x07\x9b2J\x7f\u202e\u2066\u200b\u2060\ufeff\r\n\t"
    "<script>alert(1)</script>&amp;$\\frac{$"
)
# Whatever a terminal obeys or an eye overlooks; lines of our own may end.
OBEYED = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]"
_TEXTS = {"title", "message", "request_id", "en", "id"}
_SPOILT = {
    "runs": ("user", "machine", "last_machine"),
    "request_status": ("message", "request_id", "code"),
    "publishes": ("message", "request_id", "code"),
    "promises": ("title", "note"),
}


def spoil(value: Any, name: str = "") -> Any:
    """Return an answer of the API in which each title, message and id of a request ends in hostile signs."""
    if isinstance(value, dict):
        return {key: spoil(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoil(inner, name) for inner in value]
    is_text = isinstance(value, str) and (name in _TEXTS or name.endswith(("_title", "_titles")))
    return value + NASTY if is_text else value


@contextmanager
def serve_spoilt(sandbox: kf.sandbox.Sandbox) -> Iterator[str]:
    """Serve the sandbox's API with its texts spoilt, and return the base URL."""
    origin = httpx.URL(sandbox.url)
    http = httpx.Client(trust_env=False, timeout=None)

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: text for name, text in self.headers.items() if name.lower() != "host"}
            url = origin.copy_with(raw_path=self.path.encode())
            answer = http.request(self.command, url, content=body, headers=headers)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(spoil(answer.json())).encode())

        do_GET = do_PATCH = do_POST = _pass_on  # noqa: N815 - the names that the server calls

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with http, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = edge.make_thread(server.serve_forever, name="spoilt")
        thread.start()
        try:
            yield str(origin.copy_with(port=server.server_port))
        finally:
            server.shutdown()
            thread.join()


def spoil_plan_file(path: Path) -> Path:
    """Write names, a maker and sentences by hand into a plan file, with a checksum that fits."""
    saved = json.loads(path.read_bytes())
    plan = saved["plan"]
    plan["made_by"] = f"Siti{NASTY}"
    plan["effect"] = [f"Soup goes dark{NASTY}"]
    plan["names"] = {
        kind: [[*ids, f"{title}{NASTY}"] for *ids, title in rows] for kind, rows in plan["names"].items()
    }
    body = json.dumps(plan, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**saved, "plan": plan, "checksum": hashlib.sha256(body).hexdigest()}))
    return path


def spoil_journal(path: Path, **texts: str) -> Path:
    """Write hostile texts by hand into every row of a journal, with digests that fit; return its path.

    `texts` replace what the columns of runs hold.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("row_digest", -1, schema.row_digest, deterministic=True)
        for trigger in schema.TRIGGERS:
            connection.execute(trigger)
        for table, names in _SPOILT.items():
            for name in names:
                sql = f"UPDATE {table} SET {name} = coalesce({name}, '') || ?"
                connection.execute(sql, (NASTY,))
        for name, text in texts.items():
            connection.execute(f"UPDATE runs SET {name} = ?", (text,))
    return path
