"""Scrubbing takes out what is no prose, says so, and leaves clean rows as they are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.rows import Row
from longwrite.data.scrub import scrub_row
from longwrite.text import count_words
from longwrite.types import Message
from tests.data.prose import make_text

ASKED = (Message("user", "<think>Write about a harbour."),)
TEXT = make_text(3)
LEAKY = f"<think>Which harbour?</think>\n\n{TEXT}\n\n(Word count: 240 words)"


def test_a_clean_row_is_itself() -> None:
    row = Row("row", "completion", ASKED, TEXT, target=count_words(TEXT))
    assert scrub_row(row) is row


def test_every_text_is_scrubbed_and_no_prompt() -> None:
    row = Row("row", "pair", ASKED, chosen=LEAKY, rejected=LEAKY, steps=((LEAKY, True),))
    scrubbed = scrub_row(row)
    assert (scrubbed.chosen, scrubbed.rejected, scrubbed.steps) == (TEXT, TEXT, ((TEXT, True),))
    assert scrubbed.prompt == ASKED
    assert scrubbed.provenance == {"scrubbed": 3 * (len(LEAKY) - len(TEXT))}


def test_a_measured_target_is_measured_again_and_a_wished_one_is_not() -> None:
    row = Row("row", "completion", ASKED, LEAKY, target=count_words(LEAKY))
    assert scrub_row(row).target == count_words(TEXT) < count_words(LEAKY)
    assert scrub_row(replace(row, target=250)).target == 250


@given(st.text(st.characters(), max_size=200))
def test_twice_is_once(text: str) -> None:
    once = scrub_row(Row("row", "completion", ASKED, text))
    assert scrub_row(once) is once
