"""Things to mention without quotation marks: how they are cut, and for which sections they are."""

from __future__ import annotations

import pytest

from longwrite.rewards.clauses import read_source
from longwrite.rewards.wording import find_constraints
from longwrite.rewards.wording_objects import read_chinese, read_english
from longwrite.rewards.wording_scopes import find_scopes
from longwrite.types import Constraint


def topics(prompt: str) -> list[Constraint]:
    return [c for c in find_constraints(prompt) if c.kind in {"mention", "avoid"}]


@pytest.mark.parametrize(
    ("words", "things"),
    [
        ("the lighthouse keeper.", ["lighthouse keeper"]),
        ("the flood of 1953 and the old mill", ["flood of 1953", "old mill"]),
        ("salt, pepper and vinegar", ["salt", "pepper", "vinegar"]),
        ("the harbour, and describe the storm", ["harbour"]),
        ("the Academy Awards won by the film", ["Academy Awards"]),
        ("his divorce at least once in each chapter", ["divorce"]),
        ("the cat in the window and the dog", ["cat", "dog"]),
        ("Mrs. Okafor in passing", ["Mrs. Okafor"]),
        ("a trip to the market", ["trip to the market"]),
        ("it somewhere", []),
        ("how he died", []),
        ("at least three rivers", []),
    ],
)
def test_an_english_phrase_is_cut_to_what_names_the_thing(words: str, things: list[str]) -> None:
    assert [phrase.text for phrase in read_english(words, 0)] == things


@pytest.mark.parametrize(
    ("words", "things"),
    [
        ("a recipe in each part", ["recipe"]),
        ("a dragon, a princess and a sword", ["dragon", "princess", "sword"]),
        ("a summary of the plot", []),
        ("a title wrapped in brackets", []),
    ],
)
def test_parts_of_a_text_are_no_things(words: str, things: list[str]) -> None:
    assert [phrase.text for phrase in read_english(words, 0, thing=True)] == things


@pytest.mark.parametrize(
    ("words", "things"),
    [
        ("那只黑猫。然后", ["黑猫"]),
        ("水库和小学，", ["水库", "小学"]),
        ("张校长", ["张校长"]),
        ("中华人民共和国", ["中华人民共和国"]),
        ("借钱的事", ["借钱"]),
        ("以下内容", []),
    ],
)
def test_a_chinese_phrase_is_cut_to_what_names_the_thing(words: str, things: list[str]) -> None:
    assert [phrase.text for phrase in read_chinese(words, 0)] == things


@pytest.mark.parametrize(
    ("prompt", "scopes"),
    [
        ("Mention it in every third chapter.", ("every:3",)),
        ("Mention it every 5 weeks, starting from week 10.", ("every:5:10",)),
        ("In chapters 2 and 5, mention it.", ("section:2", "section:5")),
        ("Mention it on floors 3 to 5.", ("section:3", "section:4", "section:5")),
        ("Write chapter 3 and mention it.", ("document",)),
        ("Mention it to people who read every day.", ("document",)),
        ("Write a tale with every chapter short, and mention it.", ("document",)),
    ],
)
def test_a_scope_is_the_nearest_place_that_is_one_of_the_text(
    prompt: str, scopes: tuple[str, ...]
) -> None:
    start = prompt.lower().index("mention it")
    assert find_scopes(read_source(prompt), start, start + len("mention it")) == scopes


@pytest.mark.parametrize(
    ("prompt", "scopes"),
    [
        ("从第五周开始，每三周提到它", ("every:3:5",)),
        ("每隔一章提到它", ("every:2",)),
        ("第二章和第五章都提到它", ("section:2", "section:5")),
        ("每章三千字，第三章提到它", ("section:3",)),
        ("每章三千字，全文要提到它", ("document",)),
    ],
)
def test_a_chinese_scope_stands_in_the_same_clause(prompt: str, scopes: tuple[str, ...]) -> None:
    start = prompt.index("提到它")
    assert find_scopes(read_source(prompt), start, start + 3) == scopes


def test_what_is_only_named_is_soft_and_words_called_words_are_hard() -> None:
    assert [c.hard for c in topics("Be sure to mention the sea.")] == [False]
    assert [c.hard for c in topics("Be sure to use the word sea.")] == [True]
    assert [c.hard for c in topics('Be sure to mention "the sea".')] == [True]


@pytest.mark.parametrize(
    "prompt",
    [
        "Write about a man who must not mention his past.",
        "Explain why politicians avoid mentioning taxes.",
        "He asked me to mention the sea.",
        "Not to mention the cost.",
        "You may mention the sea.",
        "Do not mention the treasure before chapter 5.",
        "写一个故事，主人公不能提到自己的名字。",
        "为什么古人写信不提姓名？",
    ],
)
def test_what_somebody_in_the_text_does_is_no_order(prompt: str) -> None:
    assert topics(prompt) == []
