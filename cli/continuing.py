"""`longwrite continue`: new sections behind a manuscript."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longwrite.cli import options as o


def continue_manuscript(
    manuscript: Annotated[Path, typer.Argument(help="Text or Markdown file to go on from.")],
    what: Annotated[
        str, typer.Argument(help="What is to follow.")
    ] = "Continue this manuscript in its own manner.",
    words: Annotated[int, typer.Option(help="Words to add.")] = 2_000,
    language: o.Language = "",
    style: o.Style = "",
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
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a manuscript: its chapters stand as they are, its facts are kept to.

    Example: longwrite continue novel.md "Two more chapters, at sea" --words 4000 --model ./my-model
    """
    from longwrite.agent.continuation import read_past
    from longwrite.cli.briefing import read_text
    from longwrite.cli.ordering import Order, carry_out
    from longwrite.language import detect_language
    from longwrite.rewards.briefs import compile_brief

    text = read_text(manuscript)
    past = read_past(text)
    brief = compile_brief(
        what, words=words, language=language or detect_language(text), style=style
    )
    order = Order(
        o.make_choices(
            model, base_url, plan_model, check_model, key_file, vllm_python, window, concurrency
        ),
        o.make_budget(max_tokens, max_cost, price),
        o.make_settings(mode, planner, seed, temperature, top_p, extra, window, concurrency),
        brief,
        past=past,
        runs=runs,
        run=run,
        fresh=fresh,
        output=output,
        force=force,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(carry_out(order))
