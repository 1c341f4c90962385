"""`longwrite data build`: a recipe's rows, verified, resumable, as a set that TRL loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.agent.settings import Settings
    from longwrite.api import Press
    from longwrite.data.build import Count
    from longwrite.data.finish import Finished
    from longwrite.data.orders import Blueprint
    from longwrite.data.sets import Built
    from longwrite.types import Role

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="agentwrite, backtranslate, lengthen, curate, best_vs_rest, stepwise, iterdpo, "
        "violate, edits, prompts, or a recipe file (.yaml).",
    ),
]


def build(
    recipe: RecipeName,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the set.")],
    prompts: Annotated[
        list[str] | None, typer.Option(help="File of prompts: JSONL, or text, one a line.")
    ] = None,
    from_runs: Annotated[
        list[str] | None, typer.Option("--from-runs", help="Folder of finished runs.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the recipe, as YAML."),
    ] = None,
    rows: o.Rows = None,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Only the I-th of N shards.")] = "1/1",
    executor: Annotated[
        str, typer.Option(help="local, or ray: the shards as tasks of a Ray cluster.")
    ] = "local",
    dry_run: o.DryRun = False,
    max_tokens: o.MaxTokens = None,
    max_cost: o.MaxCost = None,
    price: o.Price = None,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    plan_model: o.PlanModel = None,
    check_model: o.CheckModel = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    temperature: o.Temperature = 0.8,
    top_p: o.TopP = 0.95,
    extra: o.Extra = None,
    mode: o.Mode = "auto",
    planner: o.Planner = "outline",
    concurrency: o.Concurrency = 16,
    seed: o.Seed = 0,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Build a set of training rows, or go on with one.

    Each call is logged, each row is checked before it is kept. Stop it when you like: the same
    command goes on, and makes only the calls that are missing.

    Example: longwrite data build agentwrite --prompts prompts.jsonl -o set --rows 300
    """
    from longwrite.data.orders import read_blueprint

    given = _read_options(option)
    for name, value in (("prompts", prompts), ("from_runs", from_runs)):
        if value:
            given[name] = list(value)
    blueprint = _override(read_blueprint(recipe, given), rows, seed)
    settings = o.make_settings(
        mode, planner, blueprint.seed, temperature, top_p, extra, window, concurrency
    )
    choices = o.make_choices(
        model, base_url, plan_model, check_model, key_file, vllm_python, window, concurrency
    )
    if dry_run:
        from longwrite.cli.data_forecast import tell_forecast

        budget = o.make_budget(None, None, price)
        nano = choices["write"].model == "nano"
        raise typer.Exit(tell_forecast(blueprint, settings, budget.prices, nano, as_json))
    if executor == "ray":
        from longwrite.cli.data_ray import build_on_ray

        raise typer.Exit(
            build_on_ray(blueprint, output, settings, choices, _shard(shard)[1], as_json, quiet)
        )
    if executor != "local":
        from longwrite.errors import UsageError

        raise UsageError(f"There is no executor '{executor}'", mend="Choose local or ray.")
    budget = o.make_budget(max_tokens, max_cost, price)
    raise typer.Exit(
        run_build(blueprint, output, settings, choices, budget, _shard(shard), as_json, quiet)
    )


def run_build(
    blueprint: Blueprint,
    folder: Path,
    settings: Settings,
    choices: dict[Role, Any],
    budget: Any,
    shard: tuple[int, int],
    as_json: bool,
    quiet: bool,
) -> int:
    """Build a set, finish it with what came about, and tell of it.

    Raises:
        LongwriteError: It can't begin, or had to stop; the set then holds what is done.
    """
    from longwrite.cli.output import say
    from longwrite.cli.running import run_with_press
    from longwrite.data.sets import build_set
    from longwrite.errors import Interrupted

    meter = Meter(quiet)

    def note(message: str) -> None:
        say(f"note: {message}")

    async def work(press: Press) -> Built:
        return await build_set(blueprint, folder, settings, press, shard, meter, note)

    try:
        built = run_with_press(choices, budget, work, quiet=quiet)
    except Interrupted:  # at once, so the set isn't brought to what is done
        say(f"{folder} keeps what is done.")
        raise
    stopped = built.stopped
    code = stopped.exit_code if stopped else 0 if built.finished.rows else 3
    why, units = str(stopped) if stopped else None, built.count.units
    tell_set(folder, built.finished, as_json, units=units, stopped=why, exit_code=code)
    if stopped and not as_json:
        say(f"{folder} keeps what is done.")
        raise stopped
    return code


def tell_set(folder: Path, finished: Finished, as_json: bool, **more: Any) -> None:
    """Print what a set holds and why the rest was left out, as JSON with more."""
    from longwrite.cli.output import print_json, print_line
    from longwrite.data.funnel import show, to_json

    rows, funnel = finished.rows, finished.funnel
    if as_json:
        print_json({"folder": str(folder), "rows": rows, "funnel": to_json(funnel), **more})
        return
    print_line(show(funnel))
    told = ", ".join(f"{name} {number:,}" for name, number in rows.items()) or "none"
    print_line(f"{folder}: rows: {told}; see {folder}/README.md and {folder}/funnel.html")


class Meter:
    """Tells a person how far a build has come, every few seconds."""

    def __init__(self, quiet: bool) -> None:
        """Start now."""
        import time

        self._quiet, self._clock = quiet, time.monotonic
        self._begun = self._last = time.monotonic()

    def __call__(self, count: Count) -> None:
        """Print a line if the last one is some seconds old."""
        from longwrite.cli.output import say

        now = self._clock()
        if self._quiet or now - self._last < 2.0:
            return
        self._last = now
        rate = count.rows / max(1e-3, now - self._begun)
        kept = f", {count.reused:,} units kept from before" if count.reused else ""
        last = f" (last: {count.last})" if count.last else ""
        say(
            f"{count.rows:,} rows accepted, {count.dropped:,} dropped{last}, "
            f"{count.units:,} units{kept}, {rate:,.1f} rows/s"
        )


def _read_options(items: list[str] | None) -> dict[str, Any]:
    from longwrite import strict_yaml
    from longwrite.errors import UsageError

    found: dict[str, Any] = {}
    for item in items or ():
        name, mark, value = item.partition("=")
        if not name or not mark:
            raise UsageError(
                f"--set {item} can't be read", "there is no '='", "Write it as --set words=2000."
            )
        found[name] = strict_yaml.load(value, f"--set {name}")
    return found


def _override(blueprint: Blueprint, rows: int | None, seed: int) -> Blueprint:
    from dataclasses import replace

    return replace(
        blueprint, rows=blueprint.rows if rows is None else rows, seed=seed or blueprint.seed
    )


def _shard(text: str) -> tuple[int, int]:
    from longwrite.errors import UsageError

    number, mark, total = text.partition("/")
    if mark and number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total) <= 10_000:
        return int(number), int(total)
    raise UsageError(
        f"--shard {text} can't be read", "it is not I/N with I from 1 to N", "Write --shard 1/4."
    )
