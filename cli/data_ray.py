"""`longwrite data build --executor ray`: the shards of a build over a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longwrite.cli.data import tell_set
from longwrite.cli.output import say

if TYPE_CHECKING:
    from longwrite.agent.settings import Settings
    from longwrite.data.orders import Blueprint
    from longwrite.engines.choice import Choice
    from longwrite.types import Role


def build_on_ray(
    blueprint: Blueprint,
    folder: Path,
    settings: Settings,
    choices: dict[Role, Choice],
    shards: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Build and join the shards, and tell of it; returns the exit code."""
    from longwrite.data.ray_shards import build_on_ray as build

    tell = (lambda message: None) if quiet else say
    finished = build(blueprint, folder, settings, choices, shards, tell)
    tell_set(folder, finished, as_json)
    return 0 if finished.rows else 3
