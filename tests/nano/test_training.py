"""From conversations to rows, from rows to weights that transformers loads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwrite.nano.build import Builder, CorpusError, export_model
from longwrite.nano.corpus import Conversation, encode_pages, write_page
from longwrite.nano.model import Nano, Shape
from longwrite.nano.recipe import SMOKE, enlarge
from longwrite.nano.tokens import encode_chat, save_tokenizer, train_tokenizer
from longwrite.nano.training import (
    IGNORED,
    Batch,
    Stage,
    Trainer,
    pack_batches,
    pack_rows,
    stream_batches,
)
from longwrite.types import Message

SHAPE = Shape(vocabulary=600, hidden=64, layers=2, heads=4, kv_heads=2, head=32, inner=96)


@pytest.fixture(scope="module")
def pages() -> list[str]:
    return [write_page(0, number) for number in range(20)]


@pytest.fixture(scope="module")
def tokenizer(pages: list[str]) -> Any:
    return train_tokenizer(pages, SHAPE.vocabulary)


def make_conversation(size: int, value: int) -> Conversation:
    mask = np.arange(size) >= size // 2
    return np.full(size, value, np.uint16), mask


@given(st.lists(st.integers(2, 80), min_size=1, max_size=40), st.integers(0, 99))
def test_rows_hold_every_fitting_conversation_whole_and_once(sizes: list[int], seed: int) -> None:
    given_ones = [make_conversation(size, number) for number, size in enumerate(sizes)]
    rows = pack_rows(given_ones, 64, seed)
    assert all(sum(len(ids) for ids, _ in row) <= 64 for row in rows)
    packed = sorted(int(ids[0]) for row in rows for ids, _ in row)
    assert packed == [number for number, size in enumerate(sizes) if size <= 64]


def test_only_what_is_learned_is_a_target() -> None:
    stage = Stage("x", "pages", tokens=16, rows=1, steps=1, first=0, last=0)
    ids, targets = next(pack_batches([make_conversation(10, 7)], stage, 0))
    assert ids[0].tolist() == [7] * 10 + [0] * 6
    assert targets[0].tolist() == [IGNORED] * 4 + [7] * 5 + [IGNORED] * 7


def test_a_stream_s_targets_are_one_further() -> None:
    stage = Stage("x", "pages", tokens=8, rows=3, steps=1, first=0, last=0)
    ids, targets = next(stream_batches(np.arange(100, dtype=np.uint16), stage, 0, end=50))
    assert ids.shape == targets.shape == (3, 8)
    assert (targets - ids == 1).all()
    assert {int(row[0]) for row in ids[::2]} <= {0, 51}


def test_the_mask_is_that_of_the_template(tokenizer: Any, tmp_path: Path) -> None:
    transformers = import_module("transformers")
    save_tokenizer(tokenizer, tmp_path, 4096)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    messages = (
        Message("system", "You write."),
        Message("user", "Now write 1,200 words.\n\nIts goal: “calm” — 中文"),
        Message("assistant", "The tide came in.\n\nIt went out."),
        Message("user", "Go on."),
        Message("assistant", "It came again."),
    )
    told = [{"role": m.role, "content": m.content} for m in messages]
    whole = theirs.apply_chat_template(told, return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = encode_chat(tokenizer, messages, frozenset({2, 4}))
    assert ids.tolist() == list(whole["input_ids"])
    assert mask.tolist() == [bool(one) for one in whole["assistant_masks"]]
    assert encode_chat(tokenizer, messages, frozenset({4}))[1].sum() < mask.sum()
    more = encode_chat(tokenizer, messages, frozenset({2, 4}), prompts=True)[1]
    assert mask.sum() < more.sum() < len(ids) and not more[:5].any()


@pytest.fixture(scope="module")
def exported(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Nano, Path]:
    torch.manual_seed(1)
    model = Nano(SHAPE).eval()
    folder = tmp_path_factory.mktemp("exported")
    export_model(model, tokenizer, folder)
    return model, folder


def test_transformers_computes_the_same_as_what_is_trained(exported: tuple[Nano, Path]) -> None:
    model, folder = exported
    safetensors: Any = import_module("safetensors.torch")
    model.import_weights(safetensors.load_file(folder / "model.safetensors"))
    theirs: Any = import_module("transformers").Qwen3ForCausalLM.from_pretrained(
        folder, dtype=torch.float32
    )
    ids = torch.arange(3, 203)[None]
    with torch.no_grad():
        own = model.hidden(ids) @ model.embedding.weight.T
        assert (own - theirs(ids).logits).abs().max() < 1e-4


def test_training_lowers_the_loss_and_keeps_a_curve(pages: list[str], tokenizer: Any) -> None:
    torch.manual_seed(0)
    told: list[str] = []
    trainer = Trainer(Nano(SHAPE), compiled=False, tell=told.append)
    stage = Stage("short", "pages", tokens=128, rows=4, steps=30, first=8e-3, last=1e-3, warmup=3)
    ids = encode_pages(tokenizer, pages)
    curve = trainer.run(stage, stream_batches(ids, stage, 0, end=0))
    assert curve[-1].loss < curve[0].loss - 0.5
    assert [point.step for point in curve] == list(range(1, 31))
    assert "step 30 of 30" in told[-1]


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    model = Nano(SHAPE)
    with torch.no_grad():
        model.embedding.weight.fill_(float("nan"))
    trainer = Trainer(model, compiled=False, tell=lambda line: None)
    stage = Stage("x", "pages", tokens=8, rows=1, steps=1, first=1e-3, last=1e-3)

    def batches() -> Iterator[Batch]:
        yield torch.ones(1, 8, dtype=torch.long), torch.ones(1, 8, dtype=torch.long)

    with pytest.raises(FloatingPointError, match="The loss is nan"):
        trainer.run(stage, batches())


def test_a_larger_recipe_has_more_of_everything() -> None:
    large = enlarge(SMOKE, 3)
    assert large.pages == 3 * SMOKE.pages and large.documents == 3 * SMOKE.documents
    assert [one.steps for one in large.stages] == [3 * one.steps for one in SMOKE.stages]


def test_the_whole_recipe_runs_and_goes_on_from_where_it_stopped(tmp_path: Path) -> None:
    told: list[str] = []
    builder = Builder(SMOKE, 0, tmp_path, 1, "cpu", False, told.append)
    folder = builder.run()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert {point.stage for point in builder.curve()} == {one.name for one in SMOKE.stages}
    told.clear()
    assert builder.run() == folder
    assert sum("kept from before" in line for line in told) == 7
    assert set(builder.perplexity()) == {"pages", "replies"}


def test_a_corpus_that_repeats_itself_is_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "longwrite.nano.corpus.write_document",
        lambda *given: "The same ten words again and again, until nobody listens. " * 50,
    )
    with pytest.raises(CorpusError, match="The corpus repeats itself"):
        Builder(SMOKE, 0, tmp_path, 1, "cpu", False, lambda line: None).run()
    assert not list(tmp_path.glob("*tokenizer*"))
