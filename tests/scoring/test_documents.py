"""Any text is a document: its sections, its title, and all of its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.assembly import assemble
from longwrite.scoring.documents import read_document
from longwrite.types import Brief, Document

BRIEF = Brief("A text", 100)


def test_sections_are_those_of_the_shallowest_level_that_repeats() -> None:
    text = "# Boats\n\nA preface.\n\n## Hull\n\nWood.\n\n### Keel\n\nOak.\n\n## Mast\n\nPine.\n"
    document = read_document(BRIEF, text)
    assert document.plan.title == "Boats"
    assert [section.title for section in document.plan.sections] == ["", "Hull", "Mast"]
    assert document.texts["2"] == "\nWood.\n\n### Keel\n\nOak.".strip("\n")
    assert assemble(document.plan, document.texts) == text


def test_blocks_of_long_gen_bench_are_sections() -> None:
    text = "#*# Week 1: we moved in.\n#*# Week 2: the roof leaked.\n#*# Week 3: we moved out."
    document = read_document(BRIEF, text)
    assert [document.texts[section.id] for section in document.plan.sections] == text.split("\n")


def test_a_text_without_sections_is_one() -> None:
    document = Document.from_text(BRIEF, "Only words.")
    assert document.texts == {"1": "Only words."}


def test_a_reply_that_was_cut_says_so() -> None:
    assert read_document(BRIEF, "It was", ended=False).defects[0].kind == "truncated"
    assert not read_document(BRIEF, "It was").defects


@pytest.mark.parametrize("text", ["", "\n", "#", "# a\n# b", "#*#\n#*#", "a\n=\n\nb\n="])
def test_odd_texts_are_documents_too(text: str) -> None:
    assert read_document(BRIEF, text).plan.sections


@given(text=st.text(st.sampled_from("#*ab \n=-"), max_size=60))
def test_no_word_is_lost(text: str) -> None:
    document = read_document(BRIEF, text)
    kept = assemble(document.plan, document.texts)
    assert sorted(c for c in kept if c in "ab") == sorted(c for c in text if c in "ab")
