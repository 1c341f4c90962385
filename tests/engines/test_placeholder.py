"""Prose on no subject: grammatical, and hardly ever the same twice."""

from __future__ import annotations

import random

import pytest

from longwrite.engines.placeholder import (
    compose_sentence,
    compose_title,
    is_spaceless,
    load_lists,
)
from longwrite.language import detect_language
from longwrite.text import sentences


@pytest.mark.parametrize("language", ["en", "zh"])
def test_word_lists_have_no_word_twice_and_no_blank(language: str) -> None:
    lists = {name: words for name, words in load_lists().items() if name.startswith(language)}
    assert len(lists) >= 5
    for name, words in lists.items():
        assert len(words) == len(set(words)) >= 10, name
        assert all(word and word == word.strip() for word in words), name


@pytest.mark.parametrize(("language", "mark"), [("en", "."), ("zh", "。")])
def test_each_sentence_is_one_in_its_language(language: str, mark: str) -> None:
    rng = random.Random(1)
    composed = [compose_sentence(rng, language) for _ in range(500)]
    for sentence in composed:
        assert sentence.endswith(mark) and sentence[0] == sentence[0].upper()
        assert sentences(sentence) == [sentence]
        assert "{" not in sentence and "  " not in sentence
    assert len(set(composed)) >= 499
    assert detect_language(" ".join(composed)) == language


@pytest.mark.parametrize("language", ["en", "zh"])
def test_titles_are_short_lines(language: str) -> None:
    rng = random.Random(1)
    titles = {compose_title(rng, language) for _ in range(200)}
    assert len(titles) > 190
    assert all(len(title) <= 60 and "\n" not in title for title in titles)


def test_a_seed_decides_all() -> None:
    assert compose_sentence(random.Random(7), "en") == compose_sentence(random.Random(7), "en")


def test_languages_without_spaces_get_chinese() -> None:
    assert is_spaceless("zh-TW") and is_spaceless("ja") and not is_spaceless("ko")
    assert not is_spaceless("")
