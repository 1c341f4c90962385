"""A judge behind an OpenAI-compatible server, which answers by a function of the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.threaded import serve


class Server(ThreadingHTTPServer):
    """An OpenAI-compatible server whose model answers by a function of the prompt."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        listed = {"object": "list", "data": [{"id": "stern", "max_model_len": 16_384}]}
        self._send("application/json", json.dumps(listed))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        text = self.server.answer(body["messages"][-1]["content"])
        said, ended = {"delta": {"content": text}}, {"delta": {}, "finish_reason": "stop"}
        events = [{"model": "stern", "choices": [one]} for one in (said, ended)]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self._send("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))

    def _send(self, kind: str, text: str) -> None:
        raw = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serve_judge(answer: Callable[[str], str]) -> Iterator[tuple[Server, str]]:
    """Yield the server and its address."""
    server = Server(answer)
    with serve(server) as address:
        yield server, address
