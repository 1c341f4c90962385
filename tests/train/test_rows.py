"""Rows of any custom become token ids: nothing is cut, only a document's end teaches to stop."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from longwrite.errors import UsageError
from longwrite.train.rows import Encoded, encode_rows, load_rows
from longwrite.train.settings import Method

pytestmark = pytest.mark.filterwarnings("ignore")
ANSWER = "The tide came in. The boats were counted."


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(tiny_model)


def encode(folder: Path, tokenizer: Any, method: Method, *rows: Any, **options: Any) -> Encoded:
    """Write rows to a file, load and encode them."""
    file = folder / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return encode_rows(load_rows(str(file), None, "train", method), tokenizer, method, **options)


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Tell.", "completion": ANSWER},
        {"messages": [turn("user", "Tell."), turn("assistant", ANSWER)]},
        {"prompt": [turn("user", "Tell.")], "completion": [turn("assistant", ANSWER)]},
        {"instruction": "Tell.", "output": ANSWER},
    ],
)
def test_any_custom_is_read_and_only_the_answer_is_learned(
    row: dict[str, Any], tokenizer: Any, tmp_path: Path
) -> None:
    encoded = encode(tmp_path, tokenizer, "sft", row)
    ids, labels = encoded.rows[0]["input_ids"], encoded.rows[0]["labels"]
    learned = [label for label in labels if label != -100]
    assert tokenizer.decode(learned) == f"{ANSWER}<|im_end|>"
    assert ids[-len(learned) :] == learned and encoded.lengths == [len(ids)]


def test_all_answers_of_a_thread_are_learned_where_that_is_asked(
    tokenizer: Any, tmp_path: Path
) -> None:
    thread = [
        turn("system", "Write."), turn("user", "Plan."), turn("assistant", " 1. Hulls "),
        turn("user", "Now write 1."), turn("assistant", "Hulls are of wood."),
        turn("user", "Go on."), turn("assistant", ANSWER),
    ]  # fmt: skip
    rows = [{"messages": thread}]
    (last,) = encode(tmp_path, tokenizer, "sft", *rows).rows
    (row,) = encode(tmp_path, tokenizer, "sft", *rows, learn_answers=True).rows
    learned = [label for label in row["labels"] if label != -100]
    end = "<|im_end|>"
    assert tokenizer.decode(learned) == f"1. Hulls{end}Hulls are of wood.{end}{ANSWER}{end}"
    assert all(b in (-100, a) for a, b in zip(row["input_ids"], row["labels"], strict=True))
    only = [label for label in last["labels"] if label != -100]
    assert tokenizer.decode(only) == f"{ANSWER}{end}"


def test_a_template_that_hides_earlier_answers_can_t_teach_them(
    tokenizer: Any, tmp_path: Path
) -> None:
    said = (("user", "A?"), ("assistant", "A."), ("user", "B?"), ("assistant", "B."))
    thread = [turn(*one) for one in said]
    hiding = copy.deepcopy(tokenizer)
    shown = "(message.content if loop.last or message.role == 'user' else '…')"
    hiding.chat_template = tokenizer.chat_template.replace("message.content", shown)
    with pytest.raises(UsageError, match="otherwise once others follow"):
        encode(tmp_path, hiding, "sft", {"messages": thread}, learn_answers=True)


def test_a_part_of_a_document_does_not_teach_to_stop(tokenizer: Any, tmp_path: Path) -> None:
    pair = {"prompt": "Tell.", "chosen": ANSWER, "rejected": "No."}
    encoded = encode(tmp_path, tokenizer, "dpo", {**pair, "ends": False}, {**pair, "ends": True})
    part, whole = encoded.rows
    assert encoded.partial == 1
    assert part["chosen_ids"] == whole["chosen_ids"][:-1]
    assert whole["rejected_ids"][-1] == tokenizer.eos_token_id != part["rejected_ids"][-1]


def test_a_turn_of_a_thread_teaches_to_end_it_where_that_is_asked_for(
    tokenizer: Any, tmp_path: Path
) -> None:
    pair = {"prompt": "Tell.", "chosen": ANSWER, "rejected": "No."}
    pairs = {**pair, "ends": False}, {**pair, "ends": True}
    encoded = encode(tmp_path, tokenizer, "dpo", *pairs, learn_turn_ends=True)
    part, whole = encoded.rows
    assert part == whole and encoded.partial == 0


def test_a_long_row_is_an_error_or_dropped_and_counted(tokenizer: Any, tmp_path: Path) -> None:
    rows = [{"prompt": "Tell.", "completion": ANSWER * times} for times in (1, 40)]
    with pytest.raises(UsageError, match="1 of 2 rows can't be trained on: row 1: longer than 200"):
        encode(tmp_path, tokenizer, "sft", *rows, most=200)
    kept = encode(tmp_path, tokenizer, "sft", *rows, most=200, allow_drop=True)
    assert len(kept.rows) == 1 and kept.longest <= 200
    assert dict(kept.dropped) == {"longer than 200 tokens": 1}


@pytest.mark.parametrize(
    ("method", "row", "said"),
    [
        ("dpo", {"prompt": "Tell.", "completion": ANSWER}, "prompt, chosen and rejected"),
        ("sft", {"prompt": "Tell."}, "prompt and completion"),
        ("sft", {"prompt": "Tell.", "completion": "<|im_start|>user"}, "im_start"),
        ("sft", {"weight": 3}, "unknown shape"),
        ("sft", {"prompt": "Tell.", "completion": " "}, "no text"),
    ],
)
def test_a_row_that_can_not_be_used_is_named(
    method: Method, row: dict[str, Any], said: str, tokenizer: Any, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="row 0") as told:
        encode(tmp_path, tokenizer, method, row)
    assert said in str(told.value)


def test_prompts_keep_the_columns_that_rewards_read(tokenizer: Any, tmp_path: Path) -> None:
    encoded = encode(tmp_path, tokenizer, "grpo", {"prompt": "Tell in 90 words.", "words": 90})
    assert encoded.rows[0]["words"] == 90
    assert encoded.rows[0]["prompt"] == [turn("user", "Tell in 90 words.")]


@pytest.mark.parametrize("name", ["none", "none.jsonl", "set.docx", "broken.jsonl", "empty.jsonl"])
def test_a_set_that_can_not_be_read_is_said_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "set.docx").write_bytes(b"PK")
    (tmp_path / "broken.jsonl").write_text("{ no row", "utf-8")
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    with pytest.raises(UsageError, match=name):
        load_rows(str(tmp_path / name), None, "train", "sft")


def test_a_set_s_rows_are_those_that_its_folder_holds_now(tmp_path: Path) -> None:
    card = "---\nconfigs:\n- config_name: sft\n  data_files: data/sft/*.jsonl\n---\n"
    for folder in ("one", "other"):
        place = tmp_path / folder / "set"
        (place / "data" / "sft").mkdir(parents=True)
        (place / "README.md").write_text(card, "utf-8")

    def load(folder: str, completion: str) -> str:
        place = tmp_path / folder / "set"
        row = {"prompt": "Tell.", "completion": completion}
        (place / "data" / "sft" / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
        return str(load_rows(str(place), None, "train", "sft")[0]["completion"])

    assert load("one", ANSWER) == ANSWER
    assert load("other", "Another.") == "Another."
    assert load("one", "Rebuilt.") == "Rebuilt."
