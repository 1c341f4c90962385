"""Good rows pass every filter, human prose too; a bad one goes for its own reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.data.filters import ROW_FILTERS, Reason, detail_of
from longwrite.data.rows import Row, Shape, Verdict
from longwrite.text import count_words
from longwrite.types import Constraint, Message
from tests.data.prose import make_paragraph, make_text

NOVELS = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "novels"
ASKED = (Message("user", "Write about a harbour."),)
TEXT = make_text(6)
ROW = Row("row", "completion", ASKED, TEXT, language="en")
PAIR = Row("pair", "pair", ASKED, chosen=TEXT, rejected=make_text(6, seed=1), language="en")
CHINESE = (
    "港口的早晨很安静，渔船一艘接一艘地回来。老人坐在石阶上补网，孩子们数着桅杆。"
    "雾散了以后，灯塔露出白色的墙，风里有盐的味道。"
)
SENTENCES = "It was a grey day at the harbour. "


def judge(row: Row) -> tuple[str, Verdict]:
    """Return the first filter that refuses a row, and what it says."""
    for name, make in ROW_FILTERS.items():
        if (verdict := make()(row)) is not True:
            return name, verdict
    return "", True


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        PAIR,
        Row("prompt", "prompt", ASKED, target=2_000),
        Row("steps", "steps", ASKED, steps=((TEXT, True), ("cut in the", False))),
        replace(ROW, completion=CHINESE, language="zh"),
        replace(PAIR, rejected=SENTENCES * 15, provenance={"criterion": "length"}),
    ],
    ids=lambda row: f"{row.shape} {row.language}",
)
def test_a_good_row_passes(row: Row) -> None:
    assert judge(row) == ("", True)


BAD = [
    ("", "empty", "text is empty"),
    (" \n ", "empty", "text is empty"),
    ("Too little.", "empty", "text is too short"),
    (TEXT + "\n\nrate limit exceeded", "error", "holds an error message"),
    ("<html><body><h1>502 Bad Gateway</h1></body></html>" + TEXT, "error", "holds an error"),
    (f"{TEXT}\n\n<center>502 Bad Gateway</center>", "error", "holds the source of a web page"),
    (
        "I'm sorry, but I can't help with that request. " + SENTENCES * 3,
        "refusal",
        "declines to write",
    ),
    (
        f"## One\n\n{TEXT}\n\n## Two\n\nI'm sorry, but I can't continue writing this content.",
        "refusal",
        "declines to write",
    ),
    (f"<think>Let me see.</think>{TEXT}", "leak", "holds tags of a chat"),
    (f"{TEXT}\n\n(Word count: 480 words)", "leak", "talks about the writing"),
    (TEXT + "\n\n" + "他在港口等船，天很冷。" * 800, "language", "text isn't in its language"),
    (TEXT + "\n\nThe harbour was", "truncation", "is cut short"),
    (TEXT + "\n\n" + SENTENCES * 30, "loop", "runs in a loop"),
    (f"{TEXT}\n\n{TEXT}\n\n{make_text(2, seed=9)}", "repetition", "repeats itself"),
]


@pytest.mark.parametrize(("text", "name", "reason"), BAD, ids=[reason for _, _, reason in BAD])
def test_a_bad_text_goes_for_its_reason(text: str, name: str, reason: str) -> None:
    found, verdict = judge(replace(ROW, completion=text))
    assert found == name
    assert verdict is not True and verdict[1].startswith(reason)


def test_of_a_pair_the_chosen_text_is_judged() -> None:
    looping = SENTENCES * 60
    assert judge(replace(PAIR, rejected=looping)) == ("", True)
    assert judge(replace(PAIR, chosen=looping))[0] == "loop"


def test_a_failed_call_is_no_rejected_text_either() -> None:
    assert judge(replace(PAIR, rejected="Internal Server Error"))[0] == "error"
    assert judge(replace(PAIR, rejected=" "))[0] == "empty"


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ((), "prompt doesn't end with a request"),
        ((*ASKED, Message("assistant", "Yes.")), "prompt doesn't end with a request"),
        ((Message("user", " "),), "prompt has an empty message"),
        ((Message("user", "<|im_start|>user\nWrite"),), "prompt holds tags of a chat"),
        ((Message("user", "Internal Server Error"),), "prompt holds a failed reply"),
    ],
)
def test_a_prompt_has_to_ask(prompt: tuple[Message, ...], reason: str) -> None:
    assert judge(Row("p", "prompt", prompt)) == ("prompt", (False, reason))
    assert judge(replace(ROW, prompt=prompt)) == ("prompt", (False, reason))


def test_length_is_of_the_text_or_of_a_prompts_target() -> None:
    between = ROW_FILTERS["length"](least=100, most=1_000)
    assert between(ROW) is True
    assert between(Row("p", "prompt", ASKED, target=50)) == (False, "fewer words than wanted")
    assert between(replace(ROW, completion=make_text(20))) == (False, "more words than wanted")
    assert between(Row("p", "prompt", ASKED)) is True


def test_only_wanted_languages() -> None:
    assert ROW_FILTERS["language"](languages=("en", "zh"))(replace(ROW, language="en-GB")) is True
    verdict = ROW_FILTERS["language"](languages=("zh",))(ROW)
    assert verdict == (False, "language isn't wanted") and detail_of(verdict) == "en"


# --- pairs ---------------------------------------------------------------------------------------


def judge_pair(chosen: int, rejected: int, **changes: Any) -> Verdict:
    texts = make_paragraph(chosen, 1), make_paragraph(rejected, 2)
    row = replace(PAIR, chosen=texts[0], rejected=texts[1], **changes)
    return ROW_FILTERS["pair"]()(row)


def rate(chosen: object, rejected: object) -> dict[str, object]:
    return {"provenance": {"quality": {"chosen": chosen, "rejected": rejected}}}


def test_a_length_gap_needs_a_quality_gap() -> None:
    assert judge_pair(400, 200, **rate(0.9, 0.3)) is True
    verdict = judge_pair(400, 200, **rate(0.9, 0.5))
    assert verdict == (False, "length gap exceeds quality gap")
    assert detail_of(verdict) == "400 and 200 words, 0.50 over 0.40"
    assert judge_pair(200, 400, **rate(0.9, 0.5)) == (False, "length gap exceeds quality gap")


def test_a_pair_about_length_may_differ_in_length() -> None:
    assert judge_pair(400, 40, provenance={"criterion": "length"}) is True
    assert judge_pair(400, 40, broken=Constraint("length", {"min": 300})) is True
    assert judge_pair(400, 40, broken=Constraint("keyword")) is not True


def test_an_unrated_pair_may_differ_a_little() -> None:
    assert judge_pair(400, 360) is True
    assert judge_pair(400, 300) == (False, "length gap exceeds quality gap")


def test_a_pair_has_two_texts_and_the_better_one_first() -> None:
    same = replace(PAIR, rejected=f" {PAIR.chosen}\n", provenance={"criterion": "length"})
    assert judge(same) == ("pair", (False, "both texts of the pair are the same"))
    assert judge_pair(100, 100, **rate(0.5, 0.5)) == (False, "chosen text isn't rated better")


@pytest.mark.parametrize("mark", [None, "0.2", True, float("nan"), 3, [0.1]])
def test_marks_that_are_no_numbers_are_not_guessed(mark: object) -> None:
    assert judge_pair(99, 99, **rate(1, mark)) == (False, "quality of the pair can't be read")


# --- limits --------------------------------------------------------------------------------------


def test_what_a_short_text_may_repeat_a_long_one_may_not() -> None:
    repeats = ROW_FILTERS["repetition"]()
    for paragraphs, passes in ((10, True), (200, False)):
        refrain = make_text(paragraphs // 8, seed=5)
        text = f"{make_text(paragraphs)}\n\n{refrain}\n\n{make_text(4, seed=6)}\n\n{refrain}"
        assert (repeats(replace(ROW, completion=text)) is True) is passes


def test_more_may_be_allowed() -> None:
    row = replace(ROW, completion=f"{TEXT}\n\n{TEXT}\n\n{make_text(2, seed=9)}")
    assert ROW_FILTERS["repetition"](allow=5.0)(row) is True


def test_a_speech_that_the_next_paragraph_goes_on_with_is_whole() -> None:
    ends = ROW_FILTERS["truncation"]()
    assert ends(replace(ROW, completion=TEXT + '\n\n"We sailed at noon.')) is True
    assert ends(replace(ROW, completion=TEXT + '\n\n"We sailed at')) is not True


def windows(text: str, size: int) -> Iterator[str]:
    """Yield windows of at least so many words, each up to a paragraph that ends a sentence."""
    found: list[str] = []
    count = 0
    for paragraph in text.replace("\r", "").split("\n\n"):
        found.append(paragraph)
        count += count_words(paragraph)
        if count >= size and re.search(r"[.!?][\"”_]*\s*\Z", paragraph):
            yield "\n\n".join(found).strip("\n")
            found, count = [], 0


@pytest.mark.skipif(not NOVELS.is_dir(), reason="the novels of the fixtures are not here")
@pytest.mark.parametrize("size", [4_000, 8_000, 16_000])
def test_human_prose_passes(size: int) -> None:
    judged = [
        judge(replace(ROW, completion=window))
        for path in sorted(NOVELS.glob("*.txt"))
        for window in windows(path.read_text("utf-8-sig"), size)
    ]
    assert len(judged) >= 10
    refused = [each for each in judged if each[1] is not True]
    assert len(refused) <= 0.01 * len(judged), refused


# --- whatever comes ------------------------------------------------------------------------------


SHAPES: tuple[Shape, ...] = get_args(Shape)
ANY_TEXT = st.text(st.characters(), max_size=300)  # unpaired surrogates too


@settings(max_examples=60)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.sampled_from(SHAPES))
def test_any_unicode_gets_a_verdict(prompt: str, one: str, other: str, shape: Shape) -> None:
    row = Row(
        "row",
        shape,
        (Message("user", prompt),),
        completion=one,
        chosen=one * 9,
        rejected=other,
        steps=((one, True), (other, False)),
        language="zh",
    )
    for make in ROW_FILTERS.values():
        verdict = make(**({"least": 5} if make is ROW_FILTERS["empty"] else {}))(row)
        assert verdict is True or (verdict[0] is False and verdict[1])


def test_a_reason_is_counted_by_its_phrase() -> None:
    one, other = Reason("is cut short", "at 12"), Reason("is cut short", "at 34")
    assert {one, other, "is cut short"} == {"is cut short"}
    assert (one.detail, detail_of((False, other)), detail_of(True)) == ("at 12", "at 34", "")
    assert detail_of((False, "is cut short")) == ""
