"""`longwrite data build --executor ray`: the shards of a build over a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longwrite.cli.output import print_json, print_line, say

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
    from longwrite.data.funnel import show, to_json
    from longwrite.data.ray_shards import build_on_ray as build

    tell = (lambda message: None) if quiet else say
    finished = build(blueprint, folder, settings, choices, shards, tell)
    if as_json:
        funnel = to_json(finished.funnel)
        print_json({"folder": str(folder), "rows": finished.rows, "funnel": funnel})
    else:
        print_line(show(finished.funnel))
        told = ", ".join(f"{name} {rows:,}" for name, rows in finished.rows.items()) or "none"
        print_line(f"{folder}: rows: {told}")
    return 0 if finished.rows else 3
