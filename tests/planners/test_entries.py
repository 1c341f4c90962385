"""Reading a model's plan, however it looks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.planners.agentwrite import read_lines
from longwrite.planners.entries import Entry, clean_title, read_entries

GOOD = {
    "title": "The Sea",
    "bible": "Salt and wind.",
    "sections": [
        {
            "title": "1. Tides",
            "goal": "Explain.",
            "words": 300,
            "needs": [],
            "establishes": ["moon"],
        },
        {
            "title": "Storms",
            "goal": "Warn.",
            "words": "1,200 words",
            "entry": "calm",
            "exit": "wet",
        },
    ],
}
ENTRIES = (
    Entry("Tides", "Explain.", 300, establishes=("moon",)),
    Entry("Storms", "Warn.", 1200, "calm", "wet"),
)
PLAIN = json.dumps(GOOD)
PRETTY = json.dumps(GOOD, indent=2)


@pytest.mark.parametrize(
    "reply",
    [
        PLAIN,
        PRETTY,
        f"```json\n{PRETTY}\n```",
        f"Sure! Here is the plan [as asked]:\n\n{PRETTY}\n\nLet me know {{if}} it helps.",
        f"{{}} [] {PLAIN}",
        json.dumps({"plan": GOOD}),
        json.dumps({"response": {"outline": GOOD}}),
        json.dumps({**GOOD, "notes": ["a", "b", "c"], "tags": [1, 2, 3, 4]}),
    ],
)
def test_json_is_found_wherever_it_stands(reply: str) -> None:
    reading = read_entries(reply)
    assert reading.entries == ENTRIES


def test_title_and_bible_are_read() -> None:
    reading = read_entries(PLAIN)
    assert (reading.title, reading.bible) == ("The Sea", "Salt and wind.")


@pytest.mark.parametrize("keep", range(120, len(PRETTY), 40))
def test_a_plan_that_was_cut_keeps_its_whole_entries(keep: int) -> None:
    reading = read_entries(PRETTY[:keep])
    assert reading.entries == ENTRIES[: len(reading.entries)]
    assert reading.title == ("The Sea" if reading.entries else "")
    first_end = PRETTY.index("}")
    assert bool(reading.entries) == (keep > first_end)


def test_other_names_of_fields_are_understood() -> None:
    reply = json.dumps(
        [{"chapter": "One", "summary": "S.", "word_count": 50}, {"name": "Two"}, "Three"]
    )
    assert read_entries(reply).entries == (Entry("One", "S.", 50), Entry("Two"), Entry("Three"))


def test_values_of_the_wrong_type_are_left_out() -> None:
    item = {
        "title": "A",
        "goal": 5,
        "words": -3,
        "needs": ["1", True, 2],
        "establishes": [[], "x", 7],
    }
    (entry,) = read_entries(json.dumps({"sections": [item]})).entries
    assert entry == Entry("A", needs=(2,), establishes=("x", "7"))


def test_five_hundred_entries_are_read() -> None:
    items = [{"title": f"Lesson on {n}", "goal": "Teach.", "words": 20} for n in range(500)]
    assert len(read_entries(json.dumps({"sections": items}, indent=1)).entries) == 500
    lines = "\n".join(f"{n}. Lesson on {n} | Teach. | 20" for n in range(1, 501))
    assert len(read_entries(lines).entries) == 500


def test_a_repeated_title_counts_once() -> None:
    reply = "1. The Sea | a | 10\n2. THE SEA | b | 20\n3. The Land | c | 30"
    assert [entry.title for entry in read_entries(reply).entries] == ["The Sea", "The Land"]


# --- lines ---------------------------------------------------------------------------------------


def test_plain_lines_are_read() -> None:
    reading = read_entries(
        "Title: **The Sea**\nBible: Salt: and wind.\n\n1. Tides | Explain. | 1,300\n"
        "2) Storms | Warn, loudly. | 500 words\n- Calm – Rest. – 200 words\n"
        "* **Ships**: Sail (400 words)"
    )
    assert (reading.title, reading.bible) == ("The Sea", "Salt: and wind.")
    assert reading.entries == (
        Entry("Tides", "Explain.", 1300),
        Entry("Storms", "Warn, loudly.", 500),
        Entry("Calm", "Rest.", 200),
        Entry("Ships", "Sail", 400),
    )


def test_chinese_lines_are_read() -> None:
    reading = read_entries(
        "标题：海\n设定：盐与风。\n第一章 潮汐 | 解释潮汐 | 800字\n"
        "第二章：风暴：警告读者（约500字）\n3、平静 | 休息 | 300"
    )
    assert (reading.title, reading.bible) == ("海", "盐与风。")
    assert reading.entries == (
        Entry("潮汐", "解释潮汐", 800),
        Entry("风暴", "警告读者", 500),
        Entry("平静", "休息", 300),
    )


def test_a_year_at_the_end_of_a_line_is_no_budget() -> None:
    assert read_entries("1. Berlin 1989\n2. Prague 1968").entries == (
        Entry("Berlin 1989"),
        Entry("Prague 1968"),
    )


def test_prose_is_no_plan() -> None:
    assert read_entries("I can't plan this.\n\nReally not: sorry.").entries == ()


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Chapter 3: The **Sea**", "The Sea"),
        ("Part Two — Storms", "Storms"),
        ("1.2 Ebb", "Ebb"),
        ("## 4) Flow", "Flow"),
        ("第十二章 海", "海"),
        ("一、海", "海"),
        ("“Quoted”", "Quoted"),
        ("12 Angry Men", "12 Angry Men"),
        ("1984", "1984"),
        ("第一章", "第一章"),
        ("Chapter 1", "Chapter 1"),
        ("two\nlines\x00\u202e", "two lines"),
        ("[link](http://x)", "link"),
        ("x" * 500, "x" * 120),
        ("---", ""),
        (None, "None"),
        ("salt \x1b\x00 and sea", "salt and sea"),
    ],
)
def test_titles_are_cleaned(raw: object, clean: str) -> None:
    assert clean_title(raw) == clean


# --- hostile replies -----------------------------------------------------------------------------

PIECES = st.sampled_from(
    ['{"title":', '"a"', "[", "]", "{", "}", ",", ":", '"sections":', '"goal":"g"', "1. ", " | ",
     "12 ", "\n", "words", "第", "一章", "Title:",
     "\\", "\\u12", "nan", "1e999", "-", "```json\n", "\x00"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_reply_is_read_or_left(reply: str) -> None:
    for read in (read_entries, read_lines):
        for entry in read(reply).entries:
            assert entry.title == " ".join(entry.title.split())
            assert len(entry.title) <= 120 and len(entry.goal) <= 1500
            assert entry.words >= 0


@pytest.mark.parametrize(
    "piece",
    ["[", "{", '{"a":', '{"title":"', '{"goal":"x",', "1. ", "1. x 12 ", "111,", "1.1.", "| ", "\\",
     '"title": "', " ", "- ", "第一章", "Paragraph 1 - Main Point: x ", "Word Count: "]
)  # fmt: skip
def test_hostile_replies_end(piece: str) -> None:
    reply = "1. x " + piece * (200_000 // len(piece)) + "x"
    assert read_entries(reply).entries is not None
    assert read_lines(reply).entries is not None


def test_an_entry_that_stutters_is_left_out() -> None:
    reply = """1. The swell | What moves it | 300
2. Waves geasting geasting geasting | Where they go | 300
3. The shore | Say why, why, why, why it breaks | 300
4. The tide had had its day | Knock, knock | 300"""
    titles = [entry.title for entry in read_entries(reply).entries]
    assert titles == ["The swell", "The tide had had its day"]
