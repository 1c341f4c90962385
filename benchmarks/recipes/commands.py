"""The commands that a recipe is made of: `longwrite train …`, as anybody runs it.

A recipe's work folder belongs to it, and each command goes on where it stopped, so a recipe that
was stopped goes on as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

NANO = Path(__file__).resolve().parents[2] / "longwrite" / "nano"
"""The folder of the embedded weights."""

_LONGWRITE = (sys.executable, "-W", "ignore", "-m", "longwrite.cli.main")
_HERE = Path(__file__).resolve().parent


class RecipeError(RuntimeError):
    """A command of a recipe failed."""


def call(*arguments: str) -> str:
    """Run longwrite, its progress shown; returns what it printed on standard output.

    Raises:
        RecipeError: It ended with another exit code than 0.
    """
    return _run([*_LONGWRITE, *arguments])


def _run(arguments: Sequence[str]) -> str:
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RecipeError(f"{' '.join(arguments)}: exit code {done.returncode}")
    return done.stdout


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write a set as JSONL, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def train(
    method: str, config: str, model: Path, data: Path, out: Path, seed: int, *options: str
) -> Path:
    """Train by a file that stands beside this one, and return the folder of the model."""
    typer.echo(f"# train {method} {out.name}", err=True)
    _run(command(method, config, model, data, out, seed, *options))
    return out


def command(
    method: str, config: str, model: Path, data: Path, out: Path, seed: int, *options: str
) -> list[str]:
    """Return the command line of a training."""
    return [
        *_LONGWRITE, "train", method, str(_HERE / config), "--model", str(model), "--data",
        str(data), "--output", str(out), "--seed", str(seed), "--data_seed", str(seed), *options,
    ]  # fmt: skip


def compare(
    base: Path, tuned: Path, briefs: Path, out: Path, seed: int, *options: str
) -> dict[str, Any]:
    """Ask both models for the same briefs at temperature 1, and return the comparison."""
    typer.echo(f"# compare {base.name} {tuned.name}", err=True)
    told: dict[str, Any] = json.loads(
        call(
            "train", "compare", str(base), str(tuned), "--briefs", str(briefs), "-o", str(out),
            "--seed", str(seed), "--concurrency", "32", "--json", *options,
        )
    )  # fmt: skip
    return told


def pick_lines(comparison: Mapping[str, Any], *measures: str) -> dict[str, Any]:
    """Return some measures of a comparison over all briefs, by name."""
    return {
        line["measure"]: {name: line[name] for name in ("before", "after", "difference", "gain")}
        for line in comparison["lines"]
        if line["group"] == "all" and line["measure"] in measures
    }
