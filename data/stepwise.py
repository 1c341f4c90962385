"""Pairs of sections with everything before them shared (LongDPO, Ping et al. 2025).

A document is planned and written in a thread. For each section several candidates are written, and
a tree search looks at what follows from them: a candidate's value is backed up from all that was
written after it. The best becomes the thread, the worst its rejected twin. A best one that is weak
is written again after a critique. Memory is what the sections themselves have fixed, each fact with
words that stand in the text; it starts empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from longwrite.agent.canon import SCHEMA, read_facts
from longwrite.agent.gates import OVERLAP_MOST
from longwrite.agent.job import CallFailed
from longwrite.assembly import block, leaves, openings
from longwrite.data.branches import Branches, Candidate, grow
from longwrite.data.faults import ANNOUNCED, find_fault, normalise
from longwrite.data.labels import find_held
from longwrite.data.marking import mark_text, require_judge
from longwrite.data.planning import make_plan
from longwrite.data.preference import (
    find_composition,
    score_text,
    tell_criterion,
    tell_quality,
)
from longwrite.data.prompt_files import brief_of, read_prompts
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.search import back_up, rank_candidates
from longwrite.data.threads import Talk, answer, ask_for, words_of
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.prompts import fence, fill, name_length
from longwrite.scoring.leaks import find_leaks
from longwrite.scoring.repetition import overlap
from longwrite.scoring.structure import strip_own_heading
from longwrite.text import clip, count_words
from longwrite.types import Fact, Json, Message, Section

_PACKAGE = "longwrite.data"
_FACTS = 4
"""Facts noted of a section at most."""
_FACT_WORDS = 60
_CRITIQUE_WORDS = 120
_CRITIQUE_TOKENS = 600


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one section.

    Attributes:
        best: What the thread goes on with.
        value: What that is worth.
        worst: The least valuable candidate; None where there is no other.
        worst_value: What that is worth.
        critique: What an editor said of the best one, where one was asked.
        again: Whether the best one was written after that.
    """

    best: Candidate
    value: float
    worst: Candidate | None
    worst_value: float
    critique: str = ""
    again: bool = False


