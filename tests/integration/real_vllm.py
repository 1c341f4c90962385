"""Where a real vLLM is, and the marks of the tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
