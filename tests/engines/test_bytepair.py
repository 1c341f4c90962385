"""Tokens equal to those of the library that made the tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.bytepair import BytePair, Spelling
from longwrite.errors import EngineError

library: Any = pytest.importorskip("tokenizers")
tokens_of_nano: Any = pytest.importorskip("longwrite.nano.tokens")
PATTERN, SPECIALS = tokens_of_nano.PATTERN, tokens_of_nano.SPECIALS

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    "the lanter\n 1é湖\t\r.,", max_size=99
)


@pytest.fixture(scope="module")
def tokenizer(nano_model: Path) -> BytePair:
    return BytePair.load(nano_model / "tokenizer.json")


@pytest.fixture(scope="module")
def original(nano_model: Path) -> Any:
    loaded = library.Tokenizer.from_file(str(nano_model / "tokenizer.json"))
    loaded.encode_special_tokens = True  # what looks like one is text
    return loaded


@given(text=TEXT)
def test_every_text_has_the_tokens_of_the_library(
    tokenizer: BytePair, original: Any, text: str
) -> None:
    tokens = tokenizer.encode(text)
    assert tokens == original.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(tokens) == text


@given(tokens=st.lists(st.integers(0, 599), max_size=60))
def test_any_tokens_have_the_text_of_the_library(
    tokenizer: BytePair, original: Any, tokens: list[int]
) -> None:
    whole = original.decode(tokens, skip_special_tokens=True)
    assert tokenizer.decode(tokens) == whole
    spelling = Spelling(tokenizer)
    for token in tokens:
        spelling.add(token)
        assert whole.startswith(spelling.text)
    spelling.end()
    assert spelling.text == whole


def test_the_text_of_a_special_token_is_text(tokenizer: BytePair) -> None:
    assert tokenizer.specials == {name: place for place, name in enumerate(SPECIALS)}
    tokens = tokenizer.encode("".join(SPECIALS))
    assert not set(tokens) & set(tokenizer.specials.values())
    assert tokenizer.decode(tokens) == "".join(SPECIALS)
    assert tokenizer.decode([0, 1, 2, 10**9]) == ""


def test_a_character_in_three_tokens_waits_for_the_last(tokenizer: BytePair) -> None:
    tokens = tokenizer.encode("a€b")
    spelling = Spelling(tokenizer)
    shown = []
    for token in tokens:
        spelling.add(token)
        shown.append(spelling.text)
    assert shown == ["a", "a", "a", "a€", "a€b"]


def test_a_word_of_a_hundred_thousand_letters_is_one_word(
    tokenizer: BytePair, original: Any
) -> None:
    word = "thelantern" * 10_000
    assert tokenizer.encode(word) == original.encode(word).ids


def test_half_a_surrogate_pair_is_no_reason_to_fail(tokenizer: BytePair) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a?b"


# --- what is refused -----------------------------------------------------------------------------


def reload(nano_model: Path, folder: Path, change: Callable[[Any], object]) -> BytePair:
    told = json.loads((nano_model / "tokenizer.json").read_text("utf-8"))
    change(told)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(told), "utf-8")
    return BytePair.load(path)


def test_both_spellings_of_merges_are_read(nano_model: Path, tmp_path: Path) -> None:
    def join(told: Any) -> None:
        told["model"]["merges"] = [" ".join(pair) for pair in told["model"]["merges"]]

    text = "The lanterns of 1880, in winter."
    both = [reload(nano_model, tmp_path, change) for change in (join, lambda told: None)]
    assert both[0].encode(text) == both[1].encode(text)
    assert len(both[0].encode(text)) < len(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: told.update(normalizer={"type": "NFC"}), "normalizer"),
        (lambda told: told.update(truncation={"max_length": 5}), "truncation"),
        (lambda told: told.update(decoder=None), "isn't the tokenizer"),
        (lambda told: told.update(decoder={"type": "WordPiece"}), "decoder"),
        (lambda told: told.update(post_processor={"type": "TemplateProcessing"}), "post_processor"),
        (lambda told: told.update(pre_tokenizer=None), "isn't the tokenizer"),
        (lambda told: told.update(pre_tokenizer={"type": "ByteLevel"}), "pre_tokenizer"),
        (lambda told: told["pre_tokenizer"]["pretokenizers"].pop(), "not enough values"),
        (lambda told: told["model"].update(type="Unigram"), "plain BPE"),
        (lambda told: told["model"].update(byte_fallback=True), "plain BPE"),
        (lambda told: told["model"].update(ignore_merges=True), "plain BPE"),
        (lambda told: told["model"].update(vocab=[]), "isn't the tokenizer"),
        (lambda told: told["model"]["vocab"].pop("a"), "isn't the tokenizer"),
        (lambda told: told["model"]["vocab"].update(a=7), "one id"),
        (lambda told: told["model"]["vocab"].update({"<|im_end|>": 599}), "two ids"),
        (lambda told: told["model"]["vocab"].update(a=-1), "no id"),
        (lambda told: told["model"]["vocab"].update(a=True), "no id"),
        (lambda told: told["model"]["vocab"].update({"桥": 601}), "isn't the tokenizer"),
        (lambda told: told["model"]["merges"].append(["a", "#zz"]), "isn't the tokenizer"),
        (lambda told: told["model"]["merges"].append("a b c"), "too many values"),
        (lambda told: told["added_tokens"][0].update(lstrip=True), "plain special"),
        (lambda told: told["added_tokens"][0].update(special=False), "plain special"),
        (lambda told: told["added_tokens"][0].pop("id"), "isn't the tokenizer"),
        (lambda told: told.pop("model"), "isn't the tokenizer"),
    ],
)
def test_a_tokenizer_of_another_shape_is_refused(
    nano_model: Path, tmp_path: Path, change: Callable[[Any], object], why: str
) -> None:
    with pytest.raises(EngineError, match=why):
        reload(nano_model, tmp_path, change)


@pytest.mark.parametrize(
    "pattern",
    [r"\p{L}+|.", "(a+)+", "[a-", "[[:alpha:]]+", "[a[b]]", "[a&&b]", "[+--]", r"\w+", "[z-a]",
     "a|", "a*", "a{9}", "a**", ""],
)  # fmt: skip
def test_a_pattern_that_engines_could_read_differently_is_refused(
    nano_model: Path, tmp_path: Path, pattern: str
) -> None:
    def change(told: Any) -> None:
        told["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern

    with pytest.raises(EngineError, match="its pattern"):
        reload(nano_model, tmp_path, change)


def test_what_a_pattern_leaves_out_is_cut_out_alike(
    nano_model: Path, tmp_path: Path, original: Any
) -> None:
    def change(told: Any) -> None:
        told["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+"

    tokenizer = reload(nano_model, tmp_path, change)
    changed = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = "The 24 boats, and  the lake!"
    assert tokenizer.encode(text) == changed.encode(text).ids != original.encode(text).ids
    assert PATTERN != "[a-z]+"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 100_000])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="can't use the tokenizer"):
        BytePair.load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No such file"):
        BytePair.load(tmp_path / "tokenizer.json")
