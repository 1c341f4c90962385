"""`longwrite train sft | dpo | grpo`: fine-tune a model that writes long, over TRL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.train.forecast import Forecast
    from longwrite.train.settings import Method, Order

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What isn't known here is TRL's."""

Model = Annotated[str | None, typer.Option(help="Folder or Hub name: model_name_or_path.")]
Data = Annotated[str | None, typer.Option(help="Folder, file or Hub name: dataset_name.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="output_dir.")]
AllowDrop = Annotated[
    bool, typer.Option("--allow-drop", help="Drop and count rows that don't fit.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print lengths, steps, time and memory; train nothing.")
]
Arguments = Annotated[
    bool, typer.Option("--arguments", help="List every argument of TRL, and leave.")
]


def _make_command(method: Method, text: str) -> Callable[..., None]:
    """Return the command of a method, with its help; all take the same options."""

    def command(
        context: typer.Context,
        model: Model = None,
        data: Data = None,
        output: Output = None,
        allow_drop: AllowDrop = False,
        dry_run: DryRun = False,
        arguments: Arguments = False,
        as_json: o.AsJson = False,
        quiet: o.Quiet = False,
    ) -> None:
        given = _gather(context, model, data, output, allow_drop)
        raise typer.Exit(_run(method, given, dry_run, arguments, as_json, quiet))

    command.__doc__ = text
    return command


sft = _make_command(
    "sft",
    """Fine-tune on prompts and completions. No row is ever cut.

    Arguments stand in a YAML file, named first, or on the line: any of trl.SFTConfig, ModelConfig
    and ScriptArguments, as TRL spells it, and ours. Ctrl-C saves the step at hand; the same command
    goes on from there.

    Example: longwrite train sft config.yaml --model ./base --data ./set -o out --use_peft true
    """,
)
dpo = _make_command(
    "dpo",
    """Prefer the chosen text to the rejected one. A part of a document never learns to stop.

    Arguments stand in a YAML file, named first, or on the line: any of trl.DPOConfig, ModelConfig
    and ScriptArguments, as TRL spells it, and ours. ld_alpha and loss_type weigh against mere
    length.

    Example: longwrite train dpo --model ./sft --data ./set -o out --beta 0.1 --ld_alpha 0.5
    """,
)
grpo = _make_command(
    "grpo",
    """Reward what was asked for: length, constraints, no repetition, an end.

    Arguments stand in a YAML file, named first, or on the line: any of trl.GRPOConfig, ModelConfig
    and ScriptArguments, as TRL spells it, and ours; --rewards names what is paid, by weight. Each
    logging step is a line, and one of steps.jsonl in the output folder.

    Example: longwrite train grpo --model ./sft --data ./set -o out --rewards "length=1, format=0.5"
    """,
)


def _gather(
    context: typer.Context,
    model: str | None,
    data: str | None,
    output: Path | None,
    allow_drop: bool,
) -> list[str]:
    """Return all options as TRL's parser takes them, after the file if one is named."""
    named = {"model_name_or_path": model, "dataset_name": data, "output_dir": output}
    given = [f"--{name}={value}" for name, value in named.items() if value is not None]
    given += ["--allow_drop=true"] if allow_drop else []
    rest = list(context.args)
    named_first = [rest.pop(0)] if rest and not rest[0].startswith("-") else []
    return [*named_first, *given, *rest]


def _run(
    method: Method,
    given: list[str],
    dry_run: bool,
    arguments: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    import logging
    import warnings

    from longwrite.cli.output import print_json, print_line, say

    warnings.simplefilter("ignore")
    from longwrite.train.settings import list_arguments, read_order

    if arguments:
        print_line(list_arguments(method))
        return 0
    quiet = quiet or as_json
    config = Path(given.pop(0)) if given and not given[0].startswith("-") else None
    order = read_order(method, config, given)
    order.training.disable_tqdm = order.training.disable_tqdm or quiet
    if quiet:
        logging.disable(logging.WARNING)
        _hush()
    from longwrite.train.preparation import prepare
    from longwrite.train.running import train

    prepared = prepare(order)
    if dry_run:
        from longwrite.train.forecast import forecast

        return _tell_forecast(forecast(prepared), order, as_json)
    done = train(prepared, say)
    if as_json:
        told: dict[str, Any] = {
            "folder": str(done.folder), "steps": done.steps, "resumed": done.resumed,
            "losses": list(done.losses), "dropped": dict(done.dropped), "exit_code": 0,
        }  # fmt: skip
        print_json(told)
        return 0
    dropped = "".join(f", {number:,} rows dropped: {why}" for why, number in done.dropped.items())
    print_line(f"{done.folder}: {done.steps:,} steps{dropped}")
    return 0


def _hush() -> None:
    """Silence the libraries' progress bars."""
    from importlib import import_module

    import_module("datasets").disable_progress_bars()
    logs: Any = import_module("transformers.utils.logging")
    logs.disable_progress_bar()
    logs.set_verbosity_error()


def _tell_forecast(found: Forecast, order: Order, as_json: bool) -> int:
    from dataclasses import asdict

    from longwrite.cli.output import print_json, print_line

    if as_json:
        print_json({**asdict(found), "exit_code": 0})
        return 0
    least, middle, most, longest = found.lengths
    dropped = f", {found.dropped:,} dropped" if found.dropped else ""
    print_line(f"{found.rows:,} rows{dropped}; tokens {least:,} to {longest:,}, "
               f"half under {middle:,}, nine tenths under {most:,}")  # fmt: skip
    print_line(f"limit {found.limit:,} tokens; {found.steps:,} steps, about {found.seconds:,.0f} s")
    print_line(f"memory about {found.bytes / 2**30:.2f} GiB at the longest row")
    return 0
