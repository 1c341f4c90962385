"""A text against itself with one requirement broken (Suri's I-ORPO pairs, Pham et al. 2024).

The text meets what its prompt asks for. A minimal edit, by code or by a model, breaks exactly one
named requirement; the checker then has to say that this one is missed, that nothing else changed
its verdict, and that few words did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from longwrite.agent.job import CallFailed
from longwrite.data.breaking import MOST_PASSAGES, Task, apply_tasks, break_by_code, find_tasks
from longwrite.data.documents import read_answers
from longwrite.data.faults import Fault, find_fault, find_new_fault, normalise
from longwrite.data.labels import find_held, read_labels
from longwrite.data.preference import share_changed, tell_constraint, tell_quality
from longwrite.data.prompt_files import each_once
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.engines.engine import gather_calls
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.prompts import derive_seed, fence, fill, name_language
from longwrite.reading import UnreadableError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.constraints import check, holds
from longwrite.runs.store import digest
from longwrite.text import count_words
from longwrite.types import Brief, Constraint, Json, Message

_PACKAGE = "longwrite.data"


@dataclass(frozen=True)
class Violate:
    """One requirement broken by a minimal edit.

    Attributes:
        sources: Files and sets of texts with their prompts
            (`longwrite.data.documents.read_answers`); a column ``constraints`` adds to what the
            prompt says.
        by: ``code`` or ``model``.
        per_text: Requirements of a text that are broken, each in a pair of its own.
        max_changed: Most of a text's words, as a share, that an edit may change.
        tries: Edits of a model for one requirement.
        kinds: Kinds of requirements that are broken; empty for all.
    """

    name: ClassVar[str] = "violate"
    shapes: ClassVar[tuple[Shape, ...]] = ("pair",)
    version: ClassVar[int] = 1

    sources: tuple[str, ...]
    by: str = "model"
    per_text: int = 1
    max_changed: float = 0.15
    tries: int = 2
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        check_choices(self, by=("code", "model"))
        check_bounds(self, per_text=(1, 100), tries=(1, 10), max_changed=(0.001, 0.999))

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the texts; see `Recipe.units`."""
        return each_once(self._read_units())

    def _read_units(self) -> Iterator[Unit | Drop]:
        for reading in read_answers(self.sources):
            if isinstance(reading, UnreadableError):
                yield Drop(digest(str(reading))[:16], "recipe", "can't be read", str(reading))
                continue
            prompt, text = normalise(reading.prompt), normalise(reading.text)
            constraints = read_constraints(reading.columns.get("constraints"))
            data: dict[str, Json] = {
                "source": Path(reading.name).name,
                "licence": str(reading.columns.get("licence") or ""),
                "prompt": prompt,
                "text": text,
                "constraints": [asdict(one) for one in constraints],
            }
            told = json.dumps(data["constraints"], sort_keys=True, ensure_ascii=False)
            yield Unit(digest(prompt, text, told)[:16], data)

    def calls(self, unit: Unit) -> int:
        """Return the most calls that a unit takes."""
        return 0 if self.by == "code" else 2 * self.per_text * self.tries * MOST_PASSAGES

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return a text's pairs; see `Recipe.make`."""
        prompt, text = str(unit.data["prompt"]), str(unit.data["text"])
        if not prompt:
            return [Drop(unit.id, "recipe", "the text has no prompt")]
        language = detect_language(text)
        try:
            brief = compile_brief(prompt, language=language)
        except UsageError as error:
            return [Drop(unit.id, "recipe", "prompt can't be used", error.what[:200])]
        if fault := find_fault(text, language):
            return [Drop(unit.id, "recipe", fault[0], f"in the source: {fault[1]}")]
        known = _merge(brief, read_constraints(unit.data["constraints"]))
        held = find_held(known, text, language)
        chosen = self._choose(unit, held, prompt)
        if not chosen:
            return [Drop(unit.id, "recipe", "it meets no requirement that could be broken")]
        found: list[Row | Drop] = []
        made = 0
        for number in chosen:
            if made == self.per_text or (self.by == "model" and len(found) == 2 * self.per_text):
                break
            outcome = await self._break(unit, workbench, known, held, number, language)
            made += isinstance(outcome, Row)
            found.append(outcome)
        return found

    def _choose(self, unit: Unit, held: Sequence[Constraint], prompt: str) -> list[int]:
        """Return the places of the requirements to try, in an order of the unit's own."""
        places = [
            place
            for place, one in enumerate(held)
            if (not self.kinds or one.kind in self.kinds) and _is_asked(one, prompt)
        ]
        return sorted(places, key=lambda place: derive_seed(0, unit.id, place))

    async def _break(
        self,
        unit: Unit,
        workbench: Workbench,
        known: Sequence[Constraint],
        held: Sequence[Constraint],
        number: int,
        language: str,
    ) -> Row | Drop:
        """Return the pair of one requirement, or why it gives none."""
        text, broken = str(unit.data["text"]), held[number]
        name = f"{unit.id}-{broken.kind}-{number}"
        others = [one for one in known if one != broken]
        outcome: Fault | float = ("no way to break it is known", broken.kind)
        edited = ""
        for attempt in range(self.tries if self.by == "model" else 1):
            found: str | Fault | None
            if self.by == "code":
                found = break_by_code(text, broken)
            else:
                tasks = find_tasks(text, broken)
                try:
                    found = await self._rewrite(unit, workbench, tasks, language, number, attempt)
                except CallFailed as failure:
                    outcome = describe_failure(failure)
                    continue
            if found is None:
                break
            if isinstance(found, tuple):
                outcome = found
                continue
            edited = found
            outcome = verify_edit(text, edited, broken, others, language, self.max_changed)
            if isinstance(outcome, float):
                break
        if not isinstance(outcome, float):
            return Drop(name, "recipe", *outcome)
        provenance: dict[str, Json] = {
            "source": unit.data["source"],
            "licence": unit.data["licence"],
            "by": self.by,
            "model": workbench.model if self.by == "model" else "",
            "seed": workbench.settings.seed,
            "changed": round(outcome, 6),
            "broken": tell_constraint(broken),
            "quality": tell_quality(1.0, 1.0 - 1.0 / len(held)),
        }
        return Row(
            name,
            "pair",
            (Message("user", str(unit.data["prompt"])),),
            chosen=text,
            rejected=edited,
            constraints=tuple(held),
            broken=broken,
            target=count_words(text),
            language=language,
            provenance=provenance,
        )

    async def _rewrite(
        self,
        unit: Unit,
        workbench: Workbench,
        tasks: tuple[Task, ...],
        language: str,
        number: int,
        attempt: int,
    ) -> str | Fault | None:
        """Return a text whose passages a model wrote again, or what is wrong with one of them.

        None where there is none to write.
        """
        text = str(unit.data["text"])

        async def ask(place: int, task: Task) -> str:
            asked = fill(
                _PACKAGE,
                "violate",
                passage=fence("text", text[task.span.start : task.span.end]),
                wish=task.wish,
                language=name_language(language),
            )
            said = await workbench.ask(
                unit,
                f"violate.{number}.{place}",
                (Message("user", asked),),
                words=task.words,
                language=language,
                attempt=attempt,
            )
            return normalise(said)

        if not tasks:
            return None
        written = await gather_calls(ask(place, task) for place, task in enumerate(tasks))
        for task, passage in zip(tasks, written, strict=True):
            before = text[task.span.start : task.span.end]
            if fault := find_new_fault(passage, before, language):
                return fault
        return apply_tasks(text, tasks, written)


