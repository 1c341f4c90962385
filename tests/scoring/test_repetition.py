"""Loops and repeated passages are found, and what only looks alike is not."""

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from longwrite.scoring.repetition import (
    LoopWatch,
    NgramIndex,
    duplicate_paragraphs,
    duplicated_coverage,
    find_early_loop,
    find_loop,
    overlap,
)

NOVELS = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "novels"

SENTENCE = "The old keeper climbed the winding stair and lit the lamp. "
VOCABULARY = [
    f"{head}{tail}" for head in "bcdfghklmnprst" for tail in ("ane", "ill", "oom", "urst")
]


def test_a_repeated_sentence_is_cut_after_its_first_time() -> None:
    start = "A storm was coming over the bay. "
    offset = find_loop(start + SENTENCE * 6 + SENTENCE[:20])
    assert offset == len(start + SENTENCE)


def test_a_loop_begins_with_a_sentence_when_the_text_before_ends_alike() -> None:
    text = "Nobody ever lit the lamp. " + SENTENCE * 6
    offset = find_loop(text)
    assert offset == len("Nobody ever lit the lamp. " + SENTENCE)


def test_chinese_loops_by_character() -> None:
    text = "天亮了。" + "海水慢慢退去，灯还亮着。" * 8
    assert find_loop(text) == len("天亮了。海水慢慢退去，灯还亮着。")


def test_a_counting_loop_is_a_loop() -> None:
    text = "".join(f"Item {n}: check the lamp and note the hour.\n" for n in range(1, 12))
    assert find_loop(text) == text.index("Item 2")


@pytest.mark.parametrize(
    "text",
    [
        "Ha ha ha ha ha ha!",
        SENTENCE * 2 + "Then he slept.",
        "|---|---|---|---|\n" * 3,
        "".join(f"| {n} | {n * n} | {n * 7 % 5} |\n" for n in range(60)),
        "".join(f"- Day {n}: walk {n * 3} km, then rest {60 - n} minutes\n" for n in range(1, 25)),
        "".join(
            f"{line}\nAnd the sea goes on, the sea goes on.\n\n"
            for line in (
                "Grey is the dawn",
                "Cold is the stone",
                "Far is the sail",
                "Lost is the key",
            )
        ),
        "",
    ],
)
def test_what_only_looks_alike_is_no_loop(text: str) -> None:
    assert find_loop(text) is None


@pytest.mark.parametrize("tail", ["-" * 4000, "\n" * 4000, "|" * 4000, "." * 4000])
def test_characters_without_words_for_ever_are_a_loop(tail: str) -> None:
    offset = find_loop("He waited" + tail)
    assert offset is not None
    assert offset <= len("He waited") + 3


words = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=120)


@given(prefix=words, period=words, repeats=st.integers(3, 60), cut=st.integers(0, 119))
@settings(max_examples=150, deadline=None)
def test_every_planted_loop_is_caught(
    prefix: list[str], period: list[str], repeats: int, cut: int
) -> None:
    assume(len(period) * repeats >= 40)
    body = prefix + period * repeats + period[: cut % len(period)]
    offset = find_loop(" ".join(body))
    assert offset is not None
    assert offset <= len(" ".join(prefix + period)) + 1


@pytest.mark.parametrize("size", [60, 700, 2500])
def test_a_passage_that_comes_twice_is_no_loop(size: int) -> None:
    passage = [first + second for first in VOCABULARY for second in VOCABULARY][:size]
    assert find_loop(" ".join(passage * 2)) is None


@given(
    st.lists(st.sampled_from([*VOCABULARY, ".", "海", "灯", "\n\n", "7", "8"]), max_size=300),
    st.integers(1, 40),
    st.lists(st.integers(1, 90), min_size=1, max_size=30),
)
@settings(deadline=None)
def test_a_watch_finds_the_same_place_however_the_text_comes(
    body: list[str], repeats: int, pieces: list[int]
) -> None:
    text = " ".join(body + body[-12:] * repeats + body[:40])
    watch = LoopWatch(step=100)
    seen = 0
    while seen < len(text) and not watch(text[:seen]):
        seen += pieces[seen % len(pieces)]
    stopped = text[:seen]
    assert watch.finish(stopped) == find_early_loop(stopped, step=100)
    assert find_early_loop(stopped, step=100) == find_early_loop(text, step=100)


def test_an_early_loop_is_found_though_the_text_went_on() -> None:
    start, end = "A storm was coming. ", "".join(f"Then came day {w}. " for w in VOCABULARY)
    text = start + SENTENCE * 80 + end
    assert find_loop(text) is None
    assert find_early_loop(text) == len(start + SENTENCE)


@pytest.mark.parametrize("size", [500, 2000, 8000])
def test_no_novel_loops(size: int) -> None:
    if not NOVELS.is_dir():
        pytest.skip("the novels are not beside this checkout")
    for path in sorted(NOVELS.glob("*.txt")):
        text = path.read_text(encoding="utf-8").split(" ")
        for start in range(0, len(text) - size, size):
            assert find_early_loop(" ".join(text[start : start + size])) is None


def test_overlap_is_the_share_of_known_passages_and_shows_them() -> None:
    copied = " ".join(VOCABULARY[:30])
    fresh = " ".join(reversed(VOCABULARY))
    score = overlap(f"{fresh} {copied}", ["something else", copied])
    assert score.value is not None
    assert 0.6 < score.value < 0.8
    assert [f"{fresh} {copied}"[span.start : span.end] for span in score.evidence] == [copied]


def test_headings_quotes_and_code_may_be_repeated() -> None:
    shared = f"# {SENTENCE}\n\n> {SENTENCE * 3}\n\n```\n{SENTENCE * 3}\n```\n\n"
    earlier, later = " ".join(VOCABULARY[:25]), " ".join(VOCABULARY[30:])
    assert overlap(shared + later, shared + earlier).value == 1.0


def test_an_index_names_where_a_passage_comes_from() -> None:
    index = NgramIndex(n=4)
    index.add("1.1", "the lamp was lit before the storm came in")
    index.add("1.2", "nobody slept that night in the tower")
    text = "We know nobody slept that night, and the lamp was lit before the storm."
    assert [(name, text[span.start : span.end]) for name, span in index.where(text)] == [
        ("1.2", "nobody slept that night"),
        ("1.1", "the lamp was lit before the storm"),
    ]
    assert index.coverage("too short").value is None


def test_duplicated_coverage_counts_both_places() -> None:
    once = " ".join(VOCABULARY[:20])
    other = " ".join(VOCABULARY[20:40])
    assert duplicated_coverage(f"{once}\n\n{other}").value == 1.0
    score = duplicated_coverage(f"{once}\n\n{other}\n\n{once}")
    assert score.value == pytest.approx(1 / 3)


def test_duplicate_paragraphs_are_the_later_ones() -> None:
    paragraph = SENTENCE * 3
    text = f"{paragraph}\n\nShort. Short.\n\nShort. Short.\n\n*{paragraph.upper().strip()}*"
    spans = duplicate_paragraphs(text)
    assert [text[span.start : span.end].startswith("*THE OLD") for span in spans] == [True]
