"""A key is nowhere but in the header that carries it, whatever a server does with it.

The server of these tests reads the key out of the request and says it again wherever it can: in
its list of models, in headers, errors and thoughts, and in the text that it writes. In a text it
stands for `[key]` in the end: a document with somebody's key in it is worse than one without.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engine.answers import EXACT, answer
from longwrite.engines.faults import Fault
from longwrite.types import Message
from tests.cli.conftest import Command, Result
from tests.cli.conftest import longwrite as longwrite
from tests.rewards.judges import mark_all
from tests.threaded import serve

KEY = "sk-canary-4f1d8b2e6a90c7355d"
PASSWORD = "pw-canary-77c1e0d94b"


class Echo(ThreadingHTTPServer):
    """Answers like a model, and says the key of the request again in some way.

    Attributes:
        ways: What happens to each call in turn, again and again; see `Handler.do_POST`.
        calls: So far.
    """

    daemon_threads = True

    def __init__(self, *ways: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ways, self.calls = ways, 0
        self.seen = ""


class Handler(BaseHTTPRequestHandler):
    server: Echo

    def do_GET(self) -> None:
        key = self._key()
        model = {"id": "m", "max_model_len": 65_536, "root": f"/models/{key}", "owned_by": key}
        self._send(200, "application/json", json.dumps({"object": "list", "data": [model]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key, self.server.calls = self._key(), self.server.calls + 1
        way = self.server.ways[self.server.calls % len(self.server.ways)]
        error = {"message": f"bad key {key}, {key[:-4]}****, '{key}'", "code": key, "param": key}
        if way.isdigit():
            self._send(int(way), "application/json", json.dumps({"error": error, "detail": key}))
        elif way == "page":
            self._send(200, "text/html", f"<title>{key}</title>")
        else:
            self._send(200, "text/event-stream", self._stream(way, body, key))

    def _stream(self, way: str, body: dict[str, Any], key: str) -> str:
        messages = [Message(turn["role"], turn["content"]) for turn in body["messages"]]
        asked = messages[-1].content
        text = mark_all(4) if "Mark the text" in asked else answer(messages, body["seed"], EXACT)
        if way == "text":
            text = text.replace(". ", f". The key is {key}. ", 1)
        half = len(text) // 2
        chunks: list[dict[str, Any]] = [
            {"model": f"m-{key}", "id": key, "choices": [{"delta": {"content": part}}]}
            for part in (f"<think>It is {key}.</think>", text[:half], text[half:])
        ]
        if way == "event":
            return f'event: error\ndata: {{"error": {{"message": "{key}"}}}}\n\n'
        finish = f"no {key}" if way == "finish" else "stop"
        if way == "refusal":
            chunks = [{"choices": [{"delta": {"refusal": key}}]}]
        chunks.append({"choices": [{"delta": {}, "finish_reason": finish}], "system": key})
        return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"

    def _key(self) -> str:
        self.server.seen = self.headers["Authorization"].rpartition(" ")[2]
        return self.server.seen

    def _send(self, status: int, kind: str, text: str) -> None:
        key, raw = self._key(), text.encode()
        self.send_response(status, key)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("X-Request-Id", key)
        self.send_header("Set-Cookie", f"key={key}")
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serve_echo(*ways: str) -> Iterator[tuple[Echo, str]]:
    """Yield the server and its address."""
    server = Echo(*ways)
    with serve(server) as address:
        yield server, address


def find_canary(folder: Path, results: list[Result], canary: str = KEY) -> list[str]:
    """Return where a secret, or most of it, stands: in a file, a name of one, or what was said."""
    parts = [canary[:16].encode(), canary[-16:].encode()]
    found = [f"printed: {result.out}{result.err}" for result in results
             if any(part.decode() in result.out + result.err for part in parts)]  # fmt: skip
    for path in folder.rglob("*"):
        if path.name == "key.txt":
            continue
        told = os.fsencode(path.relative_to(folder)) + (
            path.read_bytes() if path.is_file() else b""
        )
        found += [str(path) for part in parts if part in told][:1]
    return found


WAYS = {
    "in the text": ("text",),
    "in errors": ("text", "500", "429", "400", "event", "finish", "page", "refusal"),
    "in a refusal of the key": ("401",),
    "in a refusal of a field": ("422", "text", "text"),
}


@pytest.fixture
def by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[str]]:
    """Return what puts the key into a file or into the environment, and the options for that."""

    def put(in_file: bool) -> list[str]:
        if not in_file:
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            return []
        (tmp_path / "key.txt").write_text(f"{KEY}\n")
        return ["--api-key-file", "key.txt"]

    return put


@pytest.mark.parametrize("way", WAYS)
def test_the_key_is_written_nowhere(
    longwrite: Command,
    tmp_path: Path,
    way: str,
    by_file: Callable[[bool], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Fault, "pause", lambda *_: 0.0)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "On salt, 1500 words"}\n')
    (tmp_path / "text.md").write_text("# Salt\n\nSalt is white. It comes from the sea.\n")
    with serve_echo(*WAYS[way]) as (server, url):
        model = ["--model", "m", "--base-url", url, *by_file(way == "in errors")]
        judge = ["--judge", "m", "--judge-base-url", url, *by_file(way == "in errors")]
        prompts = ["--prompts", "prompts.jsonl"]
        results = [
            longwrite("write", "On salt, 1500 words", "--run", "r", "-o", "r.html", *model),
            longwrite("resume", "r", "--json", *model),
            longwrite("write", "prompts.jsonl", "--run", "b", "-o", "b.jsonl", *model),
            longwrite("data", "build", "agentwrite", *prompts, "-o", "set", *model),
            longwrite("score", "text.md", "--html", "s.html", "--judge-cache", "verdicts", *judge),
            longwrite("status", "r"),
        ]  # fmt: skip
        assert server.seen == KEY and server.calls >= 3
    assert find_canary(tmp_path, results) == []
    if way == "in the text":
        assert results[0].code in {0, 6} and "[key]" in (tmp_path / "r" / "document.md").read_text()
        assert (tmp_path / "set" / "README.md").is_file()


def test_a_password_in_an_address_is_written_nowhere(longwrite: Command, tmp_path: Path) -> None:
    with serve_echo("plain") as (_, url):
        model = ["--model", "m", "--base-url", url.replace("//", f"//me:{PASSWORD}@")]
        results = [
            longwrite("write", "On salt, 300 words", "--run", "r", *model),
            longwrite("status", "r"),
        ]  # fmt: skip
    assert results[0].code in {0, 6}, results
    assert find_canary(tmp_path, results, PASSWORD) == []
