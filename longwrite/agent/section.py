"""Writing one section: attempts until the gates are quiet, then its length, then its constraints.

Every loop is bounded and keeps the best so far, so that a model that never obeys still ends in a
text and a list of what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from longwrite.agent.gates import OVERLAP_MOST, SOFT, Draft, Surroundings, describe, inspect
from longwrite.agent.job import CallFailed, Job
from longwrite.agent.length import Bounds, join, trim
from longwrite.prompts import fill, name_length
from longwrite.rewards.constraints import check, holds
from longwrite.scoring.repetition import LoopWatch, overlap
from longwrite.text import count_words
from longwrite.types import UNUSABLE, Ask, Constraint, Defect, Message, Score, Section, Written

_ATTEMPTS = 3
_EXTENSIONS = 2
_REPAIRS = 2
_SMALLEST_GAP = 8

_THINKING = 4_096
"""Tokens added to the cap once a reply held no text."""

PACKAGE = "longwrite.agent"


@dataclass(frozen=True, slots=True)
class Turn:
    """A section to be written and where.

    Attributes:
        section: The leaf.
        messages: The conversation so far, the step last.
        bounds: Words wanted of the body, headings not included.
        around: What the gates hold it against.
        step: Name of the step, for the log and the seed.
    """

    section: Section
    messages: tuple[Message, ...]
    bounds: Bounds
    around: Surroundings
    step: str = "section"


class SectionWriter:
    """Writes one section of a job.

    Args:
        job: The run.
        turn: What to write.
    """

    def __init__(self, job: Job, turn: Turn) -> None:
        """Start with no call made."""
        self.job, self.turn = job, turn
        self._calls = 0
        self._thinks = False
        self._failure = ""

    async def write(self) -> Written:
        """Return the section as accepted, with what is wrong with it.

        Raises:
            CallFailed: No usable text came; the reason is a sentence for a person.
        """
        draft = await self._draft()
        draft = await self._lengthen(self._fit(draft))
        draft = await self._repair(draft)
        asked = self.turn.bounds.aim
        return Written(draft.text, asked, draft.words, self._calls, self._defects(draft))

    async def _draft(self) -> Draft:
        best: Draft | None = None
        reason = ""
        first = _ATTEMPTS * self._rounds()
        for attempt in range(first, first + _ATTEMPTS):
            draft = await self._ask(
                self.turn.messages, self.turn.step, self.turn.bounds.aim, attempt
            )
            if not draft.usable:
                reason = self._failure or describe(draft.problems[-1])
            elif best is None or self._rank(draft) < self._rank(best):
                best = draft
            if draft.usable and not draft.problems:
                break
        if best is None:
            self._begin_round()
            raise CallFailed(reason)
        return best

    def _rank(self, draft: Draft) -> tuple[int, int]:
        return len(draft.problems), abs(draft.words - self.turn.bounds.aim)

    def _round_name(self) -> str:
        section = self.turn.section.id
        return f"round:{section}:{self.job.manuscript.nodes[section]}:{self.turn.step}"

    def _rounds(self) -> int:
        return int(self.job.manuscript.folder.store.get_meta(self._round_name()) or 0)

    def _begin_round(self) -> None:
        # Replies are logged for ever, so a resume that asked the same would be refused the same.
        store = self.job.manuscript.folder.store
        store.set_meta(self._round_name(), str(self._rounds() + 1))

    async def _ask(
        self, messages: tuple[Message, ...], step: str, words: int, attempt: int
    ) -> Draft:
        ask = Ask(step, self.turn.section.id, self.turn.section.title, words)
        self._calls += 1
        self._failure = ""
        try:
            thinking = _THINKING if self._thinks else 0
            reply = await self.job.ask(messages, ask, attempt, thinking=thinking, watch=LoopWatch)
        except CallFailed as failure:
            if failure.kind == "window" and messages is not self.turn.messages:
                return Draft("", 0, ("empty",))  # no room to go on; what is there stands
            if failure.kind in UNUSABLE:
                # A model that thinks may have spent the whole cap on it: give it room for that.
                self._thinks = self._thinks or failure.kind == "empty"
                self._failure = str(failure)
                return Draft("", 0, ("empty",))
            raise
        return inspect(reply.text, reply.finish, self.turn.around)

    def _after(self, text: str, prompt: str, **values: object) -> tuple[Message, ...]:
        return (
            *self.turn.messages,
            Message("assistant", text),
            Message("user", fill(PACKAGE, prompt, **values)),
        )

    def _length(self, words: int) -> str:
        return name_length(words, self.job.brief.language)

    async def _lengthen(self, draft: Draft) -> Draft:
        """Ask for the missing words only, twice at most."""
        bounds = self.turn.bounds
        for attempt in range(_EXTENSIONS):
            missing = bounds.aim - draft.words
            if draft.words >= bounds.low or missing < _SMALLEST_GAP:
                break
            messages = self._after(draft.text, "continue", length=self._length(missing))
            addition = await self._ask(messages, f"{self.turn.step}.continue", missing, attempt)
            own = overlap(addition.text, draft.text).value
            repeats = own is not None and 1.0 - own > OVERLAP_MOST
            if not addition.usable or addition.problems or repeats:
                continue
            text = join(draft.text, addition.text)
            draft = self._fit(replace(draft, text=text, words=count_words(text)))
        return draft

    def _fit(self, draft: Draft) -> Draft:
        """Drop what is over, but nothing that a constraint asks for."""
        text = trim(draft.text, self.turn.bounds, needed_by(self.turn.section))
        return replace(draft, text=text, words=count_words(text))

    async def _repair(self, draft: Draft) -> Draft:
        """Have a section rewritten that misses a checkable constraint, twice at most."""
        for attempt in range(_REPAIRS):
            misses = self._misses(draft)
            if not misses:
                break
            wishes = "\n".join(f"- {describe_miss(c, score)}" for c, score in misses)
            aim = self.turn.bounds.aim
            messages = self._after(draft.text, "repair", wishes=wishes, length=self._length(aim))
            fixed = await self._ask(messages, f"{self.turn.step}.repair", aim, attempt)
            if not fixed.usable or len(fixed.problems) > len(draft.problems):
                continue
            fixed = self._fit(fixed)
            if self._cost(fixed) < self._cost(draft):
                draft = fixed
        return draft

    def _cost(self, draft: Draft) -> tuple[int, int]:
        bounds = self.turn.bounds
        outside = max(0, draft.words - bounds.high, bounds.low - draft.words)
        return len(self._misses(draft)), outside

    def _misses(self, draft: Draft) -> list[tuple[Constraint, Score]]:
        language = self.job.brief.language
        found = [
            (constraint, check(constraint, draft.text, language=language))
            for constraint in self.turn.section.constraints
        ]
        too_long = Constraint("length", {"min": None, "max": self.turn.bounds.high})
        found.append((too_long, check(too_long, draft.text, language=language)))
        return [(constraint, score) for constraint, score in found if not holds(score)]

    def _defects(self, draft: Draft) -> tuple[Defect, ...]:
        section = self.turn.section.id
        found = [
            Defect(name, describe(name), section, hard=name not in SOFT) for name in draft.problems
        ]
        for constraint, score in self._misses(draft):
            if constraint.kind != "length":
                message = describe_miss(constraint, score)
                found.append(Defect("constraint", message, section, constraint.hard))
        low, high = 0.9 * self.turn.bounds.low, 1.1 * self.turn.bounds.high
        if not low <= draft.words <= high and abs(draft.words - self.turn.bounds.aim) > 20:
            message = f"It has {draft.words} words where {self.turn.bounds.aim} were asked for."
            found.append(Defect("length", message, section))
        return tuple(found)


def needed_by(section: Section) -> Callable[[str], bool]:
    """Return what tells of a piece of a section's text that a constraint asks for its words."""
    texts = [
        str(constraint.params["text"]).casefold()
        for constraint in section.constraints
        if constraint.kind == "mention" and constraint.params.get("text")
    ]
    return lambda piece: any(text in piece.casefold() for text in texts)


def describe_miss(constraint: Constraint, score: Score) -> str:
    """Return what a text must do that it doesn't, as a wish."""
    text, wanted = constraint.params.get("text"), constraint.params.get("wanted", True)
    if constraint.kind == "mention":
        return f'It must contain the words "{text}".'
    if constraint.kind == "avoid":
        return f'It must not contain "{text}".'
    if constraint.kind == "length":
        return f"It must have at most {constraint.params.get('max')} words."
    if constraint.kind in {"table", "list", "code", "headings"}:
        name = {"code": "a code block", "headings": "headings"}.get(
            constraint.kind, f"a {constraint.kind}"
        )
        return f"It must {'' if wanted else 'not '}contain {name}."
    return score.note or f"It must meet: {constraint.quote or constraint.kind}."
