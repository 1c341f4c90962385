"""Pays for what the brief requires: the share of its constraints that hold, by weight."""

from __future__ import annotations

from dataclasses import dataclass

from longwrite.assembly import walk
from longwrite.rewards.constraints import check
from longwrite.rewards.reward import RESOLUTION, analyse, settle
from longwrite.types import Brief, Constraint, Document, Score


@dataclass(frozen=True)
class SatisfactionReward:
    """Pays the weighted mean of the brief's constraints, each by its own checker.

    A hard constraint weighs `hard` times a soft one. Constraints that don't apply are left out and
    counted; without any that applies there is nothing to pay.

    Attributes:
        hard: Weight of a hard constraint.
        kinds: Kinds that are paid; empty for all. Length usually has a reward of its own.
        resolution: Step to which values are rounded.
    """

    hard: float = 2.0
    kinds: tuple[str, ...] = ()
    resolution: float = RESOLUTION
    name: str = "constraints"

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what the document is paid."""
        text = analyse(document).text
        total = paid = 0.0
        skipped = 0
        failed: list[str] = []
        for constraint in (*brief.constraints, *_of_sections(document)):
            if self.kinds and constraint.kind not in self.kinds:
                continue
            score = check(constraint, text, language=brief.language)
            if score.value is None:
                skipped += 1
                continue
            weight = self.hard if constraint.hard else 1.0
            total += weight
            paid += weight * score.value
            if score.value < 1:
                failed.append(score.note)
        parts = {"weight": total, "skipped": float(skipped), "failed": float(len(failed))}
        if not total:
            return Score(self.name, None, parts, "No constraint applies.")
        note = " ".join(failed[:5]) or "All constraints hold."
        return settle(Score(self.name, paid / total, parts, note), self.name, self.resolution)


def _of_sections(document: Document) -> list[Constraint]:
    return [c for section, _ in walk(document.plan.sections) for c in section.constraints]
