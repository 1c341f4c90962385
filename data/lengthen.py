"""Short answers made long by a model that extends them, again and again (Self-Lengthen).

Quan et al. 2024 (arXiv:2410.23933): the first half is written anew at twice its length, two thirds
of that are kept, and the whole is told on from there. What is accepted has grown by a fifth and is
clean. Differently from the released code, a step that was cut or is unclean never becomes text, and
the length that a prompt states is measured on the finished text, in words that hold in English and
in Chinese.

Answers come from the writing model, extensions from the planning one where that is another: so each
of the two roles may be a model of its own (`longwrite.train.self_lengthen`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import ClassVar

from longwrite.agent.job import CallFailed
from longwrite.data.faults import Fault, clean_reply, find_fault
from longwrite.data.invention import EXAMPLES, draw_angle, invent
from longwrite.data.labels import find_held
from longwrite.data.phrasing import LANGUAGES, find_false, name_form, state
from longwrite.data.prompt_files import read_lines
from longwrite.data.properties import LEAST_WORDS, propose_length, round_number
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.prompts import derive_seed, fence, fill, name_language, name_length
from longwrite.rewards.wording import find_constraints
from longwrite.runs.store import digest
from longwrite.scoring.repetition import overlap
from longwrite.text import blocks, count_words, sentences
from longwrite.types import Constraint, Json, Message, Role

OVERLAP_MOST = 0.25
"""Share of a continuation that may stand in the beginning that it goes on from."""

_PACKAGE = "longwrite.data"
_ROOM = 2.5
"""A step may write so many times the words that it is shown."""
_BEGINNING = (0.2, 0.45)
"""Shares of a longer text that an extender is given when it learns to tell on: the less it is given
the more it learns to write at once."""


@dataclass(frozen=True)
class Lengthen:
    """Answers, lengthened in rounds.

    Attributes:
        prompts: Files of requests, one a line, or rows with a prompt.
        invented: Requests that a model makes up from those; the files' own are then only examples.
        language: Of made-up requests.
        answers: Answers to each request that are lengthened.
        rounds: Times that an answer is lengthened at most.
        growth: An extension is accepted from so many times the length on.
        first_words: Words that a first answer may have.
        least_words: A first answer of fewer is none.
        attempts: Tries of each step.
        extender_rows: Whether the extensions themselves become rows too, to train the extender.
        trained: Whether the extender was trained on such rows: it is then asked as they ask.
        stated: Share of the generator's rows whose prompt states the length. A model that only
            ever saw lengths stated learns nothing of how long to be unasked.
        seed: Of the draws.
    """

    prompts: tuple[str, ...]
    invented: int = 0
    language: str = "en"
    answers: int = 1
    rounds: int = 3
    growth: float = 1.2
    first_words: int = 1_200
    least_words: int = 150
    attempts: int = 2
    extender_rows: bool = False
    trained: bool = False
    stated: float = 1.0
    seed: int = 0

    name: ClassVar[str] = "lengthen"
    shapes: ClassVar[tuple[Shape, ...]] = ("completion",)
    version: ClassVar[int] = 4

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: One of them doesn't.
        """
        if not self.prompts:
            raise UsageError("lengthen has no prompts", mend="Add prompts: [prompts.txt]")
        check_choices(self, language=LANGUAGES)
        check_bounds(
            self, invented=(0, inf), answers=(1, inf), rounds=(1, inf), growth=(1, inf),
            first_words=(50, inf), least_words=(1, inf), attempts=(1, inf),
            stated=(0, 1),
        )  # fmt: skip

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the requests, or what new ones are to be made from.

        Raises:
            UsageError: A file isn't there or can't be read.
        """
        lines = read_lines(self.prompts)
        if self.invented:
            yield from self._invitations(lines)
            return
        for line in lines:
            identity = digest("lengthen", line)[:16]
            if detect_language(line) not in LANGUAGES:
                yield Drop(identity, "recipe", "prompt in a language without wordings", line[:120])
            elif _states_length(line):
                yield Drop(identity, "recipe", "prompt states a length itself", line[:120])
            else:
                yield Unit(identity, {"prompt": line})

    def _invitations(self, lines: list[str]) -> Iterator[Unit]:
        known = [line for line in lines if detect_language(line) == self.language]
        for number in range(self.invented):
            rng = random.Random(derive_seed(self.seed, "examples", number))
            shown = rng.sample(known, min(EXAMPLES, len(known)))
            angle = draw_angle(rng)
            identity = digest("invent", *shown, angle, str(number), self.language)[:16]
            yield Unit(identity, {"examples": list(shown), "angle": angle})

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the rows of a request, and why others did not come about.

        Raises:
            LongwriteError: No call can succeed.
        """
        prompt = unit.data.get("prompt")
        if not isinstance(prompt, str):
            shown = unit.data["examples"]
            lines, fault = await invent(
                workbench, unit, "lengthen_instruct",
                count=1, language=self.language, attempts=self.attempts,
                examples=[str(one) for one in shown] if isinstance(shown, list) else [],
                angle=str(unit.data["angle"]),
            )  # fmt: skip
            if not lines:
                return [Drop(unit.id, "recipe", *fault)]
            prompt = lines[0]
        growth = _Growth(self, unit, workbench, prompt)
        return [row for answer in range(self.answers) for row in await growth.grow(answer)]


