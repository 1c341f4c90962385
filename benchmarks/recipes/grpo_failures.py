"""The two known ways in which GRPO for length fails, and what is said of each.

A model that is paid for never ending, by a reward without any gate, learns just that; at too high
a rate it falls apart. The first is refused before the first step; of the second a warning is given
there, and an alarm stops it. A named reward of length pays nothing for what was cut, even with
`eos_gate: false`: so the first needs a reward of one's own.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from benchmarks.recipes.commands import command, write_rows
from benchmarks.recipes.grpo_length import make_prompts, make_start
from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward

UNGATED = Composition((Component(LengthReward(ended=False)),), name="ungated")
"""Pays for a length, whether a text ended or was cut."""

_RATE, _STEPS = "3e-3", "80"


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return the exit code and the last lines of both."""
    start = make_start(work.parents[1] / "grpo-length" / str(seed), seed)
    prompts = write_rows(work / "prompts.jsonl", make_prompts(f"grpo:{seed}", 600))
    ways = {
        "no_gate": ("--eos_gate", "false", "--rewards", f"{__name__}:UNGATED"),
        "high_rate": ("--learning_rate", _RATE, "--max_steps", _STEPS, "--alarms", "stop"),
    }
    found = {}
    for name, options in ways.items():
        arguments = command(
            "grpo", "grpo.yaml", start, prompts, work / name, seed, "--logging_steps", "1", *options
        )
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        lines = done.stderr.splitlines()
        said = [line for line in lines if line.startswith(("longwrite:", "warning:"))]
        steps = work / name / "steps.jsonl"
        made = len(steps.read_text("utf-8").splitlines()) if steps.is_file() else 0
        found[name] = {"exit_code": done.returncode, "steps": made, "said": said}
    return found


def show(figures: dict[str, Any]) -> str:
    """Return what was said."""
    return "; ".join(
        f"{name}: exit code {one['exit_code']} after {one['steps']} steps: {' '.join(one['said'])}"
        for name, one in ((name, figures[name]) for name in ("no_gate", "high_rate"))
    )
