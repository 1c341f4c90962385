"""What a trainer sees of vLLM: adapters loaded while it runs, completions as token ids.

The tokens are drawn blindly, and the log-probabilities are those that the model and the adapter on
disk give to them: so they say whose weights the server has, as a real one's do.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

Answer = tuple[int, Any]


class FakeVllm:
    """A server's state.

    Attributes:
        events: What happened, in order: ``load NAME``, ``unload NAME``, ``complete NAME``.
        bodies: Requests for completions.
        faults: Answers by path that come instead of the right one, each once; one without a body
            lets the right one through.
        stale: Whether adapters are taken and not used.
        shift: Added to every log-probability.
        end: Token that ends a completion; None for the one that is asked for.
        endless: Whether every completion is cut.
        window: Tokens of prompt and completion.
        adapters: That are loaded, by name.
    """

    def __init__(self, model: Path, window: int = 4096) -> None:
        self.events: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: dict[str, list[Answer]] = {}
        self.stale, self.shift, self.endless = False, 0.0, False
        self.end: int | None = None
        self.address = ""
        self._folder, self.window = model, window
        self.adapters: dict[str, Any] = {}
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Return status and body."""
        if self.faults.get(path):
            found = self.faults[path].pop(0)
            if found[1] is not None:
                return found
        with self._lock:
            if path == "/v1/models":
                entries = [{"id": "base", "root": str(self._folder), "parent": None,
                            "max_model_len": self.window}]  # fmt: skip
                entries += [{"id": name, "parent": "base"} for name in self.adapters]
                return 200, {"object": "list", "data": entries}
            if path == "/v1/load_lora_adapter":
                return self._load(body["lora_name"], Path(body["lora_path"]))
            if path == "/v1/unload_lora_adapter":
                self.events.append(f"unload {body['lora_name']}")
                if self.adapters.pop(body["lora_name"], None) is None:
                    return 404, {"error": {"message": "cannot be found"}}
                return 200, "Success"
            if path == "/v1/completions":
                return self._complete(body)
        return 404, {"detail": "Not Found"}

    def _load(self, name: str, folder: Path) -> Answer:
        self.events.append(f"load {name}")
        if not (folder / "adapter_config.json").is_file():
            return 404, {"error": {"message": f"No adapter found for {folder}"}}
        if name in self.adapters:
            return 400, {"error": {"message": f"'{name}' has already been loaded."}}
        self.adapters[name] = load_adapted(self._folder, None if self.stale else folder)
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def _complete(self, body: dict[str, Any]) -> Answer:
        self.events.append(f"complete {body['model']}")
        self.bodies.append(body)
        model, prompt = self.adapters[body["model"]], body["prompt"]
        choices = []
        for number in range(body["n"]):
            rng = random.Random(body["seed"] + number)
            most = body["max_tokens"]
            length = most if self.endless else rng.randint(min(3, most), most)
            ids = [rng.randint(20, 90) for _ in range(length)]
            ended = length < body["max_tokens"]
            if ended:
                ids[-1] = self.end or body["stop_token_ids"][0]
            told = [one + self.shift for one in score(model, prompt, ids)]
            choices.append({
                "index": number, "token_ids": ids, "prompt_token_ids": prompt,
                "finish_reason": "stop" if ended else "length",
                "logprobs": {"token_logprobs": told},
            })  # fmt: skip
        return 200, {"choices": choices[::-1]}


def load_adapted(base: Path, adapter: Path | None) -> Any:
    """Return a model with an adapter from disk."""
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype="float32")
    if adapter is None:
        return model.eval()
    return import_module("peft").PeftModel.from_pretrained(model, adapter).eval()


def score(model: Any, prompt: list[int], ids: list[int]) -> list[float]:
    """Return the log-probabilities of the tokens after a prompt."""
    import torch

    with torch.no_grad():
        logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
    chosen = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])
    return [float(one) for one in chosen[:, 0]]


@contextmanager
def serve(fake: FakeVllm) -> Iterator[FakeVllm]:
    """Serve on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            status, found = fake.answer(self.command, self.path, body)
            raw = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
