"""A row is shown with its texts, labels and provenance, and can't command the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.export import to_columns
from longwrite.data.inspection import show_row
from longwrite.data.rows import Label, Row
from longwrite.types import Constraint, Message

LENGTH = Constraint("length", {"min": 2, "max": None, "target": None}, quote="two words")
MENTION = Constraint("mention", {"text": "salt"})
FUNNY = Constraint("judged", {"question": "Is it funny?"})
PROMPT = (Message("user", "Write two words."),)
ROW = Row(
    "id-1",
    "pair",
    PROMPT,
    chosen="The sea.",
    rejected="Sea.",
    broken=LENGTH,
    labels=(Label(LENGTH, True, "3"), Label(MENTION, False, "3"), Label(FUNNY, None, "3")),
    provenance={"source": "book.epub", "plan": {"sections": [1, 2]}},
)


def test_a_row_shows_its_texts_labels_and_provenance() -> None:
    shown = show_row(to_columns(ROW))
    for part in (
        "prompt, user (3 words)", "The sea.", "rejected (1 words)", "source: book.epub",
        "id: id-1", 'plan: {"sections": [1, 2]}',
    ):  # fmt: skip
        assert part in shown


def test_a_label_is_a_sentence_with_what_was_found() -> None:
    lines = show_row(to_columns(ROW)).splitlines()
    for line in (
        "constraint 1: length holds: 2 words, asked for at least 2. “two words” (checker 3)",
        "constraint 2: mention does NOT hold: 'salt' does not occur. (checker 3)",
        "constraint 3: judged can't be told: Only a judge can tell: Is it funny? (checker 3)",
    ):
        assert line in lines
    broken = "length does NOT hold: 1 words, asked for at least 2. “two words”"
    assert f"broken by the rejected text: {broken}" in lines


def test_what_a_prompt_asks_for_and_what_is_no_constraint_are_told_as_they_stand() -> None:
    row = Row("id-2", "prompt", PROMPT, labels=(Label(LENGTH, None, ""), Label(MENTION, None, "")))
    shown = show_row(to_columns(row))
    assert "constraint 1: length is asked for “two words”" in shown
    assert 'constraint 2: mention is asked for {"text": "salt"}' in shown
    suri = {"instruction": "Write.", "constraints": ["Be brief."], "response": "Yes."}
    assert "constraint 1: Be brief." in show_row(suri)
    claimed = {"kind": "length", "params": {"min": 5}}
    assert "length isn't checked: 1 words, asked for at least 5." in show_row(
        {**suri, "constraints": [claimed]}
    )
    assert "constraints: {" in show_row({**suri, "constraints": "{"})
    odd = {"kind": "magic", "params": {}, "holds": True}
    assert 'constraint 1: {"kind": "magic"' in show_row({**suri, "constraints": [odd]})


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
    said = Constraint("mention", {"text": text}, quote=name)
    prompt = (Message("user", text),)
    labels = (Label(said, True, name),)
    own = Row(text, "completion", prompt, text, labels=labels, provenance={name: text})
    for row in ({"prompt": text, "completion": f"\x1b[2J{text}", name: text}, to_columns(own)):
        shown = show_row(row, 40, whole=True)
        assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
        assert not any("\x7f" <= char <= "\x9f" or "\u202a" <= char <= "\u202e" for char in shown)
