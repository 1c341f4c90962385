"""`longwrite train self-lengthen`: a model taught to write longer by what it writes itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.train.loop_settings import LoopSettings
    from longwrite.train.rounds import Round

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What isn't known here is TRL's."""


def self_lengthen(
    context: typer.Context,
    model: Annotated[Path, typer.Option(help="Folder of the model to begin with.")],
    prompts: Annotated[
        list[str], typer.Option(help="File of requests without a length: JSONL, or one a line.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    rounds: Annotated[int, typer.Option(min=1, help="How many.")] = 3,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the recipe lengthen, as YAML."),
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Prompts to measure on; else a tenth of --prompts.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Replies to each held-out prompt.")] = 1,
    reply_tokens: Annotated[
        int | None, typer.Option(min=16, help="Cap of a held-out reply; else what fits.")
    ] = None,
    from_base: Annotated[
        bool, typer.Option("--from-base", help="Train BASE anew in each round, as the paper does.")
    ] = False,
    engine: Annotated[str, typer.Option(help="What runs the folders: local or vllm.")] = "local",
    writer: Annotated[
        str | None,
        typer.Option(help="Model that writes and extends in all rounds, with its --base-url."),
    ] = None,
    base_url: o.BaseUrl = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    temperature: o.Temperature = 1.0,
    top_p: o.TopP = 0.95,
    extra: o.Extra = None,
    concurrency: o.Concurrency = 16,
    seed: o.Seed = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print prompts, calls and tokens; begin nothing.")
    ] = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Lengthen a model's answers with a model, train both on that, and so on (Self-Lengthen).

    Arguments of both trainings stand in a YAML file, named first, or on the line, as TRL spells
    them; --extender.NAME and --generator.NAME are of one alone. Stop it when you like: the same
    command goes on with the stage at hand. The last generator is OUTPUT/model, what each round
    brought OUTPUT/rounds.jsonl.

    Example: longwrite train self-lengthen --model ./base --prompts prompts.txt -o out
    """
    import warnings

    from longwrite.agent.budget import Budget
    from longwrite.cli.data import Meter, _read_options
    from longwrite.cli.output import print_line, say
    from longwrite.cli.running import run_with_press
    from longwrite.engines.choice import read_config

    warnings.simplefilter("ignore")
    from longwrite.train.loop_settings import LoopSettings
    from longwrite.train.self_lengthen import run_loop

    quiet = quiet or as_json
    config, arguments = _split(list(context.args))
    if quiet:
        _hush()
        arguments.append("--disable_tqdm=true")
    choice = None
    if writer is not None or base_url is not None:
        choice = o.make_choices(
            writer, base_url, None, None, key_file, vllm_python, window, concurrency
        )["write"]
    settings = LoopSettings(
        model=model,
        prompts=tuple(prompts),
        folder=output,
        rounds=rounds,
        recipe=_read_options(option),
        held_out=held_out,
        samples=samples,
        reply_tokens=reply_tokens,
        from_base=from_base,
        config=config,
        arguments=tuple(arguments),
        engine=engine,
        writer=choice,
        vllm_python=vllm_python or str(read_config().get("vllm_python") or ""),
        settings=o.make_settings(
            "auto", "outline", seed, temperature, top_p, extra, window, concurrency
        ),
    )

    if dry_run:
        _tell_forecast(settings, as_json)
        return

    def run(choices: Any, work: Any) -> Any:
        return run_with_press(choices, Budget(), work, quiet=quiet)

    found = run_loop(settings, run, _say_nothing if as_json else say, Meter(quiet))
    if as_json:
        _tell(settings, found)
        return
    from longwrite.train.rounds import show_rounds

    print_line(show_rounds(found))
    print_line(f"\n{output / 'model'}: the last generator")


def _tell_forecast(settings: LoopSettings, as_json: bool) -> None:
    """Print what the first round asks for; later ones have longer texts."""
    import asyncio
    import tempfile

    from longwrite.cli.data_forecast import forecast_build
    from longwrite.cli.output import print_json, print_line
    from longwrite.data.prompt_files import read_lines
    from longwrite.train.held_out import read_held_out
    from longwrite.train.loop_settings import deal, make_blueprint, read_training
    from longwrite.train.round_rows import write_prompts
    from longwrite.train.rounds import MODELS

    for one in MODELS:
        read_training(settings, one, settings.model, settings.folder, settings.folder)
    shares, apart = deal(settings, read_lines(settings.prompts))
    held_out = len(apart if settings.held_out is None else read_held_out(settings.held_out))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "prompts.jsonl"
        write_prompts(path, shares[0])
        blueprint = make_blueprint(settings, 1, path)
        found = asyncio.run(forecast_build(blueprint, settings.settings, False))
    told = {
        "rounds": settings.rounds, "prompts": [len(share) for share in shares],
        "held_out": held_out, "replies": held_out * settings.samples, "first_round": found,
    }  # fmt: skip
    if as_json:
        print_json({**told, "exit_code": 0})
        return
    print_line(
        f"{settings.rounds:,} rounds of {len(shares[0]):,} prompts; {held_out:,} prompts held out, "
        f"{told['replies']:,} replies to measure each round"
    )
    print_line(
        f"first round: about {found['calls']:,} calls, {found['prompt_tokens']:,} prompt and "
        f"{found['completion_tokens']:,} completion tokens, {found['rows']:,} rows; "
        "later rounds have longer texts"
    )


def _say_nothing(line: str) -> None:
    pass


def _split(rest: list[str]) -> tuple[Path | None, list[str]]:
    """Return the YAML file, if one is named, and what is left."""
    if rest and not rest[0].startswith("-"):
        return Path(rest[0]), rest[1:]
    return None, rest


def _hush() -> None:
    import logging

    from longwrite.cli.train import _hush as hush

    logging.disable(logging.WARNING)
    hush()


def _tell(settings: LoopSettings, found: list[Round]) -> None:
    from dataclasses import asdict

    from longwrite.cli.output import print_json

    told = [asdict(one) for one in found]
    print_json({"folder": str(settings.folder / "model"), "rounds": told, "exit_code": 0})
