"""Each thing that a broken engine says has its name, and good prose has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.replies import clean_reply, find_fault
from tests.data.recipe_stub import HOSTILE, compose

GOOD = compose("en", 7, words=300)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty text"),
        ("I'm sorry, but I can't help with that request.", "refusal"),
        ("Internal Server Error", "error message for text"),
        ("<!DOCTYPE html><html></html>", "error message for text"),
        (f"<p>{GOOD}</p>", "HTML in the text"),
        (f"{GOOD}\n\n<br/>\n\nThe end.", "HTML in the text"),
        (f"<think>Well.</think>\n\n{GOOD}", "leaked tag"),
        (f"Sure! Here is what you asked for:\n\n{GOOD}", "talk before the text"),
        (f"{GOOD}\x1b[31m The end.", "control characters"),
        (GOOD + "\n\n" + "The mill stood still. " * 60, "loop"),
        (f"{GOOD}\n\n{GOOD}", "paragraph said twice"),
        (f"{GOOD} And then the", "text without its end"),
        (compose("zh", 7, words=300), "wrong language"),
    ],
)
def test_a_fault_has_its_name(text: str, reason: str) -> None:
    found = find_fault(text, "en")
    assert found is not None
    assert found[0] == reason


@given(st.integers(0, 2_000), st.sampled_from(["en", "zh"]), st.sampled_from([0, 3]))
def test_a_good_text_has_none_and_is_left_as_it_is(seed: int, language: str, sections: int) -> None:
    text = compose(language, seed, words=60, sections=sections, extras="table list code")
    assert find_fault(text, language) is None
    assert clean_reply(text) == text


@pytest.mark.parametrize("said", [one for one in HOSTILE.values() if isinstance(one, str)])
def test_what_is_hostile_alone_is_refused_alone(said: str) -> None:
    assert find_fault(clean_reply(said), "en") is not None


def test_html_in_code_is_code() -> None:
    assert (
        find_fault(f"{GOOD}\n\n```html\n<p>A page.</p>\n```\n\nThe tag `<br>` ends it.", "en")
        is None
    )
