"""A whole set, from blueprint to card: what the command line, Ray and a Python user call.

press = await open_press({"write": Choice("nano", …)})
built = await build_set(Blueprint("agentwrite", {"prompts": ("prompts.jsonl",)}), folder, …)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.data.build import Builder, Count
from longwrite.data.finish import Finished, finish
from longwrite.data.merge import write_record
from longwrite.data.orders import Blueprint, make_selection, place_order
from longwrite.errors import LongwriteError
from longwrite.types import Json


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a build.

    Attributes:
        finished: The set as it stands on disk.
        count: Units, rows and drops of this pass.
        stopped: Why it had to stop before its end; None when it didn't.
    """

    finished: Finished
    count: Count
    stopped: LongwriteError | None


async def build_set(
    blueprint: Blueprint,
    folder: Path,
    settings: Settings,
    press: Press,
    shard: tuple[int, int] = (1, 1),
    notify: Callable[[Count], None] = lambda count: None,
    note: Callable[[str], None] = lambda message: None,
) -> Built:
    """Build a set, or go on with one, and finish it with what came about.

    Args:
        blueprint: What is wanted.
        folder: Of the set.
        settings: How the engines are asked.
        press: Engines, budget and calls in flight.
        shard: Which shard of how many, counted from 1; shards are joined by `merge`.
        notify: Told how far it has come.
        note: Told, as a sentence, what a person should know.

    Raises:
        LongwriteError: It can't begin, or what is done can't be written.
    """
    order = place_order(blueprint, folder, settings, shard)
    selection = make_selection(blueprint)
    record: dict[str, Json] = {
        "build": dict(order.options),
        "seed": settings.seed,
        "models": dict(press.models),
        "stages": ["recipe", *order.filters, "label", *selection.filters],
    }
    with Builder(order, press, notify, note) as builder:
        stopped: LongwriteError | None = None
        try:
            await builder.make()
        except LongwriteError as error:
            stopped = error
        number, total = shard
        known = {"shard": number, "of": total, "mark": builder.mark, "record": record}
        write_record(folder, {**known, "blueprint": asdict(blueprint)})
        if total > 1:
            selection.most = None  # which rows are too many is seen when the shards are joined
        finished = finish(builder.ledger.list_made(), folder, selection, record)
        return Built(finished, builder.count, stopped)
