"""`longwrite resume` and `longwrite rewrite`: going on with a run, and changing a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longwrite.cli import options as o

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")]
SectionArgument = Annotated[str, typer.Argument(metavar="SECTION", help="Id, such as 2.1.")]


def resume(
    run: RunArgument,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    concurrency: o.Concurrency = 16,
    max_tokens: o.MaxTokens = None,
    max_cost: o.MaxCost = None,
    price: o.Price = None,
    output: o.Output = None,
    force: o.Force = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a run: what is missing is written, what you edited stands.

    Example: longwrite resume runs/a-history-of-salt-1f2e3d4c
    """
    from longwrite.cli.ordering import Order, carry_out

    choices = o.recall_choices(run, model, base_url, key_file, vllm_python, concurrency)
    budget = o.make_budget(max_tokens, max_cost, price)
    order = Order(
        choices, budget, run=run, output=output, force=force, as_json=as_json, quiet=quiet
    )
    raise typer.Exit(carry_out(order))


def rewrite(
    run: RunArgument,
    section: SectionArgument,
    note: Annotated[str, typer.Option(help="A wish for the new version.")] = "",
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Also what was written in view of it.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the section's last rewrite.")
    ] = False,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    concurrency: o.Concurrency = 16,
    output: o.Output = None,
    force: o.Force = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Write one section anew, with a wish; the others stand.

    Example: longwrite rewrite runs/a-history-of-salt-1f2e3d4c 2.1 --note "more on trade routes"
    """
    from longwrite.agent.edits import rewrite_section, stale_sections, undo_rewrite
    from longwrite.agent.record import load_start
    from longwrite.cli.ordering import Order, carry_out
    from longwrite.cli.output import say
    from longwrite.runs.folder import RunFolder
    from longwrite.types import Plan

    def edit(folder: RunFolder, plan: Plan) -> Plan:
        if undo:
            return undo_rewrite(folder, plan, section)
        start = load_start(folder)
        mode = start.settings.mode if start else "thread"
        changed = rewrite_section(folder, plan, mode, section, note, cascade=cascade)
        stale = stale_sections(folder)
        if stale and not quiet:
            say(f"Written in view of an older version: {', '.join(stale)} (--cascade redoes them).")
        return changed

    choices = o.recall_choices(run, model, base_url, key_file, vllm_python, concurrency)
    order = Order(
        choices,
        o.make_budget(None, None, None),
        run=run,
        output=output,
        force=force,
        as_json=as_json,
        quiet=quiet,
        edit=edit,
    )
    raise typer.Exit(carry_out(order))
