"""Looking at a run from outside, without its lock and without writing anything."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from longwrite.agent.edits import STALE
from longwrite.agent.manuscript import STAGES, file_name
from longwrite.assembly import leaves
from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import is_locked, read_text
from longwrite.runs.planfile import hash_node, plan_from_yaml
from longwrite.runs.store import Pin, Store
from longwrite.types import Plan, Section


def _open(run: Path) -> tuple[Store, Plan]:
    for name in ("plan.yaml", "calls.sqlite"):
        if not (run / name).is_file():
            raise RunError(
                f"{run} holds no planned run", f"there is no {name}", "See the folder's name."
            )
    plan = plan_from_yaml(read_text(run / "plan.yaml"), str(run / "plan.yaml"))
    return Store(run / "calls.sqlite", reading=True), plan


def _find_pin(store: Store, leaf: Section) -> Pin | None:
    node = hash_node(leaf)
    pins = (store.get_pin(leaf.id, node, stage) for stage in reversed(STAGES))
    return next((pin for pin in pins if pin is not None), None)


def look_at(run: Path) -> dict[str, Any]:
    """Return how far a run has come.

    Raises:
        RunError: The folder holds no run, or it can't be read.
    """
    store, plan = _open(run)
    with closing(store):
        stale = set(json.loads(store.get_meta(STALE) or "[]"))
        sections = []
        for leaf in leaves(plan.sections):
            pin = _find_pin(store, leaf)
            sections.append(
                {
                    "id": leaf.id,
                    "title": leaf.title or leaf.goal[:60],
                    "asked": leaf.words,
                    "delivered": pin.written.delivered if pin else 0,
                    "stage": pin.stage if pin else "missing",
                    "stale": leaf.id in stale,
                }
            )
        calls = sum(1 for _ in store.list_calls())
    report = run / "report.json"
    try:
        defects = json.loads(read_text(report))["defects"] if report.exists() else []
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{report} can't be read", "it is damaged", "Resume the run.") from error
    return {
        "run": str(run),
        "title": plan.title,
        "asked": sum(section["asked"] for section in sections),
        "words": sum(section["delivered"] for section in sections),
        "written": sum(section["stage"] != "missing" for section in sections),
        "sections": sections,
        "calls": calls,
        "locked": is_locked(run),
        "defects": defects,
    }


def look_at_section(run: Path, section: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a section's text and the conversation of its last call as (role, content).

    Raises:
        UsageError: There is no such run or section, or it is not written yet.
    """
    store, plan = _open(run)
    with closing(store):
        leaf = next((leaf for leaf in leaves(plan.sections) if leaf.id == section), None)
        if leaf is None:
            raise UsageError(
                f"There is no section {section}", "", f"See them with: longwrite status {run}"
            )
        pin = _find_pin(store, leaf)
        path = run / file_name(section)
        if pin is None and not path.exists():
            raise UsageError(f"Section {section} is not written yet")
        text = read_text(path) if path.exists() else pin.written.text if pin else ""
        calls = [call for call in store.list_calls(section) if call.step in {"section", "again"}]
        messages = store.list_messages(calls[-1].key) if calls else []
        if calls:
            messages.append(("assistant", calls[-1].reply.text))
    return text.strip(), messages
