"""Counting and cutting text: what a reader sees, to the character, for any Unicode."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.text import (
    blocks,
    clip,
    count_words,
    estimate_tokens,
    heading_text,
    paragraph_spans,
    sentences,
    visible,
    words,
)

PARAGRAPHS = st.lists(
    st.text("abcXYZäñжשعहि0159 ,.!?'’-–—“”…的一人。，かカ한", min_size=1, max_size=30).map(
        str.strip
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: " ".join(f"w{part}" for part in parts))
"""Paragraphs without markup: each begins with a letter."""


# --- counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one two  three\nfour", 4),
        ("Don't stop; it's o'clock, the boys’ turn.", 7),
        ("a state-of-the-art mother‑in‑law", 3),
        ("pages 1,000 and 3.14 at 10:30", 6),
        ("# A heading\n\nand text", 4),
        ("## Closed heading ##", 2),
        ("**bold** *italic* _under_ __both__ ~~gone~~ `code`", 6),
        ("snake_case is one", 3),
        ("- item one\n* item two\n1. item three\n2) item four", 8),
        ("- [x] done\n- [ ] open", 2),
        ("> quoted words\n> > deeper", 3),
        ("[a link](http://x.y/z) and [another][ref]", 4),
        ("[wiki](https://en.wikipedia.org/wiki/A_(b)) here", 2),
        ("[ref]: http://example.com 'A title'\ntext", 1),
        ("![an image](pic.png) caption", 1),
        ("text[^1]\n\n[^1]: The note is read.", 7),
        ("| a | b |\n|---|:-:|\n| c | d |", 4),
        ("Title\n=====\n\nOther\n-----", 2),
        ("***\n\n---\n\n___\n\ntext", 1),
        ("```python\nprint(1)\n```", 2),
        ("~~~\ntwo words\n~~~", 2),
        ("<b>two words</b> and <br/> more", 4),
        ("5 < 6 and 7 > 3", 5),
        ("salt &amp; pepper&nbsp;mill &#8212; x", 4),
        ("<!-- not\nseen --> seen", 1),
        ("seen <!-- never closed", 1),
        ("---\ntitle: No\ntags: [a]\n---\nbody text", 2),
        ("---\n\nProse after a rule.\n\n---\n\nMore.", 5),
    ],
)
def test_markup_is_not_counted(text: str, count: int) -> None:
    assert count_words(text) == count
    assert count_words(text.replace("\n", "\r\n")) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("人工智能", 4),
        ("我们，去。“好”！", 4),
        ("用 GPT-4 写 10,000 字", 5),
        ("《红楼梦》共120回", 6),
        ("カタカナ・ひらがな", 8),
        ("한국어 글", 4),
        ("𠀀𠀁", 2),
        ("हिन्दी में लिखना", 3),
        ("தமிழ் மொழி", 2),
        ("اللُّغَةُ العَرَبِيَّة", 2),
        ("Привет, мир", 2),
        ("café naïve " + unicodedata.normalize("NFD", "café"), 3),
        ("co\u00adoperate", 1),
        ("👩\u200d👩\u200d👧 🙂", 0),
    ],
)
def test_scripts_count_as_their_readers_count(text: str, count: int) -> None:
    assert count_words(text) == count


@given(PARAGRAPHS, PARAGRAPHS)
def test_counts_of_paragraphs_add_up(first: str, second: str) -> None:
    assert count_words(f"{first}\n\n{second}") == count_words(first) + count_words(second)


@given(st.lists(st.sampled_from(["# A head", "- an item", "> quoted", "plain text", "| a | b |"])))
def test_counts_of_blocks_add_up(parts: list[str]) -> None:
    assert count_words("\n\n".join(parts)) == sum(map(count_words, parts))


@given(st.text())
def test_any_text_is_counted(text: str) -> None:
    assert 0 <= count_words(text) <= len(text)


def test_words_are_lower_case_and_free_of_emphasis() -> None:
    assert words("_The_ SEA, 海") == ["the", "sea", "海"]


def test_heading_text_is_what_a_reader_sees() -> None:
    assert heading_text("### 3. **The** [sea](x.html) ###") == "3. The sea"


# --- tokens --------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens(first: str, second: str) -> None:
    assert estimate_tokens(first + second) >= max(estimate_tokens(first), estimate_tokens(second))


@given(st.text(st.sampled_from("a字é \n"), max_size=2000), st.integers(6, 800))
def test_a_clipped_text_fits_and_keeps_both_ends(text: str, tokens: int) -> None:
    short = clip(text, tokens)
    assert estimate_tokens(short) <= tokens
    head, mark, tail = short.partition("\n[…]\n")
    assert text.startswith(head) and text.endswith(tail)
    assert mark or short == text


# --- sentences -----------------------------------------------------------------------------------


@given(st.text())
def test_sentences_join_to_the_text(text: str) -> None:
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert all(pieces)


@given(st.text(st.sampled_from("ab .!?…。！？\"”'*) \n1他"), max_size=60))
def test_sentences_join_to_a_text_full_of_marks(text: str) -> None:
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    "pieces",
    [
        ["Mr. Smith met Dr. Who at 3.14 p.m. on Monday. ", "They left."],
        ["“Really?” he asked. ", "“No.” ", "She laughed!"],
        ["Is it so?! ", "Yes... ", "Perhaps."],
        ["Wait... what is that? ", "Nothing."],
        ["No. ", "That is No. 5 on the list."],
        ["It was I. ", "Who else?"],
        ["他来了。", "“真的吗？”", "她笑了！", "然后他走了。"],
        ["Ends without a mark"],
    ],
)
def test_sentences_end_where_a_reader_ends_them(pieces: list[str]) -> None:
    assert sentences("".join(pieces)) == pieces


# --- blocks --------------------------------------------------------------------------------------

MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from(
            ["# H", "#", "   ###### H #", "    # H", "text", "- a", "1. b", "> q", "| a | b |"]
        ),
        st.sampled_from(
            ["|--|--|", "```", "``` x", "```` ", "```~~~", "~~~~", "  ~~~ `", "", " \t", "***"]
        ),
        st.text(max_size=12),
    ),
    max_size=14,
).flatmap(
    lambda lines: st.sampled_from(["\n", "\n\n", "\r\n"]).map(lambda newline: newline.join(lines))
)


@given(MARKDOWN)
def test_blocks_stand_where_they_say(text: str) -> None:
    end = 0
    for block in blocks(text):
        assert block.start >= end
        assert not text[end : block.start].strip()
        end = block.start + len(block.text)
        assert text[block.start : end] == block.text
        assert block.text.strip()
    assert not text[end:].strip()


def read_lines(text: str) -> list[tuple[str, int]]:
    """Cut a text into blocks line by line: the text and the start of each."""
    found: list[tuple[str, int]] = []
    fence = ""
    joins = False  # whether the next line goes on with the last block
    offset = 0
    for line in text.split("\n"):
        marks = re.match(r"[ \t]{0,3}(`{3,}(?=[^`]*$)|~{3,})", line)
        if fence:
            found[-1] = (found[-1][0] + "\n" + line, found[-1][1])
            if marks and marks[1].startswith(fence) and line.strip() == marks[1]:
                fence, joins = "", False
        elif marks:
            fence = marks[1]
            found.append((line, offset))
        elif not line.strip() or re.match(r"[ \t]{0,3}#{1,6}(?:[ \t]|\r*$)", line):
            found += [(line, offset)] if line.strip() else []
            joins = False
        elif joins:
            found[-1] = (found[-1][0] + "\n" + line, found[-1][1])
        else:
            found.append((line, offset))
            joins = True
        offset += len(line) + 1
    return [(body.rstrip("\r\n"), start) for body, start in found]


@given(MARKDOWN | st.text(st.sampled_from("`~# \n\r\u2028a"), max_size=40))
def test_blocks_are_those_found_line_by_line(text: str) -> None:
    assert [(block.text, block.start) for block in blocks(text)] == read_lines(text)


def test_each_kind_of_block_is_told() -> None:
    text = (
        "# Head\nA paragraph\nof two lines.\n\n- one\n- two\n\n1. first\n\n| a | b |\n|---|---|\n\n"
        "a | b\n--- | ---\n\n> quote\n\n---\n\n```py\n# no heading\n\nstill code\n```\nafter"
    )
    assert [block.kind for block in blocks(text)] == [
        "heading",
        "paragraph",
        "list",
        "list",
        "table",
        "table",
        "quote",
        "rule",
        "code",
        "paragraph",
    ]


def test_a_fence_ends_only_with_its_own_kind() -> None:
    kinds = [block.kind for block in blocks("````\n```\n~~~\n````\n\nprose")]
    assert kinds == ["code", "paragraph"]
    assert [block.kind for block in blocks("```\n```~~~\n``` x\n   ````\u3000\nprose")] == kinds
    assert [block.kind for block in blocks("```\nnever closed\n\n# x")] == ["code"]


def test_backticks_on_one_line_open_no_fence() -> None:
    kinds = [block.kind for block in blocks("```inline``` code\n\n# Head")]
    assert kinds == ["paragraph", "heading"]


WRAPPED = """It was the first day of the
long winter, and nobody came.
The second day was the same.
- an item"""


def test_lines_wrapped_by_hand_are_one_paragraph() -> None:
    wide = WRAPPED.replace("first day", "very first day of all the cold days")
    spans = [(0, wide.index("\nThe")), (wide.index("The"), wide.index("\n-"))]
    assert paragraph_spans(wide) == [*spans, (wide.index("-"), len(wide))]
    assert len(paragraph_spans(WRAPPED)) == 4


@given(MARKDOWN, st.integers(0, 9))
def test_paragraphs_are_counted_from_an_offset(block: str, offset: int) -> None:
    moved = [(start + offset, end + offset) for start, end in paragraph_spans(block)]
    assert paragraph_spans(block, offset) == moved


# --- hostile text --------------------------------------------------------------------------------

SIZE = 60_000
"""Characters; in quadratic time a test of so many takes a minute and more."""

HOSTILE = [
    " ", "-", "--", "|", "| ", "|-", ".", "...", "!?", "…。", "[", "![", "](", "[a](", "[a](b",
    "[]:", "![a][", "<", "<a ", "<!--", "</", "`", "```\n", "~~~\n", "*", "* ", "_", "#", "# ", ">",
    "> ", "1.", "1. ", "a 1. ", "1,", "a'", "a-", "a_", "&", "&a", "\n", "\r\n", " \n", "\\", '"',
    "字", "字。", "\u0301", "\u200d", "a\u0301", "---\n", "a:\n", "(", "()", "- [ ] ", "\t", "\x00",
    "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("frame", ["{}", "x|\n{}y", "---\n{}x", "[a](](--{}x"])
def test_hostile_text_takes_linear_time(piece: str, frame: str) -> None:
    text = frame.format(piece * (SIZE // len(piece)))
    assert count_words(text) >= 0
    assert "".join(sentences(text)) == text
    assert all(block.text for block in blocks(text))


def test_a_large_hostile_text_is_read_to_its_end() -> None:
    text = "\n\n".join(piece * (600_000 // len(HOSTILE) // len(piece)) for piece in HOSTILE)
    assert len(visible(text)) <= len(text)
    assert count_words(text) > 0
    assert "".join(sentences(text)) == text
    assert all(text.startswith(block.text, block.start) for block in blocks(text))


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_words_of_ascii_are_those_of_any_text(text: str) -> None:
    assert words(f"{text} é")[:-1] == words(text)


@given(st.text("aZ09'-_.,: ", max_size=40))
def test_words_of_marks_and_digits_are_those_of_any_text(text: str) -> None:
    assert words(f"{text} é")[:-1] == words(text)
