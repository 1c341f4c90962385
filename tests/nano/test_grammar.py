"""Patterns: what they expand to, and what no pattern file may hold."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from longwrite.errors import UsageError
from longwrite.nano.grammar import (
    Choice,
    Expander,
    Pattern,
    Slot,
    compile_pattern,
    finish_sentence,
    load_grammar,
    parse_grammar,
)

FILES = ("common", "essay", "report", "handbook", "story", "outline")


def expand(text: str, **words: str) -> set[str]:
    grammar = parse_grammar(text)
    return {
        Expander(grammar, words.__getitem__, random.Random(seed)).expand("start")
        for seed in range(60)
    }


def test_alternatives_nest_and_may_be_empty() -> None:
    assert expand("start\n    a [red|[very |]blue] {thing}", thing="door") == {
        "a red door",
        "a blue door",
        "a very blue door",
    }


def test_a_slot_names_a_rule_or_is_asked_for() -> None:
    found = expand("start\n    {greeting}, {name}\n\ngreeting\n    hail\n    welcome", name="Ana")
    assert found == {"hail, Ana", "welcome, Ana"}


def test_no_pattern_comes_twice_running() -> None:
    grammar = parse_grammar("start\n    one\n    two\n    three")
    expander = Expander(grammar, str, random.Random(1))
    drawn = [expander.expand("start") for _ in range(50)]
    assert all(first != second for first, second in pairwise(drawn))
    assert set(drawn) == {"one", "two", "three"}


@pytest.mark.parametrize("text", ["a [b", "a {b", "a ]", "a }", "{a|b}"])
def test_an_open_bracket_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"bracket|brace"):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("in time , the rope holds", "In time, the rope holds."),
        ("“come in,” said Ana; “sit.”", "“Come in,” said Ana; “sit.”"),
        ("who keeps the key? she does", "Who keeps the key? She does."),
        ("first,, the rope", "First, the rope."),
        ("is it so?", "Is it so?"),
    ],
)
def test_a_sentence_is_finished(text: str, sentence: str) -> None:
    assert finish_sentence(text) == sentence


def list_runs(pattern: Pattern) -> Iterator[int]:
    """Yield the words of every fixed run of a pattern, and of its alternatives."""
    for node in pattern:
        if isinstance(node, str):
            yield len(re.findall(r"[\w'’-]+", node))
        elif isinstance(node, Choice):
            for option in node.options:
                yield from list_runs(option)


def list_slots(pattern: Pattern) -> Iterator[str]:
    for node in pattern:
        if isinstance(node, Slot):
            yield node.name
        elif isinstance(node, Choice):
            for option in node.options:
                yield from list_slots(option)


@pytest.mark.parametrize("name", FILES)
def test_no_fixed_run_is_longer_than_five_words(name: str) -> None:
    for rule, patterns in load_grammar(name).items():
        for pattern in patterns:
            assert max(list_runs(pattern), default=0) <= 5, (rule, pattern)


@pytest.mark.parametrize("name", FILES)
def test_rules_have_patterns_and_no_pattern_comes_twice(name: str) -> None:
    for rule, patterns in load_grammar(name).items():
        assert patterns, rule
