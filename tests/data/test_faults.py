"""What never becomes training text, and what does."""

from __future__ import annotations

import pytest

from longwrite.data.faults import find_fault, normalise
from tests.data.pairing import HOSTILE, prose

TEXTS = {reason: text for reason, text in HOSTILE.items() if isinstance(text, str)}


@pytest.mark.parametrize("reason", TEXTS)
def test_a_hostile_text_is_named_by_its_fault(reason: str) -> None:
    found = find_fault(TEXTS[reason], "en")
    assert found is not None and found[0] == reason


@pytest.mark.parametrize("text", ["", " \n", "***", "-----"])
def test_no_words_are_no_text(text: str) -> None:
    assert find_fault(text) == ("empty reply", "")


def test_sound_prose_has_no_fault() -> None:
    assert find_fault(prose(1, 400), "en") is None
    assert find_fault("Use `<div>` and so on.\n\n```html\n<p>x</p>\n```\n\nThat is all.") is None
    assert find_fault("春天来了，花开满园。孩子们在河边放风筝。", "zh") is None


def test_the_fences_of_a_prompt_are_leaked_tags() -> None:
    found = find_fault("The mine was old.\n\n</brief>\n\nYou write: The mine.", "en")
    assert found == ("leaked tags", "</brief>")
    assert find_fault("If a < b and b > c, the <i>mine</i> was old.", "en") is None


def test_half_characters_and_control_characters_are_faults() -> None:
    assert find_fault("It ended\x00 here.") == ("control characters", r"'\x00'")
    assert find_fault("It ended\ud800 here.") == ("control characters", r"'\ud800'")


def test_what_says_the_same_again_and_again_is_repetition() -> None:
    part = prose(3, 60)
    mixed = "\n\n".join([part, prose(4, 60), part, prose(5, 60), part])
    found = find_fault(mixed, "en")
    assert found is not None and found[0] in {"repetition", "loop"}


def test_line_ends_are_made_plain() -> None:
    assert normalise("\r\nOne.\r\n\r\nTwo.\r") == "One.\n\nTwo."
