"""What never becomes training text, and what does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.faults import clean_reply, find_fault, find_new_fault, normalise
from tests.data import pairing, recipe_stub
from tests.data.pairing import prose
from tests.data.recipe_stub import compose

GOOD = compose("en", 7, words=300)
PARTS = [prose(seed, 60) for seed in range(5)]

AT_FAULT = {
    "no words": ("***", "empty text"),
    "a refusal": ("I'm sorry, but I can't help with that request.", "refusal"),
    "a status": ("Internal Server Error", "error message"),
    "a page": ("<!DOCTYPE html><html></html>", "error message"),
    "paragraphs of a page": (f"<p>{GOOD}</p>", "HTML"),
    "a link": (f'See <a href="http://x.y">this</a>.\n\n{GOOD}', "HTML"),
    "a break": (f"{GOOD}\n\n<br/>\n\nThe end.", "HTML"),
    "a thought": (f"<think>Well.</think>\n\n{GOOD}", "leaked tags"),
    "the fence of a prompt": (f"{GOOD}\n\n</brief>\n\nThe end.", "leaked tags"),
    "a count": (f"{GOOD}\n\n(Word count: 300)", "talk about the writing"),
    "an announcement": (
        f"Sure! Here is what you asked for:\n\n{GOOD}",
        "talk before the text",
    ),
    "a command of a terminal": (f"{GOOD}\x1b[31m The end.", "control characters"),
    "a page of Windows": ("It\x92s over.", "control characters"),
    "half a character": ("It ended\ud800 here.", "control characters"),
    "a lost character": ("It ended\ufffd here.", "control characters"),
    "letters again": (f"{GOOD}\n\nThe rul" + "it" * 16 + "ing was old.", "stutter"),
    "a word again": (f"{GOOD}\n\nThe boxes" + " boxes" * 3 + " were old.", "stutter"),
    "a loop": (f"{GOOD}\n\n" + "The mill stood still. " * 60, "loop"),
    "a paragraph again": (f"{PARTS[0]}\n\n{PARTS[1]}\n\n{PARTS[0]}", "repetition"),
    "sentences again": (
        f"{PARTS[0]}\n\n{PARTS[1]} {PARTS[0]}\n\n{PARTS[2]} {PARTS[3]}",
        "repetition",
    ),
    "another language": (compose("zh", 7, words=300), "wrong language"),
    "no end": (f"{GOOD} And then the", "truncated"),
}


@pytest.mark.parametrize("name", AT_FAULT)
def test_a_fault_has_its_name(name: str) -> None:
    text, reason = AT_FAULT[name]
    found = find_fault(text, "en")
    assert found is not None and found[0] == reason


HOSTILE = [*pairing.HOSTILE.values(), *recipe_stub.HOSTILE.values()]


@pytest.mark.parametrize("said", [one for one in HOSTILE if isinstance(one, str)])
def test_what_is_hostile_is_refused_cleaned_or_not(said: str) -> None:
    assert find_fault(normalise(said), "en") and find_fault(clean_reply(said), "en")


@given(st.integers(0, 2_000), st.sampled_from(["en", "zh"]), st.sampled_from([0, 3]))
def test_a_good_text_has_none_and_is_left_as_it_is(seed: int, language: str, sections: int) -> None:
    text = compose(language, seed, words=60, sections=sections, extras="table list code")
    assert find_fault(text, language) is None
    assert clean_reply(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Use `<div>` and so on.\n\n```html\n<p>x</p>\n```\n\nThat is all.",
        "If a < b and b > c, the <i>mine</i> was old, and <a was less than b>.",
        "春天来了，花开满园。孩子们在河边放风筝。",
        "First line.\r\nThe second one.",
        "“Hahahahahaha!” He laughed, and signed: ________________________, 0000000000000000000.",
        "他哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈大笑。",
    ],
)
def test_code_and_signs_of_less_are_no_html(text: str) -> None:
    assert find_fault(text) is None


def test_a_part_may_end_and_begin_as_the_one_before_did() -> None:
    colon = "Three things are known of the old mine:"
    assert find_new_fault(colon, "Three things are told of it:", "en") is None
    assert find_new_fault(colon, "It was old.", "en") == find_fault(colon, "en") is not None
    refusal = AT_FAULT["a refusal"][0]
    assert find_new_fault(refusal, refusal, "en") == find_fault(refusal, "en")


def test_line_ends_are_made_plain() -> None:
    assert normalise("\r\nOne.\r\n\r\nTwo.\r") == "One.\n\nTwo."