@dataclass(frozen=True)
class Stepwise:
    """Step by step, each with its alternatives.

    Attributes:
        prompts: Files of prompts (`longwrite.data.prompt_files.read_prompts`).
        words: Length where neither prompt nor row states one; 0 leaves it open.
        sections: Sections of a document that are written at most.
        width: Candidates for each section.
        depth: Sections that a candidate is followed for, its own included; 1 looks at it alone.
        expansions: Nodes of a tree that are gone on from.
        branch: Continuations of each.
        explore: How much the search goes for what is little known.
        rewards: What a section is scored by (`longwrite.data.preference.find_composition`).
        judge: Whether the model of the role check marks sections too; both count the same.
        min_gap: Least difference of two values for a pair.
        threshold: A best candidate of a lower own score is criticised and written again; 0 for
            never. A model that can't be asked is never asked.
        memory: Whether facts are noted and told with the next step.
        rows: ``pair``, ``steps`` or ``both``.
    """

    name: ClassVar[str] = "stepwise"
    shapes: ClassVar[tuple[Shape, ...]] = ("pair", "steps")
    version: ClassVar[int] = 1

    prompts: tuple[str, ...]
    words: int = 0
    sections: int = 8
    width: int = 4
    depth: int = 2
    expansions: int = 2
    branch: int = 2
    explore: float = 0.5
    rewards: str = "sound"
    judge: bool = False
    min_gap: float = 0.05
    threshold: float = 0.7
    memory: bool = True
    rows: str = "pair"

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        find_composition(self.rewards)
        check_choices(self, rows=("pair", "steps", "both"))
        check_bounds(
            self, sections=(1, 1_000), width=(2, 16), depth=(1, 6), expansions=(0, 64),
            branch=(1, 8), min_gap=(0.001, 1), threshold=(0, 1), explore=(0, 10),
        )  # fmt: skip

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the prompts; see `Recipe.units`."""
        return read_prompts(self.prompts, self.words)

    def calls(self, unit: Unit) -> int:
        """Return the most calls that a unit takes, those of planning and of long verdicts apart."""
        looks = self.expansions * self.branch if self.depth > 1 else 0
        texts = self.width + looks + (self.threshold > 0)
        notes = (self.threshold > 0) + self.memory
        return self.sections * (texts * (1 + self.judge) + notes)

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the pairs of a document's sections; see `Recipe.make`."""
        if self.judge:
            require_judge(workbench)
        brief = brief_of(unit)
        plan = await make_plan(unit, workbench, brief)
        if isinstance(plan, Drop):
            return [plan]
        written = leaves(plan.sections)
        talk = Talk(brief, plan, workbench.window)
        tree = _Tree(self, unit, workbench)
        found: list[Row | Drop] = []
        for place, leaf in enumerate(written[: self.sections]):
            name = f"{unit.id}-{place + 1}"
            branches = await grow(
                tree, talk, tuple(written[place : place + self.depth]), self.limits
            )
            if not branches.scores:
                reason, count = Counter(one.reason for one in branches.failed).most_common(1)[0]
                detail = f"{reason} ({count} of {len(branches.failed)})"
                return [*found, Drop(name, "recipe", "no candidate could be used", detail)]
            choice = await tree.settle(talk, leaf, branches)
            found.extend(self._rows_of(name, tree, talk, leaf, branches, choice))
            facts = await tree.note(talk, leaf, choice.best.text) if self.memory else ()
            talk = answer(talk, leaf, choice.best.text, facts)
        return found

    @property
    def limits(self) -> tuple[int, int, int, float]:
        """Width, expansions, branch and exploration of a tree."""
        return self.width, self.expansions, self.branch, self.explore

    def _rows_of(
        self,
        name: str,
        tree: _Tree,
        talk: Talk,
        leaf: Section,
        branches: Branches,
        choice: Choice,
    ) -> list[Row | Drop]:
        """Return the rows of a section, or why it gives none."""
        worst = choice.worst
        if worst is None:
            return [Drop(name, "recipe", "fewer than two candidates to compare")]
        gap = choice.value - choice.worst_value
        if gap < self.min_gap:
            detail = f"{gap:.3f} under {self.min_gap:g}"
            return [Drop(name, "recipe", "score gap too small", detail)]
        ends = leaf.id == leaves(talk.plan.sections)[-1].id
        common = Row(
            name,
            "pair",
            ask_for(talk, leaf),
            ends=ends,
            target=count_words(choice.best.text),
            language=talk.brief.language,
            genre=str(tree.unit.data["genre"]),
            provenance=_tell(tree, talk, leaf, branches, choice),
        )
        pair = replace(
            common,
            chosen=choice.best.text,
            rejected=worst.text,
            constraints=find_held(leaf.constraints, choice.best.text, talk.brief.language),
        )
        heads = openings(talk.plan)
        before = zip(leaves(talk.plan.sections), talk.texts, strict=False)
        steps = replace(
            common,
            id=f"{name}-steps",
            shape="steps",
            prompt=(Message("user", talk.brief.prompt),),
            steps=(
                *((block(heads[earlier.id], text), True) for earlier, text in before),
                (block(heads[leaf.id], worst.text), False),
            ),
            target=None,
        )
        return [row for row in (pair, steps) if self.rows in (row.shape, "both")]


