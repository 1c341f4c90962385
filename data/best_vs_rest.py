"""Several texts for one prompt, scored; the best one against the rest.

Samples differ by their seeds only. Each has to be sound by itself: a pair teaches which of two good
texts is better, not that refusals and loops exist. The best one can be kept as a row of its own
(rejection sampling), so that the same calls pay for a set to fine-tune on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from longwrite.agent.job import CallFailed
from longwrite.data.faults import Fault, find_fault, normalise
from longwrite.data.labels import find_held
from longwrite.data.marking import Marking, mark_text, require_judge, tell_marking
from longwrite.data.preference import (
    find_composition,
    score_text,
    tell_criterion,
    tell_quality,
)
from longwrite.data.prompt_files import brief_of, read_prompts
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.engines.engine import gather_calls
from longwrite.errors import RunError, UsageError
from longwrite.text import count_words
from longwrite.types import Brief, Json, Message

_AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Sample:
    """One of a prompt's texts.

    Attributes:
        number: Which one; it makes the seed.
        text: Whole; empty when it is at fault.
        fault: Why it can't be used, and what gives that away.
        code: What the rules pay for it.
        marking: What the judge says of it, where one is asked.
    """

    number: int
    text: str = ""
    fault: Fault | None = None
    code: float | None = None
    marking: Marking | None = None

    @property
    def value(self) -> float | None:
        """What it is worth; None where the rules or the judge can't say."""
        if self.marking is None or self.code is None:
            return self.code
        return None if self.marking.value is None else (self.code + self.marking.value) / 2


