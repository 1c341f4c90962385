"""Text that grows with its tokens and never shows half a character."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwrite.engines.transcript import Transcript, decode_tokens


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return import_module("transformers").AutoTokenizer.from_pretrained(tiny_model)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_every_step_shows_a_beginning_of_the_text(tokenizer: Any, text: str) -> None:
    tokens = tokenizer.encode(text)
    transcript = Transcript(tokenizer)
    for end in range(len(tokens) + 1):
        assert text.startswith(transcript.follow(tokens[:end]))
    assert transcript.text == text == decode_tokens(tokenizer, tokens)


def test_a_character_in_three_tokens_waits_for_the_last(tokenizer: Any) -> None:
    tokens = tokenizer.encode("a€b")
    assert len(tokens) == 5
    transcript = Transcript(tokenizer)
    shown = [transcript.follow(tokens[:end]) for end in range(1, 6)]
    assert shown == ["a", "a", "a", "a€", "a€b"]


def test_bytes_that_are_no_characters_do_not_pile_up(tokenizer: Any) -> None:
    broken = tokenizer.encode("€")[0]
    transcript = Transcript(tokenizer)
    for count in range(1, 100):
        transcript.follow([broken] * count)
    assert 80 < len(transcript.text) < 100


def test_what_the_prompt_began_comes_first(tokenizer: Any) -> None:
    assert Transcript(tokenizer, "<think>").follow(tokenizer.encode("So.")) == "<think>So."
