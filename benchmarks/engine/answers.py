"""What a model answers to a prompt, by rule, read from the prompt as a model reads it.

The lengths of lists are what the prompts ask for: an entry of a plan fills the fields of the form
it is shown, about 80 tokens with both contracts (`field notes`: "~80 tokens a chapter"); notes of
facts are as many as are allowed, about 45 tokens each; one fact in thirty contradicts another
(assumed), so that patches are in every figure.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.engine.prose import compose, compose_sentence
from longwrite.text import blocks, sentences
from longwrite.types import Json, Message

_LENGTH = re.compile(r"about ([\d,]+) (?:words|characters)")
_ENTRIES = re.compile(r"(?:exactly|into) (\d+) ")
_KEY = re.compile(r'"(\w+)":')
_NOTES = re.compile(r"At most (\d+), the most important first")
_CONTRADICTING = 1 / 30
_BIBLE = 90
_FIELDS = {"title": 4, "goal": 18, "entry": 9, "exit": 9}
"""Words of the fields of a plan's entry."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model keeps to the lengths it is asked for.

    Attributes:
        spread: How far a length may miss, 0.3 for 30 % either way.
    """

    spread: float = 0.0


EXACT, NOISY = Manner(), Manner(0.3)


def answer(messages: Sequence[Message], seed: int, manner: Manner) -> str:
    """Return the answer to a conversation; the same for the same conversation and seed.

    Args:
        messages: The conversation; only its last turn and its texts are looked at.
        seed: Of this reply.
        manner: How lengths are kept.
    """
    asked = messages[-1].content
    rng = random.Random(hashlib.sha256(f"{seed}\0{asked}".encode()).hexdigest())
    if '"facts"' in asked:
        return _note(messages, rng)
    form = asked[asked.rfind("Answer with") :] if "Answer with" in asked else ""
    if "Paragraph 1" not in form:
        form = form.partition("\nNow ")[0]
    if '"sections"' in form or "Paragraph 1" in form or "| goal |" in form:
        return _plan(asked, form, rng, manner)
    lengths = _LENGTH.findall(asked)
    wanted = int(lengths[-1].replace(",", "")) if lengths else 100
    paragraphs = "One paragraph" not in asked and "only the paragraph" not in asked
    return compose(_vary(wanted, rng, manner), rng, paragraphs=paragraphs)


def _vary(words: int, rng: random.Random, manner: Manner) -> int:
    return max(1, round(words * (1 + manner.spread * rng.uniform(-1, 1))))


# --- plans ---------------------------------------------------------------------------------------


def _plan(asked: str, form: str, rng: random.Random, manner: Manner) -> str:
    counts = _ENTRIES.findall(asked)
    count = int(counts[-1]) if counts else 5
    totals = _LENGTH.findall(asked)
    total = int(totals[-1].replace(",", "")) if totals else 1_000
    shares = [_vary(max(1, total // count), rng, manner) for _ in range(count)]
    if "Paragraph 1" in form:
        return "\n".join(
            f"Paragraph {number} - Main Point: {compose_sentence(27, rng)[:-1]}"
            f" - Word Count: {share} words"
            for number, share in enumerate(shares, 1)
        )
    if '"sections"' not in form:
        head = f"Title: {_title(rng)}\nBible: {compose(_BIBLE, rng, paragraphs=False)}\n"
        lines = (
            f"{number}. {_title(rng)} | {compose_sentence(_FIELDS['goal'], rng)} | {share}"
            for number, share in enumerate(shares, 1)
        )
        return (head if "Bible:" in form else "") + "\n".join(lines)
    keys = set(_KEY.findall(form))
    plan: dict[str, Json] = {}
    if "title" in _KEY.findall(form.split('"sections"')[0]):
        plan["title"] = _title(rng)
    if "bible" in keys:
        plan["bible"] = compose(_BIBLE, rng, paragraphs=False)
    plan["sections"] = [_entry(keys, share, rng) for share in shares]
    return json.dumps(plan)


def _title(rng: random.Random) -> str:
    return compose_sentence(_FIELDS["title"], rng)[:-1].title()


def _entry(keys: set[str], words: int, rng: random.Random) -> Json:
    found: dict[str, Json] = {"title": _title(rng)}
    for name in ("goal", "entry", "exit"):
        if name in keys:
            found[name] = compose_sentence(_FIELDS[name], rng)
    if "words" in keys:
        found["words"] = words
    if "needs" in keys:
        found["needs"] = []
    if "establishes" in keys:
        found["establishes"] = [compose_sentence(3, rng)[:-1]]
    return found


# --- facts ---------------------------------------------------------------------------------------


def _note(messages: Sequence[Message], rng: random.Random) -> str:
    allowed = _NOTES.search(messages[-1].content)
    count = int(allowed[1]) if allowed else 3
    text = "\n\n".join(m.content for m in messages if m.role == "assistant")
    text = text or messages[-1].content
    told = [
        sentence.strip()
        for part in blocks(text)
        if part.kind == "paragraph"
        for sentence in sentences(part.text)
    ]
    chosen = [told[len(told) * place // count] for place in range(count)] if told else []
    return json.dumps({"facts": [_fact(sentence, rng) for sentence in dict.fromkeys(chosen)]})


def _fact(sentence: str, rng: random.Random) -> Json:
    words = sentence.rstrip(".").split()
    quote = " ".join(words[:10])
    if rng.random() < _CONTRADICTING:
        return {
            "entity": "the founding",
            "attribute": "year",
            "value": str(rng.randint(1500, 1999)),
            "quote": quote,
        }
    mark = hashlib.sha256(sentence.encode()).hexdigest()[:6]
    return {
        "entity": f"{' '.join(words[1:3])} {mark}",
        "attribute": "state",
        "value": " ".join(words[3:7]),
        "quote": quote,
    }
