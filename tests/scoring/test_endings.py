"""What is complete is told from what was cut, and a cut text keeps what is complete of it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.scoring.endings import complete_part, is_truncated

NOVELS = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "novels"

COMPLETE = [
    "The lamp burned all night.",
    "He asked, “Will it hold?”",
    '"But I—"',
    "It was *late*.",
    "She waited (for an hour).",
    "他走了。",
    "他说：“走吧。”",
    "「はい。」",
    "Он ушёл.",
    "هل ذهب؟",
    "वह गया।",
    "สวัสดีครับ ผมชื่อสมชาย",
    "He sailed in 1871.[3]",
    "Good luck! 😊",
    "See https://example.org/lamp",
    "The mast is 5'10\" tall.",
    "The lamp went out.\n\nThe End",
    "The lamp went out.\n\n**THE END**",
    "灯灭了。\n\n（全文完）",
    "The lamp went out.\n\n***",
    "She leaves.\n\n(Exit, pursued by a gull)",
    "She leaves.\n\n*Lights fade*",
    "Dear Ann,\n\nAll is well.\n\nYours truly,\nTom",
    "Dear Ann,\n\nAll is well.\n\nWith love,\n\nThomas Gray",
    "一切都好。\n\n此致\n敬礼\n\n张三\n2024年5月1日",
    "> Light is all.\n>\n> — A keeper",
    "Take:\n\n- oil\n- wicks\n- a cloth",
    "1. oil\n2. wicks",
    "- It is lit.\n- It is watched.",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "a | b\n--|--\n1 | 2",
    "```\ncode = 1\n```",
    "Grey is the dawn\nAnd cold the stone\nThe gulls are gone\nI watch alone",
    "春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少",
]
CUT = [
    ("", ""),
    ("The lamp burned all", ""),
    ("The lamp burned. It was a", "The lamp burned."),
    ("The lamp burned. It was,", "The lamp burned."),
    ("The lamp burned.\n\n## The storm", "The lamp burned."),
    ("The lamp burned.\n\n**The storm**", "The lamp burned."),
    ("灯亮了。\n\n第二章", "灯亮了。"),
    ("灯亮了。他推开", "灯亮了。"),
    ("It fell. He said, “Go. It is l", "It fell. He said, “Go.”"),
    ("他说：“走吧。船", "他说：“走吧。”"),
    ("The lamp (the old one", ""),
    ("- It is lit.\n- It is wat", "- It is lit."),
    ("- It is lit.\n- **Oil**: it burns. It sm", "- It is lit.\n- **Oil**: it burns."),
    ("1. oil\n2. wicks\n3.", "1. oil\n2. wicks"),
    ("You need these.\n\n- **Oil**:", "You need these."),
    ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ("It burned.\n\n| a | b |\n|---|---|", "It burned."),
    ("It burned and was seen from afar.\n\n```\nx = 1", "It burned and was seen from afar."),
    ("Code:\n\n```py\na = 1\nb = 2\nc = 3\nd = ", "Code:\n\n```py\na = 1\nb = 2\nc = 3\n```"),
    ("Ann: It burns.\n\nTOM\n(nodding)\nYes. And we", "Ann: It burns.\n\nTOM\n(nodding)\nYes."),
]


@pytest.mark.parametrize("text", COMPLETE)
def test_what_is_complete_is_left_as_it_is(text: str) -> None:
    assert is_truncated(text) == ""
    assert complete_part(text) == text


@pytest.mark.parametrize(("text", "kept"), CUT)
def test_what_was_cut_is_told_and_cut_back(text: str, kept: str) -> None:
    assert is_truncated(text)
    assert complete_part(text) == kept


PIECES = [
    "The lamp burned. ",
    "He said, “Go",
    ".”",
    "\n\n",
    "\n",
    "- item",
    "| a | b |",
    "|---|---|",
    "```",
    "# Head",
    "> quote",
    "灯亮了。",
    "（",
    "**",
    '"',
    "1. one",
    "---",
    ",",
    "The",
    "And so",
    "…",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(deadline=None, max_examples=400)
def test_the_complete_part_is_complete_and_adds_at_most_a_closing_mark(text: str) -> None:
    kept = complete_part(text)
    assert kept == "" or is_truncated(kept) == ""
    assert complete_part(kept) == kept
    assert text.startswith(kept.rstrip('”"’“」』`~').rstrip("\n"))


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_is_answered(text: str) -> None:
    kept = complete_part(text)
    assert kept == "" or is_truncated(kept) == ""


def test_novels_cut_anywhere_are_told_from_whole_paragraphs() -> None:
    if not NOVELS.is_dir():
        pytest.skip("the novels are not beside this checkout")
    for path in sorted(NOVELS.glob("*.txt")):
        text = path.read_text(encoding="utf-8")[20_000:400_000]
        paragraphs = text.split("\n\n")[1:-1]
        prose = [each for each in paragraphs if each.strip()[-1:] == "." and '"' not in each]
        assert all(is_truncated(each) == "" for each in prose)
        cuts = [each[: len(each) // 2].rpartition(" ")[0] for each in prose if len(each) > 200]
        cuts = [each for each in cuts if each[-1] not in ".!?"]
        assert sum(is_truncated(each) != "" for each in cuts) >= 0.99 * len(cuts)
