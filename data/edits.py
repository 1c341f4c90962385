"""What a person changed in a run: the agent's section against the person's, in the run's thread.

No model is asked. A section counts as edited when its file holds what no run wrote, or when a later
run took such a file up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from longwrite.data.faults import find_fault
from longwrite.data.finished import FinishedRun, Part, find_runs, make_thread, read_run
from longwrite.data.preference import find_held, share_changed, tell_quality
from longwrite.data.prompt_files import each_once
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench
from longwrite.errors import RunError, UsageError
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml
from longwrite.runs.store import digest
from longwrite.text import count_words
from longwrite.types import Constraint, Json, Message


@dataclass(frozen=True)
class Edits:
    """A person's own changes to finished runs.

    Attributes:
        runs: Run folders, or folders of such.
        min_changed: Least share of a section's words that an edit has to change.
    """

    name: ClassVar[str] = "edits"
    shapes: ClassVar[tuple[Shape, ...]] = ("pair",)
    version: ClassVar[int] = 1

    runs: tuple[str, ...]
    min_changed: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a share that isn't one.

        Raises:
            UsageError: It isn't from 0 to 1.
        """
        if not 0 <= self.min_changed <= 1:
            raise UsageError(f"'min_changed: {self.min_changed}' can't be", "", "Use 0 to 1.")

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the sections that a person edited; see `Recipe.units`."""
        return each_once(self._read_units())

    def _read_units(self) -> Iterator[Unit | Drop]:
        for path in find_runs(self.runs):
            try:
                run = read_run(path)
            except RunError as error:
                yield Drop(digest(path.name)[:16], "recipe", "run can't be read", str(error))
                continue
            for part in run.parts:
                if part.by_hand and part.written != part.stands:
                    yield _make_unit(run, part)

    def calls(self, unit: Unit) -> int:
        """Return the calls that a unit takes: none."""
        return 0

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the pair of an edit; see `Recipe.make`."""
        written, stands = str(unit.data["written"]), str(unit.data["stands"])
        brief = brief_from_yaml(str(unit.data["brief"]))
        thread = _read_thread(unit.data["thread"])
        if not thread:
            return [Drop(unit.id, "recipe", "no conversation of the section is kept")]
        if not written:
            return [Drop(unit.id, "recipe", "the agent wrote nothing there")]
        if written.split() == stands.split():
            return [Drop(unit.id, "recipe", "only blanks were changed")]
        changed = share_changed(written, stands)
        if changed < self.min_changed:
            detail = f"{changed:.1%} of the words"
            return [Drop(unit.id, "recipe", "hardly anything was changed", detail)]
        for which, text in (("edited", stands), ("original", written)):
            if fault := find_fault(text, brief.language):
                return [Drop(unit.id, "recipe", fault[0], f"in the {which} text: {fault[1]}")]
        # A person chose: that is all the quality there is to tell.
        provenance: dict[str, Json] = {
            "source": unit.data["source"],
            "section": unit.data["section"],
            "model": unit.data["model"],
            "by": "person",
            "changed": round(changed, 6),
            "quality": tell_quality(1.0, 0.0),
        }
        constraints = tuple(_read_constraint(one) for one in _listed(unit.data["constraints"]))
        row = Row(
            unit.id,
            "pair",
            thread,
            chosen=stands,
            rejected=written,
            ends=bool(unit.data["last"]),
            constraints=find_held(constraints, stands, brief.language),
            target=count_words(stands),
            language=brief.language,
            provenance=provenance,
        )
        return [row]


def _make_unit(run: FinishedRun, part: Part) -> Unit:
    said = [text for one in part.thread for text in (one.role, one.content)]
    data: dict[str, Json] = {
        "source": run.name,
        "section": part.section.id,
        "model": run.model,
        "brief": brief_to_yaml(run.brief),
        "written": part.written,
        "stands": part.stands,
        "last": part.last,
        "thread": [[one.role, one.content] for one in part.thread],
        "constraints": [
            {"kind": one.kind, "params": dict(one.params), "hard": one.hard, "quote": one.quote}
            for one in part.section.constraints
        ],
    }
    return Unit(digest(part.section.id, part.written, part.stands, *said)[:16], data)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _read_thread(value: Json) -> tuple[Message, ...]:
    turns = [turn for turn in _listed(value) if isinstance(turn, list)]
    return make_thread((str(role), str(content)) for role, content in turns)


def _read_constraint(value: Json) -> Constraint:
    assert isinstance(value, dict) and isinstance(value["params"], dict)
    return Constraint(
        str(value["kind"]), value["params"], hard=bool(value["hard"]), quote=str(value["quote"])
    )
