"""The model in the package: its size, its format, and that it computes what transformers does."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longwrite
from longwrite.engines.decoder import BLOCK, Cache, Decoder, parse_config
from longwrite.engines.nano import NanoEngine
from longwrite.engines.weights import read_weights
from longwrite.types import Message

FOLDER = Path(str(files("longwrite.nano")))
NAMES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
         "chat_template.jinja", "model.safetensors")  # fmt: skip
BRIEF = Message("user", "Write a report on night buses in Aberdeen, about 400 words.")


def test_it_is_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in NAMES) <= 12e6


def test_logits_and_prompt_ids_are_those_of_transformers() -> None:
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
    told = [{"role": "user", "content": BRIEF.content}]
    ids = list(tokenizer.apply_chat_template(told, add_generation_prompt=True)["input_ids"])
    ids += tokenizer("The night buses were late, and nobody in Aberdeen minded.")["input_ids"]

    engine = asyncio.run(NanoEngine.open())
    try:
        prompt = engine._render([BRIEF])
        assert prompt == ids[: len(prompt)]
    finally:
        asyncio.run(engine.close())
    config = parse_config(json.loads((FOLDER / "config.json").read_text("utf-8")))
    decoder = Decoder(config, read_weights(FOLDER / "model.safetensors"), config.window)
    cache = Cache(config, config.window)
    own = [decoder.score(state).copy() for state in decoder.advance(ids[:BLOCK], cache)]
    own += [decoder.score(decoder.advance([token], cache)[-1]).copy() for token in ids[BLOCK:]]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0].numpy()
    assert np.abs(np.array(own) - expected).max() < 1e-4


@pytest.mark.parametrize("model", ["nano", str(FOLDER)])
def test_it_writes_english_about_what_it_is_asked(model: str, tmp_path: Path) -> None:
    document = longwrite.write(BRIEF.content, model=model, runs=tmp_path)
    text = " ".join(document.texts.values())
    assert "night bus" in text or "Aberdeen" in text
    assert sum(word in {"the", "a", "of", "and", "in", "to"} for word in text.split()) > 60
