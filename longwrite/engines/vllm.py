"""A vLLM server started, watched and stopped for the user, then spoken to like any other server.

vLLM pins its own torch and wants an environment of its own, so it is never imported: it runs as a
child process of any interpreter that has it, and longwrite speaks HTTP to it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from longwrite.engines.child import ChildServer, free_port
from longwrite.engines.engine import Watch
from longwrite.engines.folder import check_folder, digest_folder
from longwrite.engines.openai import OpenAIEngine
from longwrite.errors import EngineError
from longwrite.types import Abilities, CallError, Reply, Request

_log = logging.getLogger(__name__)
_OWN_KEYS = ("LONGWRITE_API_KEY", "OPENAI_API_KEY")
_NO_VLLM = 3
_ON_A_CPU = ("--enforce-eager", "--no-enable-chunked-prefill")
"""The second, for vLLM 0.32 dies of a prompt with a seed that it reads in pieces: it wants to set
back random numbers that on a CPU know no place (``gpu_model_runner.py``, ``_bookkeeping_sync``)."""
_PROBE = f"""
import importlib.util, sys
if importlib.util.find_spec("vllm") is None:
    sys.exit({_NO_VLLM})
import torch
print("gpu" if torch.cuda.is_available() else "cpu")
"""


class VllmEngine:
    """An engine on a vLLM server of its own; `open` starts one.

    A server that dies isn't started anew: what killed it, most often memory, would kill the next
    one too. Calls then fail as ``unreachable`` and fatal, so that the run stops; the same command
    given again starts a new server and repeats no call that was completed.
    """

    def __init__(self, server: ChildServer, client: OpenAIEngine, identity: str) -> None:
        """Take over a server that is ready and a client of it."""
        self.identity = identity
        self._server = server
        self._client = client

    def __repr__(self) -> str:
        return f"VllmEngine({self.identity!r})"

    @property
    def abilities(self) -> Abilities:
        return self._client.abilities

    @classmethod
    async def open(
        cls,
        model: str,
        *,
        python: str | None = None,
        window: int | None = None,
        arguments: Sequence[str] = (),
        patience: float = 1200.0,
        in_flight: int = 32,
        first_token: float = 300.0,
        minimum_rate: float = 2.0,
        on_progress: Callable[[str], None] = _log.info,
        on_warning: Callable[[str], None] = _log.warning,
    ) -> VllmEngine:
        """Start a server and wait until it is ready.

        Args:
            model: A model folder, or a name that vLLM may download.
            python: The interpreter of an environment with vLLM; without one, this one.
            window: Tokens of prompt and completion together; without one the model's own.
            arguments: Further arguments of the server, such as ``--tensor-parallel-size=2``.
            patience: Seconds until it must be ready, a download included.
            in_flight: Requests at the same time.
            first_token: Seconds until the first token of a reply.
            minimum_rate: Tokens per second below which a reply is given up.
            on_progress: Told every few seconds how the start goes.
            on_warning: Told what a person should know.

        Raises:
            EngineError: There is no vLLM, or it doesn't start with this model.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _OWN_KEYS}
        folder = Path(model).expanduser()
        if folder.exists() or model.startswith(("/", ".", "~")):
            folder = folder.resolve()
            check_folder(folder)
            model, name = str(folder), folder.name
            identity = f"vllm:{await asyncio.to_thread(digest_folder, folder)}"
            environment["HF_HUB_OFFLINE"] = "1"
        else:
            name, identity = model, f"vllm:{model}"
        python = _program(python or sys.executable)
        has_gpu = await asyncio.to_thread(_probe, python, environment)
        port, key = free_port(), secrets.token_urlsafe(32)
        command = [
            *(python, "-m", "vllm.entrypoints.openai.api_server"),
            *(f"--model={model}", f"--served-model-name={name}", "--load-format=safetensors"),
            *("--host=127.0.0.1", f"--port={port}", "--uvicorn-log-level=warning"),
            *("--enable-prefix-caching", "--enable-prompt-tokens-details"),
            # Else a small model may fill its whole reply with the blanks that JSON allows.
            '--structured-outputs-config={"backend":"xgrammar","disable_any_whitespace":true}',
            *([] if has_gpu else _ON_A_CPU),
            *([] if window is None else [f"--max-model-len={window}"]),
            *arguments,
        ]
        # In the environment, which only its user can read; a command line is for all to see.
        environment |= {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1"}
        # By itself it wants most of the memory for its cache, and doesn't start where some is used.
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
        server = ChildServer(f"vLLM with {name}", command, environment)
        try:
            await server.wait_until_ready(port, patience, on_progress)
            client = await OpenAIEngine.open(
                name,
                f"http://127.0.0.1:{port}/v1",
                api_key=key,
                in_flight=in_flight,
                first_token=first_token,
                minimum_rate=minimum_rate,
                on_warning=on_warning,
            )
        except BaseException:
            await server.stop()
            raise
        return cls(server, client, identity)

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request; the death of the server ends it at once."""
        if self._server.ended.is_set():
            return self._dead()
        call = asyncio.create_task(self._client.generate(request, watch))
        death = asyncio.create_task(self._server.ended.wait())
        try:
            await asyncio.wait([call, death], return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else self._dead()
        finally:
            call.cancel()
            death.cancel()
            await asyncio.gather(call, death, return_exceptions=True)

    async def close(self) -> None:
        """Close the connections and stop the server."""
        await self._client.close()
        await self._server.stop()

    def _dead(self) -> Reply:
        return Reply(error=CallError("unreachable", self._server.obituary(), fatal=True))


def _program(python: str) -> str:
    """Return a path that holds in any working directory; links stay, they are environments."""
    return str(Path(python).expanduser().absolute()) if os.sep in python else python


def _probe(python: str, environment: Mapping[str, str]) -> bool:
    """Return whether an interpreter's vLLM has a GPU.

    Raises:
        EngineError: It can't be run, or it has no vLLM.
    """
    cpu = "without a GPU: scripts/install-vllm-cpu.sh FOLDER, then --vllm-python FOLDER/bin/python"
    try:
        found = subprocess.run(
            [python, "-c", _PROBE],
            capture_output=True,
            cwd="/",
            env=environment,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        mend = "Give --vllm-python the path of an environment's python"
        raise EngineError(f"can't run {python}", str(error), mend) from None
    if found.returncode == _NO_VLLM:
        mend = f"Run: {python} -m pip install vllm ({cpu})"
        raise EngineError("can't start vLLM", f"{python} doesn't have it", mend)
    if found.returncode:
        said = [line.strip() for line in found.stderr.splitlines() if line.strip()]
        why = f"the environment of {python} is broken: {''.join(said[-1:])[:300]}"
        raise EngineError("can't start vLLM", why, f"Install vLLM anew ({cpu})")
    return found.stdout.split()[-1:] == ["gpu"]
