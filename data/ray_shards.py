"""The shards of a build as tasks of a Ray cluster, joined at the end.

Each task is the very build that ``--shard I/N`` runs, in a folder that all nodes see; a task that
dies is started again and goes on from its shard's log, so no completed call is made twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from longwrite.agent.settings import Settings
from longwrite.data.finish import Finished
from longwrite.data.merge import merge
from longwrite.data.orders import Blueprint
from longwrite.engines.choice import Choice
from longwrite.errors import EngineError, UsageError
from longwrite.types import Role

_RETRIES = 3
"""Times that a shard whose worker died is started again."""


def build_shard(
    blueprint: dict[str, Any],
    folder: str,
    settings: Settings,
    choices: dict[Role, Choice],
    shard: tuple[int, int],
) -> dict[str, Any]:
    """Build one shard in this process and tell what came of it."""
    import asyncio

    from longwrite.agent.budget import Budget
    from longwrite.api import open_press
    from longwrite.data.sets import build_set

    async def work() -> dict[str, Any]:
        press = await open_press(choices, Budget())
        try:
            built = await build_set(Blueprint(**blueprint), Path(folder), settings, press, shard)
        finally:
            await press.close()
        return {
            "rows": built.finished.rows,
            "stopped": str(built.stopped) if built.stopped else "",
        }

    return asyncio.run(work())


def build_on_ray(
    blueprint: Blueprint,
    folder: Path,
    settings: Settings,
    choices: dict[Role, Choice],
    shards: int,
    tell: Callable[[str], None] = lambda message: None,
) -> Finished:
    """Build all shards on a Ray cluster and join them.

    The cluster is the one of ``RAY_ADDRESS``, or a new one on this machine.

    Args:
        blueprint: What is wanted.
        folder: Of the set, on a disk that all nodes share; the shards stand in its ``shards``.
        settings: How the engines are asked.
        choices: The engines; each task opens its own clients.
        shards: How many tasks there are.
        tell: Told of each shard that is done.

    Raises:
        UsageError: Ray isn't installed.
        EngineError: A shard had to stop or its worker died too often; run it again to go on.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor ray can't be used", "Ray is not installed", "pip install 'longwrite[ray]'."
        ) from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    task = ray.remote(build_shard).options(num_cpus=1, max_retries=_RETRIES)
    places = [folder.resolve() / "shards" / f"{n:04d}" for n in range(1, shards + 1)]
    waiting = {
        task.remote(asdict(blueprint), str(place), settings, choices, (number, shards)): number
        for number, place in enumerate(places, 1)
    }
    stopped = ""
    while waiting:
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        number = waiting.pop(ready)
        try:
            found = ray.get(ready)
            stopped = stopped or found["stopped"]
            told = ", ".join(f"{name} {rows:,}" for name, rows in found["rows"].items()) or "none"
            tell(f"shard {number}/{shards}: rows: {told}")
        except ray.exceptions.RayError as error:
            stopped = stopped or " ".join(str(error).split())[-300:]
            tell(f"shard {number}/{shards}: lost")
    if stopped:
        raise EngineError(
            "A shard had to stop", stopped, "Run the same command: each shard goes on from its log."
        )
    return merge(places, folder)
