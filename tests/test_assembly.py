"""From a plan and its texts to Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwrite.assembly import assemble, block, leaves, openings, walk
from longwrite.text import count_words
from longwrite.types import Plan, Section

PLAN = Plan(
    "The Sea",
    (
        Section("1", "Tides", sections=(Section("1.1", "Ebb"), Section("1.2", ""))),
        Section("2", "Storms"),
    ),
)


def test_nodes_come_in_reading_order_with_their_depth() -> None:
    found = [(section.id, depth) for section, depth in walk(PLAN.sections)]
    assert found == [("1", 1), ("1.1", 2), ("1.2", 2), ("2", 1)]
    assert [leaf.id for leaf in leaves(PLAN.sections)] == ["1.1", "1.2", "2"]


def test_a_leaf_stands_under_every_heading_that_begins_with_it() -> None:
    assert openings(PLAN) == {
        "1.1": "# The Sea\n\n## Tides\n\n### Ebb",
        "1.2": "",
        "2": "## Storms",
    }


def test_the_document_is_its_blocks() -> None:
    texts = {"1.1": "\nThe water goes.\n", "1.2": "It comes.", "2": "Wind."}
    assert assemble(PLAN, texts) == (
        "# The Sea\n\n## Tides\n\n### Ebb\n\nThe water goes.\n\nIt comes.\n\n## Storms\n\nWind.\n"
    )


def test_a_leaf_without_text_keeps_its_headings() -> None:
    assert assemble(PLAN, {"1.2": "It comes."}).endswith("### Ebb\n\nIt comes.\n\n## Storms\n")
    assert assemble(Plan("", (Section("1", ""),)), {}) == ""


def test_headings_never_go_deeper_than_markdown_does() -> None:
    section = Section("9", "leaf")
    for depth in range(8):
        section = Section(str(depth), f"level {depth}", sections=(section,))
    opening = openings(Plan("Title", (section,)))["9"]
    assert opening.split("\n\n")[-1] == "###### leaf"


TEXTS = st.dictionaries(
    st.sampled_from(["1.1", "1.2", "2"]),
    st.lists(st.sampled_from(["Some words here.", "人工智能。", "- an item", "| a | b |"])).map(
        "\n\n".join
    ),
)


@given(TEXTS)
def test_words_of_the_blocks_add_up_to_the_document(texts: dict[str, str]) -> None:
    heads = openings(PLAN)
    parts = [block(heads[leaf.id], texts.get(leaf.id, "")) for leaf in leaves(PLAN.sections)]
    assert sum(map(count_words, parts)) == count_words(assemble(PLAN, texts))
