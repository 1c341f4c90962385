"""The agent's own conversations, with the teacher as its engine."""

from __future__ import annotations

import pytest

from longwrite.nano.transcripts import Example, write_examples
from longwrite.planners.entries import read_entries
from longwrite.text import count_words


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(write_examples(7, range(12)))


def test_examples_are_whole_conversations_that_end_with_what_is_learned(
    examples: list[Example],
) -> None:
    assert len(examples) > 12
    for example in examples:
        roles = [message.role for message in example.messages]
        assert roles == ["system", *["user", "assistant"] * (len(roles) // 2)]
        assert max(example.learned) == len(roles) - 1
        assert all(roles[place] == "assistant" for place in example.learned)


def test_plans_sections_and_threads_are_among_them(examples: list[Example]) -> None:
    plans = [one for one in examples if "You plan long documents" in one.messages[0].content]
    threads = [one for one in examples if len(one.learned) > 1]
    assert plans and threads
    for one in plans:
        if "Answer with plain lines" in one.messages[1].content:
            assert read_entries(one.messages[-1].content).entries
    for one in threads:
        for place in one.learned:
            assert count_words(one.messages[place].content) > 40


def test_a_document_is_its_seed() -> None:
    assert list(write_examples(7, range(2, 3))) == list(write_examples(7, range(2, 3)))


def test_what_the_teacher_leaves_unfinished_is_gone_on_with_and_not_learned() -> None:
    continued = 0
    for example in write_examples(8, range(30)):
        for place, message in enumerate(example.messages):
            if message.content.startswith("This section is not finished"):
                continued += 1
                assert place - 1 not in example.learned
    assert continued
