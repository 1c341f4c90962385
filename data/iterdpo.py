"""Long texts corrected segment by segment (LongWriter-V's IterDPO, Tu et al. 2025).

A text is cut at the borders of its sections and paragraphs. Each segment is corrected in view of
the ones before it, which by then are fixed, corrected where that helped. Original and correction
are a pair when the correction is a real one, is sound, keeps the length and scores higher; as turns
of a thread, in which everything before is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from longwrite.agent.gates import OVERLAP_MOST
from longwrite.agent.heads import last_words
from longwrite.agent.job import CallFailed
from longwrite.data.documents import read_answers
from longwrite.data.faults import Fault, find_fault, find_new_fault, normalise
from longwrite.data.finished import read_runs
from longwrite.data.marking import Marking, mark_text, require_judge, tell_marking
from longwrite.data.preference import (
    find_composition,
    score_text,
    share_changed,
    tell_criterion,
    tell_quality,
)
from longwrite.data.prompt_files import each_once
from longwrite.data.recipe import check_bounds
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.segments import cut_segments
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.prompts import fence, fill, name_language, name_length
from longwrite.reading import UnreadableError
from longwrite.runs.store import digest
from longwrite.scoring.repetition import overlap
from longwrite.text import clip, count_words
from longwrite.types import Brief, Json, Message

_PACKAGE = "longwrite.data"


@dataclass(frozen=True, slots=True)
class _Worth:
    """What a segment is worth: the mean of rules and judge; None where one of them can't say."""

    value: float | None
    marking: Marking | None = None


@dataclass(frozen=True)
class IterDpo:
    """Segments corrected one at a time.

    Attributes:
        sources: Files of long texts with their prompts (`longwrite.data.documents.read_answers`).
        runs: Finished run folders, or folders of such.
        segment: Words of a segment.
        segments: Segments of a text that are corrected at most.
        slack: Share of its words by which a correction may be longer or shorter.
        min_changed: Least share of a segment's words that a correction has to change.
        rewards: What a segment is scored by (`longwrite.data.preference.find_composition`).
        judge: Whether the model of the role check marks both versions too.
        min_gap: Least difference of two values for a pair.
    """

    name: ClassVar[str] = "iterdpo"
    shapes: ClassVar[tuple[Shape, ...]] = ("pair",)
    version: ClassVar[int] = 1

    sources: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    segment: int = 400
    segments: int = 32
    slack: float = 0.2
    min_changed: float = 0.02
    rewards: str = "sound"
    judge: bool = False
    min_gap: float = 0.02

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        find_composition(self.rewards)
        if not self.sources and not self.runs:
            raise UsageError(
                "The recipe 'iterdpo' lacks a source", "", "Give sources: or runs: in its file."
            )
        check_bounds(
            self, segment=(50, 10_000), segments=(1, 10_000), slack=(0.01, 1),
            min_changed=(0.001, 1), min_gap=(0.001, 1),
        )  # fmt: skip

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the texts; see `Recipe.units`."""
        return each_once(self._read_units())

    def _read_units(self) -> Iterator[Unit | Drop]:
        for reading in read_answers(self.sources):
            if isinstance(reading, UnreadableError):
                yield Drop(digest(str(reading))[:16], "recipe", "can't be read", str(reading))
                continue
            columns = reading.columns
            yield _make_unit(
                reading.name, reading.prompt, reading.text, "", str(columns.get("licence") or "")
            )
        for run in read_runs(self.runs):
            if isinstance(run, Drop):
                yield run
            else:
                yield _make_unit(run.name, run.brief.prompt, run.document, run.model, "")

    def calls(self, unit: Unit) -> int:
        """Return the most calls that a unit takes, those of verdicts on long segments apart."""
        count = len(cut_segments(str(unit.data["text"]), self.segment))
        return min(self.segments, count) * (1 + 2 * self.judge)

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the pairs of a text's segments; see `Recipe.make`."""
        if self.judge:
            require_judge(workbench)
        text, request = str(unit.data["text"]), str(unit.data["prompt"])
        language = str(unit.data["language"])
        if not request:
            return [Drop(unit.id, "recipe", "the text has no prompt")]
        if fault := find_fault(text, language):
            return [Drop(unit.id, "recipe", fault[0], f"in the source: {fault[1]}")]
        pieces = cut_segments(text, self.segment)
        thread: tuple[Message, ...] = ()
        found: list[Row | Drop] = []
        for place, original in enumerate(pieces[: self.segments]):
            turn = _ask_part(request, place, len(pieces), original, language)
            thread = (*thread, Message("user", turn))
            outcome = await self._correct(unit, workbench, thread, place, len(pieces), original)
            found.append(outcome)
            kept = outcome.chosen if isinstance(outcome, Row) else original
            thread = (*thread, Message("assistant", kept))
        return found

    async def _correct(
        self,
        unit: Unit,
        workbench: Workbench,
        thread: tuple[Message, ...],
        place: int,
        count: int,
        original: str,
    ) -> Row | Drop:
        """Return the pair of one segment, or why it gives none."""
        name = f"{unit.id}-{place + 1}"
        language = str(unit.data["language"])
        words = count_words(original)
        step = f"{self.name}.{place + 1}"
        try:
            reply = await workbench.ask(
                unit,
                step,
                _ask_correction(unit, workbench.window, thread, original),
                words=round(words * (1 + self.slack)) + 20,
                language=language,
            )
        except CallFailed as failure:
            return Drop(name, "recipe", *describe_failure(failure))
        corrected = normalise(reply)
        said = [one.content for one in thread if one.role == "assistant"]
        if fault := self._find_fault(corrected, original, language, said):
            return Drop(name, "recipe", *fault)
        changed = share_changed(original, corrected)
        if changed < self.min_changed:
            return Drop(name, "recipe", "nothing was corrected", f"{changed:.1%} of the words")
        request = str(unit.data["prompt"])
        brief = Brief(request, words, language=language)
        before = await self._weigh(unit, workbench, brief, original, f"{step}.original")
        after = await self._weigh(unit, workbench, brief, corrected, f"{step}.corrected")
        if before.value is None or after.value is None:
            marked = [one.marking.said[0] for one in (before, after) if one.marking]
            detail = marked[0][:120] if marked else "no reward applies"
            return Drop(name, "recipe", "the versions can't be compared", detail)
        if after.value - before.value < self.min_gap:
            detail = f"{after.value - before.value:+.3f}"
            return Drop(name, "recipe", "the correction scores no higher", detail)
        provenance: dict[str, Json] = {
            "source": unit.data["source"],
            "licence": unit.data["licence"],
            "writer": unit.data["model"],
            "model": workbench.model,
            "seed": workbench.settings.seed,
            "segment": {"number": place + 1, "of": count},
            "changed": round(changed, 6),
            "rewards": self.rewards,
            "quality": tell_quality(after.value, before.value),
            **tell_criterion(find_composition(self.rewards), judged=self.judge),
        }
        if after.marking is not None and before.marking is not None:
            verdicts = {"chosen": after.marking, "rejected": before.marking}
            provenance["judge"] = {key: tell_marking(one) for key, one in verdicts.items()}
        return Row(
            name,
            "pair",
            thread,
            chosen=corrected,
            rejected=original,
            ends=place + 1 == count,
            target=count_words(corrected),
            language=language,
            provenance=provenance,
        )

    def _find_fault(
        self, corrected: str, original: str, language: str, before: Sequence[str]
    ) -> Fault | None:
        if fault := find_new_fault(corrected, original, language):
            return fault
        words, others = count_words(original), count_words(corrected)
        if abs(others - words) > self.slack * words:
            return "the correction's length is another", f"{others} words for {words}"
        again, own_again = overlap(corrected, before).value, overlap(original, before).value
        if again is not None and 1 - again > OVERLAP_MOST and (own_again or 1.0) > again:
            return "repeats an earlier part", f"{1 - again:.0%}"
        return None

    async def _weigh(
        self, unit: Unit, workbench: Workbench, brief: Brief, text: str, step: str
    ) -> _Worth:
        code = score_text(find_composition(self.rewards), brief, text)
        if code is None or not self.judge:
            return _Worth(code)
        marking = await mark_text(workbench, unit, step, brief.prompt, text)
        value = None if marking.value is None else (code + marking.value) / 2
        return _Worth(value, marking)


