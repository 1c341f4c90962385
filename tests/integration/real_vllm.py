"""Where a real vLLM is, the marks of the tests that need it, and one served for a training."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines.child import ChildServer, free_port

_USUAL = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
PYTHON = os.environ.get("LONGWRITE_VLLM_PYTHON", str(_USUAL))

MARKS = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.skipif(
        not Path(PYTHON).is_file(),
        reason=f"there is no vLLM at {PYTHON}: run make vllm, or set LONGWRITE_VLLM_PYTHON",
    ),
]


@contextmanager
def serve_for_training(model: Path, rank: int, adapters: int, window: int) -> Iterator[str]:
    """Yield the address of a vLLM that takes adapters while it runs; the model is called nano."""
    port = free_port()
    command = [
        *(PYTHON, "-m", "vllm.entrypoints.openai.api_server", f"--model={model}"),
        *("--served-model-name=nano", "--host=127.0.0.1", f"--port={port}", "--enforce-eager"),
        *("--dtype=float32", f"--max-model-len={window}", "--uvicorn-log-level=warning"),
        *("--enable-lora", f"--max-lora-rank={rank}", f"--max-loras={adapters}"),
        *("--logprobs-mode=processed_logprobs", "--no-enable-chunked-prefill"),
    ]
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_SERVER_DEV_MODE": "1",
    }  # fmt: skip
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def start() -> ChildServer:
        server = ChildServer("vLLM", command, environment)
        try:
            await server.wait_until_ready(port, 900.0, lambda line: None)
        except BaseException:
            await server.stop()
            raise
        return server

    server = do(start())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        do(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
