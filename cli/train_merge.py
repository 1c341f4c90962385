"""`longwrite train merge`: an adapter and its base as one folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from longwrite.cli import options as o


def merge(
    adapter: Annotated[
        Path, typer.Argument(metavar="ADAPTER", help="Folder that a LoRA training saved.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the whole model.")],
    base: Annotated[
        str | None, typer.Option(help="Folder or name of the base; else as the adapter names it.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, bfloat16 or float16; else the base's own.")
    ] = None,
    low_memory: Annotated[
        bool, typer.Option("--low-memory", help="Add in the base's precision, not in float32.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model that stands in the folder.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Merge an adapter into its base: a folder that transformers and vLLM load.

    The folder is loaded again before the command ends, and has to answer as base and adapter do.

    Example: longwrite train merge out/checkpoint-100 -o model
    """
    from longwrite.cli.output import print_json, print_line, say
    from longwrite.data.funnel import plain
    from longwrite.train.adapters import merge_adapter

    merged = merge_adapter(
        adapter, output, base=base, dtype=dtype, low_memory=low_memory, force=force
    )
    if as_json:
        told = {**asdict(merged), "folder": str(merged.folder), "notes": list(merged.notes)}
        print_json(told)
        return
    for note in merged.notes:
        say(f"note: {plain(note, 400)}")
    same = "the same" if merged.greedy else "not the same"
    print_line(
        f"{merged.folder}: {plain(merged.base)} with {adapter}, {merged.dtype}. "
        f"Loaded again: the adapter moves the logits by {merged.effect:.2g} of their spread, "
        f"rounding by {merged.rounding:.2g}; {same} greedy tokens on a short prompt."
    )
