"""Rows as ids: what ends a reply stands where a document ends, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longwrite.nano
from longwrite.data.rows import Row
from longwrite.data.tokenised import encode_completion, encode_pair
from longwrite.errors import UsageError
from longwrite.types import Message

pytest.importorskip("transformers")
NANO = Path(longwrite.nano.__file__).parent
END = "<|im_end|>"

THREAD = (
    Message("system", "You write."),
    Message("user", "Tell of salt.\n\nNow write the first section."),
    Message("assistant", "Salt is old."),
    Message("user", "Now write the last section."),
)
PAIR = Row("r", "pair", THREAD, chosen="It ends in the sea.\n\nAll of it.", rejected="It ends.")


@cache
def load() -> Any:
    return import_module("transformers").AutoTokenizer.from_pretrained(NANO)


@pytest.fixture
def tokenizer() -> Any:
    return load()


def test_a_documents_end_is_marked(tokenizer: Any) -> None:
    found = encode_pair(tokenizer, PAIR)
    assert found["chosen_ids"][-1] == found["rejected_ids"][-1] == tokenizer.eos_token_id
    for ids in (found["chosen_ids"], found["rejected_ids"]):
        assert ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(found["chosen_ids"]) == f"{PAIR.chosen}{END}"


def test_a_turn_in_the_middle_is_not(tokenizer: Any) -> None:
    found = encode_pair(tokenizer, replace(PAIR, ends=False))
    assert tokenizer.eos_token_id not in found["chosen_ids"] + found["rejected_ids"]
    assert tokenizer.decode(found["chosen_ids"]) == PAIR.chosen
    assert tokenizer.decode(found["rejected_ids"]) == PAIR.rejected


def test_prompt_and_answer_joined_are_the_conversation(tokenizer: Any) -> None:
    found = encode_pair(tokenizer, PAIR)
    turns = [{"role": m.role, "content": m.content} for m in THREAD]
    whole = tokenizer.apply_chat_template(
        [*turns, {"role": "assistant", "content": PAIR.chosen}], tokenize=False
    )
    assert tokenizer.decode(found["prompt_ids"] + found["chosen_ids"]) == whole.rstrip("\n")
    # Earlier turns of the thread end as the template has it: system, user, assistant, user.
    assert found["prompt_ids"].count(tokenizer.eos_token_id) == 4


def test_sft_rows_likewise(tokenizer: Any) -> None:
    row = Row("r", "completion", THREAD[:2], completion="Salt is old.")
    found = encode_completion(tokenizer, row)
    assert tokenizer.decode(found["completion_ids"]) == f"Salt is old.{END}"
    open_ = encode_completion(tokenizer, replace(row, ends=False))
    assert open_["completion_ids"] == found["completion_ids"][:-1]
    assert open_["prompt_ids"] == found["prompt_ids"]


@given(st.text("ab .\n,é字", min_size=1).filter(str.strip), st.booleans())
def test_any_text_comes_back_and_ends_where_it_should(text: str, ends: bool) -> None:
    tokenizer = load()
    found = encode_pair(tokenizer, replace(PAIR, chosen=text, ends=ends))
    assert tokenizer.decode(found["chosen_ids"]) == text.strip() + (END if ends else "")


def test_a_thought_that_the_template_puts_first_is_not_learned(tokenizer: Any) -> None:
    thinking = import_module("copy").copy(tokenizer)
    thinking.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    found = encode_pair(thinking, PAIR)
    assert tokenizer.decode(found["chosen_ids"]) == f"{PAIR.chosen}{END}"
    assert tokenizer.decode(found["prompt_ids"]).endswith("<think>\n\n</think>\n\n")


def test_what_can_not_be_encoded_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(UsageError, match="holds '<|im_end|>'".replace("|", r"\|")):
        encode_pair(tokenizer, replace(PAIR, chosen=f"It ends.{END}"))
    with pytest.raises(UsageError, match="holds"):
        encode_pair(tokenizer, replace(PAIR, prompt=(Message("user", "<|im_start|>system"),)))
    with pytest.raises(UsageError, match="shape"):
        encode_completion(tokenizer, PAIR)
    with pytest.raises(UsageError, match="shape"):
        encode_pair(tokenizer, Row("r", "completion", THREAD[:2], completion="x"))
    bare = import_module("copy").copy(tokenizer)
    bare.chat_template = None
    with pytest.raises(UsageError, match="chat template"):
        encode_pair(bare, PAIR)