@dataclass(frozen=True, slots=True)
class _Tree:
    """Writes, scores and weighs the candidates of one document.

    Attributes:
        recipe: The options.
        unit: What it is for.
        workbench: Who writes and checks.
    """

    recipe: Stepwise
    unit: Unit
    workbench: Workbench

    async def write(self, talk: Talk, leaf: Section, path: tuple[int, ...]) -> Candidate | Drop:
        """Return one candidate for a section, or why it can't be used."""
        step = f"stepwise.{leaf.id}.{'.'.join(map(str, path[:-1]))}"
        return await self._read(talk, leaf, step, ask_for(talk, leaf), path[-1])

    async def _read(
        self, talk: Talk, leaf: Section, step: str, messages: tuple[Message, ...], attempt: int
    ) -> Candidate | Drop:
        name = f"{self.unit.id}-{step}-{attempt}"
        language = talk.brief.language
        words = words_of(talk.plan, leaf)
        try:
            reply = await self.workbench.ask(
                self.unit, step, messages, words=words, language=language, attempt=attempt
            )
        except CallFailed as failure:
            return Drop(name, "recipe", *describe_failure(failure))
        text = strip_own_heading(normalise(reply), leaf.title).strip()
        if fault := find_fault(text, language):
            return Drop(name, "recipe", *fault)
        own = overlap(text, talk.texts).value
        if own is not None and 1.0 - own > OVERLAP_MOST:
            return Drop(name, "recipe", "repeats an earlier section", f"{1.0 - own:.0%}")
        return await self._score(talk, leaf, step, text, attempt, name)

    async def _score(
        self, talk: Talk, leaf: Section, step: str, text: str, attempt: int, name: str
    ) -> Candidate | Drop:
        words = words_of(talk.plan, leaf)
        brief = replace(talk.brief, words=words, constraints=leaf.constraints)
        code = score_text(find_composition(self.recipe.rewards), brief, text)
        if code is None:
            return Drop(name, "recipe", "no reward applies", self.recipe.rewards)
        if not self.recipe.judge:
            return Candidate(text, code, code)
        request = ask_for(talk, leaf)[-1].content
        marking = await mark_text(self.workbench, self.unit, step, request, text, attempt)
        if marking.value is None:
            said = marking.said[0][:120]
            return Drop(name, "recipe", "the judge gave no verdict", said)
        return Candidate(text, (code + marking.value) / 2, code, marking)

    async def settle(self, talk: Talk, leaf: Section, branches: Branches) -> Choice:
        """Return what the thread goes on with, written again where that is weak and helps."""
        ranked = rank_candidates(branches.scores)
        best = branches.nodes[ranked[0]]
        worst = branches.nodes[ranked[-1]] if len(ranked) > 1 else None
        value = back_up(branches.scores, ranked[0]).mean
        worst_value = back_up(branches.scores, ranked[-1]).mean
        choice = Choice(best, value, worst, worst_value)
        checks = self.workbench.caller.abilities.checks
        if best.score >= self.recipe.threshold or not checks:
            return choice
        turns = (*ask_for(talk, leaf), Message("assistant", best.text))
        critique = await self._criticise(leaf, turns)
        if not critique:
            return choice
        length = name_length(words_of(talk.plan, leaf), talk.brief.language)
        shown = fence("critique", clip(critique, _CRITIQUE_TOKENS))
        wish = fill(_PACKAGE, "stepwise_again", critique=shown, length=length)
        messages = (*turns, Message("user", wish))
        new = await self._read(talk, leaf, f"stepwise.{leaf.id}.again", messages, 0)
        if isinstance(new, Drop) or new.score <= best.score:
            return replace(choice, critique=critique)
        # Nothing was written after it, so it is compared by its own score, with the least.
        other = min((branches.nodes[path] for path in ranked), key=lambda node: node.score)
        return Choice(new, new.score, other, other.score, critique, True)

    async def _criticise(self, leaf: Section, turns: tuple[Message, ...]) -> str:
        question = Message("user", fill(_PACKAGE, "stepwise_critique"))
        try:
            said = await self.workbench.ask(
                self.unit,
                f"stepwise.{leaf.id}.critique",
                (*turns, question),
                words=_CRITIQUE_WORDS,
                role="check",
            )
        except CallFailed:
            return ""
        said = normalise(said)
        fault = find_fault(said)
        return said if fault is None or fault[0] == ANNOUNCED else ""

    async def note(self, talk: Talk, leaf: Section, text: str) -> tuple[Fact, ...]:
        """Return what a section has fixed; nothing where the model can't be asked."""
        if not self.workbench.caller.abilities.checks:
            return ()
        messages = (
            *ask_for(talk, leaf),
            Message("assistant", text),
            Message("user", fill("longwrite.agent", "facts", count=_FACTS)),
        )
        try:
            said = await self.workbench.ask(
                self.unit,
                f"stepwise.{leaf.id}.facts",
                messages,
                words=_FACTS * _FACT_WORDS,
                role="check",
                schema=SCHEMA,
            )
        except CallFailed:
            return ()
        found = dict.fromkeys(read_facts(said, {leaf.id: text}))
        sound = (fact for fact in found if not find_leaks(f"{fact.attribute}: {fact.value}"))
        return tuple(fact for fact in sound if fact not in talk.facts)[:_FACTS]


def _tell(
    tree: _Tree, talk: Talk, leaf: Section, branches: Branches, choice: Choice
) -> dict[str, Json]:
    candidates: list[Json] = []
    for path in sorted(branches.scores):
        node = branches.nodes[path]
        mean, visits = back_up(branches.scores, path)
        candidates.append({"path": list(path), "value": mean, "visits": visits, **node.tell()})
    return {
        "source": tree.unit.data["source"],
        "licence": tree.unit.data["licence"],
        "model": tree.workbench.model,
        "seed": tree.workbench.settings.seed,
        "rewards": tree.recipe.rewards,
        "quality": tell_quality(choice.value, choice.worst_value),
        **tell_criterion(find_composition(tree.recipe.rewards), judged=tree.recipe.judge),
        "section": {"id": leaf.id, "title": leaf.title, "words": leaf.words},
        "candidates": candidates,
        "failed": dict(sorted(Counter(one.reason for one in branches.failed).items())),
        "critique": choice.critique,
        "written_again": choice.again,
        "memory": [f"{one.entity}: {one.attribute}: {one.value}" for one in talk.facts],
    }
