"""What a vLLM server looks like from outside, for tests of its care; run as a program.

The model's name says how it behaves: ``crash`` ends before it is ready, ``never`` is never ready,
``stubborn`` ignores SIGTERM. So does the request: ``die`` ends the server in the middle of the
reply, ``hang`` never ends. It writes what it was started with to $FAKE_VLLM_RECORD.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    name = ""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send({})
        elif self._is_allowed():
            self._send({"data": [{"id": self.name, "max_model_len": 1000}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_allowed():
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._chunk({"choices": [{"delta": {"content": "It "}}]})
        wish = request["messages"][-1]["content"]
        if wish == "die":
            say("(EngineCore pid=7) ERROR 11-21 00:39:43 [core.py:9] Traceback")
            say("(EngineCore pid=7) ERROR 11-21 00:39:43 [core.py:9] MemoryError: no room")
            say("RuntimeError: the core failed, see root cause above")
            os._exit(1)
        if wish == "hang":
            time.sleep(600)
        self._chunk({"choices": [{"delta": {"content": "rained."}, "finish_reason": "stop"}]})
        details = {"cached_tokens": 0}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": details}
        self._chunk({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _is_allowed(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}":
            return True
        self.send_error(401)
        return False

    def _send(self, body: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def _chunk(self, event: object) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--served-model-name")
    parser.add_argument("--port", type=int)
    options, _ = parser.parse_known_args()
    core = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "pids": [os.getpid(), core.pid],
    }
    Path(os.environ["FAKE_VLLM_RECORD"]).write_text(json.dumps(record))
    if options.model == "crash":
        say("(APIServer pid=7) INFO 11-21 00:39:43 [model.py:9] Resolving")
        raise OSError("crash is not a local folder and is not a valid model identifier")
    if options.model == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("(APIServer pid=7) INFO 11-21 00:39:43 [model.py:9] Loading weights")
    if options.model == "never":
        time.sleep(600)
    Handler.name = options.served_model_name
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
