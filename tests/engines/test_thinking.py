"""What is thought and what is answered, in all the forms in which models mix them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.thinking import split_thinking

PLAIN = st.text(st.characters(exclude_characters="<>`~", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("<think>Plan.</think>Answer.", "Answer.", "Plan."),
        ("<think>\nPlan.\n</think>\n\nAnswer.\n", "Answer.\n", "Plan."),
        ("<thinking>Plan.</thinking>Answer.", "Answer.", "Plan."),
        ("<reasoning>Plan.</reasoning>Answer.", "Answer.", "Plan."),
        ("<seed:think>Plan.</seed:think>Answer.", "Answer.", "Plan."),
        ("<THINK>Plan.</Think>Answer.", "Answer.", "Plan."),
        ('<think effort="high" time=3>Plan.</think >Answer.', "Answer.", "Plan."),
        ("<think>Plan, and no end", "", "Plan, and no end"),
        ("Answer.<think>Plan, and no end", "Answer.", "Plan, and no end"),
        ("Plan.</think>Answer.", "Answer.", "Plan."),
        ("<think></think>Answer.", "Answer.", ""),
        ("<think/>Answer.", "Answer.", ""),
        ("<think>One.</think>A.\n\n<think>Two.</think>\n\nB.", "A.\n\nB.", "One.\n\nTwo."),
        ("<think>a <think>b</think> c</think>Answer.", "Answer.", "a <think>b\n\nc"),
        ("<think>I use <think> tags.</think>Answer.", "Answer.", "I use <think> tags."),
        ("<think>Plan.</think>Answer.</think> More.", "Answer. More.", "Plan."),
        ("Answer.\n<think", "Answer.\n", ""),
        ("<think>想一想。</think>答案。", "答案。", "想一想。"),
    ],
)
def test_every_form_is_parted(text: str, answer: str, thinking: str) -> None:
    assert split_thinking(text) == (answer, thinking)


@pytest.mark.parametrize(
    "text",
    [
        "Models write `<think>` before and `</think>` after.",
        "Models write ``<think>`` first.",
        "```xml\n<think>\nnot mine\n</think>\n```\nThat was an example.",
        "~~~\n</think>\n~~~\n",
        "I <thinkpad> you </thinker> and <think about it>.",
        "a < b and c > d",
        "  Indented, and ends with space. ",
    ],
)
def test_a_mention_stays_in_the_answer(text: str) -> None:
    assert split_thinking(text) == (text, "")


def test_a_mention_inside_thoughts_does_not_end_them() -> None:
    text = "<think>I close with `</think>`.\n```\ndraft\n</think>\nAnswer.\n```\ncode\n```"
    assert split_thinking(text) == (
        "Answer.\n```\ncode\n```",
        "I close with `</think>`.\n```\ndraft",
    )


def test_a_stray_backtick_does_not_hide_the_end_of_the_thoughts() -> None:
    assert split_thinking("<think>rock `n roll</think>Use `ls`.") == ("Use `ls`.", "rock `n roll")


@given(PLAIN, PLAIN)
def test_what_stands_between_the_tags_never_reaches_the_answer(thought: str, answer: str) -> None:
    expected = (answer.lstrip(), thought.strip())
    assert split_thinking(f"<think>{thought}</think>{answer}") == expected
    assert split_thinking(f"{thought}</think>{answer}") == expected


def test_a_growing_text_shows_no_piece_of_a_tag() -> None:
    text = "<think>Plan.</think>It rained. <thinking x=1>Hm.</thinking> A lot."
    shown = [split_thinking(text[:end], streaming=True)[0] for end in range(len(text) + 1)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))
    assert not any("<" in answer or "Hm" in answer or "Plan" in answer for answer in shown)


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<think ", "```a\n", "`", "``a", "<", "<think a=", " ", "\n\t"]
)
def test_hostile_repetition_is_split_in_linear_time(piece: str) -> None:
    text = piece * (300_000 // len(piece)) + "<think>"
    answer, _ = split_thinking(text)
    assert len(answer) <= len(text)
