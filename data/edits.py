"""What a person changed in a run: the agent's section against the person's, in the run's thread.

No model is asked. A section counts as edited when its file holds what no run wrote, or when a later
run took such a file up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

from longwrite.data.faults import find_fault
from longwrite.data.finished import FinishedRun, Part, read_runs
from longwrite.data.labels import find_held, read_labels
from longwrite.data.preference import share_changed, tell_quality
from longwrite.data.prompt_files import each_once
from longwrite.data.recipe import check_bounds
from longwrite.data.rows import Drop, Row, Shape, Unit, read_turns
from longwrite.data.workbench import Workbench
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml
from longwrite.runs.store import digest
from longwrite.text import count_words
from longwrite.types import Json


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
        check_bounds(self, min_changed=(0, 1))

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the sections that a person edited; see `Recipe.units`."""
        return each_once(self._read_units())

    def _read_units(self) -> Iterator[Unit | Drop]:
        for run in read_runs(self.runs):
            if isinstance(run, Drop):
                yield run
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
        thread = read_turns(unit.data["thread"])
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
        constraints = [label.constraint for label in read_labels(unit.data["constraints"])]
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
        "constraints": [asdict(one) for one in part.section.constraints],
    }
    return Unit(digest(part.section.id, part.written, part.stands, *said)[:16], data)
