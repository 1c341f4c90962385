"""Runs a recipe for each seed and keeps its figures: ``python -m benchmarks.recipes NAME``."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import typer

from benchmarks.recipes import RECIPES
from benchmarks.recipes.report import DOCS, find_module

FIGURES = DOCS / "recipes.jsonl"


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes")
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("recipes-work"))
    parser.add_argument("--figures", type=Path, default=FIGURES)
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    recipe = find_module(options.name)
    for seed in options.seeds:
        begun = time.monotonic()
        figures = recipe.run(options.work / options.name / str(seed), seed)
        seconds = round(time.monotonic() - begun)
        typer.echo(f"{options.name}, seed {seed}, {seconds} s: {recipe.show(figures)}")
        line = {"recipe": options.name, "seed": seed, "seconds": seconds, **figures}
        with options.figures.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
