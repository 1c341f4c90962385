"""`longwrite plan`: the plan alone, to read and edit before anything is written."""

from __future__ import annotations

from pathlib import Path

import typer

from longwrite.cli import options as o
from longwrite.cli.write import Given


def plan(
    given: Given,
    words: o.Words = None,
    language: o.Language = "",
    audience: o.Audience = "",
    style: o.Style = "",
    style_sample: o.StyleSample = None,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    plan_model: o.PlanModel = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    mode: o.Mode = "auto",
    planner: o.Planner = "outline",
    concurrency: o.Concurrency = 16,
    seed: o.Seed = 0,
    runs: o.Runs = Path("runs"),
    run: o.Run = None,
    fresh: o.Fresh = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Plan a document and stop; edit plan.yaml, then resume the run to have it written.

    Example: longwrite plan "A 10000-word history of salt"
    """
    from longwrite.cli.briefing import Texts, read_input
    from longwrite.cli.ordering import Order, carry_out

    texts: Texts = {"language": language, "audience": audience, "style": style}
    brief, given_plan = read_input(given, words, style_sample, texts)
    order = Order(
        o.make_choices(
            model, base_url, plan_model, None, key_file, vllm_python, window, concurrency
        ),
        o.make_budget(None, None, None),
        o.make_settings(mode, planner, seed, 0.8, 0.95, None, window, concurrency),
        brief,
        given_plan,
        runs=runs,
        run=run,
        fresh=fresh,
        as_json=as_json,
        quiet=quiet,
        plan_only=True,
    )
    raise typer.Exit(carry_out(order))