@dataclass(frozen=True, slots=True)
class Step:
    """A text as one round left it.

    Attributes:
        text: The whole.
        words: Of it.
    """

    text: str
    words: int


@dataclass(slots=True)
class _Growth:
    """One request's answers being lengthened."""

    recipe: Lengthen
    unit: Unit
    workbench: Workbench
    prompt: str
    language: str = field(init=False)

    def __post_init__(self) -> None:
        self.language = detect_language(self.prompt)

    async def grow(self, answer: int) -> list[Row | Drop]:
        """Return the row of one answer, and those of its extensions."""
        name = f"{self.unit.id}-{answer}"
        first = await self._answer(answer)
        if isinstance(first, tuple):
            return [Drop(name, "recipe", *first)]
        steps = [Step(first, count_words(first))]
        stopped: Fault = ("all rounds done", "")
        for number in range(1, self.recipe.rounds + 1):
            longer = await self._extend(steps[-1], answer, number)
            if isinstance(longer, tuple):
                stopped = longer
                break
            steps.append(longer)
        if len(steps) == 1:
            return [Drop(name, "recipe", *stopped)]
        rows: list[Row | Drop] = [self._make_row(name, steps, stopped)]
        if self.recipe.extender_rows:
            pairs = pairwise(steps)
            for number, (before, after) in enumerate(pairs, 1):
                rows.append(self._make_extension(f"{name}-x{number}", before, after))
                rows.append(self._make_rest(f"{name}-r{number}", before, steps[-1]))
        return rows

    async def _extend(self, step: Step, answer: int, number: int) -> Step | Fault:
        """Return a text told at greater length, or why it didn't come about."""
        fault: Fault = ("not lengthened", "")
        for attempt in range(self.recipe.attempts):
            turn = (answer * self.recipe.rounds + number) * self.recipe.attempts + attempt
            longer = await self._extend_once(step, turn)
            if isinstance(longer, Step):
                return longer
            fault = longer
        return fault

    async def _extend_once(self, step: Step, turn: int) -> Step | Fault:
        head, _ = split_text(step.text, 1 / 2)
        if not head:
            return "text can't be divided", ""
        words = count_words(head)
        asked = self._ask_first(head, 2 * words, turn)
        start = await self._ask("lengthen.first", asked, round(_ROOM * 2 * words), turn, "plan")
        if isinstance(start, tuple):
            return start
        kept, _ = split_text(start, 2 / 3)
        if not kept:
            return "text can't be divided", ""
        wanted = max(100, 2 * step.words - count_words(kept))
        asked = fill_rest(self.prompt, step.text, kept, wanted, self.language)
        rest = await self._ask("lengthen.rest", asked, round(_ROOM * step.words), turn, "plan")
        if isinstance(rest, tuple):
            return rest
        new = overlap(rest, kept).value
        if new is not None and 1 - new > OVERLAP_MOST:
            return "extension repeats its beginning", f"{1 - new:.0%} of it"
        whole = f"{kept}\n\n{rest}"
        if fault := find_fault(whole, self.language):
            return fault
        total = count_words(whole)
        if total < self.recipe.growth * step.words:
            return "extension is hardly longer", f"{step.words:,} to {total:,} words"
        return Step(whole, total)

    async def _answer(self, answer: int) -> str | Fault:
        fault: Fault = ("no text", "")
        for attempt in range(self.recipe.attempts):
            turn = answer * self.recipe.attempts + attempt
            text = await self._ask("lengthen.answer", self.prompt, self.recipe.first_words, turn)
            if isinstance(text, str):
                words = count_words(text)
                if words >= self.recipe.least_words:
                    return text
                text = ("answer too short", f"{words} words")
            fault = text
        return fault

    def _ask_first(self, head: str, words: int, turn: int) -> str:
        """Return what asks for a beginning again, longer."""
        if not self.recipe.trained:
            return fill_first(self.prompt, head, words, self.language)
        asked = fill_extender(self.prompt, head, self.language)
        about: dict[str, Json] = {"min": None, "max": None, "unit": "words", "stated": "about"}
        wish = Constraint("length", {**about, "target": round_number(words, 2)})
        statement = state(asked, [wish], self.language, turn)
        return asked if statement is None else statement.prompt

    async def _ask(
        self, step: str, content: str, words: int, turn: int, role: Role = "write"
    ) -> str | Fault:
        """Return the clean text of a reply, or why there is none."""
        try:
            reply = await self.workbench.ask(
                self.unit, step, (Message("user", content),),
                words=words, language=self.language, attempt=turn, role=role,
            )  # fmt: skip
        except CallFailed as error:
            return describe_failure(error)
        text = clean_reply(reply)
        return find_fault(text, self.language) or text

    # --- rows ------------------------------------------------------------------------------------

    def _make_row(self, name: str, steps: list[Step], stopped: Fault) -> Row | Drop:
        chain: list[Json] = [step.words for step in steps]
        why = ": ".join(filter(None, stopped))
        drawn = random.Random(derive_seed(self.recipe.seed, "stated", name)).random()
        return self._make(
            name, "generator", self.prompt, steps[-1].text, drawn < self.recipe.stated,
            chain=chain, stopped=why,
        )  # fmt: skip

    def _make_extension(self, name: str, before: Step, after: Step) -> Row | Drop:
        """Return what the extender is trained on: a text to lengthen, and the longer one.

        Whole texts, though it is shown halves: the next round's halves are as long as the wholes of
        this one. Trained on halves, it would write shorter each round, whatever it is asked for.
        The length is stated, unless it is too short for that.
        """
        asked = fill_extender(self.prompt, before.text, self.language)
        chain: list[Json] = [before.words, after.words]
        stated = after.words >= LEAST_WORDS
        return self._make(name, "extender", asked, after.text, stated, chain=chain)

    def _make_rest(self, name: str, before: Step, after: Step) -> Row | Drop:
        """Return the other thing that the extender is asked for: to tell on from a beginning."""
        rng = random.Random(derive_seed(self.recipe.seed, "rest", name))
        kept, rest = split_text(after.text, rng.uniform(*_BEGINNING))
        if not kept:
            return Drop(name, "recipe", "text can't be divided", "")
        words = count_words(rest)
        asked = fill_rest(self.prompt, before.text, kept, words, self.language)
        return self._make(name, "extender", asked, rest, False, chain=[before.words, words])

    def _make(
        self, name: str, role: str, request: str, text: str, stated: bool, **known: Json
    ) -> Row | Drop:
        """Return the row of a request and its text, or why there is none.

        Args:
            name: Of the row.
            role: Whose it is.
            request: What asks for the text.
            text: It.
            stated: Whether its length is added to the request.
            **known: Provenance.
        """
        seed = derive_seed(self.recipe.seed, "length", name)
        length = propose_length(text, self.language, seed) if stated else None
        statement = state(request, [length] if length else [], self.language, seed)
        if statement is None or statement.left_out or (stated and length is None):
            return Drop(name, "recipe", "length can't be stated", self.prompt[:120])
        brief = statement.brief
        # A text that is quoted in the request may read like requirements of its own.
        if wrong := find_false(brief, text):
            detail = f"{wrong.kind}: {wrong.quote[:100]}"
            return Drop(name, "recipe", "text misses what its prompt asks", detail)
        return Row(
            id=name,
            shape="completion",
            prompt=(Message("user", statement.prompt),),
            completion=text,
            constraints=find_held(brief.constraints, text, brief.language),
            target=count_words(text),
            language=self.language,
            genre=name_form(brief) if role == "generator" else "",
            provenance={
                "recipe": self.recipe.name,
                "role": role,
                "model": self.workbench.model,
                "extender": self.workbench.press.engines["plan"].identity,
                "request": self.prompt,
                **known,
            },
        )


