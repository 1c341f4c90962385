"""Which of two texts is better, asked in both orders: a text against a reference.

Judges favour what they are shown first, or last. So each pair is asked about twice, and only what
wins from both places has won.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from longwrite.prompts import fill
from longwrite.rewards.answers import read_object
from longwrite.rewards.judge import Judge, Verdict
from longwrite.rewards.judgement import (
    JudgedReward,
    Judgement,
    count_parts,
    describe_missing,
    join_notes,
)
from longwrite.rewards.quoting import make_mark, quote
from longwrite.rewards.reward import RESOLUTION, settle
from longwrite.rewards.showing import (
    LEAST_ROOM,
    PROMPTS,
    fit_prompt,
    lay_out,
    make_system,
    room_for,
)
from longwrite.rewards.windows import Shown, Window, describe_shown
from longwrite.runs.store import digest
from longwrite.text import count_words, estimate_tokens
from longwrite.types import Brief, Json, Message, Score

Side = Literal["first", "second", "tie"]

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "better": {"type": "string", "enum": ["first", "second", "tie"]},
    },
    "required": ["reason", "better"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class PairwiseReward(JudgedReward):
    """Pays 1 for a text that beats its reference in both orders, 0 for one that loses in both.

    All else is 0.5: a tie, and orders that disagree. Whether they do is in the parts:
    ``position_bias`` is the share of pairs in which the judge favoured one place (what stood first
    both times, or what stood second), so that a 0.5 from a judge who looks at the place only can be
    told from a tie. A pair of which one order has no verdict leaves the whole without a value.

    Two texts that don't fit the judge's window together are compared part by part: the i-th part of
    one with that of the other, at the same share of their lengths, all parts of both at least once;
    the value is then the mean over the pairs. A text without words gets 0, one that is the
    reference itself 0.5, and neither takes a call.

    Attributes:
        judge: The judge, or the name of its model.
        reference: The text to compare with, or for each prompt one, by `digest_prompt`.
        resolution: Step to which values are rounded.
    """

    judge: Judge | str = ""
    reference: str | Mapping[str, str] = field(default="", hash=False)
    resolution: float = RESOLUTION
    name: str = "pairwise"

    async def assess(self, brief: Brief, text: str) -> Judgement:
        """Return how a text fares and what the judge said; see `JudgedReward.assess`."""
        other = self.reference
        if not isinstance(other, str):
            other = other.get(digest_prompt(brief.prompt), "")
        if not other.strip():
            return Judgement(Score(self.name, None, note="There is no reference for this prompt."))
        if not text.strip():
            return Judgement(Score(self.name, 0.0, note="There is no text."))
        if text.strip() == other.strip():
            return Judgement(Score(self.name, 0.5, note="The text is the reference."))
        judge = self.find_judge()
        engine = await judge.reach()
        asked = fill(PROMPTS, "pairwise")
        mark = make_mark(brief.prompt, text, other)
        system = make_system(mark)
        room = room_for(engine.abilities, judge.sampling, system, asked)
        prompt, cut = fit_prompt(brief.prompt, room)
        half = (room - estimate_tokens(prompt) - LEAST_ROOM // 2) // 2
        own, outline, left_out = lay_out(text, half)
        others, other_outline, _ = lay_out(other, half)
        pairs = pair_windows(own, others)
        shown = Shown(
            len(pairs),
            count_words(text),
            sum(window.words - window.fresh for window in own),
            bool(outline),
            left_out,
            cut,
        )
        head = quote("request", mark, prompt) if prompt.strip() else ""

        def ask(*sides: tuple[str, str], place: str) -> tuple[Message, ...]:
            parts = [head]
            for side, (body, plan) in zip(("first", "second"), sides, strict=True):
                parts += [quote(f"{side}-outline", mark, plan)] if plan else []
                parts.append(quote(side, mark, body))
            content = "\n\n".join(part for part in (*parts, place, asked) if part)
            return (Message("system", system), Message("user", content))

        async def compare(messages: tuple[Message, ...]) -> Verdict[Side]:
            return await judge.ask(messages, SCHEMA, read_side, step="judge.pair")

        calls = []
        for number, (a, b) in enumerate(pairs):
            one = (text[a.span.start : a.span.end], outline)
            two = (other[b.span.start : b.span.end], other_outline)
            place = _tell_place(number, len(pairs))
            calls += [ask(one, two, place=place), ask(two, one, place=place)]
        verdicts = await asyncio.gather(*map(compare, calls))
        return Judgement(self._conclude(verdicts, shown), tuple(verdicts), shown)

    def _conclude(self, verdicts: Sequence[Verdict[Side]], shown: Shown) -> Score:
        parts = count_parts(verdicts, shown)
        sides = [verdict.value for verdict in verdicts]
        orders = list(zip(sides[::2], sides[1::2], strict=True))
        whole = [(a, b) for a, b in orders if a is not None and b is not None]
        if whole:
            parts["position_bias"] = fmean(a == b != "tie" for a, b in whole)
        parts["won"] = sum(pair == ("first", "second") for pair in whole)
        parts["lost"] = sum(pair == ("second", "first") for pair in whole)
        note = join_notes(describe_missing(verdicts), describe_shown(shown))
        if len(whole) < len(orders):
            return Score(self.name, None, parts, note)
        value = (1 + (parts["won"] - parts["lost"]) / len(orders)) / 2
        return settle(Score(self.name, value, parts, note), self.name, self.resolution)


def digest_prompt(prompt: str) -> str:
    """Return the name under which a prompt's reference is kept; runs of space don't matter."""
    return digest(" ".join(prompt.split()))


def pair_windows(
    one: Sequence[Window], other: Sequence[Window]
) -> tuple[tuple[Window, Window], ...]:
    """Return the windows of two texts side by side, each of both at least once."""
    count = max(len(one), len(other))
    return tuple((one[n * len(one) // count], other[n * len(other) // count]) for n in range(count))


def read_side(text: str) -> Side | None:
    """Return which text a reply prefers; None for anything but one of the three words."""
    found = read_object(text)
    said = found.get("better") if found else None
    sides: tuple[Side, ...] = ("first", "second", "tie")
    return next((side for side in sides if side == said), None)


def _tell_place(number: int, count: int) -> str:
    if count == 1:
        return ""
    return fill(PROMPTS, "pair_part", number=number + 1, count=count)
