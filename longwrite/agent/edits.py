"""Asking for another version of a section, and taking that back.

An edit is an edit of the plan: the node's note and revision change, so its pin holds no longer and
the next run writes it anew. The versions before it stay pinned under their own nodes, so undoing is
putting the old node back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from longwrite.agent.schedule import find_readers, make_threads
from longwrite.assembly import leaves, walk
from longwrite.errors import UsageError
from longwrite.runs.folder import RunFolder
from longwrite.types import Plan, Section

_HISTORY = "rewrites"
STALE = "stale"
"""Name of the run's value that lists stale sections."""


def rewrite_section(
    folder: RunFolder, plan: Plan, mode: str, section: str, note: str, *, cascade: bool
) -> Plan:
    """Return the plan with one section, or with all that read it too, to be written anew.

    Args:
        folder: The run, which remembers what to undo and what is stale.
        plan: Its plan.
        mode: How it was written, which says what read what.
        section: Id of a leaf.
        note: A wish for the new version; empty for just another one.
        cascade: Whether sections written in view of it are written anew too.

    Raises:
        UsageError: There is no such section.
    """
    _require(plan, section)
    threads = make_threads(plan, "dag" if mode == "dag" else "thread")
    readers = [leaf.id for leaf in find_readers(threads, section)]
    changed = {section, *(readers if cascade else ())}
    before = {
        leaf.id: {"note": leaf.note, "revision": leaf.revision}
        for leaf in leaves(plan.sections)
        if leaf.id in changed
    }
    was_stale = stale_sections(folder)
    _remember(
        folder, [*_history(folder), {"section": section, "nodes": before, "stale": was_stale}]
    )
    folder.store.set_meta(STALE, json.dumps(sorted({*was_stale, *readers} - changed)))

    def revise(leaf: Section) -> Section:
        if leaf.id not in changed:
            return leaf
        wish = note if leaf.id == section else leaf.note
        return replace(leaf, note=wish, revision=_next_revision(folder, leaf))

    return replace(plan, sections=_map_leaves(plan.sections, revise))


def undo_rewrite(folder: RunFolder, plan: Plan, section: str) -> Plan:
    """Return the plan as it was before the last rewrite of a section.

    Raises:
        UsageError: It was never rewritten.
    """
    _require(plan, section)
    history = _history(folder)
    place = next((n for n in reversed(range(len(history))) if history[n]["section"] == section), -1)
    if place < 0:
        raise UsageError(f"Section {section} was never rewritten", "there is nothing to undo")
    entry = history.pop(place)
    before = entry["nodes"]
    _remember(folder, history)
    folder.store.set_meta(STALE, json.dumps(entry["stale"]))

    def restore(leaf: Section) -> Section:
        old = before.get(leaf.id)
        if old is None:
            return leaf
        return replace(leaf, note=old["note"], revision=old["revision"])

    return replace(plan, sections=_map_leaves(plan.sections, restore))


def stale_sections(folder: RunFolder) -> list[str]:
    """Return the sections that were written in view of an older version of another one."""
    found: list[str] = json.loads(folder.store.get_meta(STALE) or "[]")
    return found


def _require(plan: Plan, section: str) -> None:
    names = [leaf.id for leaf in leaves(plan.sections)]
    if section in names:
        return
    inner = next((node for node, _ in walk(plan.sections) if node.id == section), None)
    if inner is not None:
        inside = ", ".join(leaf.id for leaf in leaves([inner]))
        raise UsageError(f"Section {section} holds other sections", "", f"Name one of: {inside}.")
    known = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    raise UsageError(f"There is no section {section}", f"the sections are {known}")


def _next_revision(folder: RunFolder, leaf: Section) -> int:
    # Past every revision that was ever used, so that an undone version is not found again.
    used = int(folder.store.get_meta(f"revision:{leaf.id}") or leaf.revision)
    revision = max(used, leaf.revision) + 1
    folder.store.set_meta(f"revision:{leaf.id}", str(revision))
    return revision


def _history(folder: RunFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(folder.store.get_meta(_HISTORY) or "[]")
    return found


def _remember(folder: RunFolder, history: Sequence[Mapping[str, object]]) -> None:
    folder.store.set_meta(_HISTORY, json.dumps(list(history)))


def _map_leaves(
    sections: Sequence[Section], change: Callable[[Section], Section]
) -> tuple[Section, ...]:
    return tuple(
        replace(section, sections=_map_leaves(section.sections, change))
        if section.sections
        else change(section)
        for section in sections
    )
