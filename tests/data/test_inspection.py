"""A row is shown with its texts, labels and provenance, and can't command the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.inspection import show_row
from longwrite.data.rows import Label, Row
from longwrite.types import Constraint, Message

LENGTH = Constraint("length", {"min": 2, "max": None, "target": None}, quote="two words")
ROW = Row(
    "id-1",
    "pair",
    (Message("user", "Write two words."),),
    chosen="The sea.",
    rejected="Sea.",
    constraints=(LENGTH,),
    broken=LENGTH,
    labels=(Label(LENGTH, True, "3"),),
    provenance={"source": "book.epub", "plan": {"sections": [1, 2]}},
)


def test_a_row_shows_its_texts_labels_and_provenance() -> None:
    shown = show_row(ROW)
    for part in (
        "prompt, user (3 words)", "The sea.", "rejected (1 words)",
        'length {"min": 2} of document “two words” holds (checker 3)',
        "broken by the rejected text", "source: book.epub", "id: id-1",
    ):  # fmt: skip
        assert part in shown


def test_a_long_text_is_clipped_with_what_was_left_out_unless_it_is_wanted_whole() -> None:
    text = " ".join(f"word{n}" for n in range(5_000))
    row = {"prompt": "Write.", "completion": text, "license": "CC0"}
    clipped, whole = show_row(row), show_row(row, whole=True)
    assert "characters, about" in clipped and "word2500" not in clipped and len(clipped) < 2_500
    assert "word0" in clipped and "word4999" in clipped and "license: CC0" in clipped
    assert "word2500" in whole and "left out" not in whole


def test_steps_and_unknown_rows_are_shown_as_well() -> None:
    row = {"prompt": "Write.", "completions": ["One.", "Two."], "labels": [True, False]}
    assert "step 1, good" in show_row(row) and "step 2, bad" in show_row(row)
    assert '"foo": [' in show_row({"foo": [1]})


@given(st.text(), st.text())
def test_nothing_shown_can_command_a_terminal(text: str, name: str) -> None:
    for row in (
        {"prompt": text, "completion": f"\x1b[2J{text}", name: text},
        Row(text, "completion", (Message("user", text),), text, provenance={name: text}),
    ):
        shown = show_row(row, 40, whole=True)
        assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
        assert not any("\x7f" <= char <= "\x9f" or "\u202a" <= char <= "\u202e" for char in shown)
