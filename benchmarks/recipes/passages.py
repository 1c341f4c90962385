"""Documents of three short passages, planned by rule: what is written is all there is to learn.

A passage is asked for in the agent's own thread, by the same words that a build of stepwise pairs
uses; it is drawn once, at temperature 1, and stands as it came.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.recipes.rollouts import Policy, pay
from benchmarks.recipes.sets import LENGTH, Row
from longwrite.agent.job import cap_tokens
from longwrite.assembly import assemble
from longwrite.data.threads import Talk, answer, ask_for
from longwrite.engines.engine import Engine
from longwrite.nano.bound import write_pair
from longwrite.prompts import derive_seed
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.composition import Composition
from longwrite.text import count_words, sentences
from longwrite.train.thread_writer import Call
from longwrite.train.transcript import Chat
from longwrite.types import Brief, Plan, Sampling, Section

_WINDOW = 4096
_UNEVEN = 0.2
"""By how much a passage may be longer or shorter than a third of its document."""
_GOALS = ("What {} is", "How people go about {}", "What comes of {}")


class PassagePlanner:
    """Plans three passages, whose lengths differ; no model is asked."""

    async def plan(self, brief: Brief, engine: Engine, sampling: Sampling) -> Plan:
        """Return the plan."""
        return plan_passages(brief)


def plan_passages(brief: Brief) -> Plan:
    """Return a plan of three passages of about a third each, the same for the same brief."""
    rng = random.Random(brief.prompt)
    subject = brief.prompt.partition(" about ")[2].partition(LENGTH)[0].rstrip(".")
    parts = [rng.uniform(1 - _UNEVEN, 1 + _UNEVEN) for _ in _GOALS]
    shares = [round(brief.words * part / sum(parts)) for part in parts]
    sections = (
        Section(str(number), "", goal.format(subject), share)
        for number, (goal, share) in enumerate(zip(_GOALS, shares, strict=True), 1)
    )
    return Plan("", tuple(sections), planner="passages")


def write_short_threads(
    seed: str, count: int, lengths: Sequence[int], ratio: float, spread: float
) -> list[Row]:
    """Return conversations whose passages keep to the subject, and fall short of their lengths.

    Args:
        seed: Of the random numbers.
        count: How many.
        lengths: In words, of the documents asked for.
        ratio: Median of words written over words asked for.
        spread: Standard deviation of the logarithm of the same.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for _ in range(count):
        prompt, text = write_pair(rng, 5 * max(lengths))
        about = prompt.content.partition(LENGTH)[0]
        brief = compile_brief(f"{about}{LENGTH}{rng.choice(lengths)} words.")
        plan = plan_passages(brief)
        said = iter(sentences(text.content))
        talk = Talk(brief, plan, _WINDOW)
        for leaf in plan.sections:
            wanted, passage = leaf.words * rng.lognormvariate(math.log(ratio), spread), ""
            for sentence in said:
                passage += sentence
                if count_words(passage) >= wanted:
                    break
            talk = answer(talk, leaf, passage.strip())
        messages = [{"role": turn.role, "content": turn.content} for turn in talk.turns]
        rows.append({"messages": messages})
    return rows


@dataclass(frozen=True, slots=True)
class Paid:
    """What a document is paid, by its passages and as a whole.

    Attributes:
        passages: The mean of all; one that didn't end gets nothing.
        document: Nothing where a passage didn't end.
        words: Of each passage, asked for and delivered.
    """

    passages: float
    document: float
    words: tuple[tuple[int, int], ...]


def write_passages(
    policy: Policy, rows: Sequence[Row], seed: int, samples: int, reward: Composition
) -> list[Paid]:
    """Return what so many documents for each row are paid, one row after the other."""
    chat = Chat(policy.tokenizer, policy.stops)
    briefs = [compile_brief(row["prompt"]) for row in rows for _ in range(samples)]
    talks = [Talk(brief, plan_passages(brief), policy.window) for brief in briefs]
    ended: list[list[bool]] = [[] for _ in talks]
    for turn in range(len(_GOALS)):
        leaves = [talk.plan.sections[turn] for talk in talks]
        begun = [chat.begin(ask_for(talk, leaf)) for talk, leaf in zip(talks, leaves, strict=True)]
        calls = [
            Call(list(one.prompt), cap_tokens(leaf.words, talk.brief.language))
            for one, leaf, talk in zip(begun, leaves, talks, strict=True)
        ]
        seeds = [derive_seed(seed, "passage", str(turn), str(place)) for place in range(len(calls))]
        for place, (one, reply) in enumerate(zip(begun, policy.draw(calls, seeds), strict=True)):
            heard = chat.hear(one, reply)
            ended[place].append(chat.is_ended(heard))
            talks[place] = answer(talks[place], leaves[place], chat.read(heard))
    return [_pay(talk, all_ended, reward) for talk, all_ended in zip(talks, ended, strict=True)]


def _pay(talk: Talk, ended: Sequence[bool], reward: Composition) -> Paid:
    leaves, texts = talk.plan.sections, talk.texts
    paid = [
        pay(Brief(talk.brief.prompt, leaf.words), text, reward, sound=sound)
        for leaf, text, sound in zip(leaves, texts, ended, strict=True)
    ]
    whole = assemble(talk.plan, {leaf.id: text for leaf, text in zip(leaves, texts, strict=True)})
    words = tuple((leaf.words, count_words(text)) for leaf, text in zip(leaves, texts, strict=True))
    document = pay(talk.brief, whole, reward, sound=all(ended))
    return Paid(sum(paid) / len(paid), document, words)