def split_text(text: str, share: float) -> tuple[str, str]:
    """Cut a text in two where a paragraph ends, or a sentence where it has only one paragraph.

    The first part has about the given share of its characters; it is empty where the text can't be
    cut. No heading stands at the end of the first part.
    """
    found = blocks(text)
    stops = [block.start for before, block in pairwise(found) if before.kind != "heading"]
    if not stops:
        ends, at = [], 0
        for piece in sentences(text)[:-1]:
            at += len(piece)
            ends.append(at)
        stops = ends
    if not stops:
        return "", text
    stop = min(stops, key=lambda place: abs(place - share * len(text)))
    return text[:stop].strip(), text[stop:].strip()


def fill_first(request: str, head: str, words: int, language: str) -> str:
    """Return what asks for the first half of a text again, in about so many words."""
    return _fill(
        "lengthen_first", text=fence("text", head), request=fence("request", request),
        length=name_length(words, language), language=name_language(language),
    )  # fmt: skip


def fill_extender(request: str, text: str, language: str) -> str:
    """Return what a trained extender is asked for: a text again, longer."""
    name = f"lengthen_extender_{language}"
    return _fill(name, request=fence("request", request), text=fence("text", text))


def fill_rest(request: str, text: str, beginning: str, words: int, language: str) -> str:
    """Return what asks for a longer text to be told on from its beginning, by so many words."""
    return _fill(
        "lengthen_rest", text=fence("text", text), request=fence("request", request),
        beginning=fence("beginning", beginning), length=name_length(words, language),
        language=name_language(language),
    )  # fmt: skip


def _states_length(line: str) -> bool:
    return any(one.kind == "length" for one in find_constraints(line))


def _fill(prompt: str, *, text: str, **values: object) -> str:
    """Fill a prompt file; what is quoted in it keeps its own line breaks and dollar signs."""
    return fill(_PACKAGE, prompt, text="\x01", **values).replace("\x01", text)
