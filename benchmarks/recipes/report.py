"""What the recipes gained, over all seeds, as a page with plots: ``docs/recipes.md`` and its SVG.

    python -m benchmarks.recipes.report

It tells what `docs/recipes.jsonl` holds, the last line of each recipe and seed.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.recipes import RECIPES

DOCS = Path(__file__).resolve().parents[2] / "docs"

_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""The 0.975 quantile of Student's distribution, by degrees of freedom."""

_HEAD = """\
Written by `python -m benchmarks.recipes.report` from `docs/recipes.jsonl`. The model has 4.4
million parameters and was trained on two cores with other work beside it. An interval of one seed
is over the held-out briefs, one of all seeds is Student's over the seeds.
gain = (after − before) / (1 − before)."""

Line = dict[str, Any]


def read_lines(path: Path) -> dict[str, list[Line]]:
    """Return the lines of each recipe by seed; the last of each seed counts."""
    found: dict[tuple[str, int], Line] = {}
    for text in path.read_text("utf-8").splitlines():
        line = json.loads(text)
        found[line["recipe"], line["seed"]] = line
    lines: dict[str, list[Line]] = {}
    for (name, _), line in sorted(found.items()):
        lines.setdefault(name, []).append(line)
    return lines


def show_mean(values: Sequence[float], form: str = ".3f") -> str:
    """Return the mean over seeds with its 95 % interval.

    >>> show_mean([0.4, 0.5, 0.6])
    '0.500 (0.252 to 0.748)'
    """
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:{form}}"
    reach = _STUDENT[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:{form}} ({mean - reach:{form}} to {mean + reach:{form}})"


def show_gain(name: str, paired: Line) -> str:
    """Return what a value was, is, and has won of what was lacking."""
    gain = paired["gain"]
    return (
        f"{name} {paired['before']['value']:.3f} to {paired['after']['value']:.3f}: gain "
        f"{gain['value']:.0%} ({gain['low']:.0%} to {gain['high']:.0%})"
    )


def show_difference(name: str, paired: Line) -> str:
    """Return what a value was, is, and how sure the difference is."""
    more = paired["difference"]
    return (
        f"{name} {paired['before']['value']:.3f} to {paired['after']['value']:.3f}, more by "
        f"{more['value']:+.3f} ({more['low']:+.3f} to {more['high']:+.3f})"
    )


def draw_change(axes: Axes, lines: Sequence[Line], pick: Callable[[Line], Any]) -> None:
    """Draw before and after of each seed, with the intervals over briefs."""
    for place, line in enumerate(lines):
        one = pick(line)
        for side, shade, shift in (("before", "0.6", -0.1), ("after", "C0", 0.1)):
            value = one[side]
            low, high = value["value"] - value["low"], value["high"] - value["value"]
            axes.errorbar(
                place + shift, value["value"], [[low], [high]], fmt="o", color=shade, capsize=3,
                label=side if place == 0 else None,
            )  # fmt: skip
    axes.set_xticks(range(len(lines)), [f"seed {line['seed']}" for line in lines])
    axes.set_xlim(-0.5, len(lines) - 0.5)
    axes.legend(frameon=False)


def find_module(name: str) -> Any:
    """Return the module of a recipe."""
    return import_module(f"benchmarks.recipes.{name.replace('-', '_')}")


def main() -> None:
    """Write the page and the plots."""
    rcParams["svg.hashsalt"] = "recipes"
    lines = read_lines(DOCS / "recipes.jsonl")
    known = [name for name in RECIPES if name in lines]
    modules = {
        name: import_module(f"benchmarks.recipes.{name.replace('-', '_')}") for name in known
    }
    drawn = [name for name in known if hasattr(modules[name], "draw")]
    rows = -(-len(drawn) // 2)
    figure = Figure((9, 3.2 * rows), layout="constrained")
    for place, name in enumerate(drawn, 1):
        axes = figure.add_subplot(rows, 2, place)
        axes.set_title(name, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        modules[name].draw(axes, lines[name])
    figure.savefig(DOCS / "recipes.svg", metadata={"Date": None})
    parts = [
        "# Training on the embedded weights",
        _HEAD,
        "![before and after of each recipe](recipes.svg)",
    ]
    for name in known:
        told = (modules[name].__doc__ or "").strip()
        seconds = statistics.mean(line["seconds"] for line in lines[name])
        parts += [
            f"## {name}",
            told,
            f"    python -m benchmarks.recipes {name}     # {seconds / 60:.0f} minutes a seed",
            "\n".join(f"- seed {line['seed']}: {modules[name].show(line)}" for line in lines[name]),
        ]
        if len(lines[name]) > 1 and hasattr(modules[name], "summarise"):
            parts.append(f"All seeds: {modules[name].summarise(lines[name])}.")
    (DOCS / "recipes.md").write_text("\n\n".join(parts) + "\n", "utf-8")
    typer.echo(f"{DOCS}/recipes.md: {', '.join(known)}")


if __name__ == "__main__":
    main()
