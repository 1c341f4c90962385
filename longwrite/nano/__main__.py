"""`python -m longwrite.nano`: make the embedded model, try it, repeat a finding with it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from longwrite.errors import LongwriteError

app = typer.Typer(no_args_is_help=True, add_completion=False)

Work = Annotated[Path, typer.Option(help="Folder of the stages' files.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Longbench = Annotated[
    Path | None, typer.Option(help="LongBench-Write's prompts, for ten more unseen briefs.")
]


def _tell(message: str) -> None:
    typer.echo(message, err=True)


@app.command()
def build(
    seed: Seed = 0,
    work: Work = Path("nano-build"),
    smoke: Annotated[bool, typer.Option("--smoke", help="A tiny model in two minutes.")] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Put the weights into the package.")
    ] = False,
    processes: Annotated[int, typer.Option(min=1, help="That write the corpus.")] = 2,
    times: Annotated[
        int | None, typer.Option(min=1, help="Text and steps; 8 where there is a GPU, else 1.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option(help="Compile the model where that is possible.")
    ] = True,
    longbench: Longbench = None,
    docs: Annotated[Path | None, typer.Option(help="Folder for a plot of the curve.")] = None,
) -> None:
    """Write the corpus, train on it, check the model. Goes on from where it was stopped.

    Example: python -m longwrite.nano build --seed 0
    """
    import torch

    from longwrite.nano.build import Builder, install_weights
    from longwrite.nano.card import write_card
    from longwrite.nano.recipe import FULL, SMOKE, enlarge

    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = SMOKE if smoke else enlarge(FULL, times or (8 if device == "cuda" else 1))
    builder = Builder(recipe, seed, work, processes, device, compiled and not smoke, _tell)
    folder = builder.run()
    figures = _check(folder, recipe.checked, longbench)
    figures["summary"]["perplexity"] = builder.perplexity()
    (folder.parent / f"{folder.name}.json").write_text(json.dumps(figures, indent=1), "utf-8")
    if docs:
        from longwrite.nano.plots import plot_curve

        plot_curve(builder.curve(), docs / "nano-curve.svg")
    card = write_card(figures["summary"], seed)
    (folder / "README.md").write_text(card, "utf-8")
    if install:
        install_weights(folder)
    typer.echo(json.dumps(figures["summary"], indent=1))
    typer.echo(str(folder))


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Weights; else the package's.")] = None,
    longbench: Longbench = None,
    briefs: Annotated[int, typer.Option(min=1, help="How many of them.")] = 100,
) -> None:
    """Have the agent write the unseen briefs and measure the documents.

    Example: python -m longwrite.nano check --briefs 3
    """
    typer.echo(json.dumps(_check(folder, briefs, longbench), indent=1))


@app.command()
def bound(
    folder: Annotated[Path | None, typer.Argument(help="Weights; else the package's.")] = None,
    seed: Seed = 0,
    work: Work = Path("nano-build"),
    docs: Annotated[Path, typer.Option(help="Folder for the plot.")] = Path("docs"),
    prompts: Annotated[int, typer.Option(min=1, help="For each length.")] = 9,
) -> None:
    """Fine-tune on outputs of at most 200, 500 and 1,500 words; ask each model for more.

    Example: python -m longwrite.nano bound
    """
    from importlib.resources import files

    from longwrite.nano.bound import repeat_finding, tabulate
    from longwrite.nano.plots import plot_reach

    start = folder or Path(str(files("longwrite.nano")))
    reaches = repeat_finding(start, work / "bound", seed, _tell, prompts=prompts)
    docs.mkdir(parents=True, exist_ok=True)
    plot_reach(reaches, docs / "nano-bound.svg")
    typer.echo(tabulate(reaches))


def _check(folder: Path | None, count: int, longbench: Path | None) -> dict[str, Any]:
    from longwrite.nano.checks import load_unseen, measure_speeds, summarise, try_all

    results = asyncio.run(try_all(folder, load_unseen(longbench)[:count], _tell))
    return {
        "summary": summarise(results) | asyncio.run(measure_speeds(folder)),
        "briefs": [asdict(result) for result in results],
    }


def main() -> None:
    """Run a command; a user's mistake is a sentence."""
    try:
        app()
    except LongwriteError as error:
        _tell(str(error))
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        _tell(f"{error.name} isn't installed: pip install 'longwrite[local]' (plots: matplotlib).")
        sys.exit(2)


if __name__ == "__main__":
    main()