@dataclass(frozen=True)
class BestVsRest:
    """Best of n against the others.

    Attributes:
        prompts: Files of prompts (`longwrite.data.prompt_files.read_prompts`).
        samples: Texts for each prompt.
        how: ``reply`` for one reply each, ``agent`` for documents that the agent writes.
        rest: ``each`` for a pair with every worse text, ``worst`` for one with the worst.
        rewards: What they are scored by (`longwrite.data.preference.find_composition`).
        judge: Whether the model of the role check marks them too; both count the same.
        min_gap: Least difference of two values for a pair.
        words: Length where neither prompt nor row states one; 0 leaves it open.
        keep_best: Whether the best text is a prompt and completion as well.
    """

    name: ClassVar[str] = "best_vs_rest"
    shapes: ClassVar[tuple[Shape, ...]] = ("pair", "completion")
    version: ClassVar[int] = 1

    prompts: tuple[str, ...]
    samples: int = 4
    how: str = "reply"
    rest: str = "worst"
    rewards: str = "sound"
    judge: bool = False
    min_gap: float = 0.05
    words: int = 0
    keep_best: bool = False

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        find_composition(self.rewards)
        check_choices(self, how=("reply", "agent"), rest=("each", "worst"))
        check_bounds(self, samples=(2, 64), min_gap=(0.001, 1))

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the prompts; see `Recipe.units`."""
        return read_prompts(self.prompts, self.words)

    def calls(self, unit: Unit) -> int:
        """Return the most calls that a unit takes; those inside the agent's documents apart."""
        return self.samples * (1 + self.judge)

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return a prompt's pairs; see `Recipe.make`."""
        if self.judge:
            require_judge(workbench)
        brief = brief_of(unit)
        samples = await gather_calls(
            self._draw(unit, workbench, brief, number) for number in range(self.samples)
        )
        found: list[Row | Drop] = [
            Drop(f"{unit.id}-{one.number}", "recipe", *one.fault) for one in samples if one.fault
        ]
        return [*found, *self._pair(unit, workbench, brief, samples)]

    async def _draw(self, unit: Unit, workbench: Workbench, brief: Brief, number: int) -> Sample:
        try:
            text = await self._write(unit, workbench, brief, number)
        except CallFailed as failure:
            if failure.kind == _AGENT:
                return Sample(number, fault=("the agent could not write it", str(failure)[:200]))
            return Sample(number, fault=describe_failure(failure))
        text = normalise(text)
        if fault := find_fault(text, brief.language):
            return Sample(number, fault=fault)
        code = score_text(find_composition(self.rewards), brief, text)
        if code is None:
            return Sample(number, fault=("no reward applies", self.rewards))
        marking = None
        if self.judge:
            marking = await mark_text(workbench, unit, self.name, brief.prompt, text, number)
            if marking.value is None:
                fault = ("the judge gave no verdict", marking.said[0][:120])
                return Sample(number, "", fault, code, marking)
        return Sample(number, text, None, code, marking)

    async def _write(self, unit: Unit, workbench: Workbench, brief: Brief, number: int) -> str:
        if self.how == "reply":
            messages = (Message("user", brief.prompt),)
            return await workbench.ask(
                unit,
                self.name,
                messages,
                words=brief.words,
                language=brief.language,
                attempt=number,
            )
        try:
            outcome = await workbench.write(unit, brief, f"-{number}", number)
        except RunError:
            raise
        except UsageError as error:
            raise CallFailed(str(error), _AGENT) from error
        if outcome.exit_code == 3:
            raise CallFailed("the agent's document lacks sections", _AGENT)
        return outcome.markdown

    def _pair(
        self, unit: Unit, workbench: Workbench, brief: Brief, samples: Sequence[Sample]
    ) -> list[Row | Drop]:
        ranked = sorted(
            (
                (value, -one.number, one)
                for one in samples
                if not one.fault and (value := one.value) is not None
            ),
            key=lambda entry: entry[:2],
            reverse=True,
        )
        if len(ranked) < 2:
            detail = f"{len(ranked)} of {len(samples)}"
            return [Drop(unit.id, "recipe", "fewer than two texts to compare", detail)]
        best_value, _, best = ranked[0]
        others = ranked[1:] if self.rest == "each" else ranked[-1:]
        about: dict[str, Json] = {
            **_tell(unit, workbench, samples), "how": self.how, "rewards": self.rewards,
        }  # fmt: skip
        row = Row(
            f"{unit.id}-{best.number}",
            "completion",
            (Message("user", brief.prompt),),
            constraints=find_held(brief.constraints, best.text, brief.language),
            target=count_words(best.text),
            language=brief.language,
            genre=str(unit.data["genre"]),
            provenance=about,
        )
        found: list[Row | Drop] = []
        if self.keep_best:
            kept: dict[str, Json] = {**about, "sample": best.number, "value": best_value}
            found.append(replace(row, completion=best.text, provenance=kept))
        for value, _, other in others:
            name = f"{row.id}-{other.number}"
            if other.text == best.text:
                found.append(Drop(name, "recipe", "the two texts are the same"))
                continue
            if best_value - value < self.min_gap:
                detail = f"{best_value - value:.3f} under {self.min_gap:g}"
                found.append(Drop(name, "recipe", "score gap too small", detail))
                continue
            told: dict[str, Json] = {
                **about,
                "quality": tell_quality(best_value, value),
                **tell_criterion(find_composition(self.rewards), judged=self.judge),
                "samples": {"chosen": best.number, "rejected": other.number},
            }
            pair = replace(
                row,
                id=name,
                shape="pair",
                chosen=best.text,
                rejected=other.text,
                provenance=told,
            )
            found.append(pair)
        return found


def _tell(unit: Unit, workbench: Workbench, samples: Sequence[Sample]) -> dict[str, Json]:
    scores: list[Json] = [
        {
            "sample": one.number,
            "value": one.value,
            "code": one.code,
            "words": count_words(one.text),
            "fault": one.fault[0] if one.fault else "",
            **({"judge": tell_marking(one.marking)} if one.marking else {}),
        }
        for one in samples
    ]
    return {
        "source": unit.data["source"],
        "licence": unit.data["licence"],
        "model": workbench.model,
        "seed": workbench.settings.seed,
        "scores": scores,
    }
