"""The modelled engine answers what longwrite asks, at the lengths asked for."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks.engine.answers import EXACT, NOISY, answer
from benchmarks.engine.prose import compose
from benchmarks.engine.tokens import Tokenizer, count_tokens, cut_pieces
from benchmarks.run import DAG, THREAD, Way, measure
from longwrite.prompts import fill
from longwrite.text import count_words
from longwrite.types import Message


def said(prompt: str, *before: Message, seed: int = 1) -> str:
    return answer((*before, Message("user", prompt)), seed, EXACT)


@pytest.mark.parametrize("words", [1, 8, 9, 20, 57, 600, 5_000])
def test_prose_has_exactly_the_words_asked_for(words: int) -> None:
    assert count_words(compose(words, random.Random(words))) == words


def test_a_section_has_the_length_that_its_prompt_names() -> None:
    text = said("Now write the next section.\n\nLength: about 1,234 words.")
    assert count_words(text) == 1_234 and "\n\n" in text
    assert text == said("Now write the next section.\n\nLength: about 1,234 words.")


def test_a_noisy_engine_misses_by_up_to_a_third() -> None:
    asked = (Message("user", "Length: about 1,000 words."),)
    lengths = [count_words(answer(asked, seed, NOISY)) for seed in range(40)]
    assert 700 <= min(lengths) < 800 and 1_200 < max(lengths) <= 1_300


def test_a_plan_has_the_fields_of_the_form_it_is_shown() -> None:
    form = fill("longwrite.planners", "json", form='{"sections": [{"title": "…", "goal": "…"}]}')
    plan = json.loads(said(f"It has about 900 words. Divide it into exactly 3 parts.\n{form}"))
    assert list(plan) == ["sections"] and len(plan["sections"]) == 3
    assert set(plan["sections"][0]) == {"title", "goal"}


def test_notes_quote_the_text_they_are_of() -> None:
    text = Message("assistant", compose(300, random.Random(3)))
    asked = fill("longwrite.agent", "facts", count=4)
    facts = json.loads(said(asked, text))["facts"]
    assert len(facts) == 4 and all(fact["quote"] in text.content for fact in facts)


@pytest.mark.parametrize("way", [DAG, THREAD, Way("epochs", mode="thread", window=8_192)])
def test_longwrite_takes_its_answers_at_the_first_try(way: Way) -> None:
    taken = measure(way, 8_000, 8)
    assert not set(taken.defects) - {"fact"}
    assert abs(taken.final - 8_000) < 300
    steps = {call.step.split(".")[0] for call in taken.calls}
    assert steps <= {"plan", "section", "facts", "seam", "patch"}


def test_pieces_are_the_text_and_its_tokens() -> None:
    text = "One thing, no less than 1,250 of them: _so_ it was — élan\n\nand more."
    assert "".join(cut_pieces(text)) == text
    assert len(cut_pieces(text)) == count_tokens(text) == len(Tokenizer().encode(text))


def test_a_longer_conversation_begins_with_the_shorter_one() -> None:
    tokenizer = Tokenizer()
    first = (Message("system", "Write."), Message("user", "One."))
    prompt, reply = tokenizer.encode_prompt(first), tokenizer.encode_reply("A text.")
    longer = tokenizer.encode_prompt(
        (*first, Message("assistant", "A text."), Message("user", "Go on."))
    )
    assert longer[: len(prompt) + len(reply)] == prompt + reply
