"""Runs as the agent left them: what was asked for, what stands there, and what it wrote itself.

A run folder is only looked at, without its lock.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from longwrite import strict_yaml
from longwrite.agent.manuscript import file_name
from longwrite.assembly import leaves
from longwrite.data.faults import normalise
from longwrite.data.rows import Drop, read_turns
from longwrite.errors import RunError, UsageError
from longwrite.rewards.briefs import brief_from_yaml
from longwrite.runs.folder import is_section_remnant, read_text
from longwrite.runs.planfile import hash_node, plan_from_yaml
from longwrite.runs.store import CallRecord, Store, digest
from longwrite.text import sentences
from longwrite.types import Brief, Message, Plan, Section

_OWN = ("final", "seam", "draft")
"""Stages that the agent writes, the last one first."""

_WRITING = frozenset({"section", "again"})
"""Steps whose conversation ends in a section's text."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a run.

    Attributes:
        section: Its node of the plan.
        written: What the agent wrote; empty where it wrote nothing.
        stands: What stands there now, a person's edits included.
        by_hand: Whether a person wrote what stands there.
        thread: The conversation that asked for it, the step last; empty where none is kept.
        last: Whether it ends the document.
    """

    section: Section
    written: str
    stands: str
    by_hand: bool
    thread: tuple[Message, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run folder, read.

    Attributes:
        name: Of the folder.
        brief: What was asked for.
        plan: What it was written by.
        document: As it was last laid out; empty where nothing is written.
        model: Identity of the writing model.
        parts: Its sections, in reading order.
    """

    name: str
    brief: Brief
    plan: Plan
    document: str
    model: str
    parts: tuple[Part, ...]


def find_runs(patterns: Sequence[str], files: Sequence[str] = ("brief.yaml",)) -> Iterator[Path]:
    """Yield the run folders that paths and globs name, and those below a folder of runs.

    Args:
        patterns: Paths and globs.
        files: What a folder has to hold.

    Raises:
        UsageError: One of them names no such run.
    """
    for pattern in patterns:
        roots = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern))
        found = [sorted(path.parent for path in Path(root).rglob(files[0])) for root in roots]
        runs = [run for run in chain(*found) if all((run / name).is_file() for name in files)]
        if not runs:
            raise UsageError(
                f"{pattern} holds no run",
                f"no folder there has {' and '.join(files)}",
                "Name a folder that longwrite write printed, or one that holds such folders.",
            )
        yield from runs


def read_runs(patterns: Sequence[str]) -> Iterator[FinishedRun | Drop]:
    """Yield the runs that paths and globs name, a Drop for one that can't be read.

    Raises:
        UsageError: One of them names no run.
    """
    for path in find_runs(patterns):
        try:
            yield read_run(path)
        except RunError as error:
            yield Drop(digest(path.name)[:16], "recipe", "run can't be read", str(error))


def read_run(path: Path) -> FinishedRun:
    """Return a run as it stands.

    Raises:
        RunError: A file of it can't be read, or it was never planned.
    """
    head, _, tail = read_text(path / "brief.yaml").rpartition("\nrun:\n")
    try:
        brief = brief_from_yaml(head)
        begun = strict_yaml.load(f"run:\n{tail}", str(path / "brief.yaml"))["run"]
        model = str(begun["identities"]["write"])
        plan = plan_from_yaml(read_text(path / "plan.yaml"), str(path / "plan.yaml"))
    except (UsageError, KeyError, TypeError) as error:
        raise RunError(f"{path} can't be read", " ".join(str(error).split())[:200]) from error
    if not (path / "calls.sqlite").is_file():
        raise RunError(f"{path} can't be read", "it has no calls.sqlite")
    document = path / "document.md"
    written = leaves(plan.sections)
    with closing(Store(path / "calls.sqlite", reading=True)) as store:
        parts = tuple(_take_part(path, store, leaf, leaf is written[-1]) for leaf in written)
    return FinishedRun(
        path.name,
        brief,
        plan,
        normalise(read_text(document)) if document.is_file() else "",
        model,
        parts,
    )


def _take_part(path: Path, store: Store, leaf: Section, last: bool) -> Part:
    node = hash_node(leaf)
    pins = [pin for stage in _OWN if (pin := store.get_pin(leaf.id, node, stage)) is not None]
    written = pins[0].written.text if pins else ""
    taken_up = store.get_pin(leaf.id, node, "hand")
    name = file_name(leaf.id)
    cut = any(is_section_remnant(path / name, text) for text in store.list_texts(leaf.id))
    content = read_text(path / name) if (path / name).is_file() and not cut else ""
    edited = bool(content.strip()) and not store.is_own(name, content)
    stands = content if content.strip() else (taken_up.written.text if taken_up else written)
    return Part(
        leaf,
        normalise(written),
        normalise(stands),
        edited or taken_up is not None,
        _find_thread(store, leaf, written),
        last,
    )


def _find_thread(store: Store, leaf: Section, written: str) -> tuple[Message, ...]:
    """Return the conversation whose reply became a section, or else the last one about it."""
    calls = [call for call in store.list_calls(leaf.id) if call.step in _WRITING]
    if not calls:
        return ()
    call = next((one for one in reversed(calls) if _begins(one, written)), calls[-1])
    return read_turns(store.list_messages(call.key))


def _begins(call: CallRecord, written: str) -> bool:
    first = next(iter(sentences(written.strip())), "").strip()
    return bool(first) and first in call.reply.text