def _make_unit(name: str, prompt: str, text: str, model: str, licence: str) -> Unit:
    prompt, text = normalise(prompt), normalise(text)
    data: dict[str, Json] = {
        "source": Path(name).name,
        "licence": licence,
        "model": model,
        "prompt": prompt,
        "text": text,
        "language": detect_language(text),
    }
    return Unit(digest(prompt, text)[:16], data)


def _ask_part(request: str, place: int, count: int, part: str, language: str) -> str:
    """Return the turn that asks for a part of a text."""
    length = name_length(count_words(part), language)
    if place == 0:
        if count == 1:
            return request
        return fill(_PACKAGE, "iterdpo_first", request=request, count=count, length=length)
    return fill(_PACKAGE, "iterdpo_next", number=place + 1, count=count, length=length)


def _ask_correction(
    unit: Unit, window: int, thread: tuple[Message, ...], original: str
) -> tuple[Message, ...]:
    """Return the question for a correction, what stands before shown by its last words."""
    language = str(unit.data["language"])
    said = "\n\n".join(one.content for one in thread if one.role == "assistant")
    # A character is a third of a token at the least, so this takes no more than a sixth of it.
    before = last_words(said, max(200, window // 6)) if said else ""
    asked = fill(
        _PACKAGE,
        "iterdpo_correct",
        request=fence("request", clip(str(unit.data["prompt"]), max(64, window // 8))),
        before=f"It stands so far, and is fixed (its end):\n{fence('before', before)}"
        if before
        else "",
        part=fence("text", original),
        language=name_language(language),
        length=name_length(count_words(original), language),
    )
    return Message("system", fill(_PACKAGE, "iterdpo_system")), Message("user", asked)
