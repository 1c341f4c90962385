"""A whole document by the embedded model on a real vLLM, the chapters side by side."""

from __future__ import annotations

import asyncio
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press, write_run
from longwrite.engines.vllm import VllmEngine
from longwrite.rewards.briefs import compile_brief
from tests.integration.real_vllm import MARKS, PYTHON

pytestmark = [*MARKS, pytest.mark.timeout(900)]


async def write(run: Path) -> dict[str, Any]:
    folder = str(files("longwrite.nano"))
    engine = await VllmEngine.open(folder, python=PYTHON, patience=280.0)
    try:
        press = Press(
            {"write": engine, "plan": engine, "check": engine}, {"write": "vllm"},
            Budget(), Places(8), 8,
        )  # fmt: skip
        brief = compile_brief("A 10000-word handbook on keeping a small harbour")
        outcome = await write_run(run, press, brief, Settings(mode="dag"))
        return outcome.report
    finally:
        await engine.close()


def test_ten_thousand_words_in_dag_mode_with_the_server_s_own_count_of_cached_tokens(
    tmp_path: Path,
) -> None:
    report = asyncio.run(write(tmp_path / "run"))
    words, tokens = report["words"], report["tokens"]
    assert report["mode"] == "dag" and report["complete"]
    assert abs(words["delivered"] - 10_000) <= 500
    # Each chapter's second section begins with the whole of its first, and all share one head.
    assert tokens["cached"] > 0.2 * tokens["prompt"]
    sys.stdout.write(f"\n{words['delivered']:,} words, {tokens}, {report['calls']}\n")
