"""`longwrite write`: a document from a line, a brief, a plan, or many from a JSONL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from longwrite.cli import options as o

Given = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="A line of text, - for standard input, a brief (.yaml, .txt, .md), a plan (.yaml), "
        "or rows of prompt and length (.jsonl).",
    ),
]


def write(
    given: Given,
    words: o.Words = None,
    language: o.Language = "",
    audience: o.Audience = "",
    style: o.Style = "",
    style_sample: o.StyleSample = None,
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
    max_tokens: o.MaxTokens = None,
    max_cost: o.MaxCost = None,
    price: o.Price = None,
    runs: o.Runs = Path("runs"),
    run: o.Run = None,
    fresh: o.Fresh = False,
    output: o.Output = None,
    force: o.Force = False,
    documents: Annotated[
        int | None, typer.Option(min=1, help="Documents at the same time, for a JSONL.")
    ] = None,
    dry_run: o.DryRun = False,
    stop_after: Annotated[
        str | None, typer.Option(metavar="plan", help="Stop when the plan is made.")
    ] = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Plan and write a document; the same command goes on where it stopped.

    Example: longwrite write "A 10000-word history of salt" --model ./my-model -o salt.html

    Exit codes: 0 done, 2 usage, 3 a section is missing (resumable), 4 budget, 5 engine,
    6 done but a hard requirement is unmet, 130 stopped.
    """
    from longwrite.cli.batch import carry_out_batch
    from longwrite.cli.briefing import Texts, is_batch, read_input
    from longwrite.cli.forecast import tell_forecast
    from longwrite.cli.ordering import Order, carry_out
    from longwrite.errors import UsageError

    if stop_after not in {None, "plan"}:
        raise UsageError(f"--stop-after {stop_after} is unknown", mend="Use --stop-after plan.")
    settings = o.make_settings(mode, planner, seed, temperature, top_p, extra, window, concurrency)
    budget = o.make_budget(max_tokens, max_cost, price)
    choices = o.make_choices(
        model, base_url, plan_model, check_model, key_file, vllm_python, window, concurrency
    )
    order = Order(
        choices,
        budget,
        settings,
        runs=runs,
        run=run,
        fresh=fresh,
        output=output,
        force=force,
        as_json=as_json,
        quiet=quiet,
        plan_only=stop_after == "plan",
    )
    texts: Texts = {"language": language, "audience": audience, "style": style}
    if is_batch(given):
        code = carry_out_batch(order, Path(given), words, texts, documents)
        raise typer.Exit(code)
    brief, plan = read_input(given, words, style_sample, texts)
    order = replace(order, brief=brief, plan=plan)
    raise typer.Exit(tell_forecast(order) if dry_run else carry_out(order))