def verify_edit(
    text: str,
    edited: str,
    broken: Constraint,
    others: Sequence[Constraint],
    language: str,
    max_changed: float,
) -> Fault | float:
    """Return the share of words that an edit changed, or why it is none of the wanted kind.

    Args:
        text: What meets the requirement.
        edited: What should miss it and otherwise be the same.
        broken: The requirement.
        others: All other requirements that are known, met or not.
        language: Code of the text's language.
        max_changed: Most of the text's words that may be changed, as a share.
    """
    if not holds(check(broken, text, language=language)):
        return "the text itself misses it", broken.kind
    score = check(broken, edited, language=language)
    if score.value is None or holds(score):
        return "the edit breaks nothing", score.note[:120]
    for one in others:
        if _judge(one, text, language) != _judge(one, edited, language):
            return "the edit changes another requirement", one.kind
    changed = share_changed(text, edited)
    if changed > max_changed:
        return "the edit is not minimal", f"{changed:.0%} of the words"
    fault = find_fault(edited, "" if broken.kind == "language" else language)
    return fault or changed


def read_constraints(value: Any) -> tuple[Constraint, ...]:
    """Return the constraints that a column holds, as JSON or a list; what isn't one is left out.

    An entry that says that it doesn't hold is left out too.
    """
    return tuple(label.constraint for label in read_labels(value) if label.holds is not False)


def _merge(brief: Brief, given: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Return what the prompt says and what a column adds, each once."""
    found: dict[str, Constraint] = {}
    for one in (*brief.constraints, *given):
        key = json.dumps(tell_constraint(one), sort_keys=True, ensure_ascii=False)
        found.setdefault(key, replace(one, params=dict(one.params)))
    return tuple(found.values())


def _is_asked(constraint: Constraint, prompt: str) -> bool:
    """Tell whether the prompt speaks of a requirement; a pair about a secret teaches nothing."""
    words = constraint.quote or str(constraint.params.get("text") or "")
    return bool(words) and words.casefold() in prompt.casefold()


def _judge(constraint: Constraint, text: str, language: str) -> bool | None:
    score = check(constraint, text, language=language)
    return None if score.value is None else holds(score)
