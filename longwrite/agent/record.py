"""What a run remembers of how it was begun (brief.yaml) and tells of how it went (report.json)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from longwrite import strict_yaml
from longwrite.agent.budget import Prices
from longwrite.agent.job import Job
from longwrite.agent.settings import Settings
from longwrite.errors import RunError, UsageError
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml
from longwrite.runs.folder import RunFolder, is_remnant, read_text, replace_file
from longwrite.runs.planfile import plan_from_yaml, plan_to_yaml
from longwrite.types import Abilities, Brief, Defect, Plan, Section, Usage

PLAN_END = "# The plan ends here.\n"
"""Last line of plan.yaml: a plan that lost its end is told from one that a person made shorter."""
_PLAN = "plan"

T = TypeVar("T", Settings, Abilities)


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
    return _parse_start(_read_start(path), path / "brief.yaml")


def _read_start(path: Path) -> str:
    place = path / "brief.yaml"
    try:
        return read_text(place)
    except RunError as error:
        raise _no_run(path) from error


def _no_run(path: Path) -> RunError:
    place = path / "brief.yaml"
    return RunError(
        f"{path} holds no run",
        f"{place} can't be read" if place.exists() else f"there is no {place.name}",
        "Name the folder that longwrite write printed.",
    )


def _parse_start(content: str, place: Path) -> Start:
    head, mark, tail = content.rpartition("\nrun:\n")
    try:
        run: dict[str, Any] = strict_yaml.load(mark + tail, str(place))["run"]
        return Start(
            brief_from_yaml(head),
            _read_values(Settings(window=1), run["settings"]),
            _read_names(run["models"]),
            _read_names(run["identities"]),
            _read_values(Abilities(1), run["abilities"]),
        )
    except (UsageError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{place} can't be read",
            f"it is no run of longwrite ({' '.join(str(error).split())[:200]})",
            "Choose another folder with --run.",
        ) from error


def _read_names(given: Any) -> dict[str, str]:
    """Return what is named for each role, the writing one among them.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(given, dict) or "write" not in given:
        raise ValueError("it doesn't name the writing model")
    if not all(isinstance(text, str) for text in (*given, *given.values())):
        raise ValueError("a model's name is no text")
    return given


def _read_values(usual: T, given: Any) -> T:
    """Return values of a file, each of the type that the usual one has.

    Raises:
        TypeError: It is no mapping, or names something unknown.
        ValueError: One has another type.
    """
    found = type(usual)(**given)
    for field in fields(usual):
        value = getattr(found, field.name)
        if not (value == field.default or _is_like(value, getattr(usual, field.name))):
            raise ValueError(f"{field.name} can't be {value!r:.40}")
    return found


def _is_like(value: object, usual: object) -> bool:
    if isinstance(usual, bool) or isinstance(value, bool):
        return type(value) is type(usual)
    if isinstance(usual, tuple):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(usual, float):
        return isinstance(value, (int, float))
    return isinstance(value, Mapping if isinstance(usual, Mapping) else type(usual))


def read_models(path: Path) -> dict[str, str]:
    """Return the models that a run was begun with, without opening it.

    Raises:
        RunError: The folder holds no run.
    """
    tail = _read_start(path).rpartition("\nrun:\n")[2]
    try:
        models = strict_yaml.load(f"run:\n{tail}", str(path / "brief.yaml"))["run"]["models"]
        return _read_names(models)
    except (UsageError, KeyError, TypeError, ValueError) as error:
        raise _no_run(path) from error


def save_plan(folder: RunFolder, plan: Plan) -> None:
    """Write plan.yaml, and remember it besides."""
    text = plan_to_yaml(plan) + PLAN_END
    folder.store.set_meta(_PLAN, text)
    folder.write("plan.yaml", text)


def load_plan(folder: RunFolder, note: Callable[[str], None]) -> Plan | None:
    """Read plan.yaml, a person's edits included; None where there is none yet.

    The beginning of a plan may be a plan. So one that lacks its end, the last line included, is
    put back as it was; a person who drops sections leaves that line.

    Args:
        folder: The run.
        note: Told, as a sentence, that it was edited or put back.

    Raises:
        UsageError: It is no plan.
    """
    place, known = folder.path / "plan.yaml", folder.store.get_meta(_PLAN)
    if known is not None and known.endswith(PLAN_END) and is_remnant(place, known):
        note("plan.yaml lacks its end; it is put back as it was.")
        replace_file(place, known)
    text = folder.read("plan.yaml")
    if text is None:
        return None
    plan = plan_from_yaml(text, str(place))
    if folder.is_edited("plan.yaml"):
        note("plan.yaml was edited by hand; what it says now is followed.")
        folder.store.note_file("plan.yaml", text)
    if text != known:
        folder.store.set_meta(_PLAN, text)
    return plan


def make_report(
    job: Job, start: Start, defects: tuple[Defect, ...], prices: Prices
) -> dict[str, Any]:
    """Return the report of a run as it stands."""
    manuscript = job.manuscript
    usages = [call.reply.usage for call in manuscript.folder.store.list_calls()]
    completed, lost = len(usages), manuscript.folder.store.read_lost()
    usages.append(lost)
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
            "completed": completed,
            "failed": manuscript.folder.store.count_errors(),
            "tokens_estimated": tally.estimated,
            "tokens_lost": (lost.prompt or 0) + (lost.completion or 0),
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
