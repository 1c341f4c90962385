"""Prompts, answered by the writing agent: the recipe of LongWriter-6k, and finished runs as rows.

What the agent could not finish is no row: a document with a section missing would teach to leave
one out. The prompt is the reader's own words; plan and calls are provenance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from longwrite.agent.record import read_start
from longwrite.data.finished import find_runs
from longwrite.data.prompt_files import brief_of, read_prompts
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench
from longwrite.errors import LongwriteError, PlanError, UsageError
from longwrite.runs.folder import read_text
from longwrite.runs.store import digest
from longwrite.types import Brief, Json, Message

_FINISHED = ("brief.yaml", "document.md", "report.json")


@dataclass(frozen=True, slots=True)
class AgentWrite:
    """Prompts to documents.

    Attributes:
        prompts: Files of prompts (`longwrite.data.prompt_files.read_prompts`).
        from_runs: Folders of finished runs, or folders that hold such.
        words: Length of a document whose prompt states none.
        samples: Documents of each prompt.
        genre: Noted in each row.
        licence: Of the prompts, noted in each row.
    """

    name: ClassVar[str] = "agentwrite"
    shapes: ClassVar[tuple[Shape, ...]] = ("completion",)
    version: ClassVar[int] = 1

    prompts: tuple[str, ...] = ()
    from_runs: tuple[str, ...] = ()
    words: int = 0
    samples: int = 1
    genre: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Refuse a recipe without a source."""
        if not self.prompts and not self.from_runs:
            raise UsageError(
                "The recipe agentwrite has no source",
                "neither 'prompts' nor 'from_runs' is given",
                "Add prompts: FILE.jsonl, or --from-runs FOLDER.",
            )
        if self.samples < 1:
            raise UsageError("'samples' is no number of documents", f"it is {self.samples}", "")

    def units(self) -> Iterator[Unit | Drop]:
        """Yield each prompt once for each sample, then each finished run."""
        for unit in read_prompts(self.prompts, self.words):
            if isinstance(unit, Drop):
                yield unit
                continue
            for sample in range(self.samples):
                name = f"{unit.id}-{sample}" if sample else unit.id
                yield Unit(name, {**unit.data, "sample": sample})
        for path in find_runs(self.from_runs, _FINISHED):
            texts = [(path / name).read_bytes() for name in ("brief.yaml", "document.md")]
            yield Unit(digest(*(text.hex() for text in texts))[:16], {"run": str(path)})

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Write the document, or read it from its run."""
        if "run" in unit.data:
            return [self._read_run(unit)]
        sample = int(str(unit.data["sample"]))
        brief = brief_of(unit)
        try:
            outcome = await workbench.write(unit, brief, seed=sample)
        except PlanError as error:
            return [Drop(unit.id, "recipe", "engine failed", str(error)[:200])]
        known: dict[str, Json] = {
            "source": unit.data["source"], "model": workbench.model, "sample": sample,
        }  # fmt: skip
        if unit.data["licence"] or self.licence:
            known["licence"] = unit.data["licence"] or self.licence
        genre = str(unit.data["genre"])
        return [self._row(unit, brief, outcome.markdown, outcome.report, known, genre)]

    def _read_run(self, unit: Unit) -> Row | Drop:
        path = Path(str(unit.data["run"]))
        try:
            start = read_start(path)
            report = json.loads(read_text(path / "report.json"))
            text = read_text(path / "document.md")
        except (OSError, ValueError, KeyError, TypeError, LongwriteError) as error:
            return Drop(unit.id, "recipe", "unreadable run", f"{path}: {error}"[:200])
        known: dict[str, Json] = {"source": path.name, "model": start.identities["write"]}
        if self.licence:
            known["licence"] = self.licence
        return self._row(unit, start.brief, text, report, known)

    def _row(
        self,
        unit: Unit,
        brief: Brief,
        text: str,
        report: dict[str, Any],
        known: dict[str, Json],
        genre: str = "",
    ) -> Row | Drop:
        if not report.get("complete"):
            return Drop(unit.id, "recipe", "unfinished document", str(known["source"]))
        hard = [defect for defect in report["defects"] if defect["hard"]]
        if hard:
            told = f"{hard[0]['kind']}: {hard[0]['message']}"
            return Drop(unit.id, "recipe", "a hard requirement is unmet", told[:200])
        sections: list[Json] = [
            {"title": entry["title"], "asked": entry["asked"], "delivered": entry["delivered"]}
            for entry in report["sections"]
        ]
        return Row(
            unit.id,
            "completion",
            (Message("user", brief.prompt),),
            completion=text.strip(),
            constraints=tuple(one for one in brief.constraints if one.kind != "judged"),
            language=brief.language,
            genre=genre or self.genre or brief.form,
            provenance={**known, "asked": brief.words, "sections": sections},
        )
