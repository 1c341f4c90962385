"""What a run remembers of how it was begun (brief.yaml) and tells of how it went (report.json)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longwrite import strict_yaml
from longwrite.agent.budget import Prices
from longwrite.agent.job import Job
from longwrite.agent.settings import Settings
from longwrite.errors import RunError, UsageError
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml
from longwrite.runs.folder import RunFolder
from longwrite.types import Abilities, Brief, Defect, Section, Usage


@dataclass(frozen=True, slots=True)
class Start:
    """How a run was begun.

    Attributes:
        brief: What is wanted.
        settings: How it is written; `mode` is decided, never ``auto``.
        models: What was given for each role, and the base URL; never a key.
        identities: What the call log calls the models.
        abilities: Of the writing engine, as the run may use them.
    """

    brief: Brief
    settings: Settings
    models: dict[str, str]
    identities: dict[str, str]
    abilities: Abilities


def save_start(folder: RunFolder, start: Start) -> None:
    """Write brief.yaml: the brief, and under ``run`` how it is written."""
    run = {
        "settings": asdict(start.settings),
        "models": start.models,
        "identities": start.identities,
        "abilities": asdict(start.abilities),
    }
    tail = strict_yaml.dump({"run": run})
    folder.write("brief.yaml", f"{brief_to_yaml(start.brief)}\n{tail}")


def load_start(folder: RunFolder) -> Start | None:
    """Read how a run was begun; None for a new folder.

    Raises:
        RunError: brief.yaml can't be read, or was changed since.
    """
    content = folder.read("brief.yaml")
    if content is None:
        return None
    place = folder.path / "brief.yaml"
    if not folder.store.is_own("brief.yaml", content) and folder.store.get_meta("begun"):
        raise RunError(
            f"{place} was changed after the run began",
            "a run keeps to the brief that it was begun with",
            "Undo the change, or begin anew with --fresh or another --run folder.",
        )
    return _parse_start(content, place)


def read_start(path: Path) -> Start:
    """Return how a run was begun, without opening it.

    Raises:
        RunError: The folder holds no run.
    """
    place = path / "brief.yaml"
    try:
        return _parse_start(place.read_text(encoding="utf-8"), place)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"{path} holds no run",
            f"{place} can't be read" if place.exists() else f"there is no {place.name}",
            "Name the folder that longwrite write printed.",
        ) from error


def _parse_start(content: str, place: Path) -> Start:
    head, mark, tail = content.rpartition("\nrun:\n")
    try:
        run: dict[str, Any] = strict_yaml.load(mark + tail, str(place))["run"]
        return Start(
            brief_from_yaml(head),
            Settings(**run["settings"]),
            dict(run["models"]),
            dict(run["identities"]),
            Abilities(**run["abilities"]),
        )
    except (UsageError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{place} can't be read",
            f"it is no run of longwrite ({' '.join(str(error).split())[:200]})",
            "Choose another folder with --run.",
        ) from error


def read_models(path: Path) -> dict[str, str]:
    """Return the models that a run was begun with, without opening it.

    Raises:
        RunError: The folder holds no run.
    """
    place = path / "brief.yaml"
    try:
        tail = place.read_text(encoding="utf-8").rpartition("\nrun:\n")[2]
        models = strict_yaml.load(f"run:\n{tail}", str(place))["run"]["models"]
        return {str(role): str(name) for role, name in models.items()}
    except (OSError, UnicodeDecodeError, UsageError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} holds no run",
            f"{place} can't be read" if place.exists() else f"there is no {place.name}",
            "Name the folder that longwrite write printed.",
        ) from error


def make_report(
    job: Job, start: Start, defects: tuple[Defect, ...], prices: Prices
) -> dict[str, Any]:
    """Return the report of a run as it stands."""
    manuscript = job.manuscript
    usages = [call.reply.usage for call in manuscript.folder.store.list_calls()]
    usage = Usage(
        sum(entry.prompt or 0 for entry in usages),
        sum(entry.completion or 0 for entry in usages),
        sum(entry.cached or 0 for entry in usages),
    )
    tally = job.caller.tally
    return {
        "title": job.plan.title,
        "words": {
            "asked": sum(leaf.words for leaf in manuscript.leaves),
            "delivered": manuscript.total(),
        },
        "complete": all(manuscript.is_written(leaf.id) for leaf in manuscript.leaves),
        "mode": job.mode,
        "planner": job.plan.planner,
        "models": start.models,
        "sections": [_tell_section(job, leaf) for leaf in manuscript.leaves],
        "defects": [asdict(defect) for defect in defects],
        "defect_counts": dict(Counter(defect.kind for defect in defects)),
        "canon": [asdict(fact) for place in sorted(job.facts) for fact in job.facts[place]],
        "plan_warnings": list(job.plan.warnings),
        "left_out": _left_out(start.abilities),
        "calls": {
            "made": tally.made,
            "from_log": tally.answered,
            "completed": len(usages),
            "failed": manuscript.folder.store.count_errors(),
            "tokens_estimated": tally.estimated,
            "largest_request_tokens": tally.largest,
            "dropped_fields": sorted(tally.dropped),
        },
        "tokens": asdict(usage),
        "cost": prices.cost(usage) if prices.known else None,
    }


def _tell_section(job: Job, leaf: Section) -> dict[str, Any]:
    pin = job.manuscript.pins.get(leaf.id)
    return {
        "id": leaf.id,
        "title": leaf.title,
        "asked": job.targets.leaves[leaf.id],
        "delivered": job.manuscript.words(leaf.id),
        "stage": pin.stage if pin else "missing",
        "calls": pin.written.attempts if pin else 0,
    }


def save_report(folder: RunFolder, report: dict[str, Any]) -> None:
    """Write report.json."""
    folder.write("report.json", json.dumps(report, ensure_ascii=False, indent=1) + "\n")


def _left_out(abilities: Abilities) -> list[str]:
    found = []
    if not abilities.checks:
        found.append("canon notes: the engine can't be asked for them")
    if not abilities.json:
        found.append("forced JSON: plans are read from plain lines")
    return found
