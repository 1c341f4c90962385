"""Two processes of one run, as `accelerate launch` starts them.

`accelerate launch --cpu --num_processes 2` starts one process, so a variable chooses the CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = (
    sys.executable, "-W", "ignore", "-m", "accelerate.commands.launch", "--multi_gpu",
    "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
    "--dynamo_backend", "no", "--main_process_port", "0",
)  # fmt: skip


def launch(*what: str, folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a script, or a module behind ``-m``, in two processes; returns what they said.

    Raises:
        AssertionError: One of them failed.
    """
    quiet = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*_COMMAND, *what], capture_output=True, text=True, timeout=290, check=False, cwd=folder,
        env={**os.environ, **quiet, "PYTHONPATH": str(_ROOT), "ACCELERATE_USE_CPU": "true",
             **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6_000:]
    return done.stderr
