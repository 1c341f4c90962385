"""Joining the shards of a build to the set that one process would have made.

Each shard's ledger knows the place of its units in the source that all of them share, so the units
are taken in that order and duplicates are looked for across all shards.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from longwrite.data.build import lock_set
from longwrite.data.finish import Finished, finish
from longwrite.data.ledger import Ledger
from longwrite.data.orders import Blueprint, make_selection
from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import read_text, replace_file


def merge(folders: Sequence[Path], output: Path, rows: int | None = None) -> Finished:
    """Write the set that the shards make together.

    Args:
        folders: Of the shards, in any order.
        output: Folder of the set; none of the shards'.
        rows: Rows wanted; None for as many as the build asked for.

    Raises:
        UsageError: A folder holds no shard, the shards are not of one build, or one is missing.
        RunError: A ledger is damaged, or a shard is being built.
    """
    records = [_read_record(folder) for folder in folders]
    _check(folders, records, output)
    blueprint = Blueprint(**records[0]["blueprint"])
    if rows is not None:
        blueprint = Blueprint(**{**records[0]["blueprint"], "rows": rows})
    with ExitStack() as stack:
        ledgers = []
        for folder in folders:
            stack.callback(lock_set(folder).release)
            ledger = Ledger(folder / ".work" / "ledger.sqlite")
            stack.callback(ledger.close)
            ledgers.append(ledger)
        stack.callback(lock_set(output).release)
        made = heapq.merge(*(ledger.list_made() for ledger in ledgers), key=lambda one: one.place)
        return finish(made, output, make_selection(blueprint), records[0]["record"])


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Note in a build's folder what `merge` has to know of it."""
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True)
    replace_file(folder / ".work" / "shard.json", text + "\n")


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / ".work" / "shard.json"
    try:
        found = json.loads(read_text(path))
        if not {"blueprint", "record", "shard", "of", "mark"} <= found.keys():
            raise ValueError("it is not whole")
    except (RunError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{folder} holds no shard",
            f"{path.name} can't be read",
            "Name the folders that longwrite data build --shard I/N wrote.",
        ) from error
    return dict(found)


def _check(folders: Sequence[Path], records: Sequence[dict[str, Any]], output: Path) -> None:
    if any(os.path.realpath(folder) == os.path.realpath(output) for folder in folders):
        raise UsageError(f"{output} is one of the shards", "", "Name another folder with -o.")
    marks = {(record["mark"], record["of"]) for record in records}
    if len(marks) > 1:
        raise UsageError(
            "The shards are not of one build",
            "they differ in recipe, options, model, or the number of shards",
            "Name the shards of one build.",
        )
    have = sorted(record["shard"] for record in records)
    total = records[0]["of"]
    missing = sorted(set(range(1, total + 1)) - set(have))
    if missing or len(have) != len(set(have)):
        told = f"shard {missing[0]}/{total} is missing" if missing else "one is given twice"
        raise UsageError("The shards don't make a set", told, "Name each shard once.")
